"""What PyTorch does not run: numbers beyond half precision, and batch norms on single values."""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.analyses.weights import frozen_in, is_evaluated
from archdsl.ir import Network, Op, flatten

LARGEST = {"float16": 65_504.0, "bfloat16": (2 - 2**-7) * 2.0**127, "float32": (2 - 2**-23) * 2.0**127}
"""The largest number of each type (`torch.finfo`)."""


def refusal(op: Op, dtype: str) -> str:
    """What number of an operator values of a type do not reach, in words."""
    largest = LARGEST[dtype]
    numbers = [number for name in op.scalars if (number := getattr(op, name)) is not None]
    return next((f"{n:g} is beyond {dtype}, which ends at {largest:g}" for n in numbers if abs(n) > largest), "")


def refused_alone(network: Network, patterns: Iterable[str]) -> tuple[str, ...]:
    """The paths of layers that PyTorch does not train on a single sample where what patterns select is frozen."""
    frozen = frozen_in(network, patterns)
    found: dict[str, None] = {}
    for layer in flatten(network, training=True, once=not frozen).layers:
        op, types = layer.op, layer.operand_types
        if is_evaluated(layer.node, layer.path, frozen):
            op = op.evaluated(*types, is_wanted=True)
        found |= {} if op.trains_alone(*types) else {layer.path: None}
    return tuple(found)
