"""`odd-channels`: a width that is no multiple of 8."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.ir import Node, Value
from archdsl.lints.subject import Graph, Scope, Use
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "odd-channels",
    "info",
    "The matrix units of GPUs work on tiles: in half precision they are used in full only where channels and features are "
    "multiples of 8, and other widths are filled up. The last layers are left out: classes are as many as there are.",
)
ACCEPTED = (
    "network A {\n  input image: [3, 8, 8]\n  conv(16, 8x8) -> relu -> flatten\n  linear(10)\n}",
    "network A {\n  input x: [784]\n  linear(256) -> relu\n  linear(10)\n}",
)
REJECTED = (
    "network A {\n  input image: [3, 8, 8]\n  conv(12, 8x8) -> relu -> flatten\n  linear(10)\n}",
    "network A {\n  input x: [784]\n  linear(300) -> relu\n  linear(10)\n}",
)

TILE = 8


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    last = _last_layers(graph)
    for use in graph.uses:
        if not use.op.is_weight_layer or use.node in last:
            continue
        attribute = next((name for name in ("channels", "features") if name in use.op.fields()), None)
        width = getattr(use.op, attribute) if attribute else 0
        if isinstance(width, int) and width % TILE:
            below, above = width // TILE * TILE, -(-width // TILE) * TILE
            yield Diagnostic(
                KIND,
                f"{width} {attribute} are no multiple of {TILE}",
                Label(use.span, f"{width} / {TILE} = {width / TILE:g}"),
                helps=(
                    f"{below} or {above} would use the tiles in full" if below else f"{above} costs about the same",
                ),
            )


def _last_layers(graph: Graph) -> set[Node]:
    """The weight layers that no other weight layer follows."""
    found: set[Node] = set()
    seen: set[Value] = set()
    waiting: list[tuple[Value, Scope]] = [(o.value, graph.scopes[0]) for o in graph.network.outputs]
    while waiting:
        value, scope = waiting.pop()
        use: Use | None = graph.maker(value, scope)
        if use is None or use.node.results[0] in seen:
            continue
        seen.add(use.node.results[0])
        if use.op.is_weight_layer:
            found.add(use.node)
        else:
            waiting += ((operand, use.scope) for operand in use.node.operands)
    return found
