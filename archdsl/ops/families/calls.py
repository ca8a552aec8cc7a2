"""Writing the arguments of PyTorch calls."""

from __future__ import annotations

from typing import Any

from archdsl.ir import Call, Expression, Helper, Literal, Lowering, TensorType

Keywords = tuple[tuple[str, Literal], ...]


def compact(sizes: tuple[float, ...]) -> Any:
    """One number where all axes agree, as PyTorch's arguments are usually written."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def keywords(**arguments: tuple[Literal, Literal]) -> Keywords:
    """The arguments, given as value and PyTorch's default, that differ from the default."""
    return tuple((name, value) for name, (value, default) in arguments.items() if value != default)


def function(name: str, args: tuple[Literal, ...] = (), keywords: Keywords = (), operand: str = "{0}") -> Expression:
    """A call of a function with the operand first: `F.max_pool2d({0}, 2)`."""
    written = [operand, *map(repr, args), *(f"{k}={v!r}" for k, v in keywords)]
    return Expression(f"{name}({', '.join(written)})", (name.partition(".")[0],))


def call_and_function(module: str, name: str, args: tuple[Literal, ...] = (), keywords: Keywords = ()) -> Lowering:
    """A module of `nn` beside the function of `F` that takes the same arguments."""
    return Lowering(Call(f"nn.{module}", args, keywords), function(f"F.{name}", args, keywords))


def helper_call(helper: Helper, args: tuple[Literal, ...] = (), keywords: Keywords = ()) -> Lowering:
    """A module that PyTorch lacks."""
    return Lowering(Call(helper.name, args, keywords), helper=helper)


def dim(axis: int, x: TensorType) -> int:
    """PyTorch's number of an axis: the batch, if there is one, comes before axis 0; negative numbers count from the end."""
    return axis + 1 if axis >= 0 and x.batched else axis
