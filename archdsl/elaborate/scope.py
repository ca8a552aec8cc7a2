"""Names: lexical scopes for data and layers, and the defaults written in them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from archdsl.elaborate.values import Function, Given, Layer
from archdsl.ops import find, names
from archdsl.prelude import names as prelude_names

FUNCTIONS = ("min", "max", "ceil", "floor", "round", "len", "sum", "reverse", "divisor")
WORDS = (
    "same", "valid", "half", "full", "exact", "global", "nearest", "bilinear", "bicubic", "zeros", "ones", "reflect",
    "replicate", "circular", "center", "even", "border", "reflection", "float32", "float16", "bfloat16", "float64", "int64",
    "int32", "bool", "weight_norm", "spectral_norm",
)  # fmt: skip

ELSEWHERE = {
    "affine": "linear", "amax": "reduce_max",
    "averagepool": "avgpool", "averagepooling": "avgpool", "avgpooling": "avgpool", "batchnorm": "bn",
    "batchnormalization": "bn", "bmm": "matmul", "cat": "concat", "clip": "clamp", "concatenate": "concat",
    "convolution": "conv", "convolutional": "conv", "convtransposed": "conv_transpose",
    "deconv": "conv_transpose", "deconvolution": "conv_transpose", "dense": "linear", "depthtospace": "pixel_shuffle",
    "depthwiseconv": "depthwise", "div": "divide", "eltwise": "add", "fc": "linear", "fullyconnected": "linear",
    "gather": "take", "gemm": "linear", "globalaveragepool": "avgpool", "globalaveragepooling": "avgpool",
    "globalavgpool": "avgpool", "globalavgpooling": "avgpool", "globalmaxpool": "maxpool", "globalmaxpooling": "maxpool",
    "groupnorm": "gn", "groupnormalization": "gn", "im2col": "unfold", "indexselect": "take",
    "innerproduct": "linear", "layernorm": "ln",
    "layernormalization": "ln", "localresponsenorm": "lrn", "lrelu": "leaky_relu", "maxpooling": "maxpool",
    "mean": "reduce_mean", "mm": "matmul", "mul": "multiply", "multiheadattention": "attention", "neg": "scale",
    "prod": "multiply", "product": "multiply", "registerbuffer": "constant", "resize": "upsample",
    "scaleddotproductattention": "sdpa", "selfattention": "attention", "simplernn": "rnn",
    "spacetodepth": "pixel_unshuffle", "stochasticdepth": "drop_path", "sub": "subtract", "sum": "add", "swish": "silu",
    "transposedconv": "conv_transpose", "upconv": "conv_transpose", "upsampling": "upsample",
}  # fmt: skip
"""What PyTorch, Keras, Caffe and ONNX call operators, without case, `_` and `2d`, where the spelling does not lead there."""
_POOLS = "`maxpool(2x2)` takes the largest, `avgpool(2x2)` the mean, `avgpool(global)` that of the whole map"
_RESIDUAL = "an arm passes the value on: `add { | conv(64, 3x3, pad=1) | identity }`"
_TRANSPOSE = "`permute([1, 0])` gives the axes in another order"
_UNSQUEEZE = "`reshape([1] + x.shape)` puts an axis of size 1 before those of `x`"
_LOSS = "a loss is no part of a spec: the network ends with what the loss reads"
_NOISE = "a network draws no numbers: noise is an input, `input noise: [100]`"
_FOURIER = "a Fourier transform is a product with cosines and sines: docs/howto/from-pytorch.md writes it down"
HINTS = {
    **dict.fromkeys(("fft", "rfft", "irfft", "ifft", "stft"), _FOURIER),
    **dict.fromkeys(("noise", "gaussiannoise", "rand", "randlike", "randn", "randnlike", "bernoulli"), _NOISE),
    "activation": "an activation is a layer of its own: `relu`, `gelu`, `silu`",
    "bidirectional": "as an attribute: `lstm(128, bidirectional=true)`",
    "crossentropy": _LOSS,
    "crossentropyloss": _LOSS,
    "dropblock": "`dropout(p)` drops values, `drop_path(p)` whole branches",
    **dict.fromkeys(("dropout1d", "dropout2d", "dropout3d"), "`dropout(0.1, channels=true)` drops whole channels"),
    "enumerate": "count the turns: `for i in 0..<len(xs) { ... xs[i] ... }`",
    "equal": '`compare("==")` says which elements are alike',
    "expanddims": _UNSQUEEZE,
    "float": "numbers are exact: `1 / 3` is a third",
    "gap": "`avgpool(global)` keeps the axes with size 1, `reduce_mean([1, 2])` does not",
    "greater": '`compare(">")` says which elements are larger',
    **dict.fromkeys(
        ("inf", "infinity"), "numbers are finite: before a softmax `-1e9` is as good, but for float16 `-6e4`"
    ),
    "input": "declare it: `input image: [3, 224, 224]`",
    "inputlayer": "declare it: `input image: [3, 224, 224]`",
    "instancenorm": "`instance_norm`, and with weights `instance_norm(affine=true)`",
    "interpolate": "`upsample(2)`, `upsample(to=64x64, mode=bilinear)` or `upsample(like=x)`",
    "less": '`compare("<")` says which elements are smaller',
    "logicaland": "`minimum` of two masks",
    "logicalnot": '`compare("==", 0)` of a mask',
    "logicalor": "`maximum` of two masks",
    "list": "a list is written `[8, 16]`, a range `0..<4`",
    "loss": _LOSS,
    "modulelist": "layers stand in the body, one below the other, or in a loop",
    "no": "write `false`",
    "yes": "write `true`",
    "onehot": "`embedding` looks up a learned row for each class; a class given as a vector is an input `[classes]`",
    "none": "leave the argument out: what is not given has its default",
    "output": "as a statement: `output logits`",
    "pool": _POOLS,
    "pooling": _POOLS,
    "print": "`archdsl report shapes` prints the shapes",
    "reflectionpad": "`pad(1, mode=reflect)`",
    "replicationpad": "`pad(1, mode=replicate)`",
    "residual": _RESIDUAL,
    "sequential": "a sequence is written line by line, or with `->`; `{ ... }` groups it",
    "shortcut": _RESIDUAL,
    "skip": _RESIDUAL,
    "softmaxwithloss": _LOSS,
    "squeeze": "`select(0, axis=1)` drops an axis of size 1, `flatten` joins it with others",
    "str": 'a number goes into a label as it is: `"conv{i}": ...`',
    "swapaxes": _TRANSPOSE,
    "transpose": _TRANSPOSE,
    "tuple": "a list is written `[8, 16]`",
    "unsqueeze": _UNSQUEEZE,
    "view": "`flatten` makes one axis of all, `reshape([8, -1])` others",
    "zeropad": "`pad(1)`",
    "zip": "put them side by side: `for width, stride in [[64, 1], [128, 2]] { ... }`",
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
            if target in scope.defaults:
                given = {**scope.defaults[target], **given}
            scope = scope.parent
        return given


@lru_cache(maxsize=1024)
def builtin(name: str) -> Any:
    """An operator, function or predefined word, or None."""
    op = find(name)
    if op is not None:
        return Layer(op)
    if name in FUNCTIONS:
        return Function(name)
    return name if name in WORDS else None


def known_elsewhere(name: str) -> str | None:
    """The layer that other frameworks call so, or None: `Relu`, `max_pool` and `conv2d` are spelt otherwise only."""
    bare = _bare(name)
    ours = {_bare(known): known for known in (*names(), *prelude_names())}
    return None if hint(name) else ELSEWHERE.get(bare) or ours.get(bare)


def hint(name: str) -> str | None:
    """What to write for a name of other frameworks that stands for no operator, or None."""
    return HINTS.get(name.casefold()) or HINTS.get(_bare(name))


def _bare(name: str) -> str:
    bare = name.casefold().replace("_", "")
    return bare[:-2] if bare.endswith(("1d", "2d", "3d")) else bare


def builtin_names() -> set[str]:
    """All operators, functions and predefined words, for suggestions."""
    return {*FUNCTIONS, *WORDS, *names(), "true", "false"}
