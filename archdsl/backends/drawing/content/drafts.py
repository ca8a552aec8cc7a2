"""What stands for each node of a graph: a row, a pill, an outline; and what calls show where they are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from archdsl.analyses.cost import CostFacts
from archdsl.backends.drawing.content.calls import Calls
from archdsl.backends.drawing.content.gather import TURN
from archdsl.backends.drawing.content.growth import Growth, grow
from archdsl.backends.drawing.content.model import Kind, Terminal
from archdsl.backends.drawing.content.opening import Opening
from archdsl.backends.drawing.content.units import ORDERED, Costs, Unit, Units, describe
from archdsl.backends.drawing.content.words import glyph, show_output
from archdsl.backends.drawing.look import Look
from archdsl.ir import Module, Network, Node, Value, modules

MOST_TURNS = 18
"""A group in which more units do not just follow the one before is a row of an overview: side by side they are too wide."""


OFTEN = 3
"""A block that a module with branches calls so often is a row there, and drawn once: cells that a search found."""


class Drafts:
    """Makes the units of one picture, and collects what its legend, scale and definitions are made of."""

    def __init__(self, network: Network, costs: CostFacts, opening: Opening, look: Look) -> None:
        self.calls = Calls(network)
        self.costs = Costs(costs.nodes, _bytes(network), self.calls.twins)
        self.look = look
        self.most = 0
        self.growths: list[Growth] = []
        """Layers that each join all before them, drawn as a state that grows."""
        self.opening = opening._replace(depth=0, calls=frozenset())
        self.kinds: set[Kind] = set()
        self.scale = 0
        self.closed: dict[int, tuple[Module, str]] = {}
        """Modules that a row stands for, by identity, with the path of their first call: what needs a definition."""
        self.folded: list[str] = []
        """The paths of groups that are rows."""
        self._keys = 0
        self._shows: dict[int, Literal["row", "run", "calls", "body"]] = {}
        self._turns: dict[int, int] = {}
        self._cells: set[Node] = set()
        """Calls of blocks that a module with branches calls again and again: rows, whatever they show."""
        for module in [m for m in modules(network) if m is not network.body]:
            units = self.units(module, "", next(iter(module.inputs), None))
            self._shows[id(module)] = _showing(units)
            self._turns[id(module)] = self._turning(units)
            self._cells.update(_called_often(module))
        self.opening = opening
        self.growths.clear()

    def key(self) -> int:
        self._keys += 1
        return self._keys

    def units(self, module: Module, path: str, entry: Value | None, *, is_reuse: bool = False) -> Units:
        """The units of a module under a path, whose input `entry` enters at the top."""
        prefix = f"{path}." if path else ""
        units = Units(module, prefix, entry, self.costs, fuses=self.look.fuses, is_reuse=is_reuse).add_nodes(
            self._place
        )
        self.growths += grow(units)
        return units

    def between(
        self, module: Module, path: str, inputs: list[Terminal], outputs: list[tuple[Terminal, Value]]
    ) -> Units:
        """The units of a module between terminals."""
        units = Units(module, f"{path}." if path else "", None, self.costs, fuses=self.look.fuses)
        for terminal, value in zip(inputs, module.inputs, strict=True):
            units.add_input(terminal, value)
        units.add_nodes(self._place)
        self.growths += grow(units)
        for terminal, value in outputs:
            units.add_output(terminal, value)
        return units

    def terminal(self, path: str, name: str, value: Value) -> Terminal:
        return Terminal(
            self.key(), path, name, show_output([value.type]), glyph(value.type, value.channels) if path else None
        )

    def _turning(self, found: Units) -> int:
        """How many units of a module and the groups in it do not just follow the one before."""
        turns = 0
        for index, unit in enumerate(found.units):
            is_group = unit.role == "scope" and unit.module is not None
            turns += self._turns[id(unit.module)] if is_group else not found.follows(index)
        return turns

    def _place(self, node: Node, path: str) -> Unit:
        """The unit of a node by itself."""
        op = node.operator
        if isinstance(op, Module):
            return self._place_call(node, op, path)
        is_bar = len(node.results) > 1 or op.name in ("concat", *ORDERED)
        unit = Unit("bar" if is_bar else "merge" if op.category == "merge" else "row", path, node)
        describe(unit, op, node)
        return unit

    def _place_call(self, node: Node, module: Module, path: str) -> Unit:
        shows = self._shows[id(module)]
        row = self._row_of(node, module, path) if shows == "row" else None
        if row is not None:
            unit = row
        elif (
            shows == "row"
            or (shows == "calls" and node not in self._cells)
            or (module.kind == "group" and (self.opening.runs or self._turns[id(module)] <= MOST_TURNS))
            or self.opening.opens(path, module, is_run=shows == "run")
        ):
            unit = Unit("scope", path, node)
            is_rows = shows == "run" or (shows == "calls" and not self.opening.opens_within(path))
            unit.takes_words = module.kind == "block" and is_rows
        else:
            unit = Unit("row", path, node)
            unit.closed = (module, path) if module.kind == "block" else None
            unit.text = "…" if module.kind == "group" else ""
        unit.module = module
        unit.text = unit.text or self.calls.text(module)
        return unit

    def _row_of(self, node: Node, module: Module, path: str) -> Unit | None:
        """The only row of a module, under the name of its call; None where it is several calls, or what it calls is opened."""
        unit = self.units(module, path, module.inputs[0]).single
        if unit is None or (unit.folds and unit.count > 1):
            return None
        unit.node = node
        unit.folds = unit.folds or module.name == TURN
        unit.names, unit.count = [node.name], node.times
        unit.paths.insert(0, path)
        return unit


def _bytes(network: Network) -> dict[int, int]:
    """What the layers of each module make for a sample, by its identity."""
    found: dict[int, int] = {}
    for module in modules(network):
        nodes = [n for n in module.nodes if not n.training]
        calls = (n.times * found[id(n.operator)] for n in nodes if isinstance(n.operator, Module))
        results = (n.times * t.bytes for n in nodes if not isinstance(n.operator, Module) for t in n.result_types)
        found[id(module)] = sum(calls) + sum(results)
    return found


def _called_often(module: Module) -> Iterator[Node]:
    """The calls of blocks that a module with branches calls `OFTEN`."""
    if not any(n.operator.category == "merge" for n in module.nodes if not isinstance(n.operator, Module)):
        return iter(())
    calls = {n: n.operator.name for n in module.nodes if isinstance(n.operator, Module) and n.operator.kind == "block"}
    times = Counter(calls.values())
    return (node for node, name in calls.items() if times[name] >= OFTEN)


def _showing(units: Units) -> Literal["row", "run", "calls", "body"]:
    """What a module is by itself: one row, a run of rows, a run with calls among them, or more than that."""
    module = units.module
    if len(module.inputs) != 1 or len(module.outputs) != 1:
        return "body"
    if units.single is not None:
        return "row"
    if not units.units or not units.is_chain:
        return "body"
    return "calls" if any(u.closed for u in units.units) else "run"
