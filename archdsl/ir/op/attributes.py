"""Classes whose fields are an operator's attributes: declared with a type, a default and a description, checked and frozen.

    class Linear(Op):
        features: Size = Field(description="output features")
        bias: Flag = Field(True, description="whether each output feature has a bias")

Pydantic does this too and was here first; importing it and building the first model took 70 ms of a start that is to
take 130 (docs/explanation/decisions.md).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, ClassVar, NamedTuple, Self, Union, dataclass_transform, get_args, get_origin


class Accepts(NamedTuple):
    """What an attribute takes: the words for it, and a conversion that raises ValueError or TypeError for all else."""

    words: str
    convert: Callable[[Any], Any]
    choices: tuple[str, ...] = ()
    """The words among what it takes."""


class TooLarge(ValueError):
    """A number beyond what any attribute takes; its words say which is the largest."""


class AttributeProblem(Exception):
    """An attribute that is missing, unknown or has a value it cannot take; `words` say what it takes."""

    def __init__(self, name: str, words: str, *, missing: bool = False) -> None:
        super().__init__(f"{name}: {'missing' if missing else f'must be {words}'}")
        self.name = name
        self.words = words
        self.is_missing = missing


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()


class Declared(NamedTuple):
    """A field as declared in the class body."""

    default: Any
    description: str


class Attribute(NamedTuple):
    """One attribute of an operator, as its reference page lists it."""

    name: str
    accepts: Accepts
    default: Any
    description: str
    is_optional: bool
    """Whether it may be left open, as `table=none`."""

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED

    def checked(self, value: Any) -> Any:
        """The value as the operator keeps it. Raises `AttributeProblem`."""
        if value is None and self.is_optional:
            return None
        try:
            return self.accepts.convert(value)
        except TooLarge as problem:
            raise AttributeProblem(self.name, str(problem)) from None
        except (ValueError, TypeError, OverflowError):
            raise AttributeProblem(self.name, self.accepts.words) from None


def Field(default: Any = REQUIRED, *, description: str) -> Any:  # noqa: N802 - named as in pydantic and dataclasses
    """Declares an attribute: its default, where it has one, and its line in the reference."""
    return Declared(default, description)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Attributes:
    """The base of classes with attributes. Instances are compared and hashed by class and values."""

    _declared: ClassVar[dict[str, type]] = {}
    """The class that declares each field, whose module its annotation is read in."""
    _fields: ClassVar[Mapping[str, Attribute] | None] = None

    def __init_subclass__(cls) -> None:
        own = [name for name, value in vars(cls).items() if isinstance(value, Declared)]
        cls._declared = {**cls._declared, **dict.fromkeys(own, cls)}
        cls._fields = None

    def __init__(self, **given: Any) -> None:
        values = self.__dict__
        for name, attribute in self.fields().items():
            if name in given:
                values[name] = attribute.checked(given.pop(name))
            elif attribute.default is REQUIRED:
                raise AttributeProblem(name, attribute.accepts.words, missing=True)
            else:
                values[name] = attribute.default
        for name in given:
            raise AttributeProblem(name, f"one of {', '.join(self.fields())}")

    @classmethod
    def fields(cls) -> Mapping[str, Attribute]:
        """The attributes by name, in the order of the reference."""
        if cls._fields is None:
            cls._fields = {name: _attribute(name, owner) for name, owner in cls._declared.items()}
        return cls._fields

    @property
    def attributes(self) -> dict[str, Any]:
        """The values by name."""
        return dict(self.__dict__)

    def replace(self, **changes: Any) -> Self:
        """A copy with other values, which are taken as they are."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"


def _attribute(name: str, owner: type) -> Attribute:
    declared: Declared = vars(owner)[name]
    annotation: Any = owner.__annotations__[name]
    if isinstance(annotation, str):  # the module's own text, never a spec's
        annotation = eval(annotation, vars(sys.modules[owner.__module__]))
    is_optional = get_origin(annotation) in (UnionType, Union)
    if is_optional:
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    if get_origin(annotation) is not Annotated:
        raise TypeError(f"{owner.__name__}.{name} needs a type of archdsl.ir.op.attrs")
    accepts = next(m for m in annotation.__metadata__ if isinstance(m, Accepts))
    default = declared.default
    if default is not REQUIRED and default is not None:
        default = accepts.convert(default)
    return Attribute(name, accepts, default, declared.description, is_optional)


def show_attribute(name: str, value: Any) -> str:
    """The value of an attribute as a spec writes it: `3x3` of a window, one number where it is the same for every axis.

    >>> show_attribute("window", (3, 3)), show_attribute("pad", (1, 1)), show_attribute("bias", False)
    ('3x3', '1', 'false')
    """
    if name == "window" and isinstance(value, tuple) and len(value) > 1:
        return "x".join(map(str, value))
    return _datum(value if name == "window" else folded(value))


def folded(value: Any) -> Any:
    """One number in place of the same for every axis."""
    if not isinstance(value, tuple) or not value:
        return value
    (first, *others) = {folded(v) for v in value}
    return first if not others and isinstance(first, int) else value


def _datum(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if value.isidentifier() else _quoted(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(v) if isinstance(v, str) else _datum(v) for v in value)}]"
    return str(value)


def _quoted(text: str) -> str:
    return f'"{text}"'
