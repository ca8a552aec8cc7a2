"""Facts -> JSON: one document for each network, the same whatever report was asked for.

Its schema, `archdsl.report/1`, is published as docs/reference/report.schema.json. Fields may be added to it; a field
never changes its meaning. Sizes are integers, or formulas as strings where a size is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from archdsl.analyses import Facts
from archdsl.ir import Layer, Module, Node, Shape
from archdsl.reports.subject import ClaimResult, Subject
from archdsl.source import Diagnostic
from archdsl.source import Span as SourceSpan

Size = int | str
Span = tuple[int, int, int, int]
LINE = 120


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Input(_Part):
    """An input of the network."""

    name: str
    shape: tuple[Size, ...]
    """Without the batch axis, as all shapes."""
    dtype: str


class Totals(_Part):
    """Counts for one sample, without the parts that exist only while training."""

    params: int
    """Trainable elements, a shared instance once."""
    weights: int
    """Of these, those that are not biases."""
    buffers: int
    """Elements of state that is not trained."""
    macs: Size
    """Multiply-adds of convolutions, linear layers and products; FLOPs are twice as many."""
    activations: Size
    """Elements of the inputs and of the results of weight layers, `subsample` and pools: a lecture's sum."""
    neurons: Size
    connections: Size
    depth: int
    """Weight layers on the longest path."""
    params_with_training: int
    macs_with_training: Size


class Scope(_Part):
    """A group or block call, with the paths of what stands in it."""

    path: str
    call: str | None
    """`bottleneck(64)`; null for a group."""
    children: tuple[str, ...]
    repeat: int | None
    """How many scopes alike, in a row, this one stands for; null for one."""


class Call(_Part):
    """A call of a block around a layer."""

    block: str
    args: dict[str, Any]
    line: int


class ReceptiveField(_Part):
    """On each spatial axis of the input: unit i reads `size` rows from `start + i * stride`."""

    size: tuple[int, ...]
    stride: tuple[int | None, ...]
    """Null where a unit's number does not say which rows it reads, 0 where all units read the same."""
    start: tuple[int | None, ...]
    """The first row that unit 0 reads; negative in the padding."""
    centre: tuple[float | None, ...]
    status: Literal["exact", "whole input", "bound"]


class LayerPart(_Part):
    """One operator, in the order they run."""

    path: str
    op: str
    attrs: dict[str, Any]
    calls: tuple[Call, ...]
    """The block calls around it, outermost first."""
    span: Span
    """Line and column of its text, from 1, the end exclusive."""
    inputs: tuple[str, ...]
    """The layers or inputs whose results it reads."""
    output: tuple[Size, ...]
    """The shape of its result; of several, of the first."""
    outputs: tuple[tuple[Size, ...], ...] | None
    """The shapes of several results."""
    dtype: str
    params: int
    """0 for a further use of a shared instance."""
    macs: Size
    bytes: Size
    """Of its results, for the batch."""
    receptive_field: ReceptiveField | None


class Moment(_Part):
    """What is alive while one operator runs, without parameters, buffers and inputs."""

    step: int
    layer: str
    live: tuple[str, ...]
    """The layers that made what is alive."""
    bytes: Size


class MemoryFigure(_Part):
    """A figure with the convention that it follows and how sure it is."""

    name: str
    bytes: Size
    convention: Literal["lecture", "tensor bytes", "floor"]
    status: Literal["exact", "lower bound"]


class Memory(_Part):
    """Bytes for the batch. `peak` = `parameters` + `buffers` + `inputs` + `activation_peak`."""

    mode: Literal["inference"]
    peak: Size
    parameters: int
    buffers: int
    inputs: Size
    activation_peak: Size
    at: str | None
    """The layer that runs at the peak."""
    saved_for_backward: Size
    """What autograd holds after a forward pass in training mode: inputs included, parameters not."""
    figures: tuple[MemoryFigure, ...]
    timeline: tuple[Moment, ...]


class Claim(_Part):
    """A published figure that the spec states."""

    text: str
    holds: bool
    """Whether the spec is right: an expected figure agrees, a disputed one does not."""
    disputed: bool
    value: int | float | str | tuple[Size, ...] | None
    """What was computed; null where it could not be."""
    source: str | None
    span: Span


class Label(_Part):
    """A place that a finding is about."""

    file: str
    span: Span
    text: str


class Finding(_Part):
    """A diagnostic."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    file: str | None
    span: Span | None
    labels: tuple[Label, ...]
    notes: tuple[str, ...]
    help: str | None


class Document(_Part):
    """What archdsl knows of one network of a file. Of a file without a network there are the diagnostics only."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    version: Literal["archdsl.report/1"] = Field("archdsl.report/1", alias="schema")
    network: str | None
    file: str
    bindings: dict[str, Size]
    """The batch `N`, and the sizes that were given for symbols."""
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    totals: Totals | None
    scopes: tuple[Scope, ...]
    layers: tuple[LayerPart, ...]
    memory: Memory | None
    claims: tuple[Claim, ...]
    diagnostics: tuple[Finding, ...]


def json_schema() -> str:
    """The published schema, as the text of its file."""
    schema = Document.model_json_schema(mode="serialization", by_alias=True)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "archdsl.report/1"}
    return _pretty({**head, **schema}) + "\n"


def render(subjects: Sequence[Subject], broken: Sequence[tuple[str, Sequence[Diagnostic]]] = ()) -> str:
    """The document of one network, or the list of those of several.

    A file with networks that do not hold together adds a document without a network, which holds its diagnostics.
    """
    documents = [document(subject) for subject in subjects] + [_problems(*file) for file in broken]
    parts = [d.model_dump(mode="json") for d in documents]
    return _pretty(parts[0] if len(parts) == 1 else parts) + "\n"


def _pretty(value: Any, indent: str = "") -> str:
    """JSON text in which everything that fits stands on one line."""
    line = json.dumps(value)
    if len(indent) + len(line) <= LINE or not value or not isinstance(value, dict | list):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_pretty(part, inner)}" for key, part in value.items()]
        opening, closing = "{}"
    else:
        parts = [_pretty(part, inner) for part in value]
        opening, closing = "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


def _problems(file: str, diagnostics: Sequence[Diagnostic]) -> Document:
    return Document(
        network=None,
        file=file,
        bindings={},
        inputs=(),
        outputs=(),
        totals=None,
        scopes=(),
        layers=(),
        memory=None,
        claims=(),
        diagnostics=tuple(map(_finding, diagnostics)),
    )


def document(subject: Subject) -> Document:
    facts, network = subject.facts, subject.facts.network
    named = zip(network.inputs, network.input_types, strict=True)
    return Document(
        network=network.name,
        file=subject.file,
        bindings={"N": facts.batch, **dict(subject.bindings)},
        inputs=tuple(Input(name=name, shape=type.shape, dtype=type.dtype) for name, type in named),
        outputs=tuple(output.name for output in network.outputs if not output.training),
        totals=_totals(facts),
        scopes=tuple(_scopes(network.body, "")),
        layers=tuple(_layers(facts)),
        memory=_memory(facts),
        claims=tuple(map(_claim, subject.claims)),
        diagnostics=tuple(map(_finding, subject.diagnostics)),
    )


def _totals(facts: Facts) -> Totals:
    total, training = facts.cost.total, facts.cost.training
    return Totals(
        params=total.params,
        weights=total.weights,
        buffers=total.buffers,
        macs=total.macs,
        activations=facts.cost.values,
        neurons=total.neurons,
        connections=total.connections,
        depth=facts.cost.depth,
        params_with_training=training.params,
        macs_with_training=training.macs,
    )


def _scopes(module: Module, prefix: str) -> Iterable[Scope]:
    for node in module.instances():
        inside = node.operator
        if isinstance(inside, Module) and not node.training:
            path = f"{prefix}{node.name}"
            children = tuple(f"{path}.{child.name}" for child in inside.instances() if not child.training)
            call = inside.text if inside.kind == "block" else None
            yield Scope(path=path, call=call, children=children, repeat=None)
            yield from _scopes(inside, f"{path}.")


def _layers(facts: Facts) -> Iterable[LayerPart]:
    makers = dict(zip(facts.flat.inputs, facts.network.inputs, strict=True))
    for layer in facts.flat.layers:
        makers.update(dict.fromkeys(layer.results, layer.path))
        yield _layer(facts, layer, tuple(makers[number] for number in layer.operands))


def _layer(facts: Facts, layer: Layer, inputs: tuple[str, ...]) -> LayerPart:
    op, operands, results = layer.op, layer.operand_types, layer.result_types
    trained = [s.numel for s in op.state(*operands) if s.role == "parameter"]
    shapes = tuple(type.shape for type in results)
    return LayerPart(
        path=layer.path,
        op=op.name,
        attrs=op.attributes,
        calls=tuple(_calls(layer)),
        span=layer.node.origin.span.positions,
        inputs=inputs,
        output=shapes[0],
        outputs=shapes if len(shapes) > 1 else None,
        dtype=results[0].dtype,
        params=0 if layer.is_reuse else sum(trained),
        macs=op.macs(operands, results),
        bytes=sum(type.bytes for type in results) * facts.batch,
        receptive_field=_field(facts, layer),
    )


def _calls(layer: Layer) -> Iterable[Call]:
    for _, node in layer.calls:
        yield from _frames(node)
        if isinstance(node.operator, Module) and node.operator.kind == "block":
            yield _call(node.operator.name, node.operator.arguments, node.origin.span)
    yield from _frames(layer.node)


def _frames(node: Node) -> Iterable[Call]:
    return (_call(frame.block, frame.arguments, frame.span) for frame in node.origin.frames if frame.block)


def _call(block: str, arguments: Sequence[tuple[str, str]], span: SourceSpan) -> Call:
    return Call(block=block, args={name: _datum(value) for name, value in arguments}, line=span.line)


def _datum(text: str) -> Any:
    """A whole number, boolean, string or list of these where the spec writes it as JSON does, else the text."""
    try:
        return json.loads(text, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def _field(facts: Facts, layer: Layer) -> ReceptiveField | None:
    field = facts.fields.values[layer.results[0]]
    if field is None or not field.axes:
        return None
    return ReceptiveField(
        size=field.size,
        stride=tuple(axis.stride for axis in field.axes),
        start=tuple(axis.start for axis in field.axes),
        centre=tuple(axis.centre for axis in field.axes),
        status=field.status,
    )


def _memory(facts: Facts) -> Memory:
    memory = facts.memory
    figures = {figure.name: figure.bytes for figure in memory.figures}
    timeline = (
        Moment(step=m.step, layer=m.layer, live=tuple(dict.fromkeys(b.layer for b in m.live)), bytes=m.bytes)
        for m in memory.inference.moments
    )
    return Memory(
        mode="inference",
        peak=figures["peak"],
        parameters=memory.parameters,
        buffers=memory.buffers,
        inputs=memory.inputs,
        activation_peak=memory.activation_peak,
        at=memory.at.layer if memory.at else None,
        saved_for_backward=memory.saved.bytes,
        figures=tuple(MemoryFigure(**figure._asdict()) for figure in memory.figures),
        timeline=tuple(timeline),
    )


def _claim(claim: ClaimResult) -> Claim:
    return Claim(
        text=claim.text,
        holds=claim.holds,
        disputed=claim.disputed,
        value=_number(claim.value),
        source=claim.source or None,
        span=claim.span.positions,
    )


def _number(value: Any) -> int | float | str | Shape | None:
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return value if value is None or isinstance(value, int | float | tuple) else str(value)


def _finding(found: Diagnostic) -> Finding:
    span = found.primary.span if found.primary else None
    return Finding(
        code=found.code,
        severity=found.severity,
        message=found.message,
        file=span.source.path if span else None,
        span=span.positions if span else None,
        labels=tuple(_labels(found)),
        notes=found.notes,
        help="\n".join(found.helps) or None,
    )


def _labels(found: Diagnostic) -> Iterable[Label]:
    primary = (found.primary,) if found.primary and found.primary.text else ()
    for label in (*primary, *found.labels):
        yield Label(file=label.span.source.path, span=label.span.positions, text=label.text)
