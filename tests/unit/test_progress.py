"""What a person sees while a long task runs, and that a pipe sees nothing of it."""

from __future__ import annotations

import io

import pytest

from archdsl.cli import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, as its only item."""
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def screen(written: str) -> str:
    """What is left on the line."""
    line = ""
    for part in written.split("\r"):
        line = part + line[len(part) :]
    return line.rstrip()


def test_a_task_of_over_a_second_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    with progress.Place("checking", 3) as place:
        place.step("a.arch")
        assert stderr.getvalue() == ""
        clock[0] = 1.5
        place.step("a_long_name.arch")
        assert screen(stderr.getvalue()) == "checking 2 of 3: a_long_name.arch"
        place.step("c.arch")
        assert screen(stderr.getvalue()) == "checking 3 of 3: c.arch"
        place.clear()
        assert screen(stderr.getvalue()) == ""
    assert screen(stderr.getvalue()) == ""


def test_a_pipe_sees_nothing(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    with progress.Place("checking", 2) as place:
        clock[0] = 5.0
        place.step("a.arch")
    assert stderr.getvalue() == ""
