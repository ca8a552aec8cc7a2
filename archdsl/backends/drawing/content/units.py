"""Nodes -> units: which layers get a row, which are words on another's, which calls fold into one or are drawn in place.

A unit is what will be one row, pill, bar, outline or terminal. This stage knows nothing of cards and forks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal, NamedTuple

from archdsl.analyses.cost import Cost
from archdsl.backends.drawing.content.model import ENTRY, Arguments, Kind, Terminal, Word
from archdsl.backends.drawing.content.words import times
from archdsl.ir import WHOLE, CallFrame, Module, Node, Op, TensorType, Value

FUSED = ("norm", "activation", "regularization")
"""Categories that become words on the row of the layer they follow."""

ORDERED = {"subtract": "A \N{MINUS SIGN} B", "divide": "A ÷ B"}
"""Merges whose operands are told apart: a bar with a part for each."""

Heading = tuple[CallFrame, ...]
"""The frames down to the inline call that heads a run; empty where none does."""


class Unit:
    """A row, merge, outline or terminal while layers are still being fused and folded into it."""

    __slots__ = (
        "after",
        "also_closed",
        "before",
        "bytes",
        "closed",
        "cost",
        "count",
        "extra",
        "extra_bytes",
        "folds",
        "heading",
        "is_reuse",
        "kind",
        "module",
        "names",
        "node",
        "paths",
        "reads",
        "role",
        "strides",
        "tail",
        "takes_words",
        "terminal",
        "text",
        "words",
    )

    def __init__(
        self, role: Literal["row", "merge", "bar", "part", "scope", "terminal"], path: str, node: Node | None
    ) -> None:
        self.role = role
        self.node = node
        self.paths = [path]
        """The paths of all layers that it stands for, its own first."""
        self.names = [] if node is None else [node.name]
        """The names of the calls folded into it."""
        self.count = 1 if node is None else node.times
        """How many calls or layers alike it stands for."""
        self.kind: Kind = "block"
        self.text = ""
        self.words: list[Word] = []
        self.strides: list[Word] = []
        self.cost = Cost()
        self.bytes = 0
        """Of the results of its layers, for a sample."""
        self.before = () if node is None else node.operand_types[:1]
        self.after = () if node is None else node.result_types
        self.heading: Heading = ()
        self.module: Module | None = None
        """What it calls."""
        self.folds = True
        """Whether further calls of the same may be folded into it."""
        self.takes_words = False
        """Whether what follows an outline may become words on its last row."""
        self.extra = Cost()
        """The cost of these words."""
        self.extra_bytes = 0
        self.is_reuse = False
        """Whether it is a further use of a shared instance."""
        self.closed: tuple[Module, str] | None = None
        """The module that its row stands for without showing it, and the path of the call."""
        self.also_closed: list[tuple[Module, str]] = []
        """The modules of further calls that it stands for, where they are not the same."""
        self.terminal: Terminal | None = None
        self.tail: Value | None = None
        """The value that a norm, activation or dropout has to read to become a word on it."""
        self.reads: list[Value] = []
        """What it reads."""

    @property
    def channels(self) -> int:
        """The axis of its result that holds channels."""
        value = self.tail if self.tail is not None or self.node is None else self.node.results[0]
        return 0 if value is None else value.channels


class Costs(NamedTuple):
    """What modules cost and make, by identity."""

    nodes: dict[Node, Cost]
    bytes: dict[int, int]
    twins: dict[int, Module]
    """For each module the one that it is drawn as."""


class Units:
    """The units of one module, in the order they run; `makers` says which unit makes a value, ENTRY what enters."""

    def __init__(
        self,
        module: Module,
        prefix: str,
        entry: Value | None,
        costs: Costs,
        *,
        fuses: bool = True,
        is_reuse: bool = False,
    ) -> None:
        self.module = module
        self.prefix = prefix
        self.costs = costs.nodes
        self.bytes = costs.bytes
        self.twins = costs.twins
        self.fuses = fuses
        """Whether norms, activations and dropout become words."""
        self.is_reuse = is_reuse
        """Whether its weights have been drawn and counted."""
        self.units: list[Unit] = []
        self.makers: dict[Value, int] = {} if entry is None else {entry: ENTRY}
        self.nodes = [n for n in module.nodes if not n.training]
        self.uses = Counter(v for n in self.nodes for v in set(n.operands))
        self.uses.update(module.outputs)
        self._seen: set[str] = set()
        self._same: dict[Value, Value] = {}
        """For what identities hand on, the value itself."""

    def add_input(self, terminal: Terminal, value: Value) -> None:
        unit = Unit("terminal", terminal.path, None)
        unit.terminal = terminal
        self._append(unit, (value,))

    def add_output(self, terminal: Terminal, value: Value) -> None:
        unit = Unit("terminal", terminal.path, None)
        unit.terminal = terminal
        unit.reads = [value]
        self._append(unit, ())

    def add_nodes(self, place: Callable[[Node, str], Unit]) -> Units:
        """Adds all nodes; `place` makes the unit of one that is neither fused nor folded."""
        for node in self.nodes:
            cost = self.costs[node].by(node.times)
            is_reuse = self.is_reuse or node.name in self._seen
            self._seen.add(node.name)
            if is_reuse:
                cost = cost.as_reuse()
            if self._pass(node) or self._fuse(node, cost) or self._fold(node, cost):
                continue
            unit = place(node, self.prefix + node.name)
            unit.cost = cost
            unit.bytes = self._bytes(node)
            unit.is_reuse = is_reuse
            unit.heading = self._heading(node)
            unit.reads = list(node.operands)
            self._append(unit, node.results)
        return self

    @property
    def single(self) -> Unit | None:
        """The only row, if there is nothing else."""
        if len(self.units) != 1 or self.units[0].role != "row":
            return None
        return self.units[0]

    @property
    def is_chain(self) -> bool:
        """Whether it is rows that follow each other."""
        return all(unit.role == "row" and self.follows(index) for index, unit in enumerate(self.units))

    def follows(self, index: int) -> bool:
        """Whether a unit reads the one before it, and nothing else."""
        return {self.makers[v] for v in self.units[index].reads if v in self.makers} == {index - 1}

    def result(self, value: Value) -> int:
        """Which result of its maker a value is."""
        return self._same.get(value, value).index

    def _append(self, unit: Unit, results: tuple[Value, ...]) -> None:
        for value in results:
            self.makers[value] = len(self.units)
        if len(results) == 1 and unit.role in ("row", "merge", "bar", "scope"):
            unit.tail = results[0]
        self.units.append(unit)

    def _maker(self, value: Value) -> Unit | None:
        """The unit that may take in the only layer that reads this value."""
        index = self.makers.get(value, ENTRY)
        if index == ENTRY or self.units[index].tail is not value or self.uses[value] > 1:
            return None
        return self.units[index]

    def _pass(self, node: Node) -> bool:
        """An identity is the value itself."""
        if isinstance(node.operator, Module) or node.operator.name != "identity":
            return False
        (operand,), (result,) = node.operands, node.results
        self._same[result] = self._same.get(operand, operand)
        if (maker := self._maker(operand)) is not None:
            maker.tail = result
        if operand in self.makers:
            self.makers[result] = self.makers[operand]
        return True

    def _fuse(self, node: Node, cost: Cost) -> bool:
        op = node.operator
        if isinstance(op, Module) or len(node.operands) != 1 or not self._fuses(op, node.operands[0].type):
            return False
        unit = self._maker(node.operands[0])
        if unit is None or (unit.role == "scope" and not unit.takes_words):
            return False
        unit.words.append(Word(op.name, "activation" if op.category == "activation" else None))
        unit.folds = False
        unit.paths.append(self.prefix + node.name)
        unit.extra = unit.extra.plus(cost)
        unit.extra_bytes += self._bytes(node)
        self._continue(unit, node, cost)
        return True

    def _fuses(self, op: Op, operand: TensorType) -> bool:
        """Whether an operator is a word on the row before it: what keeps the shape, and flattening a map of one place."""
        if op.category in FUSED:
            return self.fuses
        return op.name == "flatten" and operand.rank > 1 and set(operand.sizes) == {1}

    def _fold(self, node: Node, cost: Cost) -> bool:
        """A further call of the module that the last unit calls, on its result and all else that it reads."""
        last = self.units[-1] if self.units else None
        module = node.operator
        if last is None or not last.folds or last.module is None or not isinstance(module, Module):
            return False
        if self.twins[id(last.module)] is not self.twins[id(module)] or not node.operands:
            return False
        first, *others = node.operands
        if first is not last.tail or self.uses[first] > 1 or others != last.reads[1:]:
            return False
        if last.heading != self._heading(node):
            return False
        last.names.append(node.name)
        last.count += node.times
        last.paths.append(self.prefix + node.name)
        if last.closed and last.module is not module:
            last.also_closed.append((module, last.paths[-1]))
        self._continue(last, node, cost)
        return True

    def _continue(self, unit: Unit, node: Node, cost: Cost) -> None:
        unit.cost = unit.cost.plus(cost)
        unit.bytes += self._bytes(node)
        unit.after = node.result_types
        unit.tail = node.results[0]
        self.makers[node.results[0]] = self.makers[node.operands[0]]

    def _bytes(self, node: Node) -> int:
        """What the layers of a node make, for a sample."""
        if isinstance(node.operator, Module):
            return node.times * self.bytes[id(node.operator)]
        return node.times * sum(t.bytes for t in node.result_types)

    def branch(self, unit: Unit) -> tuple[str, Arguments]:
        """The innermost branch that a unit stands in, and the arguments of the inlined block whose branch it is."""
        if unit.node is None:
            return "", ()
        origin = unit.node.origin
        around = self.module.origin.frames if self.module.kind == "group" else ()
        conditions = [*(f.condition for f in origin.frames), origin.condition]
        arguments = [around[-1].arguments if around else (), *(f.arguments for f in origin.frames)]
        found = zip(reversed(conditions), reversed(arguments), strict=True)
        return next((branch for branch in found if branch[0]), ("", ()))

    def _heading(self, node: Node) -> Heading:
        own = len(self.module.origin.frames) if self.module.kind == "group" else 0
        frames = node.origin.frames
        for index in range(own, len(frames)):
            if frames[index].block:
                return frames[: index + 1]
        return ()


def kind_of(op: Op) -> Kind:
    return "reshape" if op.category == "regularization" else op.category


def describe(unit: Unit, op: Op, node: Node) -> None:
    """Fills a row with what the operator is: `conv 3x3, 64 /2` has the text `conv 3×3, 64` and the word `↓2`.

    A transposed convolution or interpolation `*2` has the word `↑2`.
    """
    unit.kind = kind_of(op)
    summary = op.summary()
    mark = " *" if " *" in summary else " /"
    text, found, rest = summary.partition(mark)
    factor, comma, more = rest.partition(",")
    unit.text = times(text + comma + more)
    if found and mark == " *":
        unit.strides.append(Word("↑" + times(factor)))
    reach = op.reach(*node.operand_types) if node.operands else WHOLE
    strides = {step.stride: None for step in reach} if isinstance(reach, tuple) else {}
    if any(stride != 1 for stride in strides):
        unit.strides.append(Word("↓" + "×".join(map(str, strides))))
