"""Collecting diagnostics: one mistake is reported once, with the chain of calls that first led to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from archdsl.elaborate.budget import CALL, OPERATOR_LIMIT, STATEMENT, STATEMENT_LIMIT, Budget
from archdsl.elaborate.kinds import BUDGET_EXCEEDED
from archdsl.ir import show_shape
from archdsl.source import Diagnostic, Edit, Frame, Kind, Label, Span

CALL_DEPTH_LIMIT = 60
_ALIKE = "lower the turns; those of `repeat` that are alike, and calls of a block that are alike, are worked out once"
FAILURE_LIMIT = 1_000


FRAMES_SHOWN = 5
"""Of a long chain of calls, how many at its beginning and at its end."""


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

    @classmethod
    def misnamed(
        cls,
        kind: Kind,
        message: str,
        span: Span,
        meant: str | None,
        *,
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
    ) -> Fault:
        """A word that stands for nothing, and the one that was meant where that can be told."""
        text, edit = (f"did you mean `{meant}`?", Edit(span, meant)) if meant else ("", None)
        return cls(kind, message, span, text, notes=notes, helps=helps, edit=edit)


class Silence(Exception):
    """Something that was reported before spoils this too."""


class Stop(Exception):
    """A budget is spent, or there are more mistakes than anybody reads: the rest of a network is not elaborated."""


class Call:
    """One entry of the chain of calls: what was called, where, and what entered it."""

    __slots__ = ("enters", "span", "text")

    def __init__(self, text: str, span: Span, enters: str) -> None:
        self.text = text
        self.span = span
        self.enters = enters


class Spender:
    """A loop or a call that is under way, and what was left of the budget when it began."""

    __slots__ = ("operators", "span", "text", "turns", "work")

    def __init__(self, text: str, span: Span, budget: Budget) -> None:
        self.text = text
        self.span = span
        self.turns = 0
        self.work = budget.work
        self.operators = budget.operators

    def spent(self, budget: Budget) -> str | None:
        """What it did, if that is half of what a network may cost; else None."""
        work, operators = self.work - budget.work, self.operators - budget.operators
        if 2 * work < STATEMENT_LIMIT * STATEMENT and 2 * operators < OPERATOR_LIMIT:
            return None
        return f"{self.text} spends it{f': turn {self.turns:_}' if self.turns else ''}"


class Reporter:
    """The problems found so far, the chain of calls, and the budget that is left."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.problems: list[Diagnostic] = []
        self.calls: list[Call] = []
        self.spenders: list[Spender] = []
        """The loops and calls that are under way, the innermost last."""
        self.failures = 0
        """How often something was reported, repetitions included: a caller sees whether its callee failed."""
        self._repeats: dict[tuple[str, Span], int] = {}
        self._is_spent = False
        self.is_variant = False
        """Whether the text belongs to several networks, so that each mistake has to say which it was met in."""

    def report(self, fault: Fault) -> None:
        """Notes a mistake. Raises `Stop` where nothing more is to be looked for."""
        diagnostic = fault.diagnostic
        assert diagnostic.primary is not None
        self.failures += 1
        key = (diagnostic.code, diagnostic.primary.span)
        if key not in self._repeats:
            self.problems.append(diagnostic._replace(frames=self.frames()))
            self.budget.tell(key)
        self._repeats[key] = self._repeats.get(key, 0) + 1
        if self.has_ended:
            raise Stop

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to be looked for: a budget is spent, or so much was told that nobody reads more."""
        return self.budget.has_told_enough or self._is_spent or self.failures >= FAILURE_LIMIT

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Reports what is raised inside, and ends quietly where that follows from an earlier mistake."""
        try:
            yield
        except Fault as fault:
            with suppress(Stop):
                self.report(fault)
        except (Silence, Stop):
            pass

    def finish(self) -> list[Diagnostic]:
        """The problems, those that were met several times with the count."""
        finished = []
        for problem in self.problems:
            assert problem.primary is not None
            times = self._repeats[(problem.code, problem.primary.span)]
            note = (f"the same mistake is met {times} times; shown is the first",) if times > 1 else ()
            finished.append(problem._replace(notes=problem.notes + note))
        return finished

    def frames(self) -> tuple[Frame, ...]:
        """The chain of calls, where it says more than the place of a mistake does."""
        if len(self.calls) < 2 and not self.is_variant:
            return ()
        frames = [
            Frame("  " * depth + call.text, f"{call.span.source.path}:{call.span.line}", call.enters)
            for depth, call in enumerate(self.calls)
        ]
        if len(frames) <= 2 * FRAMES_SHOWN:
            return tuple(frames)
        between = Frame("  " * FRAMES_SHOWN + f"... {len(frames) - 2 * FRAMES_SHOWN} calls more")
        last = (
            frame._replace(text="  " * (FRAMES_SHOWN + 1) + frame.text.lstrip()) for frame in frames[-FRAMES_SHOWN:]
        )
        return (*frames[:FRAMES_SHOWN], between, *last)

    def spend_work(self, span: Span, work: int = STATEMENT) -> None:
        """Pays for a statement, a turn of a loop, or the values worked out in an expression. Raises `Fault`."""
        if not self.budget.pays_work(work):
            raise self.used_up(f"more work than that of {STATEMENT_LIMIT:_} statements", span)

    def spend_operators(self, span: Span, count: int) -> None:
        """Pays for operators and calls of blocks. Raises `Fault`."""
        if not self.budget.pays_operators(count):
            raise self.used_up(f"more than {OPERATOR_LIMIT:_} operators", span)

    @contextmanager
    def spending(self, text: str, span: Span) -> Iterator[Spender]:
        """A loop, or a call, that a spent budget is blamed on."""
        depth = len(self.spenders)
        spender = Spender(text, span, self.budget)
        self.spenders.append(spender)
        try:
            yield spender
        finally:
            del self.spenders[depth:]

    def used_up(self, message: str, span: Span) -> Fault:
        """A spent budget, with the innermost loop or call that took half of it or more."""
        blamed = ((s, s.spent(self.budget)) for s in reversed(self.spenders))
        spender, spent = next(((s, spent) for s, spent in blamed if spent is not None), (None, None))
        if spender is None or spent is None or spender.span == span:
            return self._spent(message, span, spent or "here the budget ends", _ALIKE)
        return self._spent(message, span, "here the budget ends", _ALIKE, Label(spender.span, spent))

    def _spent(self, message: str, span: Span, text: str, help: str, *labels: Label) -> Fault:
        self._is_spent = True
        return Fault(BUDGET_EXCEEDED, message, span, text, labels=labels, helps=(help,))

    def enter(self, text: str, span: Span, enters: tuple[Any, ...]) -> None:
        if len(self.calls) >= CALL_DEPTH_LIMIT:
            message = f"calls are nested deeper than {CALL_DEPTH_LIMIT}"
            raise self._spent(message, span, "", "a block that calls itself has to stop: `if c > 1 { ... }`")
        self.spend_work(span, CALL)
        shapes = ", ".join(show_shape(v.type.shape) for v in enters)
        self.calls.append(Call(text, span, f"enters {shapes}" if shapes else ""))
        if len(self.calls) > 1:
            self.spenders.append(Spender(f"`{text}`", span, self.budget))

    def leave(self) -> None:
        self.calls.pop()
        if self.calls:
            self.spenders.pop()
