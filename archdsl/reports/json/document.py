"""The document of a network, and its text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Literal

from archdsl.analyses import Facts
from archdsl.ir import Layer, Module, Node
from archdsl.reports.json import schema
from archdsl.reports.json.for_all import for_all_data
from archdsl.reports.json.formulas import formulas_data
from archdsl.reports.json.memory import memory_data
from archdsl.reports.json.pretty import pretty
from archdsl.reports.json.roofline import roofline_data
from archdsl.reports.json.schema_field import ReceptiveField
from archdsl.reports.json.schema_parts import size
from archdsl.reports.subject import ClaimResult, Subject
from archdsl.reports.working import FIGURES
from archdsl.source import Diagnostic, Span

SCHEMA: Literal["archdsl.report/1"] = "archdsl.report/1"


def render(subjects: Sequence[Subject], broken: Sequence[tuple[str, Sequence[Diagnostic]]] = ()) -> str:
    """The document of one network, or the list of those of several.

    A file with networks that do not hold together adds a document without a network, which holds its diagnostics.
    """
    documents = [document(subject) for subject in subjects] + [_problems(*file) for file in broken]
    return pretty(documents[0] if len(documents) == 1 else documents) + "\n"


def _problems(file: str, diagnostics: Sequence[Diagnostic]) -> schema.Document:
    return schema.Document(
        schema=SCHEMA,
        network=None,
        file=file,
        bindings={},
        inputs=(),
        outputs=(),
        made_by={},
        totals=None,
        scopes=(),
        layers=(),
        memory=None,
        for_all=None,
        formulas=None,
        roofline=None,
        claims=(),
        diagnostics=tuple(map(_finding, diagnostics)),
    )


def document(subject: Subject) -> schema.Document:
    facts, network = subject.facts, subject.facts.network
    named = zip(network.inputs, network.input_types, strict=True)
    outputs = tuple(output.name for output in network.outputs if not output.training)
    makers = _makers(facts)
    return schema.Document(
        schema=SCHEMA,
        network=network.name,
        file=subject.file,
        bindings={"N": facts.batch, **dict(subject.bindings)},
        inputs=tuple(schema.Input(name=name, shape=type.shape, dtype=type.dtype) for name, type in named),
        outputs=outputs,
        made_by={name: makers[number] for name, number in zip(outputs, facts.listing.outputs, strict=True)},
        totals=_totals(facts),
        scopes=tuple(_scopes(network.body, "", None if facts.is_listed else set())),
        layers=tuple(_layers(subject)),
        memory=memory_data(subject),
        for_all=None if subject.for_all is None else for_all_data(subject, subject.for_all),
        formulas=None if subject.in_parameters is None else formulas_data(subject, subject.in_parameters),
        roofline=None if subject.roofline is None else roofline_data(subject.roofline),
        claims=tuple(map(_claim, subject.claims)),
        diagnostics=tuple(map(_finding, subject.diagnostics)),
    )


def _totals(facts: Facts) -> schema.Totals:
    total, training = facts.cost.total, facts.cost.training
    return schema.Totals(
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


def _scopes(module: Module, prefix: str, listed: set[Module] | None) -> Iterable[schema.Scope]:
    """The scopes in a module; those of a block where it is called first, if blocks are listed once."""
    for node in module.instances():
        inside = node.operator
        if isinstance(inside, Module) and not node.training:
            path = f"{prefix}{node.name}"
            children = tuple(f"{path}.{child.name}" for child in inside.instances() if not child.training)
            call = inside.text if inside.kind == "block" else None
            yield schema.Scope(path=path, call=call, children=children, repeat=_several(node.times))
            if listed is None or inside not in listed:
                yield from _scopes(inside, f"{path}.", listed)
                if listed is not None:
                    listed.add(inside)


def _several(times: int) -> int | None:
    return times if times > 1 else None


def _layers(subject: Subject) -> Iterable[schema.Layer]:
    makers = _makers(subject.facts)
    for layer in subject.facts.listing.layers:
        yield _layer(subject, layer, tuple([makers[number] for number in layer.operands]))


def _makers(facts: Facts) -> dict[int, str]:
    """The layer or input that makes each value."""
    makers = dict(zip(facts.listing.inputs, facts.network.inputs, strict=True))
    makers |= {number: path for path, numbers in facts.listing.paths.items() for number in numbers}
    return makers | {number: layer.path for layer in facts.listing.layers for number in layer.results}


def _layer(subject: Subject, layer: Layer, inputs: tuple[str, ...]) -> schema.Layer:
    facts, file = subject.facts, subject.file
    op, results, cost = layer.op, layer.result_types, facts.cost_of(layer)
    shapes = tuple([type.shape for type in results])
    return schema.Layer(
        path=layer.path,
        op=op.name,
        category=op.category,
        summary=op.summary(),
        attrs=op.attributes,
        calls=tuple(_calls(layer, file)),
        span=layer.node.origin.span.positions,
        file=_elsewhere(layer.node.origin.span, file),
        inputs=inputs,
        output=shapes[0],
        outputs=shapes if len(shapes) > 1 else None,
        dtype=results[0].dtype,
        batched=results[0].batched,
        params=cost.params,
        macs=cost.macs,
        bytes=sum(type.bytes_for(facts.batch) for type in subject.result_types(layer.path, results)),
        working=schema.Working(
            params=FIGURES["params"].working(layer, cost) if cost.params else None,
            macs=FIGURES["macs"].working(layer, cost) if cost.macs else None,
        ),
        receptive_field=_field(facts, layer),
        repeat=_several(layer.times),
    )


def _calls(layer: Layer, file: str) -> Iterable[schema.Call]:
    for _, node in layer.calls:
        yield from _frames(node, file)
        if isinstance(node.operator, Module) and node.operator.kind == "block":
            yield _call(node.operator.name, node.operator.arguments, node.origin.span, file)
    yield from _frames(layer.node, file)


def _frames(node: Node, file: str) -> Iterable[schema.Call]:
    return (_call(frame.block, frame.arguments, frame.span, file) for frame in node.origin.frames if frame.block)


def _call(block: str, arguments: Sequence[tuple[str, str]], span: Span, file: str) -> schema.Call:
    args = {name: _datum(value) for name, value in arguments}
    return schema.Call(block=block, args=args, line=span.line, file=_elsewhere(span, file))


def _elsewhere(span: Span, file: str) -> str | None:
    return None if span.source.path == file else span.source.path


def _datum(text: str) -> Any:
    """A whole number, boolean, string or list of these where the spec writes it as JSON does, else the text."""
    try:
        return json.loads(text, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def _field(facts: Facts, layer: Layer) -> ReceptiveField | None:
    if facts.is_listed:
        number = layer.results[0]
        field, narrow = facts.fields.values[number], facts.narrowest_fields.values[number]
    else:
        both = facts.composed_fields, facts.narrowest_composed_fields
        field, narrow = (fields.values(layer.path)[0] for fields in both)
    if field is None or narrow is None or not field.axes:
        return None
    return ReceptiveField(
        size=field.size,
        least=narrow.size,
        stride=tuple([float(stride) if isinstance(stride := a.stride, Fraction) else stride for a in field.axes]),
        start=tuple([axis.start for axis in field.axes]),
        centre=tuple([axis.centre for axis in field.axes]),
        status=field.status,
    )


def _claim(claim: ClaimResult) -> schema.Claim:
    return schema.Claim(
        text=claim.text,
        holds=claim.holds,
        disputed=claim.disputed,
        value=_number(claim.value),
        source=claim.source or None,
        span=claim.span.positions,
    )


def _number(value: Any) -> int | float | str | tuple[int | str, ...] | None:
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    if isinstance(value, tuple):
        return tuple(map(size, value))
    return value if value is None or isinstance(value, int | float) else str(value)


def _finding(found: Diagnostic) -> schema.Finding:
    span = found.primary.span if found.primary else None
    return schema.Finding(
        code=found.code,
        severity=found.severity,
        message=found.message,
        file=span.source.path if span else None,
        span=span.positions if span else None,
        labels=tuple(_labels(found)),
        notes=found.notes,
        help="\n".join(found.helps) or None,
    )


def _labels(found: Diagnostic) -> Iterable[schema.Label]:
    primary = (found.primary,) if found.primary and found.primary.text else ()
    for label in (*primary, *found.labels):
        yield schema.Label(file=label.span.source.path, span=label.span.positions, text=label.text)
