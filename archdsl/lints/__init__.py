"""Layer 5: what is legal and still likely a mistake: one lint a file, found by walking the folder.

A lint file has `KIND`, spec texts that it accepts and rejects (its tests and its page), and one function:
`find_in_text` reads a file as it is written, `find_in_graph` a network that was built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from os import scandir
from types import ModuleType

from archdsl.lints.subject import Allows, Graph, Text, allowed_in
from archdsl.source import Diagnostic, Span
from archdsl.syntax import tree

__all__ = ["Graph", "Linter", "codes", "lints"]


@cache
def codes() -> tuple[str, ...]:
    """The codes of all lints: the names of their files."""
    (folder,) = __path__
    with scandir(folder) as entries:
        files = sorted(e.name for e in entries if e.name.endswith(".py") and not e.name.startswith("_"))
    return tuple(file.removesuffix(".py").replace("_", "-") for file in files)


@cache
def lints() -> tuple[ModuleType, ...]:
    """The module of every lint, by code."""
    return tuple(import_module(f"{__name__}.{code.replace('-', '_')}") for code in codes())


class Linter:
    """Runs the lints on one file and its networks, and remembers which `allow` was needed."""

    def __init__(self, file: tree.File, imported: Iterable[tree.File] = ()) -> None:
        self.text = Text(file)
        self._allows = Allows([*self.text.allows, *(allowed for other in imported for allowed in allowed_in(other))])
        self._in_text: dict[frozenset[str], list[Diagnostic]] = {}

    def in_text(self, *, is_built: bool, is_decided: bool) -> list[Diagnostic]:
        """What the lints find in the file as it is written.

        A misspelt name leaves another unused: what is unused is told where all networks were built, and what claims may name
        where these were decided too.
        """
        asked = {lint.KIND.code: lint for lint in lints() if hasattr(lint, "find_in_text")}
        told = frozenset(c for c in asked if not c.startswith("unused-") or _is_known(c, is_built, is_decided))
        if told not in self._in_text:
            found = (d for code, lint in asked.items() if code in told for d in lint.find_in_text(self.text))
            self._in_text[told] = self._kept(found)
        return self._in_text[told]

    def in_graph(self, graph: Graph, *, info: bool = False) -> list[Diagnostic]:
        """What the lints find in a network: the hints with `info`, else the warnings."""
        asked = (lint for lint in lints() if hasattr(lint, "find_in_graph"))
        return self._kept(d for a in asked if (a.KIND.severity == "info") == info for d in a.find_in_graph(graph))

    def unused_allows(self, *, is_whole: bool, info: bool) -> list[Diagnostic]:
        """What the file allows for nothing, after all that is asked for was linted.

        Whether `allow` of a lint about networks is needed is known only when all of them were linted: `is_whole`.
        """
        if not self.text.allows:
            return []
        from archdsl.lints.unused_allow import find

        run = {lint.KIND.code for lint in lints() if _is_run(lint, is_whole, info)}
        unused = (a for a in self.text.allows if a.span is None or (a.code in run and not a.is_needed))
        return [diagnostic for allowed in unused for diagnostic in find(allowed)]

    def _kept(self, found: Iterable[Diagnostic]) -> list[Diagnostic]:
        """What is not allowed, each place of the text once with the count."""
        first: dict[tuple[str, Span], Diagnostic] = {}
        times: Counter[tuple[str, Span]] = Counter()
        for diagnostic in found:
            assert diagnostic.primary is not None
            key = (diagnostic.code, diagnostic.primary.span)
            if not self._allows.silence(*key):
                first.setdefault(key, diagnostic)
                times[key] += 1
        return [_counted(diagnostic, times[key]) for key, diagnostic in first.items()]


def _is_known(code: str, is_built: bool, is_decided: bool) -> bool:
    """Whether a lint can tell what is unused; no claim names a block."""
    return is_built and (is_decided or code == "unused-block")


def _is_run(lint: ModuleType, is_whole: bool, info: bool) -> bool:
    """Whether a lint has seen everything that it is about."""
    return hasattr(lint, "find_in_text") or (is_whole and (info or lint.KIND.severity != "info"))


def _counted(diagnostic: Diagnostic, times: int) -> Diagnostic:
    if times == 1:
        return diagnostic
    note = f"the same is found {times} times at this place; shown is the first"
    return diagnostic._replace(notes=(*diagnostic.notes, note))
