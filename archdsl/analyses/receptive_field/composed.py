"""Fields where operators are too many to be listed: what a module makes of one is worked out once for all that are like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archdsl.analyses.receptive_field.affine import Affine, Guard, Guards
from archdsl.analyses.receptive_field.field import (
    Field,
    Join,
    UnitRows,
    axis_of,
    field_of,
    gathered,
    through,
    union,
    unit,
)
from archdsl.analyses.receptive_field.run import first_map, joined, split, unknown
from archdsl.analyses.turns import Split, run_turns
from archdsl.ir import Module, Network, Node, Repeat, Shape, TensorType, TooManyOperators, Value, parts

MOST_TRACES = 10_000
"""So many unlike fields of calls are followed."""

Fields = Sequence[Field | None]
Known = dict[Value, Field | None]


class ComposedFields:
    """Fields towards one input, the first with spatial axes, at paths that are asked for."""

    def __init__(self, network: Network, join: Join = union) -> None:
        self.network = network
        self.input = first_map(network)
        place = network.inputs.index(self.input)
        self.type: TensorType = network.body.inputs[place].type
        self._composer = _Composer(self.type.sizes, join)
        own = (axis_of(((0, 1),), 1, n, True, axis) for axis, n in enumerate(self.type.sizes, 1))
        fields: list[Field | None] = [None] * len(network.inputs)
        fields[place] = field_of(own, self.type.sizes)
        self._modules = {"": self._composer.values(network.body, fields)}

    def values(self, path: str) -> tuple[Field | None, ...]:
        """The fields of the results of an operator or a call; in turns that stand for many those of the first.

        Raises:
            KeyError: there is no such path.
            TooManyOperators: too many calls read unlike parts of the input.
        """
        node, known = self._at(path)
        return tuple(known[value] for value in node.results)

    def of(self, path: str) -> Field | None:
        """The union of these. Raises as `values` does."""
        node, known = self._at(path)
        return gathered([(known[value], value.type) for value in node.results], self.type.sizes)

    def unit(self, path: str, index: Sequence[int]) -> tuple[UnitRows, ...] | None:
        """What one unit reads on each axis, None where that is not known. Raises `IndexError`, too."""
        node, _ = self._at(path)
        return unit(path, node.result_types[0].sizes, self.of(path), index)

    def _at(self, path: str) -> tuple[Node, Known]:
        """What is at a path, and the fields in its module."""
        prefix, module = "", self.network.body
        while True:
            known = self._modules[prefix]
            node = next((n for n in module.nodes if f"{path}.".startswith(f"{prefix}{n.name}.")), None)
            if node is None or node.training:
                raise KeyError(path)
            prefix += node.name
            if path == prefix:
                return node, known
            if not isinstance(node.operator, Module):
                raise KeyError(path)
            prefix, module = prefix + ".", node.operator
            if prefix not in self._modules:
                self._modules[prefix] = self._composer.values(module, [known[value] for value in node.operands])


class _Trace(NamedTuple):
    """What a module makes of fields of one form."""

    guards: tuple[Guard, ...]
    """The fields for which it does."""
    results: Split
    """Its numbers are sums of those that came in."""


class _Composer:
    def __init__(self, sizes: Shape, join: Join) -> None:
        self.sizes = sizes
        self.join = join
        self._traces: dict[tuple[Module, str], list[_Trace]] = {}
        self._count = 0

    def values(self, module: Module, inputs: Fields) -> Known:
        """The fields in a module; in turns that stand for many those of the first."""
        known: Known = dict(zip(module.inputs, inputs, strict=True))
        self._nodes(module.nodes, None, known)
        return known

    def call(self, module: Module, inputs: Fields) -> Fields:
        """The fields of a module's outputs."""
        form, numbers = split(inputs)
        traces = self._traces.setdefault((module, repr(form)), [])
        values = [n.value if isinstance(n, Affine) else n for n in numbers]
        trace = next((t for t in traces if all(guard.holds(values) for guard in t.guards)), None)
        if trace is None:
            trace = self._trace(module, form, values)
            traces.append(trace)
        for guard in trace.guards:
            total = _sum(dict(guard.terms), 0, numbers)
            if isinstance(total, Affine):
                total.bound(guard.low, guard.high)
        return joined(Split(trace.results.form, tuple(_of(n, numbers) for n in trace.results.numbers)), self.sizes)

    def _trace(self, module: Module, form: object, values: Sequence[int]) -> _Trace:
        self._count += 1
        if self._count > MOST_TRACES:
            raise TooManyOperators(f"more than {MOST_TRACES:_} calls read unlike parts of the input")
        guards = Guards()
        numbers: Any = tuple(Affine(value, {place: 1}, 0, guards) for place, value in enumerate(values))
        known = self.values(module, joined(Split(form, numbers), self.sizes))
        results = split([known.get(value) for value in module.outputs])
        return _Trace(guards.found, results)

    def _nodes(self, nodes: Sequence[Node], around: Repeat | None, known: Known) -> None:
        for part in parts(nodes, around):
            if isinstance(part, Repeat):
                self._row(part, known)
            elif not part.training:
                operands = [known[value] for value in part.operands]
                known.update(zip(part.results, self._node(part, operands), strict=True))

    def _node(self, node: Node, operands: Fields) -> Fields:
        op = node.operator
        if isinstance(op, Module):
            return self.call(op, operands)
        return [through(op, node, operands, n, self.sizes, self.join) for n in range(len(node.results))]

    def _row(self, row: Repeat, known: Known) -> None:
        pairs = [(old, new) for old, new in row.carried().items() if old in known]
        read, made = [old for old, _ in pairs], [new for _, new in pairs]

        def turn(before: Fields) -> tuple[Field | None, ...]:
            inside = known | dict(zip(read, before, strict=True))
            self._nodes(row.nodes, row, inside)
            return tuple(inside[value] for value in made)

        start = tuple(known[value] for value in read)
        self._nodes(row.nodes, row, known)
        after = run_turns(row.turns, start, turn, split, lambda state: joined(state, self.sizes))
        known.update(zip(made, after or [unknown(self.sizes)] * len(made), strict=True))


def _of(number: int, numbers: Sequence[int]) -> int:
    """What a sum is, of other numbers than those that it was found with."""
    return _sum(number.terms, number.rest, numbers) if isinstance(number, Affine) else number


def _sum(terms: Mapping[int, int], rest: int, numbers: Sequence[int]) -> int:
    total = rest
    for place, factor in terms.items():
        total = total + factor * numbers[place]
    return total
