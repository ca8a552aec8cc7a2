"""Kernels of PyTorch's CPU that hand out the memory of what they return and compute nothing.

Modules, autograd, optimizers and the allocator stay PyTorch's own, and the shapes, strides and types of results come from its
functions for the meta device. So a step of any network at any batch shows the bytes that a real one takes, without its time;
and since nobody writes to the memory, it is never really there. Operators on small tensors compute as ever: Python reads some.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

SMALL = 4096
"""Bytes. What takes less is computed: steps that an optimizer counts, sizes that Python branches on."""

_FOR_ALL_DEVICES = ("CompositeExplicitAutograd", "CompositeExplicitAutogradNonFunctional")
"""Where kernels stand that serve a CPU too, and are not made of operators that autograd sees."""
_NO_NEW_TENSORS = ("nonzero", "resize_", "set_", "_unsafe_view", "unsafe_split", "unsafe_split_with_sizes")
"""Results depend on data, or are views of operands although their schema does not say so."""


@contextmanager
def hollow_kernels() -> Iterator[None]:
    """Within, kernels of the CPU compute nothing on tensors of more than `SMALL` bytes."""
    library = torch.library.Library("aten", "IMPL")
    try:
        with warnings.catch_warnings(action="ignore"):  # that kernels are replaced
            for name, operator in _replaced():
                kernel = _hollow(operator, torch.library.get_kernel(operator, "CPU"))
                library.impl(name, kernel, "CPU", with_keyset=True, allow_override=True)
        yield
    finally:
        library._destroy()


@cache
def _replaced() -> tuple[tuple[str, OpOverload], ...]:
    """The operators that make new tensors of given ones, or write to them, each by a kernel of its own."""
    names = (name.removeprefix("aten::") for name in torch._C._dispatch_get_all_op_names() if name.startswith("aten::"))
    found = ((name, _overload(name)) for name in names)
    return tuple((name, operator) for name, operator in found if operator is not None and _is_kernel(operator))


def _overload(name: str) -> OpOverload | None:
    base, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, base, None), overload or "default", None)


def _is_kernel(operator: OpOverload) -> bool:
    def is_there(key: str) -> bool:
        return torch._C._dispatch_has_kernel_for_dispatch_key(operator.name(), key)

    schema = operator._schema
    is_view = any(r.alias_info is not None and not r.alias_info.is_write for r in schema.returns)
    return (
        not is_view
        and (is_there("CPU") or (any(map(is_there, _FOR_ALL_DEVICES)) and not is_there("CompositeImplicitAutograd")))
        and not any(argument.is_out for argument in schema.arguments)
        and any("Tensor" in str(argument.type) for argument in schema.arguments)
        and all(str(result.type) in ("Tensor", "List[Tensor]") for result in schema.returns)
        and operator.__name__.split(".")[0] not in _NO_NEW_TENSORS
    )


def _hollow(operator: OpOverload, real: Any) -> Callable[..., Any]:
    schema = operator._schema
    written = [i for i, argument in enumerate(schema.arguments) if argument.alias_info is not None]
    made: dict[Any, Any] = {}

    def kernel(keys: Any, *operands: Any, **options: Any) -> Any:
        if all(tensor.nbytes < SMALL for tensor in _tensors((operands, options))):
            return real.call_boxed(keys, *map(_boxed, operands, schema.arguments), **options)
        if written:
            results = [operands[i] for i in written]
            return None if not schema.returns else results[0] if len(schema.returns) == 1 else tuple(results)
        key = _key((operands, options))
        if key not in made:
            made[key] = _as_on_cpu(operator, operands, operator(*_each(operands, _on_meta), **_each(options, _on_meta)))
        return _each(made[key], _empty_like)

    return kernel


def _as_on_cpu(operator: OpOverload, operands: Any, results: Any) -> Any:
    """Results on the meta device, where a CPU's kernel makes others."""
    name = operator.__name__.split(".")[0]
    if name == "native_batch_norm" and not operands[5]:  # statistics are kept in training alone
        return results[0], *(torch.empty(0, device="meta") for _ in results[1:])
    if name in _STATISTICS:  # in the type of the weights
        given = operands[_STATISTICS[name]]
        return results[0], *(result.to(operands[0].dtype if given is None else given.dtype) for result in results[1:])
    if name == "convolution" and not operands[0].is_contiguous() and _has_channels_last(operands[0]):
        return results.contiguous(memory_format=_CHANNELS_LAST[operands[0].dim()])
    if name == "native_layer_norm_backward":
        return tuple(None if result is None else result.contiguous() for result in results)
    if name == "mse_loss":  # the mean lies where the squares were
        return _on_meta(operands[0]).as_strided(results.shape, results.stride())
    return results


def _has_channels_last(x: Tensor) -> bool:
    return x.dim() in _CHANNELS_LAST and x.is_contiguous(memory_format=_CHANNELS_LAST[x.dim()])


_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}

_STATISTICS = {"native_batch_norm": 1, "native_layer_norm": 2, "native_group_norm": 1}
"""Operators that keep a mean and a deviation, and which of their operands are the weights."""


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors(part)


def _boxed(value: Any, argument: Any) -> Any:
    """A kernel takes a number as a tensor where its schema says so."""
    if isinstance(value, (int, float)) and str(argument.type) == "Tensor":
        return torch.scalar_tensor(value, dtype=torch.float64 if isinstance(value, float) else torch.int64)
    return value


def _key(value: Any) -> Any:
    """What the shapes of results depend on."""
    if isinstance(value, Tensor):
        return value.dtype, value.shape, value.stride()
    if isinstance(value, dict):
        return tuple((name, _key(part)) for name, part in value.items())
    if isinstance(value, (tuple, list)):
        return tuple(map(_key, value))
    return type(value), value  # 1 and 1.0 make different types


def _each(value: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {name: _each(part, function) for name, part in value.items()}
    return type(value)(_each(part, function) for part in value) if type(value) in (tuple, list) else function(value)


def _on_meta(value: Any) -> Any:
    if isinstance(value, Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    if isinstance(value, torch.Generator):
        return None
    return torch.device("meta") if isinstance(value, torch.device) else value


def _empty_like(value: Tensor | None) -> Tensor | None:
    if value is None:
        return None
    storage = torch.empty(value.untyped_storage().nbytes() // value.itemsize, dtype=value.dtype)
    return storage.as_strided(value.shape, value.stride())
