"""What a report is about: a network with its facts, and what else is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from archdsl.analyses import Facts
from archdsl.analyses.growth import ForAll
from archdsl.analyses.memory import (
    MIXED,
    PLAIN,
    Arithmetic,
    FloatType,
    MemoryFacts,
    TrainingFacts,
    TrainingSettings,
    arithmetic_of,
    settings_in,
)
from archdsl.analyses.roofline import RooflineFacts
from archdsl.ir import Types
from archdsl.source import Diagnostic, Span


class ClaimResult(Protocol):
    """A published figure of the spec, checked (`archdsl.claims.Verdict`)."""

    @property
    def text(self) -> str:
        """As written: `params ~ 138M`."""

    @property
    def holds(self) -> bool:
        """Whether the spec is right: the figure agrees, or is disputed and does not."""

    @property
    def value(self) -> Any:
        """What was computed: a number or a shape; None where it could not be."""

    @property
    def shown(self) -> str:
        """The value as people read it."""

    @property
    def source(self) -> str: ...

    @property
    def disputed(self) -> bool: ...

    @property
    def span(self) -> Span: ...

    @property
    def problem(self) -> Diagnostic | None:
        """What is wrong with it, where it does not hold."""


class Subject(NamedTuple):
    """A network of a file, the claims about it and what was found on the way."""

    facts: Facts
    file: str = ""
    bindings: tuple[tuple[str, int | str], ...] = ()
    """The sizes that stand for symbols, beside the batch."""
    claims: Sequence[ClaimResult] = ()
    diagnostics: Sequence[Diagnostic] = ()
    for_all: ForAll | None = None
    """Where sizes are open: `facts` are those at the sizes of `bindings`."""
    in_parameters: ForAll | None = None
    """The network for all values of its parameters too, where formulas were asked for."""
    training: TrainingFacts | None = None
    """The memory of a training step, where that was asked for."""
    roofline: RooflineFacts | None = None
    """The least time of each layer on a device, where that was asked for."""
    precision: str = "float32"
    """Of inference, and of the time on a device; a training step has its own."""
    autocast: str = "cuda"
    """Whose, of a mixed precision."""
    on: str | None = None
    """The GPU that memory is told of, where one was named."""

    @property
    def arithmetic(self) -> Arithmetic:
        """In what it computes: float32 where only a device has the precision."""
        if self.training is not None:
            return self.training.settings.arithmetic
        return arithmetic_of(self.precision, self.autocast) if self.precision in {*PLAIN, *MIXED} else Arithmetic()

    @property
    def dtype(self) -> FloatType:
        """The type of its inputs and parameters."""
        return self.arithmetic.parameter_dtype

    @property
    def memory(self) -> MemoryFacts:
        """Of inference, and what a forward pass in training keeps."""
        return self.facts.memory_at(self.facts.batch, self.arithmetic)

    @property
    def training_settings(self) -> TrainingSettings:
        """Those of the step that was asked for, or PyTorch's in the precision of inference."""
        if self.training is not None:
            return self.training.settings
        return settings_in(self.arithmetic)

    def result_types(self, path: str, types: Types) -> Types:
        """The types of the results of what is at a path, in the precision that they are in."""
        if self.arithmetic.is_mixed:
            return self.memory.inference.result_types(path, types)
        return tuple(type.in_type(self.dtype) for type in types)

    def unfolded(self) -> Subject:
        """The same with every turn of loops written out. Raises `TooManyOperators`."""
        facts, training = self.facts.unfolded(), self.training
        if training is not None and facts is not self.facts:
            training = facts.training(training.settings, training.batch)
        return self._replace(facts=facts, training=training)

    def bounded(self, device: str, precision: str) -> Subject:
        """The same with the least times on a device, where mixed precision is bounded by its lower one.

        Turns of loops are written out where the settings of a training step tell them apart. Raises `ValueError` where the
        device states no peak for the precision.
        """
        settings = None if self.training is None else self.training.settings
        is_told_apart = settings is not None and self.facts.told_apart(settings) is not self.facts
        subject = self.unfolded() if is_told_apart else self
        lower: Any = MIXED.get(precision, precision)
        return subject._replace(roofline=subject.facts.roofline(device, lower, settings))
