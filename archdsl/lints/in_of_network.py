"""`in-of-network`: `in` where it is the image, and what flows by then was likely meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.lints.subject import Text
from archdsl.source import Diagnostic, Kind, Label
from archdsl.syntax import tree

KIND = Kind(
    "in-of-network",
    "warning",
    "In a block `in` is what enters it. In the body of a network it is the network's input, from the first line to the last: "
    "in a loop, in an arm and in an argument too, however much has been applied since. What flows there is `identity`, or a "
    "tap. Where the input is meant, its own name says so.",
)
ACCEPTED = (
    "network A {\n  input image: [3, 8, 8]\n  add { | conv(3, 3x3, pad=1) | in }\n}",
    "network A {\n  input image: [3, 8, 8]\n  repeat 2 { add { | conv(3, 3x3, pad=1) | identity } }\n}",
    "network A {\n  input image: [3, 8, 8]\n  conv(3, 3x3, pad=1) -> relu -> add(in)\n}",
    "network A {\n  input image: [3, 8, 8]\n  conv(8, 3x3) as x\n  conv(2 * x.channels, 3x3)\n}",
    "block unit { add { | conv(in.channels, 3x3, pad=1) -> relu | in } }\n"
    "network A {\n  input image: [3, 8, 8]\n  repeat 2 { unit }\n}",
)
REJECTED = (
    "network A {\n  input image: [3, 8, 8]\n  repeat 2 { add { | conv(3, 3x3, pad=1) | in } }\n}",
    "network A {\n  input image: [3, 8, 8]\n  conv(3, 3x3, pad=1)\n  add { | conv(3, 3x3, pad=1) | in }\n}",
    "network A {\n  input image: [3, 8, 8]\n  conv(8, 3x3)\n  conv(2 * in.channels, 3x3)\n}",
    "network A {\n  input image: [3, 8, 8]\n  for c in [8, 16] { conv(c, 3x3) -> conv(in.channels, 1x1) }\n}",
)


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    for item in (declaration.syntax for declaration in text.declarations if declaration.has_in):
        inputs = (
            [s for s in item.body.statements if isinstance(s, tree.Input)] if isinstance(item, tree.Network) else []
        )
        if len(inputs) == 1 and isinstance(item, tree.Network):
            name = inputs[0].name.text
            for found in _moved_on(item.body.statements):
                yield Diagnostic(
                    KIND,
                    f"`in` is the network's input `{name}` here, not what flows",
                    Label(found.span, f"`{name}`, whatever has been applied since"),
                    helps=(f"write `identity` for what flows, or take a tap; if the input is meant, write `{name}`",),
                )


def _moved_on(statements: Sequence[tree.Statement], is_first: bool = True) -> Iterator[tree.In]:
    """Each `in` of a network's body after a layer was applied."""
    for statement in statements:
        if isinstance(statement, tree.Chain):
            for element in statement.elements:
                yield from () if is_first else _in_link(element.link)
                is_first = is_first and isinstance(element.link, tree.In | tree.Name)
        elif isinstance(statement, tree.Repeat | tree.For):
            yield from _within(statement.body)
            is_first = False
        elif isinstance(statement, tree.Training | tree.If) and not is_first:
            yield from _in_branches(statement)


def _in_branches(statement: tree.Training | tree.If) -> Iterator[tree.In]:
    if isinstance(statement, tree.Training):
        yield from _moved_on(statement.body.statements, is_first=False)
        return
    yield from _moved_on(statement.then.statements, is_first=False)
    if isinstance(statement.otherwise, tree.If):
        yield from _in_branches(statement.otherwise)
    elif statement.otherwise is not None:
        yield from _moved_on(statement.otherwise.statements, is_first=False)


def _in_link(link: tree.Syntax) -> Iterator[tree.In]:
    """In the arms of a merge, in a group, and in sizes. A tensor that is handed over as it is, `add(in)`, is meant."""
    if isinstance(link, tree.Merge):
        yield from (found for arm in link.arms for statement in arm.statements for found in _within(statement))
    elif isinstance(link, tree.Body):
        yield from _moved_on(link.statements, is_first=False)
    else:
        yield from (n.base for n in tree.walk(link) if isinstance(n, tree.Attribute) and isinstance(n.base, tree.In))


def _within(syntax: tree.Syntax) -> Iterator[tree.In]:
    return (node for node in tree.walk(syntax) if isinstance(node, tree.In))
