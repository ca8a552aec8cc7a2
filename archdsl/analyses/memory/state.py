"""What a network's modules hold from one pass to the next."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.ir import Module, Network, Node, modules


class StateBytes(NamedTuple):
    """Bytes of tensors that training changes, a shared instance once, and of all others."""

    parameters: int
    buffers: int
    for_training: int
    """Of both, those of parts that exist only while training, which the module holds in inference too."""


def state_of(network: Network) -> StateBytes:
    """What a network holds, in inference as in training."""
    known: dict[Module, StateBytes] = {}
    for module in modules(network):
        parameters = buffers = for_training = 0
        for node in module.instances():
            inside = known[node.operator] if isinstance(node.operator, Module) else _own(node)
            parameters += node.times * inside.parameters
            buffers += node.times * inside.buffers
            idle = inside.parameters + inside.buffers if node.training else inside.for_training
            for_training += node.times * idle
        known[module] = StateBytes(parameters, buffers, for_training)
    return known[network.body]


def _own(node: Node) -> StateBytes:
    parameters = sum(state.bytes for state in node.state if state.role == "parameter")
    return StateBytes(parameters, sum(state.bytes for state in node.state) - parameters, 0)
