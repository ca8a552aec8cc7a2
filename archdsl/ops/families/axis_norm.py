"""What `ln` and `rms_norm` have in common: they normalize along one axis, and PyTorch's modules know the last only."""

from __future__ import annotations

from archdsl.ir import Call, Helper, Lowering, Shape, TensorType
from archdsl.ops.families.calls import Keywords, dim, helper_call


def places(x: TensorType, axis: int) -> Shape:
    """The sizes of all axes but the one that is normalized: a statistic for each place."""
    return (*x.shape[:axis], *x.shape[axis + 1 :])


def axis_norm(base: str, what: str, x: TensorType, axis: int, given: Keywords) -> Lowering:
    """The module `base`; along an axis that is not the last, a subclass of it that moves the axis there and back."""
    size = (x.shape[axis],)
    if axis == x.rank - 1:
        return Lowering(Call(f"nn.{base}", size, given))
    place: Keywords = (("dim", dim(axis, x)),)
    return helper_call(_helper(base, what), size, (*place, *given))


def _helper(base: str, what: str) -> Helper:
    name = f"Axis{base}"
    return Helper(
        name,
        f'''
class {name}(nn.{base}):
    """{what} along an axis that is not the last: 1 for the channels of maps."""

    def __init__(self, size: int, *, dim: int, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(self.dim, -1)).movedim(-1, self.dim)
''',
        ("Any", "Tensor", "nn"),
    )
