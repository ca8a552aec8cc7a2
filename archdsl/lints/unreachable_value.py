"""`unreachable-value`: a layer whose result reaches no output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from archdsl.ir import Module, Node, Origin, Value, show_shape
from archdsl.lints.subject import Graph, Scope
from archdsl.source import Diagnostic, Kind, Label, Span

KIND = Kind(
    "unreachable-value",
    "warning",
    "The result of the layer is neither an output nor read on the way to one, so the layer runs for nothing and its weights "
    "learn nothing. A chain that starts anew from an input or a tap leaves behind what was current before it. So it is with "
    "the layers of a block that lead to one of its results alone, where nothing reads that; `_` in place of its name says that "
    "this is meant. What each turn of a loop leaves to the next is unread in the last, and is reported only where weights that "
    "are in no other turn learn nothing.",
)
ACCEPTED = (
    "network A {\n  input x: [8]\n  linear(16) as wide\n  x -> linear(16) -> add(wide)\n}",
    "network A {\n  input image: [3, 8, 8]\n  split(3) as red, _, blue\n  red -> add(blue)\n}",
    "block pair {\n  linear(8) as a\n  in -> linear(8) as b\n  return a, b\n}\n"
    "network A {\n  input x: [8]\n  pair as a, _\n  a -> pair -> add\n}",
    "block pair {\n  linear(8) as a\n  relu as b\n  return a, b\n}\n"
    "network A {\n  input x: [8]\n  repeat 2 {\n    pair as a, b\n    b as bs[]\n    a\n  }\n  linear(len(bs))\n}",
    "block cell {\n  linear(8) as a\n  in -> linear(8) as b\n  return a, b\n}\n"
    "network A {\n  input x: [8]\n  x as xs[]\n  shared step = cell\n  repeat 2 {\n    xs[-1] -> step as a, b\n    a as xs[]\n"
    "    b as bs[]\n  }\n  bs -> add\n}",
    "network A {\n  input x: [8]\n  x as xs[]\n  repeat 2 {\n    xs[-1] -> linear(8) as ys[]\n"
    "    xs[-1] -> add(ys[-1]) as xs[]\n  }\n  ys -> add\n}",
)
REJECTED = (
    "network A {\n  input x: [8]\n  linear(16) -> relu\n  x -> linear(4)\n}",
    "network A {\n  input x: [8]\n  side: { linear(16) }\n  x -> linear(4)\n}",
    "block unit { linear(16) }\nnetwork A {\n  input x: [8]\n  unit\n  x -> linear(4)\n}",
    "block pair {\n  linear(8) as a\n  in -> linear(8) as b\n  return a, b\n}\n"
    "network A {\n  input x: [8]\n  x as xs[]\n  repeat 2 {\n    xs[-1] -> pair as a, b\n    a as xs[]\n"
    "    b as bs[]\n  }\n  bs -> add\n}",
    "network A {\n  input x: [8]\n  x as xs[]\n  repeat 2 {\n    xs[-1] -> linear(8) as ys[]\n"
    "    xs[-1] -> linear(4) -> linear(8) -> relu as xs[]\n  }\n  ys -> add\n}",
    "block offset { table: parameter([8]) }\n"
    'network A {\n  input x: [8]\n  mask: constant([8], "i")\n  moved: offset as s\n  x -> add(s)\n}',
)

UNREAD = "name it with `as` and use it, make it an `output`, or take the layer out"
UNUSED = "use it; where this is meant, `_` in place of its name says so, or an `allow`"
ELSEWHERE = "what the same text makes elsewhere is read: use it here too; where this is meant, `allow` says so"
LAST_TURN = "the other turns of its loop are read: use the last one too; where this is meant, `allow` says so"


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    turns = _Turns(graph)
    for scope in graph.scopes:
        outputs = set(scope.module.outputs)
        for node in _dead_ends(graph, scope, outputs):
            is_last = turns.read(node, 0, scope)
            if not _is_unused_tap(graph, node) and not (is_last and _trained_alone(graph, [node], outputs) is None):
                yield _dead_end(node, scope, _help(turns, node, is_last))
        for node, value, idle in _idle(graph, scope, outputs):
            yield Diagnostic(
                KIND,
                f"the result `{value.tap}` of `{scope.path}{node.name}` reaches no output",
                Label(node.origin.span, f"so its `{idle}` learns nothing"),
                helps=(LAST_TURN if turns.read(node, value.index, scope) else UNUSED,),
            )


class _Turns:
    """What the turns of loops leave to the next one: the same words make it in each, and in the last it goes unread."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def read(self, node: Node, index: int, scope: Scope) -> bool:
        """Whether a result of that number is read in some turn."""
        return (_owner(scope), node.origin, index) in self._read

    @cached_property
    def read_spans(self) -> set[Span]:
        """Where what is read in some module is made."""
        return {origin.span for _, origin, _ in self._read}

    @cached_property
    def _read(self) -> set[tuple[Module, Origin, int]]:
        found: set[tuple[Module, Origin, int]] = set()
        for scope in self.graph.scopes:
            owner, outputs = _owner(scope), set(scope.module.outputs)
            values = (v for node in scope.module.nodes for v in node.results if _is_used(self.graph, outputs, v))
            found.update((owner, v.producer.origin, v.index) for v in values if v.producer is not None)
        return found


def _owner(scope: Scope) -> Module:
    """The network or block in which a module is written: itself, unless it is a group."""
    while scope.module.kind == "group" and scope.outer is not None:
        scope = scope.outer
    return scope.module


def _is_unused_tap(graph: Graph, node: Node) -> bool:
    """Whether a result has a name that nothing uses, which is reported as that."""
    is_here = node.origin.span.source is graph.text.source
    return is_here and any(value.tap in graph.text.unused_names for value in node.results)


def _dead_ends(graph: Graph, scope: Scope, outputs: set[Value]) -> Iterator[Node]:
    """The nodes of which no result is read or given back. What is dead inside a group is reported there."""
    for node in scope.module.nodes:
        is_group = isinstance(node.operator, Module) and node.operator.kind == "group"
        if not is_group and not any(_is_used(graph, outputs, value) for value in node.results):
            yield node


def _idle(graph: Graph, scope: Scope, outputs: set[Value]) -> Iterator[tuple[Node, Value, str]]:
    """The calls of blocks of which some named result alone goes unread, and a layer with weights that leads only there."""
    calls: dict[str, list[Node]] = {}
    for node in scope.module.nodes:
        if isinstance(node.operator, Module) and node.operator.kind == "block" and len(node.results) > 1:
            calls.setdefault(node.name, []).append(node)
    for first, *others in calls.values():
        block = first.operator
        assert isinstance(block, Module)
        read = {v.index for node in (first, *others) for v in node.results if _is_used(graph, outputs, v)}
        for value in first.results:
            if read and value.index not in read and value.tap is not None and value.tap not in graph.text.unused_names:
                made = block.outputs[value.index].producer
                idle = made and _trained_alone(graph, [made], (block.outputs[index] for index in read))
                if idle:
                    yield first, value, idle


def _trained_alone(graph: Graph, ends: Iterable[Node], read: Iterable[Value]) -> str | None:
    """A layer with weights behind some nodes of a module, and not behind the values that are read."""
    busy = {node.name for node in _behind(v.producer for v in read)}
    return next((n.name for n in _behind(ends) if n.name not in busy and graph.facts.cost.nodes[n].params), None)


def _behind(nodes: Iterable[Node | None]) -> dict[Node, None]:
    """Some nodes and all of their module that they read, the latest first."""
    seen: dict[Node, None] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen[node] = None
            waiting += (v.producer for v in node.operands)
    return seen


def _is_used(graph: Graph, outputs: set[Value], value: Value) -> bool:
    return value in outputs or graph.is_read(value)


def _help(turns: _Turns, node: Node, is_last_turn: bool) -> str:
    if is_last_turn:
        return LAST_TURN
    return ELSEWHERE if node.origin.span in turns.read_spans else UNREAD


def _dead_end(node: Node, scope: Scope, help: str) -> Diagnostic:
    shapes = ", ".join(show_shape(t.shape) for t in node.result_types)
    return Diagnostic(
        KIND,
        f"the result of `{scope.path}{node.name}` reaches no output",
        Label(node.origin.span, f"{shapes} is read by nothing" if shapes else "nothing reads it"),
        helps=(help,),
    )
