"""Options by name, as a command line or a Python program gives them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T", bound=tuple[Any, ...])


class OptionProblem(ValueError):
    """An option with a value that it does not take, or that does not go with what is asked for.

    Args:
        said: what is wrong with it.
        add: the option that is missing beside it.
    """

    def __init__(self, option: str, said: str, add: str = "") -> None:
        self.option = option
        self.said = said
        self.add = add
        super().__init__(self.spelled(str))

    def spelled(self, spell: Callable[[str], str]) -> str:
        """The same with options as a command line writes them, say."""
        added = f": add `{spell(self.add)}`" if self.add else ""
        return f"`{spell(self.option)}` {self.said}{added}"


class Accepts:
    """What an option takes beyond its type: numbers of at least so much, or words for it."""

    def __init__(self, words: str = "", *, least: int | None = None) -> None:
        self.words = words or f"a whole number of at least {least}"
        self.least = least


LEAST_SIZE = 1024
"""Bytes of memory. A smaller number lacks its unit."""
Bytes = Annotated[int, Accepts("a number of bytes, as 24 * 2**30", least=LEAST_SIZE)]
Natural = Annotated[int, Accepts(least=0)]
Positive = Annotated[int, Accepts(least=1)]
Paths = Annotated[tuple[str, ...], Accepts("paths in a list, as ['features.*']")]

WORDS = {bool: "True or False", str: "a string", int: "a whole number", float: "a number", tuple: "a list"}
"""What an option of a plain type takes."""


def options_of(kind: type[T], given: Mapping[str, Any], what: str = "option") -> T:
    """A named tuple of options, each checked by the type of its field; lists become tuples.

    Raises `ValueError` for one that there is not, or a value that it does not take.
    """
    hints = get_type_hints(kind, include_extras=True)
    for name, value in given.items():
        if name not in hints:
            raise ValueError(f"there is no {what} {name!r}: {', '.join(hints)}")
        check_option(name, value, hints[name])
    return kind(**{name: _frozen(value) for name, value in given.items()})


def check_option(name: str, value: Any, hint: Any) -> None:
    """Raises `OptionProblem` for a value that an option of a type does not take."""
    if not _takes(hint, _frozen(value)):
        raise OptionProblem(name, f"is no {value!r}: {_words(hint)}")


def check_known(kind: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raises `ValueError` for a name that there is not."""
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {kind} {name!r}: {', '.join(known)}")


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _takes(hint: Any, value: Any) -> bool:
    kind, inner = get_origin(hint), get_args(hint)
    if kind is Annotated:
        least = inner[1].least
        return _takes(inner[0], value) and (least is None or value >= least)
    if kind in (Union, UnionType):
        return any(_takes(each, value) for each in inner)
    if kind is Literal:
        return isinstance(value, str) and value in inner
    if kind is tuple:
        if not isinstance(value, tuple):
            return False
        each = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return len(each) == len(value) and all(map(_takes, each, value))
    return type(value) is hint


def _words(hint: Any) -> str:
    kind, inner = get_origin(hint), get_args(hint)
    if kind is Annotated:
        return str(inner[1].words)
    if kind in (Union, UnionType):
        return " or ".join(_words(each) for each in inner if each is not NoneType)
    if kind is Literal:
        return ", ".join(inner)
    return WORDS[kind or hint]
