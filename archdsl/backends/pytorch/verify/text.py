"""Graph -> spec: a network as text that one can run again, every value named, every module a block."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from archdsl.ir import Module, Network, Node, Op, TensorType, Value, folded, modules, show_attribute, show_shape

MERGE = None
"""What `Op.operands` says of a merge."""


def spec_text(network: Network) -> str:
    """A spec of the network. What exists only while training is written as if it always did."""
    writer = _Writer(network)
    return "\n\n".join("\n".join(writer.module(module)) for module in modules(network)) + "\n"


class _Writer:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.names: dict[int, str] = {}
        for module in modules(network):
            self.names[id(module)] = f"part{len(self.names)}"

    def module(self, module: Module) -> Iterator[str]:
        if module is self.network.body:
            yield f"network {self.network.name} {{"
            names = {value: f"x{i}" for i, value in enumerate(module.inputs)}
            yield from (f"  input {name}: {_type(value.type)}" for value, name in names.items())
        else:
            further = [f"y{i}" for i in range(1, len(module.inputs))]
            names = dict(zip(module.inputs, ["in", *further], strict=False))
            parameters = ", ".join(f"{name}: tensor" for name in further)
            yield f"block {self.names[id(module)]}{f'({parameters})' if parameters else ''} {{"
        yield from (f"  {line}" for line in self._body(module, names))
        yield "}"

    def _body(self, module: Module, names: dict[Value, str]) -> Iterator[str]:
        uses: dict[str, int] = {}
        for node in module.nodes:
            uses[node.name] = uses.get(node.name, 0) + 1
        shared: set[str] = set()
        for node in module.nodes:
            if uses[node.name] > 1 and node.name not in shared:
                shared.add(node.name)
                yield f"shared {node.name} = {self._call(node, names)}"
            read = {v for n in module.nodes for v in n.operands} | {*module.outputs}
            for value in node.results:
                names[value] = f"v{len(names)}" if value in read else "_"
            yield self._node(node, names, is_shared=node.name in shared)
        results = [names[v] for v in module.outputs]
        if module is self.network.body:
            yield from (f"output out{i} = {name}" for i, name in enumerate(results))
        elif results:
            yield f"return {', '.join(results)}"

    def _node(self, node: Node, names: dict[Value, str], *, is_shared: bool) -> str:
        operator, operands = node.operator, [names[v] for v in node.operands]
        link = node.name if is_shared else _label(node) + self._call(node, names)
        if isinstance(operator, Op) and operator.operands is MERGE:
            text = f"{link} {{ {' '.join(f'| {name}' for name in operands)} }}"
        else:
            text = f"{operands[0]} -> {link}" if operands else link
        results = node.results
        if isinstance(operator, Op) and len(results) == 2 and operator.with_switches() is not None:
            results = results[:1]
        return f"{text} as {', '.join(names[v] for v in results)}" if results else text

    def _call(self, node: Node, names: dict[Value, str]) -> str:
        operator = node.operator
        if isinstance(operator, Module):
            return _written(self.names[id(operator)], [names[v] for v in node.operands[1:]])
        return _written(operator.name, [*_arguments(operator), *_tensors(node, operator, names)])


def _tensors(node: Node, op: Op, names: dict[Value, str]) -> Iterator[str]:
    for attribute, value in zip(op.tensor_attributes, node.operands[1:], strict=False):
        pool = value.producer
        named = pool.results[0] if op.reads_switches and pool is not None else value
        yield f"{attribute}={names[named]}"


def _arguments(op: Op) -> Iterator[str]:
    """Attributes that are not at their defaults, by position where they may be."""
    in_order = True
    values = {name: value if name == "window" else folded(value) for name, value in op.attributes.items()}
    for number, (name, field) in enumerate(op.fields().items()):
        value = values[name]
        is_window = name == "stride" and field.default is None and value == folded(values["window"])
        if is_window or (not field.is_required and value == field.default):
            in_order = False
            continue
        text = show_attribute(name, value)
        yield text if in_order and number < op.positional else f"{name}={text}"


def _written(name: str, arguments: Sequence[str]) -> str:
    return f"{name}({', '.join(arguments)})" if arguments else name


def _label(node: Node) -> str:
    """The label of a node; a merge and its like are named after the operator where they have none."""
    operator = node.operator
    if isinstance(operator, Module) or operator.numbered or operator.needs_label:
        return f"{node.name}: "
    return "" if re.fullmatch(rf"{operator.name}(_\d+)?", node.name) else f"{node.name}: "


def _type(type: TensorType) -> str:
    return show_shape(type.shape) if type.dtype == "float32" else f"{type.dtype} {show_shape(type.shape)}"
