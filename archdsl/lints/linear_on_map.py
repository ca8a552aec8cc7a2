"""`linear-on-map`: a dense layer that reads the last axis of what is still a map."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.ir import show_shape
from archdsl.lints.subject import Graph, Use
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "linear-on-map",
    "warning",
    "`linear` works on the last axis. On a map [C, H, W] that is the width, so each row of pixels would become a vector of "
    "features. `flatten` comes first, or `avgpool(global) -> flatten`; a 1x1 `conv` is the dense layer at each pixel.",
)
ACCEPTED = (
    "network A {\n  input image: [3, 8, 8]\n  conv(4, 3x3)\n  flatten\n  linear(10)\n}",
    "network A {\n  input tokens: [16, 64]\n  linear(10)\n}",
)
REJECTED = (
    "network A {\n  input image: [3, 8, 8]\n  conv(4, 3x3) -> relu\n  linear(10)\n}",
    "block head { linear(10) }\nnetwork A {\n  input image: [3, 8, 8]\n  features: { conv(4, 3x3) -> maxpool(2x2) }\n  head\n}",
)

MAPS = ("conv", "pool")
ELEMENTWISE = ("activation", "norm", "regularization", "merge")
SEARCH_LIMIT = 100
"""Operators looked at before a dense layer."""


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    for use in graph.uses:
        if use.op.category == "linear" and use.node.operands and use.operand.rank >= 3 and _reads_map(graph, use):
            shape, features = use.operand.shape, use.result.shape[-1]
            columns = "1 column becomes" if shape[-1] == 1 else f"{shape[-1]} columns become"
            yield Diagnostic(
                KIND,
                f"`{use.op.name}` reads the width of a map {show_shape(shape)}",
                Label(use.span, f"{columns} {features} features"),
                helps=("put `flatten` before it, or use a 1x1 `conv`",),
            )


def _reads_map(graph: Graph, use: Use) -> bool:
    """Whether the operand comes from a convolution or pool, through elementwise operators only."""
    for _ in range(SEARCH_LIMIT):
        maker = graph.maker(use.node.operands[0], use.scope) if use.node.operands else None
        if maker is None or maker.op.category in MAPS:
            return maker is not None
        if maker.op.category not in ELEMENTWISE:
            return False
        use = maker
    return False
