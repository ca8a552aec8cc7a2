"""Names: lexical scopes for data and layers, and the defaults written in them."""

from __future__ import annotations

from typing import Any

from archdsl.elaborate.values import Function, Given, Layer
from archdsl.ops import find, names

FUNCTIONS = ("min", "max", "ceil", "floor", "round", "len", "sum", "reverse", "divisor")
WORDS = (
    "same", "valid", "half", "full", "exact", "global", "nearest", "bilinear", "bicubic", "zeros", "ones", "reflect",
    "replicate", "circular", "center", "even",
)  # fmt: skip

ELSEWHERE = {
    "adaptiveavgpool": "adaptive_avgpool", "adaptivemaxpool": "adaptive_maxpool", "amax": "reduce_max",
    "averagepool": "avgpool", "averagepooling": "avgpool", "batchnorm": "bn", "batchnormalization": "bn", "cat": "concat",
    "clip": "clamp", "concatenate": "concat", "convolution": "conv", "convtranspose": "conv_transpose",
    "deconv": "conv_transpose", "dense": "linear", "depthtospace": "pixel_shuffle", "depthwiseconv": "depthwise",
    "div": "divide", "fc": "linear", "fullyconnected": "linear", "gather": "take", "gemm": "linear", "groupnorm": "gn",
    "groupnormalization": "gn", "globalaveragepooling": "avgpool", "globalmaxpooling": "maxpool",
    "indexselect": "take", "instancenorm": "gn", "layernorm": "ln",
    "layernormalization": "ln", "localresponsenorm": "lrn", "logsoftmax": "log_softmax", "maxpooling": "maxpool",
    "mean": "reduce_mean", "mul": "multiply", "multiheadattention": "attention", "neg": "scale",
    "registerbuffer": "constant", "scaleddotproductattention": "sdpa", "spacetodepth": "pixel_unshuffle",
    "stochasticdepth": "drop_path", "sub": "subtract", "swish": "silu", "upsampling": "upsample",
}  # fmt: skip
"""What PyTorch, Keras and ONNX call operators, without case, `_` and `2d`, where the spelling does not lead there."""
HINTS = {
    "Input": "declare it: `input image: [3, 224, 224]`",
    "ModuleList": "layers stand in the body, one below the other, or in a loop",
    "None": "leave the argument out: what is not given has its default",
    "Sequential": "a sequence is written line by line, or with `->`; `{ ... }` groups it",
    "print": "`archdsl report shapes` prints the shapes",
    "view": "`flatten` makes one axis of all, `reshape([8, -1])` others",
}
"""What to write for names of Python and of frameworks that stand for no operator."""


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
    bare = name.casefold().replace("_", "")
    found = ELSEWHERE.get(bare[:-2] if bare.endswith(("1d", "2d", "3d")) else bare)
    return found if found in names() else None


def builtin_names() -> set[str]:
    """All operators, functions and predefined words, for suggestions."""
    return {*FUNCTIONS, *WORDS, *names(), "true", "false"}
