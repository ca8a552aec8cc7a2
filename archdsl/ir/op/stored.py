"""What an operator holds in memory while it runs."""

from __future__ import annotations

from archdsl.ir.op.counted import Counted
from archdsl.ir.op.saved import Extra
from archdsl.ir.op.signature import Types
from archdsl.ir.types import TensorType


class Stored(Counted):
    """Which of its results are tensors of their own, and what else it makes in a forward pass."""

    def is_view(self, *operands: TensorType) -> bool:
        """Whether the results share the first operand's storage (`flatten`, `split`)."""
        return False

    def is_itself(self, operands: Types, results: Types) -> bool:
        """Whether its result is the first operand itself, the same tensor."""
        return results == operands[:1] and self.is_view(*operands) and bool(self.read(operands))

    def gives_view(self, *operands: TensorType) -> bool:
        """Whether its results are seen in a tensor that it makes: autograd copies where such a view is overwritten."""
        return False

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """Tensors made and dropped within the call that live beside operand and result: a max-pool's indices, a padded copy."""
        return ()

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        """Step by step the tensors that are there before the result is: while the weights that it runs on are made."""
        return ()

    def unknown_bytes(self, operands: Types, results: Types) -> str:
        """Where libraries run it in a kernel of their own: why nobody can foretell what a CPU holds then."""
        return ""
