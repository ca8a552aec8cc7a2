"""The typed graph.

    network = name, inputs, outputs, body: module
    module  = kind, name, arguments, parameters, operations, inputs: value*, nodes: node*, outputs: value*
    node    = name, (op | module), operands: value*, results: value*, origin, repeat?
    value   = type, producer: node?, index

A node is an operator or a call of another module. Blocks and labelled groups stay modules; everything else (loops,
branches, arms, inline blocks) has been unrolled into its module, and the frames of `Origin` remember it. Modules with
equal content are one object, however often they are called. Nodes with one name in one module share their weights.
A module refers to nothing outside itself: what a group reads from around it is among its inputs.

Of many equal turns of a loop a few are written out, and the nodes of one stand for a whole row of them: their `repeat`
says of how many. The turn before it and the turn after it are like those that it stands for, so what a turn reads of the
one before, and what it leaves to the next, can be read off the graph.

There is no untyped node: a value is made from the types that an operator's `infer` gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Literal, NamedTuple, TypeVar

from archdsl.ir.op import Op, State
from archdsl.ir.operations import Operation
from archdsl.ir.types import TensorType
from archdsl.source import Span

T = TypeVar("T")
ModuleKind = Literal["network", "block", "group"]
Datum = int | float | bool | str | tuple["Datum", ...]


class Parameter(NamedTuple):
    """A parameter of a block as one instance has it. Layers and tensors are no data and are left out."""

    name: str
    value: Datum
    default: Datum | None = None
    """Its default in the spec, where that is a constant."""


class CallFrame(NamedTuple):
    """A call that was inlined, or a loop turn, on the way to a node: `stage(64, [3, 3])`."""

    text: str
    span: Span
    block: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    condition: str = ""
    """The branch that the call stands in, as `Origin` has it."""


class Origin(NamedTuple):
    """Where a node was written, and the inlined calls around it, outermost first."""

    span: Span
    frames: tuple[CallFrame, ...] = ()
    doc: str = ""
    condition: str = ""
    """`if` and the condition of the innermost branch of its block that it stands in, or `else`."""
    is_labelled: bool = False
    """Whether its name was written, as a label or of a shared instance, and not counted."""
    word: str = ""
    """What the spec calls it, where that is a single word: a parameter or an operator, `act` or `relu`."""


class Value:
    """One tensor: a module's input, or a result of a node."""

    __slots__ = ("channels", "index", "producer", "tap", "type")

    def __init__(self, type: TensorType, producer: Node | None = None, index: int = 0) -> None:
        self.type = type
        self.producer = producer
        self.index = index
        self.tap: str | None = None
        """The name that the spec gives it, if any."""
        self.channels = 0
        """The axis of a map's channels, which is the first until `permute` moves it."""

    def __repr__(self) -> str:
        return f"Value({self.type}{f', {self.tap}' if self.tap else ''})"


class Repeat:
    """A turn of a loop that stands for a row of turns, which are alike but for the numbers in their nodes' names."""

    __slots__ = ("_growths", "before", "height", "nodes", "outer", "span", "turns")

    def __init__(self, turns: int, nodes: Sequence[Node], before: Sequence[Node], span: Span) -> None:
        self.turns = turns
        """How many it stands for."""
        self.nodes = tuple(nodes)
        """Those of the turn, the first of the row, as they stand in their module; inner repeats are among them."""
        self.before = tuple(before)
        """Those of the turn before it, node by node."""
        self.outer: Repeat | None = None
        """The repeat of the same module that it is inside of."""
        self.height = 1
        """How deep repeats stand inside each other from it on, itself included."""
        self.span = span
        """The loop's."""
        self._growths: dict[Node, int] | None = None

    def enclose(self) -> None:
        """Tells the nodes that they are in it, and the repeats among them that it is around them."""
        for node in self.nodes:
            around = node.repeats[:1]
            if not around:
                node.repeat = self
            elif around[0] is not self:
                around[0].outer = self
                self.height = max(self.height, around[0].height + 1)

    @property
    def times(self) -> int:
        """How often its nodes are there, outer repeats included."""
        return self.turns if self.outer is None else self.turns * self.outer.times

    def carried(self) -> dict[Value, Value]:
        """What a turn reads of the one before: by its value there, its own value, which the next turn reads."""
        read = {value for node in self.nodes for value in node.operands}
        pairs = zip(self.before, self.nodes, strict=True)
        both = (pair for before, node in pairs for pair in zip(before.results, node.results, strict=True))
        return {old: new for old, new in both if old in read}

    def is_like(self, nodes: Sequence[Node]) -> bool:
        """Whether nodes are such a turn: the same operators, in inner repeats of as many turns."""
        depth = self.nodes[0].repeats.index(self)
        return _forms(nodes, depth) == _forms(self.nodes, depth + 1)

    def growths(self) -> dict[Node, int]:
        """By how much the number at the end of a node's name grows from turn to turn."""
        if self._growths is None:
            pairs = zip(self.before, self.nodes, strict=True)
            self._growths = {node: split_name(node.name)[1] - split_name(before.name)[1] for before, node in pairs}
        return self._growths


def _forms(nodes: Sequence[Node], depth: int) -> list[object]:
    return [(node.operator, [row.turns for row in node.repeats[depth:]]) for node in nodes]


def turns_beside(
    things: Sequence[T], start: int, size: int, is_turn: Callable[[Sequence[T], int], bool]
) -> tuple[int, int]:
    """How many turns stand before and after the one that stands for a row, each as long as that.

    Args:
        things: what turns are made of: nodes, or what has become of them.
        start: where that one begins.
        is_turn: whether some are a turn, so many turns before that one (-1) or after it (1).
    """

    def stands(number: int) -> bool:
        at = start + size * number
        return 0 <= at <= len(things) - size and is_turn(things[at : at + size], number)

    before = next(number for number in count(1) if not stands(-number)) - 1
    after = next(number for number in count(1) if not stands(number)) - 1
    return before, after


def split_name(name: str) -> tuple[str, int]:
    """A name and the number at its end: `add_12` -> `add_`, 12; 1 where there is none, as the first `add` has it."""
    stem = name.rstrip("0123456789")
    return (stem, int(name[len(stem) :])) if stem != name else (f"{name}_", 1)


class Node:
    """An operator applied, or a module called."""

    __slots__ = (
        "_state",
        "name",
        "operand_types",
        "operands",
        "operator",
        "origin",
        "repeat",
        "result_types",
        "results",
        "training",
    )

    def __init__(
        self,
        name: str,
        operator: Op | Module,
        operands: tuple[Value, ...],
        result_types: tuple[TensorType, ...],
        origin: Origin,
        training: bool = False,
    ) -> None:
        self.name = name
        """Its path within the module. Nodes of one name are one instance and share weights."""
        self.operator = operator
        self.operands = operands
        self.operand_types = tuple([v.type for v in operands])
        self.result_types = result_types
        self.results = tuple([Value(t, self, i) for i, t in enumerate(result_types)])
        self.origin = origin
        self.training = training
        """Whether it exists only while training (an auxiliary head)."""
        self.repeat: Repeat | None = None
        """The innermost repeat that it belongs to."""
        self._state: tuple[State, ...] | None = None

    @property
    def state(self) -> tuple[State, ...]:
        """What an operator owns; a call itself owns nothing."""
        if self._state is None:
            self._state = () if isinstance(self.operator, Module) else self.operator.state(*self.operand_types)
        return self._state

    @property
    def times(self) -> int:
        """How often it is there: in how many turns of the loops around it."""
        return 1 if self.repeat is None else self.repeat.times

    @property
    def repeats(self) -> tuple[Repeat, ...]:
        """The repeats that it belongs to, outermost first."""
        found: tuple[Repeat, ...] = ()
        repeat = self.repeat
        while repeat is not None:
            found, repeat = (repeat, *found), repeat.outer
        return found

    @property
    def last_name(self) -> str:
        """Its name in the last of the turns that it stands for."""
        stem, number = split_name(self.name)
        growth = sum(repeat.growths()[self] * (repeat.turns - 1) for repeat in self.repeats)
        return f"{stem}{number + growth}" if growth else self.name

    def add_result(self, value: Value) -> None:
        """Takes a further result of its own, after those that there are."""
        self.results = (*self.results, value)
        self.result_types = (*self.result_types, value.type)

    def __repr__(self) -> str:
        return f"Node({self.name!r}, {self.operator!r})"


def parts(nodes: Sequence[Node], around: Repeat | None = None) -> Iterator[Node | Repeat]:
    """Nodes in order, those of a repeat as one; `around` is the repeat whose nodes they are, if they are one's."""
    position = 0
    while position < len(nodes):
        found = nodes[position].repeat
        while found is not None and found is not around and found.outer is not around:
            found = found.outer
        if found is None or found is around:
            yield nodes[position]
            position += 1
        else:
            yield found
            position += len(found.nodes)


class Module:
    """A body with inputs and outputs: a network, one instance of a block, or a labelled group."""

    __slots__ = (
        "arguments",
        "declared",
        "doc",
        "inputs",
        "kind",
        "name",
        "nodes",
        "operations",
        "origin",
        "outputs",
        "parameters",
        "text",
    )

    def __init__(self, kind: ModuleKind, name: str, origin: Origin, *, text: str = "", doc: str = "") -> None:
        self.kind = kind
        self.name = name
        """The block's or network's name; a group's label."""
        self.arguments: tuple[tuple[str, str], ...] = ()
        """The block's parameters as they were bound, as text."""
        self.parameters: tuple[Parameter, ...] = ()
        """All parameters of a block that are data, in the order of its declaration."""
        self.operations: tuple[Operation, ...] = ()
        """What a block's declaration asks and works out, with that of the blocks that it inlines."""
        self.text = text or name
        """The call as a person writes it: `bottleneck(128, stride=2)`."""
        self.origin = origin
        self.doc = doc
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self.declared: dict[str, int] = {}
        """Shared instances in the order of their declarations, and how many nodes stand before each of these."""
        self.outputs: list[Value] = []

    def instances(self) -> Iterator[Node]:
        """The nodes, each shared instance once: what owns weights. It is the first use, outside training if there is one."""
        first: dict[str, Node] = {}
        for node in self.nodes:
            if first.setdefault(node.name, node).training and not node.training:
                first[node.name] = node
        yield from first.values()

    def members(self) -> list[Node]:
        """The instances in the order of the `state_dict`: a shared one stands where it is declared."""
        places = {node.name: (index, len(self.declared)) for index, node in reversed(list(enumerate(self.nodes)))}
        places |= {name: (index, number) for number, (name, index) in enumerate(self.declared.items())}
        return sorted(self.instances(), key=lambda node: places[node.name])

    def __repr__(self) -> str:
        return f"Module({self.kind} {self.text}, {len(self.nodes)} nodes)"


class Output(NamedTuple):
    """A network's result under its name."""

    name: str
    value: Value
    training: bool = False


class Network(NamedTuple):
    """A whole network. `body.inputs` and `inputs` agree in order; `body.outputs` are the values of `outputs`."""

    name: str
    body: Module
    inputs: tuple[str, ...]
    outputs: tuple[Output, ...]
    sources: tuple[str, ...] = ()
    """The papers that the spec names."""

    @property
    def main_output(self) -> int:
        """The number of the first output that does not only exist while training: what a loss is taken of."""
        return next((i for i, output in enumerate(self.outputs) if not output.training), 0)

    @property
    def input_types(self) -> tuple[TensorType, ...]:
        return tuple(v.type for v in self.body.inputs)
