"""The part of the JSON document about open sizes: formulas for all of them."""

from __future__ import annotations

from collections.abc import Mapping

from archdsl.analyses import Facts
from archdsl.analyses.growth import ForAll
from archdsl.analyses.memory import Lifetime
from archdsl.analyses.memory import Size as Bytes
from archdsl.ir import Assumed, OpenSize, Size
from archdsl.reports.json import schema
from archdsl.reports.json.memory import sizes_data
from archdsl.reports.json.schema_parts import size
from archdsl.reports.subject import Subject
from archdsl.reports.working import FIGURES


def for_all_data(subject: Subject, network: ForAll) -> schema.ForAll:
    """Formulas, for the sizes of the subject among others."""
    facts, at, bindings = network.facts, subject.facts, dict(subject.bindings)
    values = {name: int(bindings[name]) for name in network.domain.example}
    return schema.ForAll(
        fits=tuple(
            schema.Fit(values=text, needs=tuple(map(_need, needs))) for text, needs in network.domain.explained()
        ),
        macs=size(facts.cost.total.macs),
        activations=size(facts.cost.values),
        inputs={
            name: tuple(map(size, type.shape))
            for name, type in zip(facts.network.inputs, facts.network.input_types, strict=True)
        },
        shapes={layer.path: tuple(map(size, layer.result_types[0].shape)) for layer in facts.listing.layers},
        params_of=_of_layers("params", facts),
        macs_of=_of_layers("macs", facts),
        bytes_of={
            layer.path: size(sum(t.bytes for t in subject.result_types(layer.path, layer.result_types)))
            for layer in facts.listing.layers
        },
        storages=_storages_for_all(subject, facts, values) if at.is_listed else None,
    )


def _of_layers(figure: str, facts: Facts) -> dict[str, int | str]:
    counted = ((layer.path, FIGURES[figure].of_layer(facts.cost_of(layer))) for layer in facts.listing.layers)
    return {path: size(value) for path, value in counted if value != 0}


def _storages_for_all(subject: Subject, facts: Facts, values: Mapping[str, int]) -> tuple[schema.Bytes, ...] | None:
    """The sizes of storages as formulas, where these are the storages that there are at the known values."""
    try:
        found = facts.lifetimes(subject.arithmetic)
    except OpenSize:
        return None

    def at_values(lifetime: Lifetime) -> Lifetime:
        single, *size = (n.at(values) if isinstance(n, Size) else n for n in (lifetime.single, *lifetime.size))
        return lifetime._replace(single=single, size=Bytes(*size))

    if [*map(at_values, found)] != [*subject.facts.lifetimes(subject.arithmetic)]:
        return None
    return tuple(sizes_data(lifetime.single, lifetime.size) for lifetime in found)


def _need(need: Assumed) -> schema.Need:
    return schema.Need(condition=str(need.condition), operator=need.context.operator, line=need.context.span.line)
