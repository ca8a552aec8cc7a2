"""Graph -> networkx: for users who want to ask questions of their own. networkx is imported when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.analyses.cost import op_cost
from archdsl.ir import Network, flatten, unfold

if TYPE_CHECKING:
    import networkx

__all__ = ["to_networkx"]


def to_networkx(network: Network) -> networkx.MultiDiGraph[str]:
    """The unrolled operators as a directed graph in the order they run.

    Nodes are named by path and have `op`, `shape`, `params`, `macs`; inputs have `op="input"`, outputs `op="output"`.
    There is an edge for each operand: its key, also its `operand`, counts the operands of its target from 0, its `result` the
    results of its source, and `shape` is what passes along it. A further use of a shared instance is `path@2`.

    Raises:
        TooManyOperators: the turns of a loop are too many to be listed.
    """
    from networkx import MultiDiGraph

    flat = flatten(unfold(network))
    graph: networkx.MultiDiGraph[str] = MultiDiGraph(name=network.name)
    makers: dict[int, tuple[str, int]] = {}

    def connect(value: int, target: str, operand: int) -> None:
        source, result = makers[value]
        graph.add_edge(source, target, operand, operand=operand, result=result, shape=flat.types[value].shape)

    for name, value in zip(network.inputs, flat.inputs, strict=True):
        makers[value] = name, 0
        graph.add_node(name, op="input", shape=flat.types[value].shape, params=0, macs=0)
    uses: dict[str, int] = {}
    for layer in flat.layers:
        uses[layer.path] = uses.get(layer.path, 0) + 1
        name = layer.path if uses[layer.path] == 1 else f"{layer.path}@{uses[layer.path]}"
        cost = op_cost(layer.op, layer.node)
        params = 0 if layer.is_reuse else cost.params
        graph.add_node(name, op=layer.op.name, shape=layer.result_types[0].shape, params=params, macs=cost.macs)
        for operand, value in enumerate(layer.operands):
            connect(value, name, operand)
        makers.update((value, (name, result)) for result, value in enumerate(layer.results))
    outputs = [o.name for o in network.outputs if not o.training]
    for name, value in zip(outputs, flat.outputs, strict=True):
        target = name if name not in graph else f"{name} (output)"
        graph.add_node(target, op="output", shape=flat.types[value].shape, params=0, macs=0)
        connect(value, target, 0)
    return graph
