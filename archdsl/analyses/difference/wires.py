"""What the children of two scopes read, and what goes in and out of the scopes, under names that hold in both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from archdsl.ir import Module, Network, Node, Output, Value

Texts = tuple[str, ...]
Two = tuple[Texts, Texts]
"""As it was, and as it is."""
Pair = tuple[Node | None, Node | None]


class Names(NamedTuple):
    """What both scopes have, by its names before and after: the names after."""

    before: Mapping[str, str]
    after: Mapping[str, str]

    @classmethod
    def of(cls, before: Module, after: Module, pairs: Iterable[Pair]) -> Names:
        """Those of matched children, and of what comes from outside: under one name, the others in order."""
        outside = [[_outside(value) for value in module.inputs] for module in (before, after)]
        common = set(outside[0]) & set(outside[1])
        names = {name: name for name in common}
        names |= zip(*([name for name in own if name not in common] for own in outside), strict=False)
        names |= {a.name: b.name for a, b in pairs if a is not None and b is not None}
        return cls(names, {name: name for name in names.values()})

    def reads(self, before: Sequence[Value], after: Sequence[Value], *, in_order: bool = True) -> Two | None:
        """The values by their names, where both have them all and they are not the same."""
        first, second = _named(before, self.before), _named(after, self.after)
        is_same = first == second if in_order else sorted(first) == sorted(second)
        return None if is_same or "" in (*first, *second) else (first, second)


def _outside(value: Value) -> str:
    return value.tap or "in"


def _named(values: Sequence[Value], names: Mapping[str, str]) -> Texts:
    return tuple(_name(value, names) for value in values)


def _name(value: Value, names: Mapping[str, str]) -> str:
    """The child that makes it, with a number if it is not the first result; empty for what only one of the scopes has."""
    node = value.producer
    if node is None:
        return names.get(_outside(value), "")
    name = names.get(node.name, "")
    return f"{name}[{value.index}]" if name and value.index and not is_group(node) else name


def is_group(node: Node) -> bool:
    """Whether it is a labelled group: its operands and results are in the order in which they are first read."""
    return isinstance(node.operator, Module) and node.operator.kind == "group"


def outputs_of_scope(before: Module, after: Module, names: Names) -> Two | None:
    """What makes the outputs of a block or a group, where that are other children."""
    if len(before.outputs) != len(after.outputs):
        return None
    return names.reads(before.outputs, after.outputs, in_order=after.kind != "group")


def inputs(before: Network, after: Network) -> Two | None:
    """The inputs of two networks, where they have other names or types."""
    first, second = (
        tuple(f"{name} {type}" for name, type in zip(network.inputs, network.input_types, strict=True))
        for network in (before, after)
    )
    return None if first == second else (first, second)


def outputs(before: Network, after: Network, names: Names) -> Two | None:
    """The outputs of two networks, where they have other names, or are made by other layers: `y = fc`."""
    made = [
        {output.name: _name(output.value, known) for output in network.outputs}
        for network, known in zip((before, after), names, strict=True)
    ]
    moved = {
        name for name, maker in made[0].items() if "" not in (maker, made[1].get(name, "")) and maker != made[1][name]
    }
    first, second = (
        tuple(_output(output, made_by[output.name] if output.name in moved else "") for output in network.outputs)
        for network, made_by in zip((before, after), made, strict=True)
    )
    return None if first == second else (first, second)


def _output(output: Output, maker: str) -> str:
    return f"{'training ' if output.training else ''}{output.name}{f' = {maker}' if maker else ''}"
