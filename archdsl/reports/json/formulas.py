"""The part of the JSON document about totals as formulas."""

from __future__ import annotations

from archdsl.analyses.growth import ForAll, MemoryTotal, memory_totals, powers, totals
from archdsl.reports.json import schema_formulas as schema
from archdsl.reports.json.schema_parts import size
from archdsl.reports.subject import Subject


def formulas_data(subject: Subject, network: ForAll) -> schema.Formulas:
    """The totals of a network for all values of its symbols."""
    total = totals(network)
    known = memory_totals(network, subject.for_all, subject.facts, subject.training_settings)
    saved, inference, training = map(_largest, known)
    return schema.Formulas(
        parameters=network.domain.example,
        counts=network.growth.values if network.growth is not None else {},
        fits=tuple(fit for fit, _ in network.domain.explained()),
        params=size(total.params),
        macs=size(total.macs),
        powers=tuple(
            schema.Power(degree=p.degree, macs=size(p.macs), operators=p.operators) for p in powers(network, total.macs)
        ),
        activations=size(total.activations),
        saved_for_backward=saved,
        inference_peak=inference,
        training_peak=training,
    )


def _largest(found: MemoryTotal | None) -> schema.LargestOf | None:
    if found is None:
        return None
    sums = tuple((size(line.fixed), size(line.per_sample)) for line in found.formula.sums)
    return schema.LargestOf(
        sums=sums, parameters=dict(found.at), least=dict(found.least), is_proved=found.formula.is_proved
    )
