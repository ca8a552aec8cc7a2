"""What `lstm` and `gru` have in common: layers that go through the tokens of a sequence step by step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Container, Iterator, Sequence
from typing import ClassVar, NamedTuple

from archdsl.ir import (
    WHOLE,
    Extra,
    Gradient,
    Helper,
    Lowering,
    Misfit,
    Module,
    MultiplyAdds,
    Op,
    Reach,
    Saved,
    State,
    TensorType,
    Types,
    show_shape,
)
from archdsl.ir.op.attrs import Field, Flag, Probability, Size
from archdsl.ir.strides import BATCH
from archdsl.ops.families.calls import helper_call, keywords
from archdsl.ops.families.checks import check_weights_fit
from archdsl.ops.families.copies import Copied, copied
from archdsl.ops.families.step_by_step import Layers, Pass


class Peak(NamedTuple):
    """Values for each hidden unit that live beside the result: so many for each token, and so many beside."""

    tokens: int
    beside: int


class Peaks(NamedTuple):
    """The moments of a pass that may hold the most, as measured with PyTorch 2.13 in one layer."""

    step: Peak
    """In a step, which makes its gates anew."""
    stack: Peak
    """When the steps are joined."""
    copy: Peak
    """While the copy of the input is there."""


class Recurrent(Op):
    """Base of the recurrent layers. Their state is that of `nn.LSTM` and `nn.GRU`."""

    category = "linear"
    positional = 1
    tensor_attributes: ClassVar[tuple[str, ...]] = ("start",)
    gates: ClassVar[int]
    """How many times as wide as the state each of its weights is."""
    states: ClassVar[int]
    """States that go from step to step."""
    kept: ClassVar[Peak] = Peak(7, 0)
    """Values for each hidden unit that backward needs: of a step gates, states before it and what they became."""
    module: ClassVar[str]
    """The class in `torch.nn`."""
    peaks: ClassVar[tuple[Peaks, Peaks]]
    """In one direction, and in both."""

    hidden: Size = Field(description="size of the state, and of the result in each direction")
    layers: Size = Field(1, description="layers, each of which reads the states of the one before")
    bidirectional: Flag = Field(False, description="whether a second set of weights goes from the end to the start")
    bias: Flag = Field(True, description="whether the projections of input and state have biases")

    dropout: Probability = Field(0, description="probability of a zero between layers, while training")
    final: Flag = Field(
        False, description="whether the states after the last token are results too, a row for each layer"
    )

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def infer(self, *operands: TensorType) -> Types:
        x, *start = operands
        check_weights_fit(self.name, x)
        if x.rank != 2:
            raise Misfit(
                f"`{self.name}` reads tokens [T, C], not {show_shape(x.shape)}",
                code="wrong-rank",
                operand=0,
                help="a map [C, H, W] becomes tokens by `flatten(1) -> permute([1, 0])`" if x.rank == 3 else None,
            )
        if self.dropout and self.layers == 1:
            raise Misfit("`dropout` acts between layers, and there is one", attribute="dropout")
        self._check_start(start)
        tokens = x.in_order((x.shape[0], self._directions * self.hidden), (1, 0, 2))
        states = x.in_order((self.layers * self._directions, self.hidden), (1, 0, 2))
        return (tokens, *[states] * (self.states * self.final))

    def _check_start(self, start: Sequence[TensorType]) -> None:
        """Raises `Misfit` for states that are not those of the layer."""
        if 0 < len(start) < self.states:
            names = " and ".join(f"`{name}`" for name in self.tensor_attributes)
            raise Misfit(f"`{self.name}` starts from {names}, or from zeros", operand=1)
        shape = (self.layers * self._directions, self.hidden)
        for operand, state in enumerate(start, start=1):
            if state.shape != shape or state.dtype != "float32" or not state.batched:
                raise Misfit(
                    f"`{self.name}` starts from states {show_shape(shape)}, not {state}",
                    code="shape-mismatch",
                    operand=operand,
                    help="`final=true` gives such states; `expand` repeats learned ones over the batch",
                )

    def _inputs(self, x: TensorType) -> Iterator[int]:
        """The features that each layer reads."""
        yield x.shape[1]
        yield from (self._directions * self.hidden for _ in range(1, self.layers))

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        rows = self.gates * self.hidden
        found = []
        for layer, features in enumerate(self._inputs(operands[0])):
            for end in ("", "_reverse")[: self._directions]:
                shapes = {"weight_ih": (rows, features), "weight_hh": (rows, self.hidden)}
                biases = {"bias_ih": (rows,), "bias_hh": (rows,)} if self.bias else {}
                found += [State(f"{name}_l{layer}{end}", shape) for name, shape in (shapes | biases).items()]
        return tuple(found)

    def multiply_adds(self, operands: Types, results: Types) -> tuple[MultiplyAdds, ...]:
        """The projections of inputs and states, layer by layer; what gates do is elementwise."""
        x = operands[0]
        several = (n for n in (self._directions, self.gates) if n > 1)
        places = (x.shape[0], *several, self.hidden)
        return tuple(MultiplyAdds((n,), places) for features in self._inputs(x) for n in (features, self.hidden))

    def macs_backward(self, operands: Types, results: Types, needs: Sequence[bool], trained: Collection[str]) -> int:
        """Layer by layer, those of the weights that are trained and those of what they are multiplied with: the input, where it
        needs a gradient, and the state before each token, where it depends on what needs one."""
        tokens, is_needed, starts = operands[0].shape[0], needs[0], any(needs[1:2])
        total = 0
        for passes in self._passes_of(operands):
            wanted = [{s.name for s in p.learned}.intersection(trained) for p in passes]
            for p, own in zip(passes, wanted, strict=True):
                inputs, states = (weight.numel for weight in p.learned[:2])
                total += tokens * sum(s.numel for s in p.learned[:2] if s.name in own)
                total += tokens * inputs * is_needed + states * starts
                total += (tokens - 1) * states * (is_needed or any(needs[1:]) or bool(own))
            is_needed = is_needed or any(needs[1:]) or any(wanted)
        return total

    def connections(self, operands: Types, results: Types) -> int:
        x = operands[0]
        biases = 2 * self.layers * self._directions * self.gates * self.hidden if self.bias else 0
        return self.macs(operands, results) + x.shape[0] * biases

    def fan_in(self, *operands: TensorType) -> tuple[int, ...]:
        return (operands[0].shape[1] + self.hidden,)

    def reach(self, *operands: TensorType) -> Reach:
        return WHOLE

    def reads_less(self, *operands: TensorType) -> bool:
        """In one direction, what came before."""
        return not self.bidirectional

    autocast = "lower"

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        return False

    def own_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        return tuple(Gradient(f"x{i}", type.computed()) for i, type in enumerate(operands))

    @abstractmethod
    def run_by(self, layers: Layers, operands: Types, *, is_single: bool) -> Module:
        """What its layers run one by one."""

    def _passes_of(self, operands: Types) -> tuple[tuple[Pass, ...], ...]:
        """For each layer one for each direction."""
        state, size = self.state(*operands), 4 if self.bias else 2
        passes = [Pass(state[i : i + size]) for i in range(0, len(state), size)]
        return tuple(tuple(passes[i : i + self._directions]) for i in range(0, len(passes), self._directions))

    def program(self, operands: Types, *, is_single: bool) -> Module:
        return self.run_by(Layers(self._passes_of(operands), self.dropout, self.final), operands, is_single=is_single)

    def saved(self, operands: Types, results: Types) -> Saved:
        """What the steps made, the inputs of further layers, and the input, for each direction with tokens before samples."""
        x = operands[0]
        t, c = x.shape
        steps = t * self.hidden * self._directions
        first = self.kept.beside * self.layers * self.hidden * self._directions
        made = (Extra("gates and states", (self.kept.tokens * self.layers * steps + first,)),)
        rows = ("inputs of layers", "noise")[: 2 if 0 < self.dropout < 1 else 1] if self.layers > 1 else ()
        between = tuple(Extra(name, ((self.layers - 1) * steps,)) for name in rows)
        if self.dropout == 1:
            between = (*between, Extra("zeros", (self.layers - 1,), batched=False))
        copy = Extra("copy", (self._directions, t, c))
        match copied(x, (t * BATCH, c), (1, 0, 2)):
            case "always":
                return Saved(extra=(*made, *between, copy))
            case "in batches":
                return Saved((0,), extra=(*made, *between), copies=((0, copy._replace(in_batches=True)),))
        return Saved((0,), extra=(*made, *between))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        x = operands[0]
        alone, in_batches = (self._most(x, copies) for copies in (("always",), ("always", "in batches")))
        found = (Extra("gates and states", (alone,)),)
        further = Extra("projected copy", (in_batches - alone,), in_batches=True)
        return (*found, further) if in_batches > alone else found

    def _most(self, x: TensorType, copies: Container[Copied]) -> int:
        """The most values beside the result, in the last layer or in the first, whose input may be copied."""
        t, c = x.shape
        results = self._directions * self.states * self.layers * self.final
        peaks, order = self.peaks[self._directions - 1], (1, 0, 2)
        zeros = self._directions * self.states * (self.layers - 1)  # of further layers, which wait for their turn
        earlier = 2 * zeros + (self._directions * t if self.layers > 1 else 0)
        found = [
            peaks.step.tokens * t + peaks.step.beside + earlier,
            peaks.stack.tokens * t + peaks.stack.beside + earlier,
            3 * self._directions * self.states * self.layers,
        ]
        copy = (peaks.copy.tokens * t + peaks.copy.beside + zeros) * self.hidden + t * c
        most = max(max(found) * self.hidden, copy if copied(x, (t * BATCH, c), order) in copies else 0)
        return most - results * self.hidden

    def gives_view(self, *operands: TensorType) -> bool:
        return True

    @property
    def is_other_on_meta(self) -> bool:
        """Both directions run in other steps there."""
        return self.bidirectional

    def pytorch(self, *operands: TensorType) -> Lowering:
        given = keywords(
            num_layers=(self.layers, 1),
            bias=(self.bias, True),
            dropout=(self.dropout, 0),
            bidirectional=(self.bidirectional, False),
        )
        return helper_call(self._helper(len(operands) > 1), (operands[0].shape[1], self.hidden), given)

    def _helper(self, has_start: bool) -> Helper:
        letters = ("h", "c")[: self.states]
        given = "".join(f", {n}: Tensor" for n in letters) if has_start else ""
        starts = [f"torch.stack({n}.unbind(1))" for n in letters]
        start = f", {_together(starts)}" if has_start else ""
        body, results, what = f"return super().forward(x{start})[0]", "Tensor", ""
        if self.final:
            names = _together(letters)
            turned = ", ".join(f"{n}.transpose(0, 1)" for n in letters)
            body = f"x, {names} = super().forward(x{start})\n        return x, {turned}"
            results, what = f"tuple[{', '.join(['Tensor'] * (1 + self.states))}]", ", and all states after the last"
        name = f"{'Started' if has_start else ''}{'Stateful' if self.final else 'Sequence'}{self.module}"
        return Helper(
            name,
            f'''
class {name}(nn.{self.module}):
    """{self.module} over the tokens of a sequence: the states of its last layer, token by token{what}."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, batch_first=True, **kwargs)

    def forward(self, x: Tensor{given}) -> {results}:
        {body}
''',
            ("Any", "Tensor", "torch", "nn") if has_start else ("Any", "Tensor", "nn"),
        )

    def summary(self) -> str:
        layers = f", {self.layers} layers" if self.layers > 1 else ""
        return f"{self.name} {self.hidden}{layers}{', bidirectional' if self.bidirectional else ''}"


def _together(names: Sequence[str]) -> str:
    """A state, or several in parentheses, as PyTorch takes and gives them."""
    return names[0] if len(names) == 1 else f"({', '.join(names)})"
