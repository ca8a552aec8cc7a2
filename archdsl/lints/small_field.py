"""`small-field`: a head whose units see only a part of the input."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archdsl.ir import Flat, Layer, TooManyOperators
from archdsl.lints.subject import Graph
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "small-field",
    "info",
    "Before the head pools or flattens the last maps, none of their units has seen the whole input: what depends on its far "
    "ends together is left to the head. A network for large objects wants more strides, pools or layers; for textures, or a "
    "label at each pixel, it may be as meant. `archdsl report receptive-field` shows every layer.",
)
ACCEPTED = (
    "network A {\n  input image: [3, 8, 8]\n  conv(8, 5x5, stride=2, pad=2)\n  conv(8, 3x3, pad=1)\n  flatten\n  linear(10)\n}",
    "network A {\n  input image: [3, 8, 8]\n  flatten\n  linear(10)\n}",
)
REJECTED = (
    "network A {\n  input image: [3, 32, 32]\n  conv(8, 3x3) -> relu\n  avgpool(global) -> flatten\n  linear(10)\n}",
    "network A {\n  input image: [3, 32, 32]\n  conv(8, 3x3) -> relu\n  conv(2, 1x1)\n  output labels\n}",
)

HEAD = ("activation", "norm", "regularization", "pool", "linear")


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    if not any(type.positions for type in graph.network.input_types):
        return
    try:
        facts = graph.facts.fields
    except TooManyOperators:
        return
    makers = {value: layer for layer in facts.flat.layers for value in layer.results}
    for output in facts.flat.outputs:
        layer = _last_maps(output, makers, facts.flat)
        field = facts.values[layer.results[0]] if layer is not None else None
        sizes = facts.type.positions
        if layer is None or field is None or len(layer.result_types[0].sizes) != len(sizes):
            continue
        if all(size >= n for size, n in zip(field.size, sizes, strict=True)):
            continue
        share = prod(min(size, n) / n for size, n in zip(field.size, sizes, strict=True))
        seen, whole = (" x ".join(map(str, values)) for values in (field.size, sizes))
        most = "at most " if field.status == "bound" else ""
        yield Diagnostic(
            KIND,
            f"a unit of the last maps, `{layer.path}`, sees {most}{seen} of {whole}",
            Label(layer.node.origin.span, f"{share:.1%} of `{facts.input}`"),
        )


def _last_maps(value: int, makers: dict[int, Layer], flat: Flat) -> Layer | None:
    """What made the maps that a head of pools, `flatten` and dense layers reads; None where it is no such head.

    Of operators that work at each place alone, what is before them.
    """
    while (layer := makers.get(value)) is not None:
        is_at_each_place = layer.op.reach(*layer.operand_types) == "pointwise" and len(layer.operands) == 1
        if prod(flat.types[value].sizes) > 1 and not is_at_each_place:
            return layer
        if layer.op.category not in HEAD and layer.op.name != "flatten":
            return None
        value = layer.operands[0]
    return None
