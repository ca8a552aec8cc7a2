"""`adaptive_avgpool`: average pooling to a given size."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Saved, Shape, TensorType, Types
from archdsl.ops.families.adaptive import AdaptivePool, is_global


class AdaptiveAvgPool(AdaptivePool):
    """Average pooling to the sizes `out`, whatever the input's: output i is the mean of rows floor(i n / out) to
    ceil((i + 1) n / out) - 1.

    Where out does not divide n the windows overlap and may differ in size; the receptive field then covers them all.
    Where it keeps the size it changes nothing, and counts no activations.
    """

    name = "adaptive_avgpool"
    kind = "Avg"
    examples: ClassVar[Examples] = (
        ("adaptive_avgpool(7x7)", "[512, 7, 7]", "[512, 7, 7]"),
        ("adaptive_avgpool(6x6)", "[256, 13, 13]", "[256, 6, 6]"),
        ("adaptive_avgpool(1)", "[8, 100]", "[8, 1]"),
    )

    @property
    def is_one_kernel(self) -> bool:
        return False

    def keeps_channels_last(self, x: TensorType) -> Shape:
        return (1, 2, 3) if is_global(self.sizes(x)) else (1, 2)

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        """Of a mean: what comes in, repeated without a copy and then divided."""
        if not is_global(y.sizes):
            return super().gradient_type(x, y, incoming)
        return incoming.repeated(x.shape).computed()

    def saved(self, operands: Types, results: Types) -> Saved:
        """Nothing for a global average, which PyTorch runs as a mean."""
        return Saved() if is_global(results[0].sizes) else Saved(operands=(0,))
