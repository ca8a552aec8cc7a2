"""`relu-after-relu`: a relu of what is never negative."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.ir import Module, Node, Op, Value
from archdsl.lints.subject import Graph, Scope, Use
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "relu-after-relu",
    "warning",
    "A relu keeps what is not negative as it is. After another relu, a sigmoid or a softmax, also with pools or dropout in "
    "between, it changes nothing: most likely a layer with weights is missing, or a block ends with the relu already.",
)
ACCEPTED = (
    "network A {\n  input x: [8]\n  linear(8) -> relu\n  linear(8) -> relu\n}",
    "network A {\n  input x: [8]\n  linear(8) -> relu -> add(x) -> relu\n}",
    "block unit { relu -> linear(8) }\nnetwork A {\n  input x: [8]\n  relu -> unit -> unit\n}",
    "network A {\n  input x: [3, 8, 8]\n  relu -> upsample(2, mode=bicubic) -> relu\n}",
)
REJECTED = (
    "network A {\n  input x: [8]\n  linear(8) -> relu -> relu\n}",
    "block unit { linear(8) -> relu }\nnetwork A {\n  input x: [8]\n  unit -> dropout(0.5) -> relu\n}",
)

SEARCH_LIMIT = 1_000
"""Values looked at behind one relu; farther away nothing is said."""


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    relus = [(use, _sources(graph, use.node.operands[0], use.scope)) for use in graph.uses if use.op.name == "relu"]
    needed = {use.span for use, sources in relus if not all(map(_is_never_negative, sources))}
    needed.update(use.node.origin.span for use in graph.uses if use.op.name != "relu")  # a layer that is an argument
    for use, sources in relus:
        if use.span not in needed:  # the same text may do something elsewhere
            yield _diagnostic(use, sources[0])


def _sources(graph: Graph, value: Value, scope: Scope) -> list[Node | None]:
    """What made a value, behind operators that keep every sign; of a block's input, what made it in all calls."""
    found: dict[Node | None, None] = {}
    seen: set[Value] = set()
    waiting = [(value, scope.module)]
    while waiting:
        value, module = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        node = value.producer
        if node is None:
            calls = graph.calls.get(module, ())
            index = module.inputs.index(value)
            waiting += ((c.call.operands[index], c.outer.module) for c in calls if c.call and c.outer)
            if not calls:
                found[None] = None  # an input of the network
        elif isinstance(node.operator, Module):
            waiting.append((node.operator.outputs[value.index], node.operator))
        elif node.operator.keeps_sign:
            waiting.append((node.operands[0], module))
        else:
            found[node] = None
        if len(seen) > SEARCH_LIMIT:
            return [None]
    return list(found)


def _is_never_negative(node: Node | None) -> bool:
    return node is not None and isinstance(node.operator, Op) and node.operator.is_never_negative


def _diagnostic(use: Use, before: Node | None) -> Diagnostic:
    assert before is not None and isinstance(before.operator, Op)
    name, span = before.operator.name, before.origin.span
    return Diagnostic(
        KIND,
        "this relu changes nothing",
        Label(use.span, f"the result of `{name}` is never negative"),
        (Label(span, "made here"),) if span != use.span else (),
        helps=("take it out, or put the missing layer before it",),
    )
