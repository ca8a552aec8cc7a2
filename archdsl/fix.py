"""Layer 7: the edits that diagnostics carry, applied to a spec as far as they leave it no worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from archdsl.pipeline import open_source
from archdsl.source import Diagnostic, Edit, Source, read_spec, write_whole
from archdsl.source.edits import applied, as_read, compatible, patch

ROUND_LIMIT = 100
"""One mistake may hide another, so a file is mended in rounds."""
SINGLES_LIMIT = 20
"""Each try checks the file anew."""
CHECKED_LIMIT = 1_000_000
"""Characters that are checked in all rounds together: what is left of a long file is mended when it is asked for again."""

Check = Callable[[str], list[Diagnostic]]
"""What is found in a file with this text."""


class Mended:
    """A file before and after, and the diagnostics whose edits were applied."""

    __slots__ = ("after", "before", "done", "path")

    def __init__(self, path: str, before: str, after: str, done: list[Diagnostic]) -> None:
        self.path = path
        self.before = before
        self.after = after
        self.done = done

    def write(self) -> None:
        """Replaces the file whole. Raises `FileProblem`; then nothing is changed."""
        if self.done:
            write_whole(self.path, self.after)

    def diff(self) -> str:
        """What would be changed, as `patch` takes it."""
        return patch(as_read(self.before), as_read(self.after), f"a/{self.path}", f"b/{self.path}")


def mend(path: str, root: str | None, *, info: bool = False) -> Mended:
    """A file with all edits applied that leave it no worse; nothing is written. Raises `FileProblem`."""
    read_spec(path)  # its problems are those of every command
    folder = Path(root) if root is not None else Path(path).parent
    return mend_text(path, Path(path).read_bytes().decode("utf-8"), folder, info=info)


def mend_text(path: str, before: str, root: Path, *, info: bool = False) -> Mended:
    """The same of a text that may differ from its file, as in an editor; `root` is the folder that imports may read."""

    def check(raw: str) -> list[Diagnostic]:
        spec = open_source(Source(path, as_read(raw)), root)
        return spec.findings([spec.check(name) for name in spec.networks], info=info)

    return Mended(path, before, *_mended(path, before, check))


def _mended(path: str, raw: str, check: Check) -> tuple[str, list[Diagnostic]]:
    """Mends in rounds, errors first: all edits at once or, where that leads to new errors, less at a time."""
    done: list[Diagnostic] = []
    refused: set[tuple[str, str]] = set()
    found = check(raw)
    left = CHECKED_LIMIT
    for _ in range(ROUND_LIMIT):
        open_ = [d for d in _with_edits(found, path) if (d.code, d.message) not in refused]
        wanted = [d for d in open_ if d.severity == "error"] or open_
        if not wanted or left <= 0:
            break
        for group in _groups(wanted):
            left -= len(raw)
            after = applied(raw, compatible(_edits(group)))
            found_after = check(after)
            if _is_better(found, found_after, group):
                raw, found = after, found_after
                done += group
                break
        else:
            refused.update((d.code, d.message) for d in wanted)
    return raw, done


def _with_edits(found: Iterable[Diagnostic], path: str) -> list[Diagnostic]:
    """Diagnostics that can mend the file itself; those of files that it imports are mended when these are named."""
    return [d for d in found if d.edit is not None and d.edit.span.source.path == path]


def _groups(wanted: list[Diagnostic]) -> Iterator[list[Diagnostic]]:
    """What is tried in turn: all whose edits do not overlap, those of one kind, and the first few one by one."""
    edits = set(compatible(_edits(wanted)))
    together = [d for d in wanted if d.edit in edits]
    yield together
    for code in dict.fromkeys(d.code for d in together):
        yield [d for d in together if d.code == code]
    yield from ([d] for d in wanted[:SINGLES_LIMIT])


def _edits(diagnostics: Iterable[Diagnostic]) -> list[Edit]:
    return [d.edit for d in diagnostics if d.edit is not None]


def _is_better(before: list[Diagnostic], after: list[Diagnostic], group: list[Diagnostic]) -> bool:
    """Whether what was to be mended is gone, or met further down only, where it was hidden.

    Mending an error brings to light what it hid; mending a warning must not lead to an error, a claim that fails, say.
    """
    were, are = (Counter((d.code, d.message) for d in found) for found in (before, after))
    if any(are[d.code, d.message] >= were[d.code, d.message] and not _moved_on(d, after) for d in group):
        return False
    errors = Counter((d.code, d.message) for d in after if d.severity == "error")
    return group[0].severity == "error" or errors <= were


def _moved_on(mended: Diagnostic, after: list[Diagnostic]) -> bool:
    """Whether a mistake is met again below its line only."""
    again = [d.primary.span for d in after if (d.code, d.message) == (mended.code, mended.message) and d.primary]
    return mended.primary is not None and all(span.line > mended.primary.span.line for span in again)
