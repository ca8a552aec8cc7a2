"""Patterns of paths: `features`, `layer*.0`, `*.bn1`. What lies below a path that matches is selected with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from archdsl.source import nearest


class PathError(ValueError):
    """A pattern that no path matches."""


def matches(path: str, pattern: str) -> bool:
    """Whether each part of a path matches that of a pattern: `layer1.0` is matched by `layer*.*`, `layer1` is not."""
    parts, wanted = path.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def selected(names: Collection[str], patterns: Iterable[str]) -> list[str]:
    """The names that match a pattern, or lie below a path that does, in their order.

    Raises:
        PathError: nothing matches one of the patterns, or they are no list.
    """
    if isinstance(patterns, str):
        raise PathError(f"paths are in a list, as [{patterns!r}]")
    found: set[str] = set()
    for pattern in patterns:
        here = {name for name in names if begins_with(name, pattern)}
        if not here:
            raise PathError(not_found(pattern, names))
        found |= here
    return [name for name in names if name in found]


def covering(names: Collection[str], chosen: Collection[str]) -> tuple[str, ...]:
    """The paths furthest up that have only names below them that are chosen: all of those."""
    others = {path for name in names if name not in chosen for path in paths_of(name)}
    own = (next(path for path in paths_of(name) if path not in others) for name in names if name in chosen)
    return tuple(dict.fromkeys(own))


def paths_of(name: str) -> list[str]:
    """The paths of all that a tensor is in, from the outermost to its own."""
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def not_found(pattern: str, names: Iterable[str]) -> str:
    """That no path matches a pattern, and what may have been meant."""
    paths = dict.fromkeys(name.rsplit(".", count)[0] for name in names for count in range(name.count("."), -1, -1))
    below = _below(pattern, paths)
    close = below or nearest(pattern, paths)
    why = ": `*` matches no dot" if below else ""
    tops = ", ".join(dict.fromkeys(name.split(".")[0] for name in names))
    hint = f"{why}; did you mean `{close}`?" if close else f": {tops}"
    return f"nothing that has weights is called `{pattern}`{hint}"


def no_part(pattern: str, owner: str) -> str:
    """That what a pattern names is no part by itself, but in one, if that has a path."""
    hint = f": it belongs to `{owner}`; did you mean `{owner}`?" if owner else ""
    return f"`{pattern}` is no part that can be checkpointed{hint}"


def begins_with(name: str, pattern: str) -> bool:
    """Whether a pattern matches a name, or what it lies below."""
    return matches(".".join(name.split(".")[: pattern.count(".") + 1]), pattern)


def _below(pattern: str, paths: Iterable[str]) -> str | None:
    """Of `*bias` the pattern that names stand before: `*.bias`, or as many stars as the first paths have that end so."""
    end = pattern.lstrip("*")
    depths = (path.count(".") - end.count(".") for path in paths if path.endswith(f".{end}"))
    return min((f"{'*.' * depth}{end}" for depth in depths), key=len, default=None) if end != pattern else None
