"""`bn`: batch normalization."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Call, Examples, Extra, Helper, Lowering, Misfit, Op, Saved, State, TensorType, Types, show_shape
from archdsl.ir.op.attrs import Field, Flag, Number, Positive
from archdsl.ir.strides import CHANNELS_LAST
from archdsl.ops.families.calls import Keywords, helper_call, keywords
from archdsl.ops.families.checks import check_weights_fit


class BatchNorm(Op):
    """Batch normalization, Ioffe & Szegedy 2015: (x - mean) / sqrt(variance + eps) * weight + bias, for each channel.

    While training, mean and variance are the batch's, over all axes but axis 0; else the running ones. `scale=false`
    leaves out the weight, `shift=false` the bias.
    """

    name = "bn"
    category = "norm"
    examples: ClassVar[Examples] = (
        ("bn", "[64, 112, 112]", "[64, 112, 112]"),
        ("bn(eps=1e-3, scale=false)", "[128]", "[128]"),
    )

    eps: Positive = Field(1e-5, description="added to the variance")
    momentum: Number = Field(0.1, description="share of the batch in the running mean and variance")
    scale: Flag = Field(True, description="whether each channel has a weight")
    shift: Flag = Field(True, description="whether each channel has a bias")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        if not 1 <= x.rank <= 4:
            raise Misfit(
                f"`bn` needs channels and at most 3 spatial axes, not {show_shape(x.shape)}",
                code="wrong-rank",
                operand=0,
            )
        return (self._laid_out(x),)

    def _laid_out(self, x: TensorType) -> TensorType:
        """Channels stay last where they are so without gaps, whatever the strides of axes of size 1 say, unless elements lie
        in order, too (`batch_norm_cpu` in ATen's `native/Normalization.cpp`)."""
        if x.is_contiguous:
            return x.with_shape(x.shape)
        if x.rank > 2 and x.is_packed:
            return x.in_order(x.shape, CHANNELS_LAST[x.rank + 1])
        return x.mapped(x.shape, keeping=(2, 3))

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        channels = (operands[0].channels,)
        learned = [State(name, channels) for name, has in (("weight", self.scale), ("bias", self.shift)) if has]
        running = [State(f"running_{name}", channels, role="buffer") for name in ("mean", "var")]
        return *learned, *running, State("num_batches_tracked", (), "int64", "buffer")

    def saved(self, operands: Types, results: Types) -> Saved:
        channels = (operands[0].channels,)
        return Saved(operands=(0,), extra=tuple(Extra(n, channels, batched=False) for n in ("mean", "1/std")))

    def trains_alone(self, *operands: TensorType) -> bool:
        """`_verify_batch_size` in `torch/nn/functional.py`."""
        return any(n != 1 for n in operands[0].sizes)

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return y.computed(incoming)

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        module = f"BatchNorm{max(x.rank - 1, 1)}d"
        given = keywords(eps=(self.eps, 1e-5), momentum=(self.momentum, 0.1))
        if self.scale == self.shift:
            given = (*given, *keywords(affine=(self.scale, True)))
            return Lowering(Call(f"nn.{module}", (x.channels,), given))
        return _partial(module, x.channels, given, "weight" if self.shift else "bias")


def _partial(module: str, channels: int, given: Keywords, missing: str) -> Lowering:
    name, what = (
        ("Unscaled", "shifts but does not scale") if missing == "weight" else ("Unshifted", "scales but does not shift")
    )
    helper = Helper(
        f"{name}{module}",
        f'''
class {name}{module}(nn.{module}):
    """Batch normalization that {what}."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register_parameter("{missing}", None)
''',
        ("Any", "nn"),
    )
    return helper_call(helper, (channels,), given)
