"""Collecting diagnostics: one mistake is reported once, with the chain of calls that first led to it."""

from __future__ import annotations

from typing import Any

from archdsl.elaborate.kinds import BUDGET_EXCEEDED
from archdsl.ir import show_shape
from archdsl.source import Diagnostic, Edit, Frame, Kind, Label, Span

OPERATOR_LIMIT = 200_000
STEP_LIMIT = 2_000_000
CALL_DEPTH_LIMIT = 60


class Fault(Exception):
    """A mistake in the spec, on its way to the statement that it spoils."""

    def __init__(
        self,
        kind: Kind,
        message: str,
        span: Span,
        text: str = "",
        *,
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
        edit: Edit | None = None,
    ) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(kind, message, Label(span, text), labels, notes=notes, helps=helps, edit=edit)


class Call:
    """One entry of the chain of calls: what was called, where, and what entered it."""

    __slots__ = ("enters", "span", "text")

    def __init__(self, text: str, span: Span, enters: str) -> None:
        self.text = text
        self.span = span
        self.enters = enters


class Reporter:
    """The problems found so far, the chain of calls, and the budget that is left."""

    def __init__(self) -> None:
        self.problems: list[Diagnostic] = []
        self.calls: list[Call] = []
        self.operators = 0
        self.steps = 0
        self.failures = 0
        """How often something was reported, repetitions included: a caller sees whether its callee failed."""
        self._repeats: dict[tuple[str, Span], int] = {}

    def report(self, fault: Fault) -> None:
        diagnostic = fault.diagnostic
        assert diagnostic.primary is not None
        self.failures += 1
        key = (diagnostic.code, diagnostic.primary.span)
        if key in self._repeats:
            self._repeats[key] += 1
            return
        self._repeats[key] = 1
        self.problems.append(diagnostic._replace(frames=self._frames()))

    def finish(self) -> list[Diagnostic]:
        """The problems, those that were met several times with the count."""
        finished = []
        for problem in self.problems:
            assert problem.primary is not None
            times = self._repeats[(problem.code, problem.primary.span)]
            note = (f"the same mistake is met {times} times; shown is the first",) if times > 1 else ()
            finished.append(problem._replace(notes=problem.notes + note))
        return finished

    def _frames(self) -> tuple[Frame, ...]:
        if len(self.calls) < 2:
            return ()
        return tuple(
            Frame("  " * depth + call.text, f"{call.span.source.path}:{call.span.line}", call.enters)
            for depth, call in enumerate(self.calls)
        )

    def spend_step(self, span: Span) -> None:
        self.steps += 1
        if self.steps > STEP_LIMIT:
            raise Fault(BUDGET_EXCEEDED, f"more than {STEP_LIMIT:_} statements are run", span, "here the budget ends")

    def spend_operator(self, span: Span) -> None:
        self.operators += 1
        if self.operators > OPERATOR_LIMIT:
            raise Fault(
                BUDGET_EXCEEDED,
                f"more than {OPERATOR_LIMIT:_} operators in distinct blocks",
                span,
                "here the budget ends",
            )

    def enter(self, text: str, span: Span, enters: tuple[Any, ...]) -> None:
        if len(self.calls) >= CALL_DEPTH_LIMIT:
            raise Fault(
                BUDGET_EXCEEDED,
                f"calls are nested deeper than {CALL_DEPTH_LIMIT}",
                span,
                "a block that calls itself has to stop: `if c > 1 { ... }`",
            )
        shapes = ", ".join(show_shape(v.type.shape) for v in enters)
        self.calls.append(Call(text, span, f"enters {shapes}" if shapes else ""))

    def leave(self) -> None:
        self.calls.pop()
