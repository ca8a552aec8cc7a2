"""Steps as they are done, on standard error: a bar on a terminal, which leaves when all is done, else a few lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from archdsl.backends.pytorch import Step
from archdsl.cli.terminal import Color, is_colored

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
