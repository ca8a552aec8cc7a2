"""`channels-last`: a convolution or pool whose map has its channels somewhere else than first."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.ir import Axes, show_shape
from archdsl.lints.subject import Graph, Use
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "channels-last",
    "warning",
    "Convolutions and pools take the first axis for the channels. After a `permute` that has put the channels last, as dense "
    "layers want them, the rows of the map would be convolved as if they were channels: permute back before. Signals and "
    "tokens, `[C, L]` and `[T, C]`, cannot be told apart, so maps alone are looked at; and of channels that a `reshape` has "
    "taken apart, as into heads, any part may be meant.",
)
ACCEPTED = (
    "network A {\n  input i: int64 [8, 8]\n  table: parameter([10, 4]) -> take(i) -> permute([2, 0, 1])\n  conv(8, 3x3)\n}",
    "network A {\n  input image: [8, 16, 16]\n  permute([1, 2, 0]) -> ln -> linear(8) -> permute([2, 0, 1])\n  conv(8, 3x3)\n}",
    "network A {\n  input spelled: int64 [8, 12]\n  embedding(26, 4) -> permute([2, 0, 1]) -> conv(8, [1, 3])\n}",
    "network A {\n  input volume: [16, 16, 8]\n  conv(8, 3x3)\n}",
    "network A {\n  input image: [8, 16, 16]\n  permute([1, 2, 0]) -> ln -> reduce_mean([0, 1])\n}",
    "network A {\n  input spectrogram: [100, 80]\n  ln -> permute([1, 0]) -> conv(8, 3)\n}",
    "network A {\n  input plane: [28, 28]\n  reshape([1, 28, 28]) -> conv(4, 3x3)\n}",
    "network A {\n  input words: int64 [12]\n  stack { | embedding(26, 4) | embedding(26, 4) } -> conv(8, 3x4)\n}",
    "network A {\n  input x: [8, 16, 24]\n  permute([1, 0, 2]) as p\n  reduce_mean(0, keep=true) -> conv(1, 7, pad=3)\n"
    "  multiply(p) -> permute([1, 0, 2]) -> conv(4, 3)\n}",
    "network A {\n  input points: [100, 3]\n  reshape([25, 4, 3]) -> permute([2, 0, 1]) -> conv(8, 1x1)\n}",
    "network A {\n  input bins: [64, 400]\n  conv(64, 1) -> reshape([4, 16, 400]) -> permute([1, 0, 2]) -> conv(1, 1x1)\n}",
    "network A {\n  input tokens: [12, 16]\n  linear(16) -> reshape([12, 2, 8]) -> permute([1, 0, 2]) -> conv(2, [5, 1])\n}",
    "network A {\n  input words: int64 [12]\n  embedding(9, 8) -> reshape([12, 2, 4]) -> permute([1, 0, 2]) -> conv(2, 3x1)\n}",
)
REJECTED = (
    "network A {\n  input spelled: int64 [8, 12]\n  embedding(26, 4) -> conv(8, 3x3)\n}",
    "network A {\n  input image: [8, 16, 16]\n  permute([1, 2, 0]) -> ln -> linear(8)\n  conv(8, 3x3)\n}",
    "network A {\n  input tokens: int64 [16]\n  embedding(26, 8) -> reshape([4, 4, 8]) -> conv(8, 3x3)\n}",
    "network A {\n  input x: [8, 16, 24]\n  input gate: [1, 8, 24]\n  x -> permute([1, 0, 2]) as p\n"
    "  multiply { | gate | p } -> conv(4, 3)\n}",
    "block unit { maxpool(2x2) }\n"
    "network A {\n  input image: [8, 16, 16]\n  last: { permute([1, 2, 0]) }\n  relu -> unit\n}",
    "network A {\n  input words: int64 [16]\n  embedding(26, 8) -> ln -> linear(4) -> reshape([4, 4, 4]) -> conv(8, 3x3)\n}",
)

WINDOWED = ("conv", "pool")
AXES = {"axes", "axis"}
"""Attributes of those among them that say for themselves which axes they work on."""


SEARCH_LIMIT = 100
"""Operators looked at before a window."""


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    for use in graph.uses:
        if use.op.category not in WINDOWED or not use.node.operands or AXES & use.op.attributes.keys():
            continue
        shape = use.operand.shape
        axis = use.node.operands[0].channels
        if axis and len(shape) > 2 and shape[0] != 1 and _are_known(graph, use):
            yield Diagnostic(
                KIND,
                f"`{use.op.name}` takes {shape[0]} rows of a map {show_shape(shape)} for its channels",
                Label(use.span, f"the channels are axis {axis}, of {shape[axis]}"),
                helps=("put the channels first with `permute` before it",),
            )


def _are_known(graph: Graph, use: Use) -> bool:
    """Whether the channels come whole from a layer, a table or a map, not from an axis that may be any other."""
    for _ in range(SEARCH_LIMIT):
        value = next((v for v in use.node.operands if v.channels), use.node.operands[0])
        maker = graph.maker(value, use.scope)
        if maker is None:
            return value.type.rank > 2
        if maker.op.category in WINDOWED or not maker.node.operands or not maker.operand.is_float:
            return True
        reach = maker.op.reach(*maker.node.operand_types)
        if isinstance(reach, Axes) and reach.operands[0] and reach.operands[0][maker.node.operands[0].channels] is None:
            return False
        use = maker
    return False
