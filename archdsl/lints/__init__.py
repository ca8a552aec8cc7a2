"""Layer 5: what is legal and still likely a mistake: one lint a file, found by walking the folder.

A lint file has `KIND`, spec texts that it accepts and rejects (its tests and its page), and `find`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

from archdsl.analyses import Facts
from archdsl.elaborate import Allowed
from archdsl.source import Diagnostic, Span


@cache
def finders() -> tuple[Callable[[Facts], Iterator[Diagnostic]], ...]:
    """The `find` of every lint, by file name."""
    files = sorted(p.stem for p in Path(__file__).parent.glob("[a-z]*.py"))
    return tuple(import_module(f"archdsl.lints.{file}").find for file in files)


def lint(facts: Facts, allowed: Sequence[Allowed] = ()) -> list[Diagnostic]:
    """What the lints find, each place of the text once, without what the spec allows."""
    found: dict[tuple[str, Span], Diagnostic] = {}
    for find in finders():
        for diagnostic in find(facts):
            assert diagnostic.primary is not None
            if not _is_allowed(diagnostic, allowed):
                found.setdefault((diagnostic.code, diagnostic.primary.span), diagnostic)
    return list(found.values())


def _is_allowed(diagnostic: Diagnostic, allowed: Sequence[Allowed]) -> bool:
    assert diagnostic.primary is not None
    span = diagnostic.primary.span
    return any(
        a.code == diagnostic.code
        and a.span.source is span.source
        and a.span.start <= span.start
        and span.end <= a.span.end
        for a in allowed
    )
