"""Names: lexical scopes for data and layers, and the defaults written in them."""

from __future__ import annotations

from typing import Any

from archdsl.elaborate.values import Function, Given, Layer
from archdsl.ops import find, names

FUNCTIONS = ("min", "max", "ceil", "floor", "round", "len", "sum", "reverse", "divisor")
WORDS = (
    "same", "valid", "half", "full", "exact", "global", "nearest", "bilinear", "bicubic", "zeros", "ones", "reflect",
    "replicate", "circular", "center", "even", "border", "reflection", "float32", "float16", "bfloat16", "float64", "int64",
    "int32", "bool",
)  # fmt: skip

ELSEWHERE = {
    "adaptiveavgpool": "adaptive_avgpool", "adaptivemaxpool": "adaptive_maxpool", "amax": "reduce_max",
    "averagepool": "avgpool", "averagepooling": "avgpool", "batchnorm": "bn", "batchnormalization": "bn", "cat": "concat",
    "clip": "clamp", "concatenate": "concat", "convolution": "conv", "convtranspose": "conv_transpose",
    "deconv": "conv_transpose", "dense": "linear", "depthtospace": "pixel_shuffle", "depthwiseconv": "depthwise",
    "div": "divide", "fc": "linear", "fullyconnected": "linear", "gather": "take", "gemm": "linear", "groupnorm": "gn",
    "groupnormalization": "gn", "globalaveragepooling": "avgpool", "globalmaxpooling": "maxpool", "im2col": "unfold",
    "indexselect": "take", "layernorm": "ln",
    "layernormalization": "ln", "localresponsenorm": "lrn", "logsoftmax": "log_softmax", "maxpooling": "maxpool",
    "mean": "reduce_mean", "mul": "multiply", "multiheadattention": "attention", "neg": "scale",
    "registerbuffer": "constant", "scaleddotproductattention": "sdpa", "spacetodepth": "pixel_unshuffle",
    "stochasticdepth": "drop_path", "sub": "subtract", "swish": "silu", "upsampling": "upsample",
}  # fmt: skip
"""What PyTorch, Keras and ONNX call operators, without case, `_` and `2d`, where the spelling does not lead there."""
HINTS = {
    "equal": '`compare("==")` says which elements are alike',
    "gap": "`avgpool(global)` keeps the axes with size 1, `reduce_mean([1, 2])` does not",
    "greater": '`compare(">")` says which elements are larger',
    "input": "declare it: `input image: [3, 224, 224]`",
    "instancenorm": "`gn(in.channels, scale=false, shift=false)` has a group for each channel",
    "less": '`compare("<")` says which elements are smaller',
    "logicaland": "`minimum` of two masks",
    "logicalnot": '`compare("==", 0)` of a mask',
    "logicalor": "`maximum` of two masks",
    "modulelist": "layers stand in the body, one below the other, or in a loop",
    "none": "leave the argument out: what is not given has its default",
    "print": "`archdsl report shapes` prints the shapes",
    "sequential": "a sequence is written line by line, or with `->`; `{ ... }` groups it",
    "squeeze": "`select(0, axis=1)` drops an axis of size 1, `flatten` joins it with others",
    "transpose": "`permute([1, 0])` gives the axes in another order",
    "unsqueeze": "`reshape([1] + x.shape)` puts an axis of size 1 before those of `x`",
    "view": "`flatten` makes one axis of all, `reshape([8, -1])` others",
}
"""What to write for names of Python and of frameworks that stand for no operator, without case, `_` and `2d`."""


class Scope:
    """The names of one pair of braces (or a file), inside those of another."""

    __slots__ = ("defaults", "names", "networks", "parent")

    def __init__(self, parent: Scope | None = None) -> None:
        self.parent = parent
        self.names: dict[str, Any] = {}
        self.defaults: dict[Any, dict[str, Given]] = {}
        self.networks: set[str] = set()
        """Of a file: its networks, which are no names of a body."""

    def lookup(self, name: str) -> Any:
        """What a name stands for here, or None. Names that the file declares come last."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def so_far(self) -> Scope:
        """The names known up to here; what these braces declare later stays out."""
        scope = Scope(self.parent)
        scope.names, scope.defaults, scope.networks = dict(self.names), dict(self.defaults), self.networks
        return scope

    def is_network(self, name: str) -> bool:
        """Whether the file declares a network of this name."""
        return name in self.networks or (self.parent is not None and self.parent.is_network(name))

    def visible(self) -> set[str]:
        """All names known here, for suggestions."""
        names: set[str] = set()
        scope: Scope | None = self
        while scope is not None:
            names.update(scope.names)
            scope = scope.parent
        return names

    def defaults_of(self, target: Any) -> dict[str, Given]:
        """The attributes that `default` statements give to uses written here; the nearest wins."""
        given: dict[str, Given] = {}
        scope: Scope | None = self
        while scope is not None:
            given = {**scope.defaults.get(target, {}), **given}
            scope = scope.parent
        return given


def builtin(name: str) -> Any:
    """An operator, function or predefined word, or None."""
    if name in FUNCTIONS:
        return Function(name)
    if name in WORDS:
        return name
    op = find(name)
    return None if op is None else Layer(op)


def known_elsewhere(name: str) -> str | None:
    """The operator that other frameworks call so, or None."""
    found = ELSEWHERE.get(_bare(name))
    return found if found in names() else None


def hint(name: str) -> str | None:
    """What to write for a name of other frameworks that stands for no operator, or None."""
    return HINTS.get(_bare(name))


def _bare(name: str) -> str:
    bare = name.casefold().replace("_", "")
    return bare[:-2] if bare.endswith(("1d", "2d", "3d")) else bare


def builtin_names() -> set[str]:
    """All operators, functions and predefined words, for suggestions."""
    return {*FUNCTIONS, *WORDS, *names(), "true", "false"}
