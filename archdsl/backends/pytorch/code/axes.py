"""What the axes of a tensor are called, as far as the layers tell that it comes from and goes to.

`[32, 100]` may be tokens or a signal. A linear layer reads features along the last axis, a convolution channels along the
first: so an axis is followed through all that hands it on, out of modules and into them, to the nearest such layer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from archdsl.ir import WHOLE, Axes, Module, Network, Node, Op, Rows, Value, modules

COUNTS = ("channels", "features")
"""The sizes that layers take."""

SPATIAL = {2: ("length",), 3: ("height", "width")}
"""The other axes, by the rank."""

FARTHEST = 200
"""So many axes are looked at."""


class _Axis(NamedTuple):
    value: Value
    number: int


class AxisNames:
    """Names for the axes of the tensors that enter a network's modules."""

    def __init__(self, network: Network) -> None:
        self._readers: dict[Value, list[tuple[Node, int]]] = {}
        self._calls: dict[Module, list[Node]] = {}
        self._inputs: dict[Value, tuple[Module, int]] = {}
        self._outputs: dict[Value, list[tuple[Module, int]]] = {}
        self._known: dict[Value, tuple[str, ...]] = {}
        for module in modules(network):
            self._inputs.update((value, (module, place)) for place, value in enumerate(module.inputs))
            for place, value in enumerate(module.outputs):
                self._outputs.setdefault(value, []).append((module, place))
            for node in module.nodes:
                if isinstance(node.operator, Module):
                    self._calls.setdefault(node.operator, []).append(node)
                for place, value in enumerate(node.operands):
                    self._readers.setdefault(value, []).append((node, place))

    def of(self, value: Value) -> tuple[str, ...]:
        """For each axis `channels` or `features`, `length`, `height` or `width`; nothing where it cannot be said."""
        if value not in self._known:
            self._known[value] = self._named(value)
        return self._known[value]

    def _named(self, value: Value) -> tuple[str, ...]:
        rank = value.type.rank
        if rank < 2:
            return ("features",) * rank
        first, *_, last = (self._role(_Axis(value, axis)) for axis in range(rank))
        unnamed = ("",) * (rank - 1)
        spatial = SPATIAL.get(rank, unnamed)
        if last in COUNTS or (rank == 2 and first == "spatial"):
            return (*(spatial if rank == 2 or value.channels == rank - 1 else unnamed), "features")
        is_map = rank > 2 and not value.channels
        return ("channels", *spatial) if is_map or first in COUNTS or last == "spatial" else ("", *unnamed)

    def _role(self, axis: _Axis) -> str:
        """`channels`, `features` or `spatial`, by the nearest layer that tells; nothing where none does."""
        seen, waiting = {axis: None}, deque([axis])
        while waiting and len(seen) < FARTHEST:
            current = waiting.popleft()
            for role, further in self._around(current):
                if role:
                    return role
                waiting += (a for a in further if a not in seen)
                seen |= dict.fromkeys(further)
        return ""

    def _around(self, axis: _Axis) -> Iterator[tuple[str, list[_Axis]]]:
        """For each node that has the axis at its inside or outside: what it says of it, and the same axis beyond it."""
        value, number = axis
        for node, place in self._readers.get(value, ()):
            if isinstance(node.operator, Module):
                yield "", [_Axis(node.operator.inputs[place], number)]
            else:
                moved = ((_moves(node, result), result) for result in node.results)
                beyond = [_Axis(result, r) for moves, result in moved for p, a, r in moves if (p, a) == (place, number)]
                yield _told(node, axis, place), beyond
        maker = value.producer
        if maker is not None and isinstance(maker.operator, Module):
            yield "", [_Axis(maker.operator.outputs[value.index], number)]
        elif maker is not None:
            yield _told(maker, axis), [_Axis(maker.operands[p], a) for p, a, r in _moves(maker, value) if r == number]
        if value in self._inputs:
            module, place = self._inputs[value]
            yield "", [_Axis(call.operands[place], number) for call in self._calls.get(module, ())]
        for module, place in self._outputs.get(value, ()):
            yield "", [_Axis(call.results[place], number) for call in self._calls.get(module, ())]


def _moves(node: Node, result: Value) -> Iterator[tuple[int, int, int]]:
    """Which operand's axis is which axis of a result: the operand, its axis, the result's."""
    op, rank = node.operator, result.type.rank
    assert isinstance(op, Op)
    reach = op.reach_of(result.index, *node.operand_types)
    if reach == "pointwise":
        yield from ((place, a, a) for place, x in enumerate(node.operand_types) if x.rank == rank for a in range(rank))
    for place, entries in enumerate(reach.operands if isinstance(reach, Axes) else ()):
        x = node.operand_types[place]
        for a, rows in enumerate(entries):
            if isinstance(rows, Rows) and (x.rank == rank or x.shape[a : a + 1] == result.type.shape[rows.axis :][:1]):
                yield place, a, rows.axis


def _told(node: Node, axis: _Axis, place: int = 0) -> str:
    """What an operator takes the axis of an operand, or of a result, for."""
    op, (value, number) = node.operator, axis
    assert isinstance(op, Op)
    is_last = number == value.type.rank - 1
    match op.category:
        case "conv" | "pool" if not place and not {"axis", "axes"} & op.attributes.keys():
            return "spatial" if number else "channels"
        case "linear" | "attention" if value.type.is_float:
            return "features" if is_last else ""
        case "norm":
            reach = op.reach(*node.operand_types)
            if isinstance(reach, Axes):
                return "features" if reach.operands[0][number] == WHOLE else ""
            return "" if number else "channels"
    return ""
