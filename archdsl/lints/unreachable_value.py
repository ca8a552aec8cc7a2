"""`unreachable-value`: a layer whose result reaches no output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archdsl.ir import Module, Node, Value, show_shape
from archdsl.lints.subject import Graph, Scope
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "unreachable-value",
    "warning",
    "The result of the layer is neither an output nor read on the way to one, so the layer runs for nothing and its weights "
    "learn nothing. A chain that starts anew from an input or a tap leaves behind what was current before it. So it is with "
    "the layers of a block that lead to one of its results alone, where nothing reads that; `_` in place of its name says that "
    "this is meant.",
)
ACCEPTED = (
    "network A {\n  input x: [8]\n  linear(16) as wide\n  x -> linear(16) -> add(wide)\n}",
    "network A {\n  input image: [3, 8, 8]\n  split(3) as red, _, blue\n  red -> add(blue)\n}",
    "block pair {\n  linear(8) as a\n  in -> linear(8) as b\n  return a, b\n}\n"
    "network A {\n  input x: [8]\n  pair as a, _\n  a -> pair -> add\n}",
    "block pair {\n  linear(8) as a\n  relu as b\n  return a, b\n}\n"
    "network A {\n  input x: [8]\n  repeat 2 {\n    pair as a, b\n    b as bs[]\n    a\n  }\n  linear(len(bs))\n}",
)
REJECTED = (
    "network A {\n  input x: [8]\n  linear(16) -> relu\n  x -> linear(4)\n}",
    "network A {\n  input x: [8]\n  side: { linear(16) }\n  x -> linear(4)\n}",
    "block unit { linear(16) }\nnetwork A {\n  input x: [8]\n  unit\n  x -> linear(4)\n}",
    "block pair {\n  linear(8) as a\n  in -> linear(8) as b\n  return a, b\n}\n"
    "network A {\n  input x: [8]\n  x as xs[]\n  repeat 2 {\n    xs[-1] -> pair as a, b\n    a as xs[]\n"
    "    b as bs[]\n  }\n  bs -> add\n}",
)


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    for scope in graph.scopes:
        for node in _dead_ends(graph, scope):
            if not _is_unused_tap(graph, node):
                yield _diagnostic(node, scope)
        for node, value, idle in _idle(graph, scope):
            yield Diagnostic(
                KIND,
                f"the result `{value.tap}` of `{scope.path}{node.name}` reaches no output",
                Label(node.origin.span, f"so its `{idle}` learns nothing"),
                helps=("use it; where this is meant, `_` in place of its name says so, or an `allow`",),
            )


def _is_unused_tap(graph: Graph, node: Node) -> bool:
    """Whether a result has a name that nothing uses, which is reported as that."""
    is_here = node.origin.span.source is graph.text.source
    return is_here and any(value.tap in graph.text.unused_names for value in node.results)


def _dead_ends(graph: Graph, scope: Scope) -> Iterator[Node]:
    """The nodes of which no result is read or given back. What is dead inside a group is reported there."""
    outputs = set(scope.module.outputs)
    for node in scope.module.nodes:
        is_group = isinstance(node.operator, Module) and node.operator.kind == "group"
        if not is_group and not any(_is_used(graph, outputs, value) for value in node.results):
            yield node


def _idle(graph: Graph, scope: Scope) -> Iterator[tuple[Node, Value, str]]:
    """The calls of blocks of which some named result alone goes unread, and a layer with weights that leads only there."""
    outputs = set(scope.module.outputs)
    for node in scope.module.nodes:
        block = node.operator
        if not isinstance(block, Module) or block.kind != "block" or len(node.results) == 1:
            continue
        unread = [v for v in node.results if not _is_used(graph, outputs, v)]
        if len(unread) == len(node.results):
            continue
        busy = _behind(block.outputs[v.index] for v in node.results if v not in unread)
        for value in unread:
            leading = _behind([block.outputs[value.index]])
            weights = (n.name for n in block.nodes if n.name in leading - busy and graph.facts.cost.nodes[n].params)
            idle = next(weights, None)
            if idle is not None and value.tap is not None and value.tap not in graph.text.unused_names:
                yield node, value, idle


def _behind(values: Iterable[Value]) -> set[str]:
    """The names of the nodes that some values of a module come from."""
    seen: set[Node] = set()
    waiting = [v.producer for v in values]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += (v.producer for v in node.operands)
    return {node.name for node in seen}


def _is_used(graph: Graph, outputs: set[Value], value: Value) -> bool:
    return value in outputs or graph.is_read(value)


def _diagnostic(node: Node, scope: Scope) -> Diagnostic:
    shapes = ", ".join(show_shape(t.shape) for t in node.result_types)
    return Diagnostic(
        KIND,
        f"the result of `{scope.path}{node.name}` reaches no output",
        Label(node.origin.span, f"{shapes} is read by nothing" if shapes else "nothing reads it"),
        helps=("name it with `as` and use it, make it an `output`, or take the layer out",),
    )
