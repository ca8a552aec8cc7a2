"""Problems of a spec, as Python raises them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from archdsl.elaborate import UNKNOWN_NETWORK
from archdsl.source import Diagnostic, FileProblem
from archdsl.source.render import render
from archdsl.source.styled import plain
from archdsl.targets import UnknownTarget


class SpecError(ValueError):
    """A spec that cannot be read or does not hold together. `str(error)` is the text that `archdsl check` prints."""

    def __init__(self, problems: Sequence[Diagnostic]) -> None:
        super().__init__(plain(render(problems)).rstrip())
        self.problems = tuple(problems)


@contextmanager
def told() -> Iterator[None]:
    """Raises `SpecError` for a file that cannot be read, and for a spec or network that there is not."""
    try:
        yield
    except FileProblem as problem:
        raise SpecError([problem.diagnostic]) from None
    except UnknownTarget as problem:
        raise SpecError([Diagnostic(UNKNOWN_NETWORK, str(problem))]) from None
