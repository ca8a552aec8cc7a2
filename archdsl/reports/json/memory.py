"""The part of the JSON document about memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from archdsl.analyses import Facts
from archdsl.analyses.memory import CudaFacts, Lifetime, Moment, Phase, Taken, TrainingFacts
from archdsl.analyses.memory import Size as Bytes
from archdsl.reports.json import schema
from archdsl.reports.json.schema_parts import size
from archdsl.reports.subject import Subject


def memory_data(subject: Subject) -> schema.Memory:
    facts, memory, training = subject.facts, subject.memory, subject.training
    figures = {figure.name: figure.bytes for figure in memory.figures}
    found = schema.Memory(
        mode="inference",
        precision=subject.arithmetic.precision,
        autocast=subject.arithmetic.autocast,
        peak=figures["peak"],
        parameters=memory.parameters,
        buffers=memory.buffers,
        inputs=memory.inputs,
        activation_peak=memory.activation_peak,
        at=memory.at.layer if memory.at else None,
        saved_for_backward=memory.saved.bytes,
        figures=tuple(
            schema.Figure(name=f.name, bytes=f.bytes, convention=f.convention, status=f.status) for f in memory.figures
        ),
        timeline=tuple(map(_moment, memory.inference.moments)) if facts.is_listed else None,
        estimated_for=memory.estimated_for("peak"),
        refused=tuple(memory.inference.refused),
        storages=tuple(map(_storage, facts.lifetimes(subject.arithmetic))) if facts.is_listed else None,
        training=None,
    )
    if training is not None:
        _put_training(found, facts, training, subject.on)
    return found


def _moment(found: Moment) -> schema.Moment:
    live = tuple(dict.fromkeys([block.layer for block in found.live]))
    return schema.Moment(step=found.step, layer=found.layer, live=live, bytes=found.bytes)


def _storage(found: Lifetime) -> schema.Storage:
    return schema.Storage(
        layer=found.layer,
        what=found.what,
        made=found.made,
        freed=found.freed,
        used=found.used,
        bytes=sizes_data(found.single, found.size),
    )


def sizes_data(single: int, larger: Bytes) -> schema.Bytes:
    return schema.Bytes(single=size(single), fixed=size(larger.fixed), per_sample=size(larger.per_sample))


def _put_training(memory: schema.Memory, facts: Facts, training: TrainingFacts, on: str | None) -> None:
    """The figures that are others where a training step was asked for."""
    memory["mode"] = "training"
    memory["peak"] = training.peak
    memory["parameters"] = training.held.parameters
    memory["buffers"] = training.held.buffers
    memory["inputs"] = training.held.inputs.at(training.batch)
    memory["activation_peak"] = training.activation_peak
    memory["at"] = training.at.layer
    memory["saved_for_backward"] = training.saved_for_backward
    memory["training"] = _training(facts, training, on)


def _training(facts: Facts, training: TrainingFacts, on: str | None) -> schema.Training:
    lines = {layer.path: layer.node.origin.span.positions for layer in facts.training_flat.layers}
    settings = training.settings
    return schema.Training(
        status=training.status,
        estimated_for=training.estimated_for,
        optimizer=settings.optimizer,
        weight_decay=settings.weight_decay,
        implementation=settings.implementation,
        loss=settings.loss,
        zero_grad=settings.zero_grad,
        precision=settings.precision,
        autocast=settings.autocast,
        frozen=settings.freeze,
        accumulate=settings.accumulate,
        checkpointed=settings.checkpoint,
        recomputed_macs=training.recomputed_macs,
        refused=(*(facts.refused_alone if training.batch == 1 else ()), *training.refused),
        checkpoint_levels=tuple(
            schema.CheckpointLevel(paths=v.paths, peak=v.peak, kept=v.kept, recomputed_macs=v.recomputed_macs)
            for v in facts.checkpoint_levels(settings)
        ),
        phase=training.at.phase,
        target=training.held.target.at(training.batch),
        gradients=training.gradients,
        optimizer_state=training.held.optimizer_state,
        optimizer_temporary=training.optimizer_temporary,
        phases={phase: training.phase_peak(phase) for phase in get_args(Phase)},
        alive=tuple(
            schema.Alive(layer=a.layer, what=a.what, bytes=a.bytes, span=lines.get(a.layer)) for a in training.alive
        ),
        timeline=tuple(_moments(facts, training)),
        cuda=_cuda(facts.on_cuda(settings, training.batch, on)),
    )


def _cuda(found: CudaFacts | None) -> schema.Cuda | None:
    if found is None:
        return None
    return schema.Cuda(
        status="estimate",
        allocated=found.allocated,
        reserved=found.reserved,
        workspace=found.workspace,
        cublas=found.profile.cublas,
        context=found.profile.context,
        native=_taken(found.native),
        expandable=_taken(found.expandable),
    )


def _taken(found: Taken) -> schema.CudaTaken:
    return schema.CudaTaken(requested=found.requested, allocated=found.allocated, reserved=found.reserved)


def _moments(facts: Facts, training: TrainingFacts) -> Iterable[schema.TrainingMoment]:
    """The moments of a step; their sizes for every batch where one sample and several take the same way."""
    other = facts.training(training.settings, 2 if training.batch == 1 else 1)
    one, more = (training, other) if training.batch == 1 else (other, training)
    is_alike = [m[:3] for m in one.timeline] == [m[:3] for m in more.timeline]
    pairs = zip(one.timeline, more.lines, strict=True) if is_alike else ()
    sizes = [sizes_data(moment.bytes, line) for moment, line in pairs]
    for index, moment in enumerate(training.timeline):
        found = sizes[index] if sizes else None
        yield schema.TrainingMoment(
            step=moment.step, phase=moment.phase, layer=moment.layer, bytes=moment.bytes, sizes=found
        )
