"""`linear-on-map`: a dense layer that reads the last axis of what is still a map."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.analyses import Facts
from archdsl.ir import Layer, show_shape
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
REJECTED = ("network A {\n  input image: [3, 8, 8]\n  conv(4, 3x3) -> relu\n  linear(10)\n}",)


def find(facts: Facts) -> Iterator[Diagnostic]:
    producers = {value: layer for layer in facts.flat.layers for value in layer.results}
    for layer in facts.flat.layers:
        (operand, *_) = layer.operand_types or (None,)
        if layer.op.category != "linear" or operand is None or operand.rank < 3:
            continue
        if _is_map(layer.operands[0], producers):
            yield Diagnostic(
                KIND,
                f"`linear` reads the width of a map {show_shape(operand.shape)}",
                Label(
                    layer.node.origin.span,
                    f"{operand.shape[-1]} columns become {layer.result_types[0].shape[-1]} features",
                ),
                helps=("put `flatten` before it, or use a 1x1 `conv`",),
            )


def _is_map(value: int, producers: dict[int, Layer]) -> bool:
    """Whether a value comes from a convolution or pool, through elementwise operators only."""
    while (layer := producers.get(value)) is not None:
        if layer.op.category in ("conv", "pool"):
            return True
        if layer.op.category not in ("activation", "norm", "regularization", "merge"):
            return False
        value = layer.operands[0]
    return False
