"""`unused-block`: a block that no network of its file uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from archdsl.lints.subject import Text
from archdsl.source import Diagnostic, Kind, Label
from archdsl.syntax import tree

KIND = Kind(
    "unused-block",
    "warning",
    "A block that nothing in its file names, beside networks that could: it is never built, so nothing of it but its text "
    "was checked. A file without networks is there to be imported, and all of its blocks count as used.",
)
ACCEPTED = ("block unit { conv(4, 3x3) }\nnetwork A {\n  input image: [3, 8, 8]\n  unit\n}",)
REJECTED = (
    "block unit { conv(4, 3x3) }\nnetwork A {\n  input image: [3, 8, 8]\n  conv(4, 3x3)\n}",
    "block tree(n) { if n > 0 { tree(n - 1) } }\nnetwork A {\n  input image: [3, 8, 8]\n  conv(4, 3x3)\n}",
)


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    if text.file.broken or not any(isinstance(d.syntax, tree.Network | tree.Variant) for d in text.declarations):
        return
    users = Counter(name for declaration in text.declarations for name in declaration.used)
    for declaration in text.declarations:
        name = declaration.name
        is_used = users[name] > (name in declaration.used)
        if isinstance(declaration.syntax, tree.Block) and not is_used:
            yield Diagnostic(
                KIND,
                f"nothing in this file uses the block `{name}`",
                Label(declaration.syntax.name.span, "never called"),
                helps=("call it, take it out, or keep it in a file of its own that others import",),
            )
