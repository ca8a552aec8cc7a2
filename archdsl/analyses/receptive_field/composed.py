"""Fields where operators are too many to be listed: what a module makes of one is worked out once for all that are like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archdsl.analyses.receptive_field.affine import Affine, Guard, Guards
from archdsl.analyses.receptive_field.axis import Join, UnitRows, union
from archdsl.analyses.receptive_field.field import Field, gathered, unit
from archdsl.analyses.receptive_field.run import Fields, Known, Walk, first_map, input_type, joined, own_fields, split
from archdsl.analyses.turns import Split
from archdsl.ir import Module, Network, Node, Shape, TooManyOperators

MOST_TRACES = 10_000
"""So many unlike fields of calls are followed."""


class ComposedFields:
    """Fields towards one input, the first with places, at paths that are asked for."""

    def __init__(self, network: Network, join: Join = union) -> None:
        self.network = network
        self.input = first_map(network)
        self.type = input_type(network, self.input)
        self._composer = _Composer(self.type.positions, join)
        self._modules = {"": self._composer.module(network.body, own_fields(network, self.input))}

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
        return gathered([(known[value], value.type) for value in node.results], self.type.positions)

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
                raise KeyError(f"there is no `{path}`")
            prefix += node.name
            if path == prefix:
                return node, known
            if not isinstance(node.operator, Module):
                raise KeyError(f"there is no `{path}`")
            prefix, module = prefix + ".", node.operator
            if prefix not in self._modules:
                self._modules[prefix] = self._composer.module(module, [known[value] for value in node.operands])


class _Trace(NamedTuple):
    """What a module makes of fields of one form."""

    guards: tuple[Guard, ...]
    """The fields for which it does."""
    results: Split
    """Its numbers are sums of those that came in."""


class _Composer(Walk):
    """Takes what a call makes of its fields from one that was traced, wherever that holds."""

    def __init__(self, sizes: Shape, join: Join) -> None:
        super().__init__(sizes, join)
        self._traces: dict[tuple[Module, str], list[_Trace]] = {}
        self._count = 0

    def call(self, module: Module, inputs: Fields) -> Fields:
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
        results = split(super().call(module, joined(Split(form, numbers), self.sizes)))
        return _Trace(guards.found, results)


def _of(number: int, numbers: Sequence[int]) -> int:
    """What a sum is, of other numbers than those that it was found with."""
    return _sum(number.terms, number.rest, numbers) if isinstance(number, Affine) else number


def _sum(terms: Mapping[int, int], rest: int, numbers: Sequence[int]) -> int:
    total = rest
    for place, factor in terms.items():
        total = total + factor * numbers[place]
    return total
