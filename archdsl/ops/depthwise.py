"""`depthwise`: convolution of each input map on its own."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, TensorType
from archdsl.ir.op.attrs import Field, Flag, Pad, Parametrization, Size, Window
from archdsl.ops.families.convolution import Convolution, Filters
from archdsl.ops.families.reparametrized import LEARNED_AS
from archdsl.ops.families.windows import geometry, show_stride, show_window


class Depthwise(Convolution):
    """Convolution of each input map on its own, which gives `multiplier` output maps for each: groups = C.

    Followed by a 1x1 `conv` it is the separable convolution of Xception (Chollet 2017) and MobileNet (Howard et al. 2017).
    """

    name = "depthwise"
    positional = 2
    examples: ClassVar[Examples] = (
        ("depthwise(3x3, pad=1)", "[32, 14, 14]", "[32, 14, 14]"),
        ("depthwise(3x3, stride=2, pad=same, multiplier=2, bias=false)", "[8, 9, 9]", "[16, 5, 5]"),
    )

    window: Window = Field(description="size of the window")
    stride: Window = Field(1, description="rows from one window to the next")
    pad: Pad = Field(0, description="rows of zeros around the input")
    dilation: Window = Field(1, description="rows from one tap of the window to the next")
    multiplier: Size = Field(1, description="output maps for each input map")
    bias: Flag = Field(True, description="whether each output map has a bias")
    parametrization: Parametrization | None = Field(None, description=LEARNED_AS)

    def on(self, x: TensorType) -> Filters:
        g = geometry(x, self.name, self.window, self.stride, self.pad, self.dilation)
        return Filters(g, x.channels, x.channels * self.multiplier, x.channels, self.bias)

    def summary(self) -> str:
        multiplier = f", multiplier={self.multiplier}" if self.multiplier != 1 else ""
        return f"depthwise {show_window(self.window)}{show_stride(self.stride)}{multiplier}"
