"""Steps that PyTorch does not run."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.ir import Module, Network


def refused_alone(network: Network) -> tuple[str, ...]:
    """The paths of layers that PyTorch does not train on a single sample, of a block those of its first call alone."""
    return tuple(_refused(network.body, "", set()))


def _refused(module: Module, prefix: str, seen: set[Module]) -> Iterator[str]:
    if module in seen:
        return
    seen.add(module)
    for node in module.nodes:
        if isinstance(node.operator, Module):
            yield from _refused(node.operator, f"{prefix}{node.name}.", seen)
        elif not node.operator.trains_alone(*node.operand_types):
            yield prefix + node.name
