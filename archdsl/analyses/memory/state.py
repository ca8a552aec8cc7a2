"""What a network's modules hold from one pass to the next."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.analyses.memory.size import FloatType, of_state
from archdsl.ir import Module, Network, Node, modules


class StateBytes(NamedTuple):
    """Bytes of tensors that training changes, a shared instance once, and of all others."""

    parameters: int
    buffers: int
    for_training: int
    """Of both, those of parts that exist only while training, which the module holds in inference too."""


def state_of(network: Network, dtype: FloatType = "float32") -> StateBytes:
    """What a network of some type holds, in inference as in training."""
    known: dict[Module, StateBytes] = {}
    for module in modules(network):
        parameters = buffers = for_training = 0
        for node in module.instances():
            inside = known[node.operator] if isinstance(node.operator, Module) else _own(node, dtype)
            parameters += node.times * inside.parameters
            buffers += node.times * inside.buffers
            idle = inside.parameters + inside.buffers if node.training else inside.for_training
            for_training += node.times * idle
        known[module] = StateBytes(parameters, buffers, for_training)
    return known[network.body]


def _own(node: Node, dtype: FloatType) -> StateBytes:
    parameters = sum(of_state(state, dtype).fixed for state in node.state if state.role == "parameter")
    return StateBytes(parameters, sum(of_state(state, dtype).fixed for state in node.state) - parameters, 0)
