"""Calls that may be wrong: what archdsl says of them, and what PyTorch does when it is asked directly.

The table below writes each operator in PyTorch's own words, from its attributes as they were given: no rule of archdsl
and no lowering takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from archdsl.ir import AttributeProblem, Misfit, Op, TensorType
from tests.differential.operators import OPERATORS, arguments
from tests.support.calls import op_of

Given = dict[str, Any]
Direct = Callable[[Given, Tensor], Any]

BATCH = 2
NUMBERS = (-3, -2, -1, 0, 1, 1, 2, 2, 3, 4, 5, 7)
WRONG = 0.35
"""The share of attributes that get any number at all."""


class Verdict(NamedTuple):
    """Of one call: why archdsl refuses it, and why PyTorch does; empty for who takes it."""

    call: str
    operands: tuple[TensorType, ...]
    refused: str
    failed: str


def _rank(x: Tensor) -> int:
    """The number of spatial axes, for which PyTorch has a module."""
    rank = x.dim() - 2
    if rank not in (1, 2, 3):
        raise RuntimeError(f"no module for {rank} spatial axes")
    return rank


def _module(name: str, *more: str) -> Direct:
    """A module for maps: `Conv2d(channels, ...)`, its attributes by their names there."""

    def run(given: Given, x: Tensor) -> Any:
        kind = getattr(nn, f"{name}{_rank(x)}d")
        first = (x.shape[1], given["channels"]) if "channels" in given else ()
        named = {there: given[here] for here, there in NAMES.items() if here in given and here in more}
        return kind(*first, given["window"], **named)(x)

    return run


NAMES = {
    "stride": "stride",
    "pad": "padding",
    "dilation": "dilation",
    "groups": "groups",
    "output_pad": "output_padding",
}


def _dim(axis: int, x: Tensor) -> int:
    """An axis of a sample as PyTorch counts it; the batch is no axis of a sample."""
    if axis < 0 and axis < 1 - x.dim():
        raise IndexError("the batch axis")
    return axis + 1 if axis >= 0 else axis


def _dims(axes: Any, x: Tensor) -> Any:
    return tuple(_dim(a, x) for a in axes) if isinstance(axes, tuple) else _dim(axes, x)


def _slice(given: Given, x: Tensor) -> Any:
    dim = _dim(given.get("axis", 0), x)
    index = [slice(None)] * x.dim()
    index[dim] = slice(given["start"], given.get("stop"), given.get("step", 1))
    return x[tuple(index)]


def _split(given: Given, x: Tensor) -> Any:
    parts, dim = given["parts"], _dim(given.get("axis", 0), x)
    return torch.split(x, list(parts), dim) if isinstance(parts, tuple) else torch.chunk(x, parts, dim)


def _interpolated(given: Given, x: Tensor) -> Any:
    rank = _rank(x)
    modes = {"nearest": "nearest", "bilinear": ("linear", "bilinear", "trilinear")[rank - 1], "bicubic": "bicubic"}
    mode = modes[given.get("mode", "nearest")]
    return F.interpolate(x, given.get("to"), given.get("scale"), mode, given.get("align_corners") or None)


def _permuted(given: Given, x: Tensor) -> Any:
    return x.permute(0, *(_dim(a, x) for a in given["order"]))


def _attended(given: Given, x: Tensor) -> Any:
    if x.dim() != 3:
        raise RuntimeError("attention reads tokens")
    return nn.MultiheadAttention(x.shape[-1], given["heads"], dropout=given.get("dropout", 0), batch_first=True)(
        x, x, x
    )


DIRECT: dict[str, Direct] = {
    "conv": _module("Conv", "stride", "pad", "dilation", "groups"),
    "conv_transpose": _module("ConvTranspose", "stride", "pad", "dilation", "groups", "output_pad"),
    "maxpool": _module("MaxPool", "stride", "pad", "dilation"),
    "avgpool": _module("AvgPool", "stride", "pad"),
    "adaptive_avgpool": lambda given, x: getattr(nn, f"AdaptiveAvgPool{_rank(x)}d")(given["out"])(x),
    "adaptive_maxpool": lambda given, x: getattr(nn, f"AdaptiveMaxPool{_rank(x)}d")(given["out"])(x),
    "linear": lambda given, x: nn.Linear(x.shape[-1], given["features"])(x),
    "embedding": lambda given, x: nn.Embedding(given["vocabulary"], given["features"])(x),
    "attention": _attended,
    "gn": lambda given, x: nn.GroupNorm(given["groups"], x.shape[1])(x),
    "flatten": lambda given, x: torch.flatten(x, _dim(given.get("start", 0), x), _dim(given.get("stop", -1), x)),
    "permute": _permuted,
    "reshape": lambda given, x: x.reshape(x.shape[0], *given["shape"]),
    "softmax": lambda given, x: torch.softmax(x, _dim(given["axis"], x)),
    "log_softmax": lambda given, x: torch.log_softmax(x, _dim(given["axis"], x)),
    "select": lambda given, x: torch.select(x, _dim(given.get("axis", 0), x), given["index"]),
    "slice": _slice,
    "split": _split,
    "unbind": lambda given, x: x.unbind(_dim(given.get("axis", 0), x)),
    "tile": lambda given, x: torch.cat([x] * given["times"], _dim(given.get("axis", 0), x)),
    "glu": lambda given, x: F.glu(x, _dim(given["axis"], x)),
    "pixel_shuffle": lambda given, x: F.pixel_shuffle(x, given["factor"]),
    "pixel_unshuffle": lambda given, x: F.pixel_unshuffle(x, given["factor"]),
    "upsample": _interpolated,
    "roll": lambda given, x: torch.roll(x, given["shift"], _dims(given["axes"], x)),
    "reduce_sum": lambda given, x: x.sum(_dims(given["axes"], x)),
    "reduce_mean": lambda given, x: x.mean(_dims(given["axes"], x)),
    "reduce_max": lambda given, x: x.amax(_dims(given["axes"], x)),
    "dropout": lambda given, x: nn.Dropout(given.get("p", 0.5))(x),
    "lrn": lambda given, x: nn.LocalResponseNorm(given.get("size", 5))(x),
}
"""Each operator in PyTorch's words."""

MERGES: dict[str, Callable[[Given, list[Tensor]], Any]] = {
    "add": lambda given, xs: xs[0] + xs[1],
    "multiply": lambda given, xs: xs[0] * xs[1],
    "maximum": lambda given, xs: torch.maximum(*xs),
    "concat": lambda given, xs: torch.cat(xs, _dim(given.get("axis", 0), xs[0])),
    "stack": lambda given, xs: torch.stack(
        xs, given.get("axis", 0) + 1 if given.get("axis", 0) >= 0 else given["axis"]
    ),
    "matmul": lambda given, xs: xs[0] @ xs[1],
}

LEFT_OUT = {
    "dropout(channels)",
    "parametrization",
    "table",
    "standardize",
    "bias",
    "round",
    "count_pad",
    "eps",
    "causal",
    "keep",
    "alpha",
    "beta",
    "k",
}
"""Attributes that PyTorch's call does not have, or that change no verdict."""


def random_type(random: Random) -> TensorType:
    rank = random.choice((1, 2, 2, 3, 3, 3, 4))
    dtype = "int64" if random.random() < 0.08 else "float32"
    return TensorType(tuple(random.choice((1, 2, 3, 4, 6, 8)) for _ in range(rank)), dtype)


def verdict(random: Random) -> Verdict:
    """A random call, and what both say of it."""
    name = random.choice(sorted((*DIRECT, *MERGES)))
    x = random_type(random)
    operands: tuple[TensorType, ...] = (x,)
    if name in MERGES:
        other = TensorType(tuple(random.choice((n, n, n, 1, 2)) for n in x.shape), x.dtype)
        operands = (x, random.choice((other, other, x, random_type(random))))
    given = _given(random, OPERATORS[name], x)
    call = f"{name}({', '.join(f'{k}={_text(v)}' for k, v in given.items())})"
    return Verdict(call, operands, _refusal(call, operands), _failure(name, given, operands))


def _given(random: Random, kind: type[Op], x: TensorType) -> Given:
    """Attributes by name, many of them out of range."""
    given: Given = {}
    for text in arguments(random, kind, x, given=0.4, by_name=True):
        name, _, value = text.partition("=")
        if not {name, f"{kind.name}({name})"} & LEFT_OUT and (parsed := _parsed(value)) is not None:
            given[name] = _spoiled(random, parsed) if random.random() < WRONG else parsed
    for name, attribute in kind.fields().items():
        if attribute.is_required and name not in given:
            given[name] = random.choice(NUMBERS)
        if name == "axis" and name not in given:
            given[name] = random.choice(NUMBERS)
    return given


def _spoiled(random: Random, value: Any) -> Any:
    """Any number in place of a number, or of one in a list."""
    if isinstance(value, tuple):
        place = random.randrange(len(value))
        return (*value[:place], random.choice(NUMBERS), *value[place + 1 :])
    return random.choice(NUMBERS) if isinstance(value, int) else value


def _parsed(text: str) -> Any:
    """A number, a list of numbers or a word; None for what PyTorch has no word for."""
    if "x" in text and text.replace("x", "").isdigit():
        return tuple(map(int, text.split("x")))
    if text in ("nearest", "bilinear", "bicubic"):
        return text
    try:
        value = eval(text, {"__builtins__": {}})
    except (NameError, SyntaxError):
        return None
    if isinstance(value, list):
        return tuple(value) if all(isinstance(v, int) for v in value) else None
    return value


def _text(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def _refusal(call: str, operands: tuple[TensorType, ...]) -> str:
    try:
        op_of(call).infer(*operands)
    except (Misfit, AttributeProblem) as problem:
        return str(problem)
    return ""


def _failure(name: str, given: Given, operands: tuple[TensorType, ...]) -> str:
    tensors = [torch.zeros((BATCH, *t.shape), dtype=getattr(torch, t.dtype)) for t in operands]
    try:
        found = MERGES[name](given, tensors) if name in MERGES else DIRECT[name](given, *tensors)
    except Exception as error:
        return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
    results = found if isinstance(found, tuple | list) else (found,)
    empty = any(isinstance(r, Tensor) and r.numel() == 0 for r in results)
    return "an empty result" if empty else ""
