"""Making graphs: a builder for one module, which types every node as it is added.

A group may read values from around it and leave values (taps) behind. The builder turns the first into inputs and the
second into outputs of the group's module, so that a finished module refers to nothing outside itself. Callers hold on
to the value they were first given; the builder finds what stands for it where it is used.
"""

from __future__ import annotations

from typing import Any

from archdsl.ir.graph import Module, ModuleKind, Node, Origin, Value
from archdsl.ir.op import Misfit, Op
from archdsl.ir.op.reach import Axes, Rows
from archdsl.ir.sizes.size import is_open, open_size
from archdsl.ir.types import TensorType, show_shape

Values = tuple[Value, ...]


class Builder:
    """Builds one `Module`; with a parent, a group inside the parent's module."""

    def __init__(
        self,
        kind: ModuleKind,
        name: str,
        origin: Origin,
        *,
        text: str = "",
        doc: str = "",
        parent: Builder | None = None,
    ) -> None:
        self.module = Module(kind, name, origin, text=text, doc=doc)
        self.parent = parent
        self._call: Node | None = None
        self._owners: dict[Value, Builder] = {} if parent is None else parent._owners
        self._known: dict[Value, Value] = {}
        self._imported: list[Value] = []

    def input(self, type: TensorType, channels: int = 0) -> Value:
        """A new input of the module; `channels` is the axis of its channels."""
        value = Value(type)
        value.channels = channels
        self.module.inputs.append(value)
        self._own(value)
        return value

    def enter(self, outer: Value, tap: str) -> Value:
        """A new input of the module for a value outside it, with a name."""
        value = self.input(outer.type, outer.channels)
        value.tap = tap
        return value

    def apply(self, name: str, op: Op, operands: Values, origin: Origin, training: bool = False) -> Values:
        """Adds an operator; its results. Raises `Misfit` where the operands do not fit, and then adds nothing."""
        types = tuple(v.type for v in operands)
        _check_batch(op, types)
        op = op.resolve(*types)
        node = Node(name, op, self._local(operands), op.infer(*types), origin, training)
        is_moved = any(v.channels for v in operands) or (operands and not operands[0].type.is_float)
        if is_moved or op.category == "reshape":
            channels = {type: _channels(op, operands, type) for type in dict.fromkeys(node.result_types)}
            for result in node.results:
                result.channels = channels[result.type]
        return self._add(node)

    def call(self, name: str, module: Module, operands: Values, origin: Origin, training: bool = False) -> Values:
        """Adds a call of a finished module; its results."""
        types = tuple(v.type for v in module.outputs)
        node = Node(name, module, self._local(operands), types, origin, training)
        for result, inner in zip(node.results, module.outputs, strict=True):
            result.channels = inner.channels
        return self._add(node)

    def declare(self, name: str) -> None:
        """Says that a shared instance of this name stands here in the `state_dict`, wherever it is used."""
        self.module.declared[name] = len(self.module.nodes)

    def group(self, label: str, origin: Origin, *, doc: str = "") -> Builder:
        """A builder for a group inside this module; `close` adds its call."""
        return Builder("group", label, origin, doc=doc, parent=self)

    def close(self, name: str, group: Builder, training: bool = False) -> None:
        """Adds the call of a group. What it leaves behind becomes its output when somebody uses it."""
        operands = self._local(tuple(group._imported))
        group._call = Node(name, group.module, operands, (), group.module.origin, training)
        self.module.nodes.append(group._call)

    def switches(self, value: Value) -> Value | None:
        """The switches of the max-pool that made a value, which from now on are a result of it; None for other values."""
        pool = value.producer
        if pool is None or not isinstance(pool.operator, Op):
            return None
        if len(pool.results) == 2:
            return pool.results[1]
        operator = pool.operator.with_switches()
        if operator is None:
            return None
        pool.operator = operator
        switches = Value(operator.infer(*pool.operand_types)[1], pool, 1)
        pool.add_result(switches)
        self._owners[value]._own(switches)
        return switches

    def output(self, value: Value) -> None:
        """Makes a value an output of the module."""
        self.module.outputs.append(self.local(value))

    def local(self, value: Value) -> Value:
        """What stands for a value in this module: itself, an input, or the result of a group's call."""
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = self._export(value) or self._import(value)
        return known

    def sees(self, value: Value) -> bool:
        """Whether a value is of this module, or of one that it is a group of or has as one."""
        return value in self._owners

    def _export(self, value: Value) -> Value | None:
        """The value of a closed group inside this module, made one of the results of its call."""
        inside: Builder | None = self._owners[value]
        while inside is not None and inside.parent is not self:
            inside = inside.parent
        if inside is None:
            return None
        call = inside._call
        assert call is not None, "a group is closed before its values are used outside it"
        inside.output(value)
        result = _stand_in(value, call, len(call.results))
        call.add_result(result)
        return result

    def _import(self, value: Value) -> Value:
        """The value of a module around this one, made an input."""
        assert self.parent is not None, "a value of another module"
        self.parent.local(value)
        result = _stand_in(value)
        self.module.inputs.append(result)
        self._imported.append(value)
        return result

    def _own(self, value: Value) -> None:
        self._owners[value] = self
        self._known[value] = value

    def _local(self, operands: Values) -> Values:
        return tuple(self.local(v) for v in operands)

    def _add(self, node: Node) -> Values:
        self.module.nodes.append(node)
        for value in node.results:
            self._own(value)
        return node.results


def _stand_in(value: Value, producer: Node | None = None, index: int = 0) -> Value:
    """What stands for a value in another module."""
    result = Value(value.type, producer, index)
    result.tap, result.channels = value.tap, value.channels
    return result


def _channels(op: Op, operands: Values, result: TensorType) -> int:
    """The axis of the result that holds the channels of the first operand; the first where that cannot be said."""
    axis = operands[0].channels if operands else 0
    types = [v.type for v in operands]
    if any(is_open(type.shape) for type in types):
        op = type(op)(**{name: _at_example(value) for name, value in op.attributes.items()})
        types = [type._replace(shape=_at_example(type.shape)) for type in types]
    reach = op.reach(*types)
    if reach == "pointwise":
        alike = (v for v in operands if v.type.batched and v.type.rank == result.rank)
        # One of size 1 there is repeated along the channels of another.
        return next((v.channels for v in alike if v.type.shape[v.channels : v.channels + 1] != (1,)), axis)
    if operands and result.is_float and not operands[0].type.is_float:
        return result.rank - 1  # the features of an embedding
    if operands and result.batched and not operands[0].type.batched:
        is_map = result.rank > 2 and operands[0].type.shape == (1, *result.shape)
        return 0 if is_map else result.rank - 1  # a learned map, or rows of a table as those of an embedding
    if not isinstance(reach, Axes) or not reach.operands[0]:
        return 0
    entries = reach.operands[0]
    if len(entries) < result.rank and all(isinstance(e, Rows) and e.axis for e in entries):
        return 0  # a new axis before the others, as of planes that are stacked
    entry = entries[axis]
    if isinstance(entry, Rows):
        return entry.axis
    return axis if entry == "whole" and result.rank == operands[0].type.rank else 0


def _at_example(value: Any) -> Any:
    """An example of each size that is open, in lists too: how axes move about is the same for all sizes."""
    if isinstance(value, tuple):
        return tuple(map(_at_example, value))
    size = open_size(value)
    return value if size is None else size.at(size.domain.example)


def _check_batch(op: Op, types: tuple[TensorType, ...]) -> None:
    """Raises `Misfit` where an operator that works on samples meets a value without a batch axis."""
    if op.reads_unbatched:
        return
    for index, type in enumerate(types):
        if not type.batched:
            raise Misfit(
                f"`{op.name}` works on samples, and a learned tensor {show_shape(type.shape)} has no batch axis",
                code="wrong-rank",
                operand=index,
                label="the same for every sample",
                help="join it with a value of the network first: `add`, `multiply` or `concat`",
            )
