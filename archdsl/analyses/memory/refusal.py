"""What PyTorch does not run in networks of half precision."""

from __future__ import annotations

from archdsl.ir import Op

LARGEST = {"float16": 65_504.0, "bfloat16": (2 - 2**-7) * 2.0**127, "float32": (2 - 2**-23) * 2.0**127}
"""The largest number of each type (`torch.finfo`)."""


def refusal(op: Op, dtype: str) -> str:
    """What number of an operator values of a type do not reach, in words."""
    largest = LARGEST[dtype]
    numbers = [number for name in op.scalars if (number := getattr(op, name)) is not None]
    return next((f"{n:g} is beyond {dtype}, which ends at {largest:g}" for n in numbers if abs(n) > largest), "")
