"""What archdsl says of a network beside what PyTorch does, check by check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from archdsl.analyses import Facts
from archdsl.analyses.weights import weights
from archdsl.backends.pytorch.verify.observe import Described, Pass, Subject
from archdsl.ir import Flat, Layer, TensorType, flatten
from archdsl.ir.strides import BATCH
from archdsl.source import counted

ABSENT = "nothing"


class Difference(NamedTuple):
    """One thing that archdsl says and PyTorch does otherwise."""

    path: str
    """Of the layer, in the `state_dict` too; empty for the whole network."""
    said: str
    found: str


class Outcome(NamedTuple):
    """What one check compared."""

    compared: str
    differences: tuple[Difference, ...] = ()
    gap: str = ""
    """What could not be compared, and why."""


Check = Callable[[Facts, Subject, int], Outcome]
"""Compares the facts of a network with its module on a device, for a batch."""


def shapes(facts: Facts, subject: Subject, batch: int) -> Outcome:
    """The results of every module by its path, and of the network, as forward hooks see them in both modes."""
    differences: list[Difference] = []
    modules: set[str] = set()
    for training in _modes(facts):
        flat = flatten(facts.network, training)
        done = subject.run(training=training)
        modules |= done.results.keys()
        differences += _shapes(flat, done, batch)
        # The compiled module gives what exists only while training after the rest.
        outputs = tuple(
            _described(o.value.type, batch)
            for o in sorted(facts.network.outputs, key=lambda o: o.training)
            if training or not o.training
        )
        if outputs != done.outputs:
            differences.append(Difference("", _listed(outputs), _listed(done.outputs)))
    return Outcome(f"{counted(len(modules), 'module')} and the outputs", _once(differences))


def _modes(facts: Facts) -> tuple[bool, ...]:
    """Inference, and training where that has parts of its own."""
    return (False, True) if any(o.training for o in facts.network.outputs) else (False,)


def _shapes(flat: Flat, done: Pass, batch: int) -> Iterator[Difference]:
    said: dict[str, list[Described]] = defaultdict(list)
    stateful: set[str] = set()
    for layer in flat.layers:
        said[layer.path].append(tuple(_described(flat.types[v], batch) for v in layer.results))
        if any(s.name for s in layer.node.state):
            stateful.add(layer.path)
    for path, found in done.results.items():
        if path in said:
            yield from _differs(path, _runs(said[path]), _runs(found))
        elif path in flat.paths:  # a module; of a shared one the first use is known
            yield from _differs(
                path, _listed(_described(flat.types[v], batch) for v in flat.paths[path]), _listed(found[0])
            )
        elif path.rpartition(".")[0] not in said:
            yield Difference(path, ABSENT, _runs(found))
    for path in stateful - done.results.keys():
        yield Difference(path, _runs(said[path]), "a module that is not run")


def state(facts: Facts, subject: Subject, batch: int) -> Outcome:
    """Parameters and buffers: names, types, shapes and order."""
    states = ((s, s.key(layer.path)) for layer in facts.training_flat.layers for s in layer.node.state)
    parameters = {key for s, key in states if s.role == "parameter"}
    said = [
        f"{key}: {stored.dtype} {list(stored.shape)} {'parameter' if key in parameters else 'buffer'}"
        for key, stored in weights(facts.network).items()
    ]
    found = subject.state()
    compared = f"{counted(len(said), 'tensor')}, {facts.cost.training.params:_} parameters"
    known, real = (dict(line.split(": ", 1) for line in lines) for lines in (said, found))
    differences = [
        Difference(key, known.get(key, ABSENT), real.get(key, ABSENT))
        for key in {**known, **real}
        if known.get(key) != real.get(key)
    ]
    if not differences and said != found:
        first = next((a, b) for a, b in zip(said, found, strict=True) if a != b)
        differences = [Difference("", f"{first[0].partition(':')[0]} first", f"{first[1].partition(':')[0]} first")]
    return Outcome(compared, tuple(differences))


def flops(facts: Facts, subject: Subject, batch: int) -> Outcome:
    """Multiply-adds of every module by its path, twice, as `FlopCounterMode` counts them."""
    differences: list[Difference] = []
    modules: set[str] = set()
    for training in _modes(facts):
        flat = flatten(facts.network, training)
        tables = {path for layer in flat.layers if _has_table(layer) for path in _scopes(layer.path)}
        said = _flops(flat, batch)
        found = subject.run(training=training).flops
        for path in (said.keys() | found.keys()) - tables:
            if path in found or path == "":
                modules.add(path)
                differences += _differs(path, f"{said.get(path, 0):_}", f"{found.get(path, 0):_}")
    total = facts.cost.training.flops
    gap = "conv(table=...) counts the joined pairs, PyTorch's kernel runs all" if tables else ""
    return Outcome(f"{counted(len(modules - {''}), 'module')}, {total:_} for one sample", _once(differences), gap)


def _flops(flat: Flat, batch: int) -> Mapping[str, int]:
    said: dict[str, int] = defaultdict(int)
    for layer in flat.layers:
        macs = layer.op.macs(layer.operand_types, layer.result_types)
        samples = batch if any(t.batched for t in layer.result_types) else 1
        for path in _scopes(layer.path):
            said[path] += 2 * macs * samples
    return said


def _has_table(layer: Layer) -> bool:
    return layer.op.attributes.get("table") is not None


def _scopes(path: str) -> list[str]:
    """The path, those of the modules around it, and the empty one of the network."""
    parts = path.split(".")
    return [".".join(parts[:n]) for n in range(len(parts) + 1)]


def saved(facts: Facts, subject: Subject, batch: int) -> Outcome:
    """Bytes that a pass in training keeps for backward, as hooks on saved tensors see them."""
    other = (layer.op.name for layer in facts.training_flat.layers if subject.is_meta and layer.op.is_other_on_meta)
    if name := next(other, ""):
        return Outcome("", gap=f"on the meta device PyTorch runs `{name}` in other steps; --device cpu measures it")
    if gap := _unknown(facts.training_flat):
        return Outcome("", gap=gap)
    said, found = facts.memory_at(batch).saved.bytes, subject.saved_bytes()
    return Outcome(f"{said:_} bytes", _differs("", f"{said:_} bytes", f"{found:_} bytes"))


def peak(facts: Facts, subject: Subject, batch: int) -> Outcome:
    """Bytes of activations at the peak of inference."""
    if gap := _unknown(facts.flat):
        return Outcome("", gap=gap)
    said, found = facts.memory_at(batch).activation_peak, subject.activation_peak()
    return Outcome(f"{said:_} bytes", _differs("", f"{said:_} bytes", f"{found:_} bytes"))


def _unknown(flat: Flat) -> str:
    """Why the bytes of some operator are not known, if there is one."""
    reasons = (layer.op.unknown_bytes(layer.operand_types, layer.result_types) for layer in flat.layers)
    return next(filter(None, reasons), "")


def _differs(path: str, said: str, found: str) -> tuple[Difference, ...]:
    return () if said == found else (Difference(path, said, found),)


def _once(differences: list[Difference]) -> tuple[Difference, ...]:
    return tuple(dict.fromkeys(sorted(differences, key=lambda d: d.path)))


def _described(type: TensorType, batch: int) -> str:
    return f"{type.dtype} {[batch if n == BATCH else n for n in type.tensor_shape]}"


def _listed(described: Iterator[str] | Described) -> str:
    return ", ".join(described) or ABSENT


def _runs(found: list[Described]) -> str:
    return "; ".join(map(_listed, found))
