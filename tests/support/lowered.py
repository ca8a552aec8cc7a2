"""Operators run in PyTorch: modules built from lowerings, and what they really cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.profiler import record_function
from torch.utils.flop_counter import FlopCounterMode

from archdsl.analyses.memory.size import of_extra
from archdsl.backends.pytorch.running.allocations import MARK, peaks
from archdsl.ir import Call, Expression, Extra, Helper, Op, Saved, TensorType
from archdsl.ir.strides import BATCH

Form = Literal["module", "function", "parameter", "buffer"]
Forward = Callable[..., Any]

torch.set_num_threads(1)


class Applied(nn.Module):
    """An expression as a module, whose lowering has no module of its own."""

    def __init__(self, expression: Forward) -> None:
        super().__init__()
        self.expression = expression

    def forward(self, *operands: Tensor) -> Any:
        return self.expression(self, *operands)


class Learned(nn.Module):
    """A learned or constant tensor as a module."""

    def __init__(self, start: Tensor, **buffer: bool) -> None:
        super().__init__()
        if buffer:
            self.register_buffer("learned", start, **buffer)
        else:
            self.learned = nn.Parameter(start)

    def forward(self) -> Tensor:
        return self.learned


def forms(op: Op, *operands: TensorType) -> tuple[Form, ...]:
    """The ways in which the operator may be written."""
    lowering = op.pytorch(*operands)
    return tuple(form for form in get_args(Form) if getattr(lowering, form) is not None)


def lowered(op: Op, *operands: TensorType, form: Form, in_place: bool = False) -> nn.Module:
    """What the emitter would write, built."""
    lowering = op.pytorch(*operands)
    if form == "module":
        assert lowering.module is not None
        return _module(lowering.module, lowering.helper, in_place)
    if form == "parameter":
        assert lowering.parameter is not None
        return Learned(eval(_written(lowering.parameter), _names(lowering.helper)))
    if form == "buffer":
        assert lowering.buffer is not None
        is_kept = op.state(*operands)[0].role == "buffer"
        return Learned(eval(_written(lowering.buffer), _names(lowering.helper)), persistent=is_kept)
    assert lowering.function is not None
    return Applied(_function(lowering.function, lowering.helper, len(operands), in_place))


def _names(helper: Helper | None) -> dict[str, Any]:
    names: dict[str, Any] = {}
    if helper is not None:
        known = {"torch": torch, "nn": nn, "F": F, "math": math, "Tensor": Tensor, "Any": Any}
        names = {name: known[name] for name in helper.imports}
        exec(helper.text, names)
    return {**names, "nn": nn, "torch": torch}


def _module(call: Call, helper: Helper | None, in_place: bool) -> nn.Module:
    assert call.inplace or not in_place
    extra = ["inplace=True"] if in_place else []
    module = eval(_written(call, *extra), _names(helper))
    assert isinstance(module, nn.Module)
    return module


def _written(call: Call, *extra: str) -> str:
    arguments = [*map(repr, call.args), *(f"{k}={v!r}" for k, v in call.keywords), *extra]
    return f"{call.target}({', '.join(arguments)})"


def _function(expression: Expression, helper: Helper | None, operands: int, in_place: bool) -> Forward:
    names = [f"x{i}" for i in range(operands)]
    known = {"torch": torch, "nn": nn, "F": F, "math": math}
    scope = _names(helper) if helper is not None else {name: known[name] for name in expression.imports}
    if in_place and expression.accumulates:
        text = f"x0.__i{ {'+=': 'add'}[expression.accumulates] }__(x1)"
    else:
        text = expression.template.replace("{inplace}", ", inplace=True" if in_place else "")
        text = text.replace("{*}", ", ".join(names))
        for i, name in enumerate(names):
            text = text.replace(f"{{{i}}}", name)
    return eval(f"lambda self, {', '.join(names)}: {text}", scope)


def sample(operand: TensorType, batch: int) -> Tensor:
    """Random values of a type, where it says that they lie; integers are 0 or 1."""
    sizes, strides = real(operand.tensor_shape, batch), real(operand.tensor_strides, batch)
    tensor = torch.empty_strided(sizes, strides, dtype=getattr(torch, operand.dtype))
    if not operand.is_float:
        return tensor.copy_(torch.randint(0, 2, sizes))
    return tensor.copy_(torch.randn(sizes, dtype=tensor.dtype)).requires_grad_()


def real(sizes: tuple[int, ...], batch: int) -> tuple[int, ...]:
    """Sizes or strides for a batch."""
    return tuple(s // BATCH * batch if s and s % BATCH == 0 else s for s in sizes)


def results(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tensors(module(*inputs))


def tensors(found: Tensor | tuple[Tensor | None, ...] | None) -> tuple[Tensor, ...]:
    """What a module gives, as a tuple, without outputs that are there only while training."""
    return (found,) if isinstance(found, Tensor) else tuple(t for t in found or () if t is not None)


class Kept(NamedTuple):
    """Bytes that autograd holds after a forward pass, by storage: operands and results by number, the rest by size."""

    operands: frozenset[int]
    results: frozenset[int]
    extra: tuple[int, ...]


def kept(module: nn.Module, inputs: tuple[Tensor, ...], *, before: Forward | None = None) -> Kept:
    """What a training step of the module keeps, parameters and buffers left out. `before` makes the inputs from others."""
    module.train()
    inputs = inputs if before is None else tuple(map(before, inputs))
    storages: dict[int, Any] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        found = results(module, inputs)
    own = {_address(t) for t in (*module.parameters(), *module.buffers())}
    places = {address: storages[address].nbytes() for address in storages.keys() - own}
    from_operands = {i: _address(t) for i, t in enumerate(inputs)}
    from_results = {i: _address(t) for i, t in enumerate(found)}
    known = {*from_operands.values(), *from_results.values()}
    return Kept(
        frozenset(i for i, address in from_operands.items() if address in places),
        frozenset(i for i, address in from_results.items() if address in places),
        tuple(sorted(size for address, size in places.items() if address not in known)),
    )


STEPWISE = {"lstm", "gru", "rnn"}
"""Operators that make the same tensors in every step, or parts of one: what they keep is told as a sum."""


def told(op: Op, kept: Kept) -> Kept:
    """What is kept, as it is compared."""
    return kept._replace(extra=(sum(kept.extra),)) if op.name in STEPWISE else kept


def predicted(saved: Saved, batch: int, results: int = 1) -> Kept:
    """The same as an operator tells it."""
    copies = dict(saved.copies) if batch > 1 else {}
    extra = [extra_bytes(e, batch) for e in (*saved.extra, *copies.values())]
    kept = {*saved.operands, *saved.for_others, *(i for i, _ in saved.for_some)} - copies.keys()
    return Kept(
        frozenset(kept), frozenset(i % results for i in saved.kept_results if saved.result), tuple(sorted(extra))
    )


def extra_bytes(extra: Extra, batch: int) -> int:
    return of_extra(extra, batch).at(batch)


def beside(op: Op, operands: tuple[TensorType, ...], batch: int) -> int:
    """Bytes beside the results where there are the most: with its scratch, or before the results are there."""
    results = op.infer(*operands)
    made = (*op.scratch(operands, results), *op.saved(operands, results).number)
    after = sum(extra_bytes(e, batch) for e in made)
    before = (sum(extra_bytes(e, batch) for e in step) for step in op.preparation(operands))
    return max(after, max(before, default=0) - sum(t.bytes_for(batch) for t in results))


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def flops(op: Op, operands: tuple[TensorType, ...], form: Form, batch: int) -> int:
    """FLOPs of a forward pass as PyTorch counts them, on the meta device, where nothing is computed."""
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        module = lowered(op, *operands, form=form)
        results(module, tuple(sample(t, batch).detach() for t in operands))
    return counter.get_total_flops()


def scratch(module: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Bytes of tensors that live beside operands and results at the peak of a forward pass without gradients.

    What a kernel makes inside itself is not seen.
    """
    module.eval()
    found: list[Tensor] = []

    def run() -> None:
        with record_function(f"{MARK}forward"), torch.no_grad():
            found.extend(results(module, inputs))

    most = peaks(run, 0)["forward"]
    return most - _made(tuple(found), (*inputs, *module.parameters(), *module.buffers()))


def _made(found: tuple[Tensor, ...], inputs: tuple[Tensor, ...]) -> int:
    given = {_address(t) for t in inputs}
    made = {_address(t): t.untyped_storage().nbytes() for t in found}
    return sum(size for address, size in made.items() if address not in given)
