"""Graph -> drawing model: units become rows of cards, pills, outlines; forks and lanes come from their structure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from archdsl.analyses.cost import Cost, CostFacts
from archdsl.backends.graphviz.model import (
    ENTRY,
    KINDS,
    Anchor,
    Arm,
    Bar,
    Body,
    Card,
    Drawing,
    Group,
    Item,
    Kind,
    Lane,
    Merge,
    Parallel,
    Row,
    Step,
    Style,
    Terminal,
    Word,
)
from archdsl.backends.graphviz.structure import Edge, Fork, Path, Structure, structure
from archdsl.backends.graphviz.structure import Unit as Place
from archdsl.backends.graphviz.units import FUSED, Unit, Units, describe, shown_paths
from archdsl.backends.graphviz.words import glyph, short, show_output, times, total
from archdsl.ir import Module, Network, Node, Value, modules

MOST_ROWS = 60
"""A picture with more rows than this is drawn as an overview unless the expanded one is asked for."""

SYMBOLS = {"add": "+", "subtract": "\N{MINUS SIGN}", "multiply": "×", "average": "average", "maximum": "max"}


def drawing(network: Network, costs: CostFacts, *, footer: tuple[str, ...] = (), style: Style = "auto") -> Drawing:
    """The drawing of a network. Parts that exist only while training are left out.

    `style="overview"` draws every block once, beside the network, `"expanded"` draws all calls in place, `"auto"` takes
    the first where the second would have more than 60 rows. `footer` are the lines under the legend.
    """
    if style == "auto":
        style = "overview" if _rows(network) > MOST_ROWS else "expanded"
    builder = _Builder(network, costs, expand=style == "expanded")
    body = builder.network()
    definitions = tuple(builder.definitions())
    layers = f"{costs.depth} weight layer{'' if costs.depth == 1 else 's'}"
    return Drawing(
        network.name,
        f"{total(costs.total.params)} params · {total(costs.total.macs)} MACs · {layers}",
        body,
        definitions,
        tuple(k for k in KINDS if k in builder.kinds),
        builder.scale,
        footer,
    )


def _rows(network: Network) -> int:
    """About how many rows the expanded picture has; calls of one module in a row count once."""
    counted: dict[int, int] = {}
    for module in modules(network):
        rows, before = 0, None
        for node in module.nodes:
            if isinstance(node.operator, Module):
                rows += 0 if node.operator is before else counted[id(node.operator)]
            elif node.operator.category not in FUSED:
                rows += 1
            before = node.operator
        counted[id(module)] = rows
    return counted[id(network.body)]


def _runs(network: Network) -> Counter[int]:
    """How often each module runs in the unrolled network, by identity."""
    runs: Counter[int] = Counter({id(network.body): 1})
    for module in reversed(list(modules(network))):
        for node in module.nodes:
            if isinstance(node.operator, Module) and not node.training:
                runs[id(node.operator)] += runs[id(module)]
    return runs


class _Built(NamedTuple):
    """A body, where its outputs are made, and who reads those of its inputs that do not enter at its top."""

    body: Body
    exits: dict[Value, Anchor]
    readers: dict[Value, list[Anchor]]


class _Builder:
    def __init__(self, source: Network, costs: CostFacts, *, expand: bool) -> None:
        self.source = source
        self.costs: dict[int, Cost] = costs.modules
        self.expand = expand
        self.kinds: set[Kind] = set()
        self.scale = 0
        self.closed: dict[int, tuple[Module, str]] = {}
        """Modules drawn as a row, by identity, with the path of their first call: what needs a definition."""
        self._opens: dict[int, bool] = {}
        self._keys = 0

    def key(self) -> int:
        self._keys += 1
        return self._keys

    def network(self) -> Body:
        body = self.source.body
        units = Units(body, "", None, self.costs)
        for name, value in zip(self.source.inputs, body.inputs, strict=True):
            units.add_input(self._terminal(name, name, value), value)
        units.add_nodes(self._place)
        for output in self.source.outputs:
            if not output.training:
                units.add_output(self._terminal(output.name, output.name, output.value), output.value)
        return _Assembly(self, units, is_network=True).built().body

    def definitions(self) -> list[Group]:
        """The definition of every block that is drawn as a row somewhere, in the order of their first calls."""
        runs = _runs(self.source)
        found: list[Group] = []
        done: set[int] = set()
        while len(done) < len(self.closed):
            identity, (module, path) = next((k, v) for k, v in self.closed.items() if k not in done)
            done.add(identity)
            count = runs[identity]
            note = f"used {count:_} times · drawn once" if count > 1 else f"used once, as {path}"
            units = Units(module, f"{path}.", None, self.costs)
            for value in module.inputs:
                units.add_input(self._terminal("", "in", value), value)
            units.add_nodes(self._place)
            for value in module.outputs:
                units.add_output(self._terminal("", "", value), value)
            body = _Assembly(self, units).built().body
            found.append(Group(self.key(), "", times(module.text), note, 1, "definition", body))
        return found

    def _terminal(self, path: str, name: str, value: Value) -> Terminal:
        return Terminal(self.key(), path, name, show_output([value.type]), glyph(value.type) if path else None)

    def _place(self, node: Node, path: str) -> Unit:
        """The unit of a node by itself."""
        op = node.operator
        if isinstance(op, Module):
            return self._place_call(node, op, path)
        joins = op.category == "merge"
        splits = len(node.results) > 1 or op.name == "concat"
        unit = Unit("bar" if splits else "merge" if joins else "row", path, node)
        describe(unit, op)
        if joins and not splits:
            unit.text = SYMBOLS.get(op.name, unit.text)
        unit.before, unit.after = node.operand_types[:1], node.result_types
        return unit

    def _place_call(self, node: Node, module: Module, path: str) -> Unit:
        inside = self._inside(module, path) if len(module.inputs) == len(module.outputs) == 1 else None
        if inside is not None and inside.single is not None:
            unit = inside.single
            unit.paths.insert(0, path)
            unit.names = [node.name]
            unit.node = node
            unit.before = node.operand_types[:1]
            unit.module = None if unit.words else module
            return unit
        is_open = self.expand or module.kind == "group" or (inside is not None and self._is_card(inside))
        unit = Unit("scope" if is_open else "row", path, node)
        unit.module = module
        unit.text = times(module.text)
        unit.before, unit.after = node.operand_types[:1], node.result_types
        if not is_open:
            self.closed.setdefault(id(module), (module, path))
        return unit

    def _inside(self, module: Module, path: str) -> Units:
        return Units(module, f"{path}.", module.inputs[0], self.costs).add_nodes(self._place)

    def _is_card(self, units: Units) -> bool:
        """Whether a block is no more than calls of others, one after the other."""
        return units.is_chain and any(u.kind == "block" for u in units.units)
