"""`unused-import`: an imported name that the file does not use."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lints.subject import Text
from archdsl.source import Diagnostic, Edit, Kind, Label, Span
from archdsl.syntax import tree

KIND = Kind(
    "unused-import",
    "warning",
    "A name that is taken from another file and stands nowhere else in this one. A file without networks is there to be "
    "imported, and may hand names on.",
)
ACCEPTED = (
    'import bottleneck from "specs/resnet.arch"\nnetwork A {\n  input image: [3, 9, 9]\n  bottleneck(8)\n}',
    'import bottleneck as unit from "specs/resnet.arch"\nblock pair { unit(8) -> unit(8) }',
)
REJECTED = (
    'import bottleneck, basic from "specs/resnet.arch"\nnetwork A {\n  input image: [3, 9, 9]\n  bottleneck(8)\n}',
    'import bottleneck as unit from "specs/resnet.arch"\nnetwork A {\n  input image: [3, 9, 9]\n  conv(8, 3x3)\n}',
)


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    items = text.file.items
    if text.file.broken or not any(isinstance(item, tree.Network | tree.Variant) for item in items):
        return
    used = {name for declaration in text.declarations for name in declaration.used}
    for item in (item for item in items if isinstance(item, tree.Import)):
        for imported in item.names:
            name = imported.alias or imported.name
            if name.text not in used:
                yield Diagnostic(
                    KIND,
                    f"nothing in this file uses `{name.text}`",
                    Label(name.span, "imported here"),
                    helps=("use it, or take it out",),
                    edit=_removed(item, imported),
                )


def _removed(item: tree.Import, imported: tree.Imported) -> Edit | None:
    """The import without the name, with the comma beside it; None where it is the only one: the whole line has to go."""
    if len(item.names) == 1:
        return None
    at = item.names.index(imported)
    first, last = (imported.span, item.names[at + 1].span) if at == 0 else (item.names[at - 1].span, imported.span)
    stretch = (first.start, last.start) if at == 0 else (first.end, last.end)
    return Edit(Span(item.span.source, *stretch), "")
