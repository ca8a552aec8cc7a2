"""`unused-tap`: a name for a result that nothing uses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from archdsl.lints.subject import NamedResult, Text
from archdsl.source import Diagnostic, Edit, Kind, Label, Span
from archdsl.syntax import tree

KIND = Kind(
    "unused-tap",
    "warning",
    "`as` names a result so that it can be used again, and the name stands nowhere else in the block. Often a merge or an "
    "output was meant to take it: `output y` names the value that is current there, and `output y = y` gives the one named "
    "`y` before. Of several results `_` drops one.",
)
ACCEPTED = (
    "network A {\n  input image: [3, 8, 8]\n  conv(3, 3x3, pad=1) as skip\n  relu -> add(skip)\n}",
    "network A {\n  input image: [4, 8, 8]\n  split(2) as left, _\n  left -> relu\n}",
)
REJECTED = (
    "network A {\n  input image: [3, 8, 8]\n  conv(3, 3x3, pad=1) as skip -> relu\n}",
    "network A {\n  input image: [4, 8, 8]\n  split(2) as left, right\n  left -> relu\n}",
    "network A {\n  input image: [4, 8, 8]\n  repeat 2 { conv(4, 3x3) as maps[] }\n}",
    "network A {\n  input image: [4, 8, 8]\n  conv(4, 3x3) as small\n  conv(8, 3x3)\n  output small\n}",
)


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    if not text.unused_results:
        return
    outputs = _Outputs(text.file)
    for result in text.unused_results:
        name = result.tap.name
        alone = len(result.element.taps) == 1
        help = f"use it, or leave out `as {result.tap.span.text}`" if alone else "use it, or write `_`"
        edit: Edit | None = _without(result)
        if outputs.has(name, beside=result.tap.span.start):
            given = f"{name} -> concat` joins this list" if result.tap.appends else f"{name}` gives this one"
            help = f"`output {name}` names the value that is current there; `output {name} = {given}"
            edit = None  # which of the two is meant changes the network
        yield Diagnostic(
            KIND,
            f"nothing uses `{name}`",
            Label(result.tap.span, "named here and nowhere else"),
            helps=(help,),
            edit=edit,
        )


class _Outputs:
    """The outputs of networks that have no chains of their own."""

    def __init__(self, file: tree.File) -> None:
        self._starts = [item.span.start for item in file.items]
        self._names = [
            {node.name.text for node in tree.walk(item) if isinstance(node, tree.Output) and node.chain is None}
            for item in file.items
        ]

    def has(self, name: str, *, beside: int) -> bool:
        """Whether one is called so in the network at a place of the text."""
        return name in self._names[bisect_right(self._starts, beside) - 1]


def _without(result: NamedResult) -> Edit:
    """The name taken out; of several `_` in its place."""
    tap, element = result.tap, result.element
    if len(element.taps) > 1:
        return Edit(tap.span, "_")
    return Edit(Span(tap.span.source, element.link.span.end, tap.span.end), "")
