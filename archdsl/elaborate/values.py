"""What names and expressions stand for: data, layers and tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from archdsl.elaborate.counts import Count
from archdsl.ir import Condition, Module, Op, Operation, Size, Value
from archdsl.source import Span
from archdsl.syntax import tree

Datum = int | Fraction | float | bool | str | tuple[Any, ...]


class Window(tuple[int, ...]):
    """The sizes of `3x3`: a list that is shown as it was written."""

    __slots__ = ()


class Poison:
    """Stands for what could not be made; it silences everything that follows from it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "POISON"


POISON = Poison()
LONGEST = 60
"""Characters of the arguments of a call that are shown."""


class Tensors:
    """A tensor, or a list of them (a list of taps, several results)."""

    __slots__ = ("has_items", "is_list", "values")

    def __init__(self, values: tuple[Value, ...], is_list: bool = False, has_items: bool = False) -> None:
        self.values = values
        self.is_list = is_list
        self.has_items = has_items
        """Whether a single one may be read as a list too: `in`, and what `split` gives, may be several or one."""

    @property
    def items(self) -> tuple[Value, ...] | None:
        """The values as a list that has a length and may be indexed; None for one tensor."""
        return self.values if self.is_list or self.has_items else None


class Given:
    """An argument with the place it was written at."""

    __slots__ = ("span", "value")

    def __init__(self, value: Any, span: Span) -> None:
        self.value = value
        self.span = span

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Given) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


class Layer:
    """What takes a value and gives one: an operator, a block or a shared instance, with the arguments bound so far.

    Two layers are equal where they would do the same, wherever they were written.
    """

    __slots__ = ("arguments", "count", "defaults", "op", "order", "target")

    def __init__(
        self,
        target: type[Op] | Definition | SharedInstance,
        arguments: dict[str, Given] | None = None,
        defaults: dict[str, Given] | None = None,
        order: tuple[str | None, ...] = (),
    ) -> None:
        self.target = target
        self.op = target if isinstance(target, type) else None
        """The operator, where it is one."""
        self.arguments = arguments or {}
        self.defaults = defaults or {}
        self.order = order
        """How each argument was written: its name, or None for one by position; only for showing the call."""
        given = (g.value for bound in (self.arguments, self.defaults) for g in bound.values())
        self.count: int = 1 + sum(value.count for value in given if isinstance(value, Layer))
        """How many layers it is, those given as arguments among them, each wherever it is given."""

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def is_merge(self) -> bool:
        return self.op is not None and self.op.operands is None

    @property
    def definition(self) -> Definition:
        """The block or network; only asked for where it is one."""
        assert isinstance(self.target, Definition)
        return self.target

    @property
    def given(self) -> dict[str, Given]:
        """All that is bound: the defaults written around the use, and the arguments, which beat them."""
        return {**self.defaults, **self.arguments} if self.defaults else self.arguments

    @property
    def tensors(self) -> tuple[Value, ...]:
        """The values given to a block's parameters, also inside of layers, in the order of its declaration."""
        given = self.given
        bound = (given[p.name.text].value for p in self.definition.syntax.parameters if p.name.text in given)
        return tuple(value for argument in bound for value in tensors_in(argument))

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for layers that are."""
        return (self.target, tuple(sorted((name, freeze(given.value)) for name, given in self.given.items())))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Definition:
    """A block or network as declared, with the scope it was written in."""

    __slots__ = ("name", "operations", "scope", "syntax")

    def __init__(self, syntax: tree.Block | tree.Network, scope: Any) -> None:
        self.name = syntax.name.text
        self.syntax = syntax
        self.scope = scope
        self.operations: tuple[Operation, ...] | None = None
        """What it asks and works out; None until that is asked for."""


class SharedInstance:
    """`shared tower = ...`: one instance, made at its first use."""

    __slots__ = ("element", "is_named", "layer", "modules", "name", "place", "scope", "state", "ways")

    def __init__(self, name: str, element: tree.Element, layer: Layer | None, scope: Any, place: Any) -> None:
        self.name = name
        self.element = element
        self.layer = layer
        """None where it is a group or a merge."""
        self.scope = scope
        """The names known where it is declared."""
        self.place = place
        self.is_named = False
        """Whether its place has a child of its name."""
        self.modules: dict[Any, Module | Op] = {}
        """What it became, by the types of the values that enter and the tensor parameters given."""
        self.state: Any = None
        """The names and shapes of its weights; None until two uses are compared."""
        self.ways: list[frozenset[Any]] | None = None
        """What all its uses can run, for each operator; None until two are compared."""

    @property
    def open_tensors(self) -> tuple[str, ...]:
        """The tensor parameters of a shared block that its declaration leaves to its uses."""
        if self.layer is None or self.layer.op is not None:
            return ()
        given = self.layer.given
        parameters = self.layer.definition.syntax.parameters
        return tuple(p.name.text for p in parameters if p.kind and p.kind.text == "tensor" and p.name.text not in given)

    def used(self, use: Layer) -> Layer | None:
        """The layer with the tensors of a use; None for a group or a merge."""
        if self.layer is None:
            return None
        arguments = {**self.layer.arguments, **use.arguments}
        return Layer(self.layer.target, arguments, self.layer.defaults, self.layer.order + use.order)


class Function:
    """A function on data: `min`, `divisor`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def freeze(value: Any) -> Any:
    """A hashable stand-in that tells apart what Python holds equal (1 and true) and tensors by type only."""
    if isinstance(value, Tensors):
        return ("tensor", value.is_list, tuple((v.type, v.channels) for v in value.values))
    if isinstance(value, tuple):
        return ("list", *map(freeze, value))
    if isinstance(value, Layer):
        return value
    return (type(value).__name__, value.key if isinstance(value, Count) else value)


def tensors_in(argument: Any) -> Iterator[Value]:
    """The tensors of a value, those bound to a layer too."""
    if isinstance(argument, Tensors):
        yield from argument.values
    elif isinstance(argument, Layer):
        for _, given in sorted(argument.given.items()):
            yield from tensors_in(given.value)


def with_tensors(argument: Any, name: str, enter: Callable[[Value, str], Value]) -> Any:
    """An argument with other tensors in it, those bound to layers too, asked for in the order of `Layer.tensors`.

    Args:
        name: what the argument is given as.
        enter: gives the tensor in the place of another; it is told the name it would go by.
    """
    if isinstance(argument, Tensors):
        is_one = len(argument.values) == 1
        values = tuple(enter(v, name if is_one else v.tap or name) for v in argument.values)
        return Tensors(values, argument.is_list)
    if not isinstance(argument, Layer) or next(tensors_in(argument), None) is None:
        return argument
    given = {n: Given(with_tensors(g.value, n, enter), g.span) for n, g in sorted(argument.given.items())}
    arguments, defaults = ({n: given[n] for n in bound} for bound in (argument.arguments, argument.defaults))
    return Layer(argument.target, arguments, defaults, argument.order)


def kind_of(value: Any) -> str:
    """The kind of a value, in words."""
    if isinstance(value, Tensors):
        return "a list of tensors" if value.is_list else "a tensor"
    if isinstance(value, Layer):
        return "a layer"
    if isinstance(value, Function):
        return "a function on data"
    if isinstance(value, Condition):
        return "a condition"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, tuple) else "a number"


def advice_on_items(value: Any, e: tree.Index) -> tuple[str, ...]:
    """What was meant by brackets behind a tensor or a layer."""
    if isinstance(value, Tensors):
        if isinstance(e.base, tree.Name) and not isinstance(e.index, tree.Number | tree.Unary):
            return (f"`as {e.base.text}[]`, where it is named, makes a list of the results of all turns",)
        return ("`x -> select(0)` takes a place of an axis, `x -> slice(0, 3)` a part of it",)
    return ("arguments stand in parentheses: `linear(10)`",) if isinstance(value, Layer) else ()


def show(value: Any) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, Fraction):
        return show_number(value)
    if isinstance(value, str):
        return value if value.isidentifier() else f'"{value}"'
    if isinstance(value, Window):
        return "x".join(map(str, value))
    if isinstance(value, tuple):
        return f"[{', '.join(map(show, value))}]"
    if isinstance(value, Layer):
        return show_call(value)
    if isinstance(value, Tensors):
        return (value.values[0].tap if len(value.values) == 1 else None) or "..."
    return str(value)


def is_number(value: Any) -> bool:
    """Whether it can be counted with: a number, or a size that is open."""
    return isinstance(value, int | Fraction | Size) and not isinstance(value, bool)


def simplify(value: int | Fraction) -> int | Fraction:
    """Rationals that are whole become integers."""
    return int(value) if isinstance(value, Fraction) and value.denominator == 1 else value


def show_number(value: Fraction) -> str:
    if value.denominator == 1:
        return show(int(value))
    decimal = float(value)
    if Fraction(f"{decimal:g}") == value:
        return f"{decimal:g}"
    # A root is the nearest double, which no fraction says better.
    is_root = value.denominator > 2**20 and Fraction(decimal) == value
    return repr(decimal) if is_root else f"{value.numerator}/{value.denominator}"


def show_call(layer: Layer, *, tensors: bool = True) -> str:
    """A call as a person would write it: `bottleneck(128, stride=2)`.

    Args:
        tensors: whether to name tensors among the arguments, which calls of one module give each its own.
    """
    positional, named = [], []
    for (name, given), written in zip(layer.arguments.items(), layer.order, strict=True):
        value = given.value
        if isinstance(value, Tensors) and not tensors:
            continue
        text = show_call(value, tensors=tensors) if isinstance(value, Layer) else show(value)
        if written is None:
            positional.append(text)
        else:
            named.append(f"{name}={text}")
    shown = positional + named
    inside = ", ".join(shown)
    if len(inside) > LONGEST:
        inside = inside[: LONGEST - 3] + "..."
    return f"{layer.name}({inside})" if shown else layer.name
