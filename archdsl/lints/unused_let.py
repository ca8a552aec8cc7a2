"""`unused-let`: a name for a datum, a layer or a shared layer that nothing uses before its braces end."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lints.subject import Declaration, Text
from archdsl.source import Diagnostic, Kind, Label
from archdsl.syntax import tree

KIND = Kind(
    "unused-let",
    "warning",
    "`let` and `shared` give a name that is known to the end of its braces, and nothing there uses it. In a loop `let` sets "
    "nothing for the next turn, and hides what the name means outside only until the turn ends.",
)
ACCEPTED = (
    "network A {\n  input image: [3, 9, 9]\n  let width = 8\n  conv(width, 3x3)\n}",
    "let width = 8\nblock unit { conv(8, 3x3) }\nnetwork A {\n  input image: [3, 9, 9]\n  unit\n}",
    'network A {\n  input image: [3, 9, 9]\n  for i in 0..1 { let name = i + 1; "conv{name}": conv(8, 3x3) }\n}',
    "network A(n) {\n  input x: [8]\n  let w = 2 * n\n  linear(n)\n}\nnetwork B = A(3) { expect shape(out) == [w // 2] }",
    "network A {\n  input x: [8]\n  shared cell = linear(8)\n  repeat 2 { cell }\n}",
)
REJECTED = (
    "network A {\n  input image: [3, 9, 9]\n  let width = 8\n  conv(16, 3x3)\n}",
    "network A {\n  input image: [3, 32, 32]\n  let width = 8\n  for i in 0..1 { conv(width, 3x3); let width = 2 * width }\n}",
    "network A {\n  input image: [3, 9, 9]\n  shared head = conv(8, 3x3)\n  conv(8, 3x3)\n}",
    'network A {\n  input image: [3, 9, 9]\n  let width = 8\n  "conv{image.width}": conv(8, 3x3)\n}',
)


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    for declaration in text.declarations:
        if not any(made.by in ("`let`", "shared layer") for made in declaration.made):
            continue
        elsewhere = text.used_by_variants(declaration)
        for body in declaration.bodies:
            is_whole = body is getattr(declaration.syntax, "body", None)
            yield from _unused(body, elsewhere if is_whole else set())


def _unused(body: tree.Body, used: set[str]) -> Iterator[Diagnostic]:
    """The names that no statement below theirs uses."""
    used = set(used)
    for statement in reversed(body.statements):
        if isinstance(statement, tree.Let | tree.Shared) and statement.name.text not in used:
            name = statement.name.text
            yield Diagnostic(
                KIND,
                f"nothing uses `{name}` before its braces end",
                Label(statement.name.span, "named here, for what follows in these braces"),
                helps=("use it below, or take it out",),
            )
        used |= Declaration.of(statement).used
