"""`joined-twice`: a merge that joins the current value with a name for the same value."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lints.subject import Graph
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "joined-twice",
    "warning",
    "`add(a, b)` joins the current value with a and b. Where the current value is a or b, it is joined twice, and what was "
    "meant is `add(a)`, or arms: `add { | a | b }`. Written as two arms, or as `x -> add(x)`, it is taken as meant.",
)
ACCEPTED = (
    "network A {\n  input x: [3, 8, 8]\n  tanh as a\n  x -> sigmoid -> add(a)\n}",
    "network A {\n  input x: [3, 8, 8]\n  tanh as a\n  multiply { | a | a }\n}",
    "network A {\n  input x: [3, 8, 8]\n  tanh as a -> add(a)\n}",
)
REJECTED = (
    "network A {\n  input x: [3, 8, 8]\n  tanh as a\n  x -> sigmoid as b\n  add(a, b)\n}",
    "network A {\n  input x: [3, 8, 8]\n  input y: [3, 8, 8]\n  x -> concat(x, y)\n}",
)


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    for use in graph.uses:
        operands = use.node.operands
        if use.op.operands is None and len(operands) > 2 and operands[0] in operands[1:] and "(" in use.span.text:
            name = operands[0].tap
            yield Diagnostic(
                KIND,
                f"`{use.op.name}` joins the current value{f', `{name}`,' if name else ''} twice",
                Label(use.span, f"it joins {len(operands)} values: the current one, first, with its arguments"),
                helps=(f"leave it out of the arguments, or write arms: `{use.op.name} {{ | a | b }}`",),
            )
