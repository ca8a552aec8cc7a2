"""Steps as they are done, on standard error: a bar on a terminal, which leaves when all is done, else a few lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING, Self

from archdsl.cli.terminal import Color, is_colored

if TYPE_CHECKING:
    from archdsl.backends.pytorch import Step

LINES = 10
"""A pipe gets no more lines than this."""


def watched(steps: Iterable[Step], count: int, color: Color) -> list[Step]:
    """The steps, each shown when it is done."""
    return _with_a_bar(steps, count, color) if sys.stderr.isatty() else _with_lines(steps, count)


def _with_lines(steps: Iterable[Step], count: int) -> list[Step]:
    done = []
    every = -(-count // LINES)
    for step in steps:
        done.append(step)
        if count > 1 and (step.number % every == 0 or step.number == count):
            print(f"{step.number}/{count}  {_words(step)}", file=sys.stderr, flush=True)
    return done


def _with_a_bar(steps: Iterable[Step], count: int, color: Color) -> list[Step]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    console = Console(file=sys.stderr, no_color=not is_colored(sys.stderr, color))
    done = []
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=count)
        for step in steps:
            done.append(step)
            bar.update(task, completed=step.number, description=_words(step))
    return done


def _words(step: Step) -> str:
    return f"{step.seconds:.3f} s" + ("" if step.loss is None else f"  loss {step.loss:.4f}")


class Place:
    """A line on a terminal that says how far a long task is, and goes away with it. Nothing where stderr is piped."""

    DELAY = 1.0
    """Seconds that a task may take without one."""

    def __init__(self, what: str, count: int) -> None:
        self._what = what
        self._count = count
        self._done = 0
        self._start = monotonic()
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Makes room for what is printed meanwhile."""
        self._write("")

    def step(self, name: str) -> None:
        """The next part begins."""
        self._done += 1
        if sys.stderr.isatty() and monotonic() - self._start > self.DELAY:
            self._write(f"{self._what} {self._done} of {self._count}: {name}"[:79])

    def _write(self, text: str) -> None:
        if text or self._width:
            sys.stderr.write("\r" + text.ljust(self._width) + ("" if text else "\r"))
            sys.stderr.flush()
            self._width = len(text)
