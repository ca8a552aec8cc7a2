"""What an operator owns."""

from __future__ import annotations

from math import prod
from typing import Literal, NamedTuple

from archdsl.ir.types import ITEM_SIZE, Shape


class State(NamedTuple):
    """One tensor that an operator owns, as the `state_dict` names and shapes it."""

    name: str
    shape: Shape
    dtype: str = "float32"
    role: Literal["parameter", "frozen", "buffer", "constant"] = "parameter"
    """`frozen` is kept like a parameter but never trained (fixed RBF centers); it is stored as a buffer. A `constant` is a
    buffer that the `state_dict` leaves out."""

    def key(self, path: str) -> str:
        """Its name in the `state_dict`; a tensor without a name of its own has that of its operator."""
        return f"{path}.{self.name}" if self.name else path

    @property
    def is_in_state_dict(self) -> bool:
        return self.role != "constant"

    @property
    def numel(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.numel * ITEM_SIZE[self.dtype]
