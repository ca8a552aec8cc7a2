"""Network -> the tensors that it keeps, as PyTorch's `state_dict` names, shapes and orders them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from archdsl.analyses.weights.select import selected
from archdsl.ir import Module, Network, Node, check_listed, show_shape, unfold


class Stored(NamedTuple):
    """What is known of a tensor without its values."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def is_float(self) -> bool:
        return "float" in self.dtype

    def __str__(self) -> str:
        return show_shape(self.shape) + ("" if self.dtype == "float32" else f" {self.dtype}")


Weights = Mapping[str, Stored]
"""Tensors by their names, in their order."""


def weights(network: Network) -> Weights:
    """The tensors of all operators, each shared instance once, those of the parts for training among them.

    Raises:
        TooManyOperators: the turns of a loop are too many to be listed.
    """
    return weights_as_written(unfold(network))


def weights_as_written(network: Network) -> Weights:
    """The same, of a row of turns those of the turn that stands for it."""
    check_listed(network)
    return dict(_stored(network.body, ""))


def _stored(module: Module, prefix: str) -> Iterator[tuple[str, Stored]]:
    """A module's own tensors come before those of its parts, and parameters before buffers (`torch/nn/modules/module.py`)."""
    members = [node for node in module.members() if node.state or isinstance(node.operator, Module)]
    for node in sorted(members, key=_place):
        path = prefix + node.name
        if isinstance(node.operator, Module):
            yield from _stored(node.operator, f"{path}.")
        for state in node.state:
            if state.is_in_state_dict:
                yield state.key(path), Stored(state.shape, state.dtype)


def _place(node: Node) -> int:
    is_own = any(not state.name for state in node.state)
    return 2 - is_own - any(state.role == "parameter" for state in node.state if is_own)


def frozen_in(network: Network, patterns: Iterable[str]) -> frozenset[str]:
    """The names of the tensors that patterns select, as `weights_as_written` has them. Raises `PathError`."""
    patterns = tuple(patterns)
    return frozenset(selected(weights_as_written(network), patterns)) if patterns else frozenset()
