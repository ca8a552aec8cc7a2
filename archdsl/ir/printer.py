"""Graph -> text. The print holds the whole graph and can be read back (`reader.py`).

    network "Tiny" = @1 (image) -> (logits)
    source 0 "tiny.arch"

    @0 group "features" at 0:45:53
      %0: [3, 8, 8]
      %1 = relu "0" {} (%0): [3, 8, 8] at 0:57:61
      %2 = permute "1" {"order": [1, 2, 0]} (%1): [8, 8, 3] strides [192, 8, 1, 64] channels 2 at 0:65:83
      -> %2

Nodes between `turns 990` and `end` stand for those of as many turns; as many nodes directly before them are the turn before.
Values are numbered in each module; `at` gives the source's number and two offsets, `via` the inlined calls
around, `under` the condition of the branch that a node or such a call stands in, `called` what the spec calls a node.
`channels` is the axis of a map's channels, where it is not the first; `operations` are what a block's declaration asks and
works out.
Open sizes are formulas: `sizes` gives the example of each symbol, `where` what the spec states of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from archdsl.ir.extent import modules
from archdsl.ir.graph import Module, Network, Node, Origin, Repeat, Value
from archdsl.ir.op import Op
from archdsl.ir.sizes.domain import Domain
from archdsl.ir.sizes.size import open_size
from archdsl.ir.sizes.text import FORMULA, condition_text, written
from archdsl.ir.strides import BATCH
from archdsl.ir.types import TensorType
from archdsl.source import Source, Span


def print_network(network: Network) -> str:
    """The network and all its distinct modules, callees first, as text that `read_network` understands."""
    return "\n".join(_Printer(network).lines()) + "\n"


class _Printer:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.modules = {id(module): number for number, module in enumerate(modules(network))}
        self.sources: dict[Source, int] = {}

    def lines(self) -> Iterator[str]:
        body = [line for module in modules(self.network) for line in ("", *self._module(module))]
        network = self.network
        inputs = ", ".join(map(json.dumps, network.inputs))
        outputs = ", ".join(json.dumps(o.name) + (" training" if o.training else "") for o in network.outputs)
        yield f"network {json.dumps(network.name)} = @{self.modules[id(network.body)]} ({inputs}) -> ({outputs})"
        domain = _domain(network)
        if domain is not None:
            yield f"sizes {json.dumps(domain.example)}"
            yield from (f"where {condition_text(condition)}" for condition in domain.given)
        yield from (f"paper {json.dumps(text)}" for text in network.sources)
        yield from (f"source {number} {json.dumps(source.path)}" for source, number in self.sources.items())
        yield from body

    def _module(self, module: Module) -> Iterator[str]:
        values: dict[Value, int] = {}
        head = f"@{self.modules[id(module)]} {module.kind} {json.dumps(module.name)}"
        if module.text != module.name:
            head += f" as {json.dumps(module.text)}"
        if module.arguments:
            head += f" with {json.dumps(dict(module.arguments))}"
        if module.parameters:
            head += f" parameters {json.dumps(module.parameters)}"
        if module.operations:
            head += f" operations {json.dumps(module.operations)}"
        yield head + self._origin(module.origin) + (f" doc {json.dumps(module.doc)}" if module.doc else "")
        for value in module.inputs:
            yield f"  {self._define(value, values)}: {_value(value)}"
        used = {node.name for node in module.nodes}
        open_rows: tuple[Repeat, ...] = ()
        for index, node in enumerate(module.nodes):
            yield from (f"  shared {json.dumps(n)}" for n, at in module.declared.items() if at == index and n in used)
            rows = node.repeats
            yield from ("  end" for row in open_rows if row not in rows)
            yield from (f"  turns {row.turns} at {self._span(row.span)}" for row in rows if row not in open_rows)
            open_rows = rows
            yield f"  {self._node(node, values)}"
        yield from ("  end" for _ in open_rows)
        yield f"  -> {', '.join(f'%{values[v]}' for v in module.outputs)}".rstrip()

    def _node(self, node: Node, values: dict[Value, int]) -> str:
        word = node.origin.word
        if isinstance(node.operator, Module):
            what = f"@{self.modules[id(node.operator)]} {json.dumps(node.name)}"
        else:
            what = f"{node.operator.name} {json.dumps(node.name)} {_attributes(node.operator)}"
        operands = ", ".join(f"%{values[v]}" for v in node.operands)
        results = ", ".join(self._define(v, values) for v in node.results)
        types = "; ".join(map(_value, node.results))
        training = " training" if node.training else ""
        doc = f" doc {json.dumps(node.origin.doc)}" if node.origin.doc else ""
        called = f" called {json.dumps(word)}" if word not in ("", node.operator.name) else ""
        return f"{results} = {what} ({operands}): {types}{training}{self._origin(node.origin)}{called}{doc}".lstrip()

    def _define(self, value: Value, values: dict[Value, int]) -> str:
        values[value] = len(values)
        return f"%{values[value]}" + (f" {json.dumps(value.tap)}" if value.tap else "")

    def _origin(self, origin: Origin) -> str:
        text = f" at {self._span(origin.span)}{' labelled' if origin.is_labelled else ''}{_under(origin.condition)}"
        for frame in origin.frames:
            arguments = json.dumps(dict(frame.arguments))
            text += f" via {json.dumps(frame.text)} {json.dumps(frame.block)} {arguments} at {self._span(frame.span)}"
            text += _under(frame.condition)
        return text

    def _span(self, span: Span) -> str:
        number = self.sources.setdefault(span.source, len(self.sources))
        return f"{number}:{span.start}:{span.end}"


def _under(condition: str) -> str:
    return f" under {json.dumps(condition)}" if condition else ""


def _domain(network: Network) -> Domain | None:
    """What is known of the sizes that are open; None where none is."""
    types = (
        v.type for module in modules(network) for v in (*module.inputs, *(r for n in module.nodes for r in n.results))
    )
    sizes = (open_size(size) for type in (*network.input_types, *types) for size in type.shape)
    return next((size.domain for size in sizes if size is not None), None)


def _value(value: Value) -> str:
    return _type(value.type) + (f" channels {value.channels}" if value.channels else "")


def _type(type: TensorType) -> str:
    """A type with what is known of its storage: `[2, 3] strides [6, 1, 2]`; a stride of `6N` grows with the batch."""
    text = f"{type._replace(shape=())}".removesuffix("[]") + f"[{', '.join(map(written, type.shape))}]"
    if type.strides is not None:
        text += f" strides [{', '.join(map(_stride, type.strides))}]"
    return text + (f" places {_json(type.places)}" if type.places else "")


def _stride(stride: int) -> str:
    return written(stride) if open_size(stride) is not None or stride < BATCH else f"{stride // BATCH}N"


def _attributes(op: Op) -> str:
    """The attributes that are not at their defaults."""
    defaults = op.fields()
    return _json({name: value for name, value in op.attributes.items() if value != defaults[name].default})


def _json(value: Any) -> str:
    """As JSON, an open size as an object with its formula."""
    return json.dumps(value, default=lambda size: {FORMULA: written(size)})
