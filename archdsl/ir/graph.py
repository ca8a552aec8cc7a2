"""The typed graph.

    network = name, inputs, outputs, body: module
    module  = kind, name, arguments, parameters, inputs: value*, nodes: node*, outputs: value*
    node    = name, (op | module), operands: value*, results: value*, origin
    value   = type, producer: node?, index

A node is an operator or a call of another module. Blocks and labelled groups stay modules; everything else (loops,
branches, arms, inline blocks) has been unrolled into its module, and the frames of `Origin` remember it. Modules with
equal content are one object, however often they are called. Nodes with one name in one module share their weights.
A module refers to nothing outside itself: what a group reads from around it is among its inputs.

There is no untyped node: a value is made from the types that an operator's `infer` gave.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from archdsl.ir.op import Op
from archdsl.ir.types import TensorType
from archdsl.source import Span

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


class Origin(NamedTuple):
    """Where a node was written, and the inlined calls around it, outermost first."""

    span: Span
    frames: tuple[CallFrame, ...] = ()
    doc: str = ""


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


class Node:
    """An operator applied, or a module called."""

    __slots__ = ("name", "operands", "operator", "origin", "results", "training")

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
        self.results = tuple(Value(t, self, i) for i, t in enumerate(result_types))
        self.origin = origin
        self.training = training
        """Whether it exists only while training (an auxiliary head)."""

    @property
    def operand_types(self) -> tuple[TensorType, ...]:
        return tuple(v.type for v in self.operands)

    @property
    def result_types(self) -> tuple[TensorType, ...]:
        return tuple(v.type for v in self.results)

    def __repr__(self) -> str:
        return f"Node({self.name!r}, {self.operator!r})"


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
        """The nodes, each shared instance once (by its first use): what owns weights."""
        first: dict[str, Node] = {}
        for node in self.nodes:
            first.setdefault(node.name, node)
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
