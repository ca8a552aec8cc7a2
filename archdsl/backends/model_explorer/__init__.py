"""Graph -> the JSON that Model Explorer opens (google-ai-edge/model-explorer, `graph_builder.py`, `node_data_builder.py`).

A graph has scopes as namespaces, figures as attributes, and its nodes coloured by what they cost; the costs alone are
"custom node data", which Model Explorer lays over the graph and adds up by scope.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from math import sqrt
from typing import Any, NamedTuple

from archdsl.analyses import Facts
from archdsl.ir import Layer, TensorType

__all__ = ["costs_json", "graph_json"]

MACS, PARAMS, MEMORY = "MACs of a sample", "parameters", "bytes of the output"
PALE, DEEP = (255, 255, 255), (242, 160, 90)
"""The colours of what costs nothing and of what costs most."""
LINEAGE = "/"
_END: dict[str, Any] = {"namespace": "", "attrs": [], "incomingEdges": [], "outputsMetadata": []}
"""An input or output of the network."""


class _Named(NamedTuple):
    """A layer under a name that no other has."""

    id: str
    layer: Layer
    figures: Mapping[str, int]

    @property
    def macs(self) -> int:
        return self.figures[MACS]


def graph_json(facts: Facts) -> str:
    """The unrolled operators, for `File > Open`. Paths are ids; a further use of a shared instance is `path@2`."""
    facts = facts.unfolded()
    network, flat = facts.network, facts.flat
    layers = list(_named(facts))
    most = max((named.macs for named in layers), default=0)
    makers: dict[int, tuple[str, int]] = {}
    nodes: list[dict[str, Any]] = []
    for name, value in zip(network.inputs, flat.inputs, strict=True):
        makers[value] = (f"input {name}", 0)
        nodes.append(_END | {"id": f"input {name}", "label": name, "outputsMetadata": _outputs((flat.types[value],))})
    for named in layers:
        nodes.append(_node(named, makers, most))
        makers.update((value, (named.id, index)) for index, value in enumerate(named.layer.results))
    outputs = [output.name for output in network.outputs if not output.training]
    for name, value in zip(outputs, flat.outputs, strict=True):
        nodes.append(_END | {"id": f"output {name}", "label": name, "incomingEdges": _edges((value,), makers)})
    graph = {"id": network.name, "nodes": nodes, "groupNodeAttributes": _totals(facts)}
    return json.dumps({"label": network.name, "graphs": [graph]}, indent=1) + "\n"


def costs_json(facts: Facts) -> str:
    """The custom node data for the graph: drop it onto the graph that is open."""
    facts = facts.unfolded()
    results = {named.id: {"value": named.macs} for named in _named(facts) if named.macs}
    gradient = [{"stop": stop, "bgColor": _colour(stop)} for stop in (0, 1)]
    data = {facts.network.name: {"name": MACS, "results": results, "gradient": gradient}}
    return json.dumps(data, indent=1) + "\n"


def _named(facts: Facts) -> Iterator[_Named]:
    from archdsl.analyses.cost import op_cost

    uses: Counter[str] = Counter()
    for layer in facts.flat.layers:
        uses[layer.path] += 1
        id = layer.path if uses[layer.path] == 1 else f"{layer.path}@{uses[layer.path]}"
        cost = op_cost(layer.op, layer.node)
        bytes = sum(type.bytes_for(facts.batch) for type in layer.result_types)
        yield _Named(id, layer, {MACS: cost.macs, PARAMS: 0 if layer.is_reuse else cost.params, MEMORY: bytes})


def _node(named: _Named, makers: Mapping[int, tuple[str, int]], most: int) -> dict[str, Any]:
    scope, _, name = named.layer.path.rpartition(".")
    figures = {name: f"{amount:_}" for name, amount in named.figures.items() if amount}
    given = {key: str(value) for key, value in named.layer.op.attributes.items()}
    share = named.macs / most if most else 0
    return {
        "id": named.id,
        "label": f"{name}: {named.layer.op.summary()}",
        "namespace": scope.replace(".", LINEAGE),
        "attrs": [{"key": key, "value": value} for key, value in {**figures, **given}.items()],
        "incomingEdges": _edges(named.layer.operands, makers),
        "outputsMetadata": _outputs(named.layer.result_types),
        "style": {"backgroundColor": _colour(sqrt(share))},
    }


def _edges(values: tuple[int, ...], makers: Mapping[int, tuple[str, int]]) -> list[dict[str, str]]:
    made = ((makers[value], place) for place, value in enumerate(values))
    return [
        {"sourceNodeId": source, "sourceNodeOutputId": str(index), "targetNodeInputId": str(place)}
        for (source, index), place in made
    ]


def _outputs(types: tuple[TensorType, ...]) -> list[dict[str, Any]]:
    return [
        {"id": str(index), "attrs": [{"key": "tensor_shape", "value": f"{type.dtype}{type}"}]}
        for index, type in enumerate(types)
    ]


def _totals(facts: Facts) -> dict[str, dict[str, str]]:
    """What the side panel shows of the whole network."""
    total = facts.cost.total
    return {"": {MACS: f"{total.macs:_}", PARAMS: f"{total.params:_}", "batch": str(facts.batch)}}


def _colour(share: float) -> str:
    """A colour on the way from pale to deep."""
    mixed = (round(pale + (deep - pale) * share) for pale, deep in zip(PALE, DEEP, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)
