"""What autograd keeps for backward after a forward pass in training mode.

Every operator says what its line of PyTorch's `derivatives.yaml` keeps. A storage counts once however many operators
keep it or a view of it; parameters do not count, inputs do. An operator that needs no gradient keeps nothing.

What a module keeps depends on which of its inputs need a gradient, which of its outputs lead to one of the network, and which
of these the caller keeps. Calls that are alike in this are worked out once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from archdsl.analyses.memory.size import FLOAT32, FloatType, Size, Stands, Storage, of_extra, of_type, total
from archdsl.analyses.memory.training import TrainingFacts
from archdsl.ir import Extra, Module, Network, Node, Op, Reader, TensorType, Value

Kind = tuple[str, str]
"""`value`, or an operator's own name for what only backward needs, `indices`, `noise`; and the type of its elements."""
Sizes = dict[Kind, Size]
Flags = tuple[bool, ...]


class Part(NamedTuple):
    """What is kept of what an operator or a call has made, or that input itself."""

    name: str
    sizes: Sizes
    """In all turns of the loops around it."""
    times: int = 1
    """How many turns there are."""
    inside: Kept | None = None


class Kept:
    """What is kept of what a module has made, in order of its making."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = tuple(part for part in parts if part.sizes)
        self.sizes: Sizes = {}
        for part in self.parts:
            _add(self.sizes, part.sizes)


class SavedFacts(NamedTuple):
    """All that is kept for a batch."""

    kept: Kept
    estimated_for: tuple[str, ...]
    """The operators, by name, of which not all is known to the byte in half precision."""
    loss: Sizes
    """What the mean cross entropy of the first output keeps beside it, its target included; nothing for a single number."""
    batch: int

    @property
    def sizes(self) -> Sizes:
        return self.kept.sizes

    @property
    def size(self) -> Size:
        return total(self.sizes.values())

    @property
    def bytes(self) -> int:
        return self.size.at(self.batch)

    @property
    def bytes_with_loss(self) -> int:
        return self.bytes + total(self.loss.values()).at(self.batch)

    def of(self, paths: Collection[str]) -> dict[str, Size]:
        """By path what is kept of what operators there and inputs of this name have made; of what is inside, if that is
        among the paths too, under its own."""
        around = {path[:end] for path in paths for end, letter in enumerate(path) if letter == "."}
        found: dict[str, Size] = {}

        def walk(kept: Kept, prefix: str, times: int) -> None:
            for part in kept.parts:
                path = prefix + part.name
                if part.inside is not None and path in around:
                    walk(part.inside, path + ".", times * part.times)
                elif path in paths:
                    found[path] = found.get(path, Size()).plus(total(part.sizes.values()).by(times))

        walk(self.kept, "", 1)
        return found


def saved(network: Network, storage: Storage, batch: int, dtype: FloatType = "float32") -> SavedFacts:
    """What is kept in a network of some type, the parts that exist only while training included."""
    body = network.body
    keeper = _Keeper(storage, batch, dtype)
    trace = keeper.trace(body, (False,) * len(body.inputs))
    alive = (True,) * len(body.outputs)
    kept = keeper.kept(trace, alive, (False,) * len(body.outputs))
    by_operators = {*keeper.storages(trace, alive)}
    named = zip(network.inputs, body.inputs, strict=True)
    inputs = [Part(name, keeper.value(value.type)) for name, value in named if value in by_operators]
    logits = network.outputs[network.main_output].value.type
    return SavedFacts(
        Kept((*inputs, *kept.parts)),
        tuple(keeper.unsure),
        _cross_entropy(logits, keeper.stands) if logits.shape else {},
        batch,
    )


def saved_under_autocast(alone: TrainingFacts, with_loss: TrainingFacts) -> SavedFacts:
    """The same under autocast.

    Args:
        alone: a step of which the loss keeps nothing.
        with_loss: the same with the mean cross entropy.
    """
    blocks = [block for block in alone.simulation.played.saved if block.what != "number"]
    kept = _by_path(
        [(block.layer.split("."), (_KINDS.get(block.what, block.what), ""), block.whole) for block in blocks]
    )
    more = with_loss.saved_for_backward - alone.saved_for_backward
    return SavedFacts(kept, alone.estimated_for, {("value", ""): Size(more)} if more else {}, alone.batch)


_KINDS = {"output": "value", "input": "value"}


def _by_path(found: Iterable[tuple[Sequence[str], Kind, Size]]) -> Kept:
    """What is kept of what is at paths, by the names of which these are made."""
    groups: dict[str, list[tuple[Sequence[str], Kind, Size]]] = {}
    for (name, *names), kind, size in found:
        groups.setdefault(name, []).append((names, kind, size))
    parts = []
    for name, group in groups.items():
        sizes: Sizes = {}
        for _, kind, size in group:
            _add(sizes, {kind: size})
        own = [each for each in group if not each[0]]
        parts.append(Part(name, sizes, inside=_by_path(group) if not own else None))
    return Kept(parts)


class _Trace:
    """A module whose inputs need gradients or do not."""

    def __init__(self, module: Module, needs: Flags) -> None:
        self.module = module
        self.needs = dict(zip(module.inputs, needs, strict=True))
        """Of each value, whether it needs a gradient."""
        self.storages = {value: value for value in module.inputs}
        """By value that whose storage it is in: an input, or the first result there of an operator or a call."""
        self.calls: dict[Node, _Trace] = {}
        self.keeps: dict[Node, _Keeps] = {}
        """What the operators keep of which backward has to know something."""
        self.carried = {new for node in module.nodes for row in node.repeats for new in row.carried().values()}

    def operator(self, node: Node, op: Op, shared: int | None) -> bool:
        """Whether backward has to know anything of an operator."""
        needs = any(s.role == "parameter" for s in node.state) or any(self.needs[v] for v in op.read(node.operands))
        for value in node.results:
            self.needs[value] = needs and value.type.is_float
            self.storages[value] = value if shared is None else self.storages[node.operands[shared]]
        return needs

    def call(self, node: Node, inside: _Trace) -> None:
        self.calls[node] = inside
        places = {own: self.storages[v] for own, v in zip(inside.module.inputs, node.operands, strict=True)}
        for value, own in zip(node.results, inside.module.outputs, strict=True):
            self.needs[value] = inside.needs[own]
            self.storages[value] = places.setdefault(inside.storages[own], value)


class _Keeps(NamedTuple):
    """What an operator keeps."""

    values: list[Value]
    """Operands and results."""
    extras: list[Extra]


class _Alive(NamedTuple):
    """What of a module leads to outputs that lead on."""

    nodes: dict[Node, Flags]
    """The operators, and of calls the outputs."""
    inputs: Flags


class _Keeper:
    """Works out the modules of a network, each once for all calls that are alike."""

    def __init__(self, storage: Storage, batch: int, dtype: FloatType) -> None:
        self.batch = batch
        self.stands = Stands(dtype, dtype)
        self.unsure: dict[str, None] = {}
        self.storage = storage
        self._traces: dict[tuple[Module, Flags], _Trace] = {}
        self._alive: dict[tuple[_Trace, Flags], _Alive] = {}
        self._storages: dict[tuple[_Trace, Flags], Collection[Value]] = {}
        self._kept: dict[tuple[_Trace, Flags, Flags], Kept] = {}

    def trace(self, module: Module, needs: Flags) -> _Trace:
        key = module, needs
        if key not in self._traces:
            found = self._traces[key] = _Trace(module, needs)
            for node in module.nodes:
                if isinstance(node.operator, Module):
                    found.call(node, self.trace(node.operator, tuple(found.needs[v] for v in node.operands)))
                elif found.operator(node, node.operator, self.storage.shared_operand(node)):
                    found.keeps[node] = self._keeps(found, node, node.operator)
        return self._traces[key]

    def alive(self, trace: _Trace, outputs: Flags) -> _Alive:
        """What leads to these outputs: what made others keeps nothing once they are dropped."""
        key = trace, outputs
        if key not in self._alive:
            found = {v for v, leads_on in zip(trace.module.outputs, outputs, strict=True) if leads_on} | trace.carried
            nodes: dict[Node, Flags] = {}
            for node in reversed(trace.module.nodes):
                flags = tuple(value in found for value in node.results)
                if isinstance(node.operator, Module):
                    nodes[node] = flags
                    inside = self.alive(trace.calls[node], flags).inputs
                    found.update(v for v, leads_on in zip(node.operands, inside, strict=True) if leads_on)
                elif any(flags):
                    nodes[node] = flags
                    found.update(node.results)
                    leads_back = any(trace.needs[value] for value in node.results)
                    found.update(node.operator.read(node.operands) if leads_back else ())
            self._alive[key] = _Alive(nodes, tuple(value in found for value in trace.module.inputs))
        return self._alive[key]

    def storages(self, trace: _Trace, outputs: Flags) -> Collection[Value]:
        """The storages that the operators of a module keep, where these outputs lead on."""
        key = trace, outputs
        if key not in self._storages:
            found: set[Value] = set()
            for node, flags in self.alive(trace, outputs).nodes.items():
                found.update(trace.storages[value] for value in self._read_again(trace, node, flags))
            self._storages[key] = found
        return self._storages[key]

    def _read_again(self, trace: _Trace, node: Node, flags: Flags) -> Iterable[Value]:
        """The values of a module that backward of an operator or a call reads."""
        op = node.operator
        if isinstance(op, Module):
            inside = trace.calls[node]
            kept = self.storages(inside, flags)
            yield from (v for v, own in zip(node.operands, op.inputs, strict=True) if own in kept)
            yield from (v for v, own in zip(node.results, op.outputs, strict=True) if inside.storages[own] in kept)
        elif node in trace.keeps:
            yield from trace.keeps[node].values

    def _keeps(self, trace: _Trace, node: Node, op: Op) -> _Keeps:
        types = node.operand_types, node.result_types
        if self.stands != FLOAT32:
            self.unsure |= {} if op.is_known_in_half(node.operand_types) else {op.name: None}
            op = op.on_cpu(*node.operand_types, precision="half")
        in_place = op.saved_in_place(*types) if node in self.storage.in_place else None
        saved = op.saved(*types) if in_place is None else in_place
        is_wanted = partial(_is_wanted, trace, node)
        operands = saved.operands_for(len(node.operands), is_wanted)
        copies = {i: extra for i, extra in saved.copies if self.batch > 1 and i in operands}
        results = [node.results[i] for i in saved.kept_results if saved.result]
        values = [*(node.operands[i] for i in operands if i not in copies), *results]
        return _Keeps(values, [*saved.extras_for(is_wanted), *copies.values()])

    def kept(self, trace: _Trace, outputs: Flags, by_others: Flags) -> Kept:
        """What is kept of what a module makes.

        Args:
            outputs: which of these lead on.
            by_others: which of these the caller keeps.
        """
        key = trace, outputs, by_others
        if key not in self._kept:
            pairs = zip(trace.module.outputs, by_others, strict=True)
            kept = {*self.storages(trace, outputs), *(trace.storages[value] for value, is_kept in pairs if is_kept)}
            alive = self.alive(trace, outputs).nodes
            self._kept[key] = Kept([self._part(trace, node, alive.get(node), kept) for node in trace.module.nodes])
        return self._kept[key]

    def _part(self, trace: _Trace, node: Node, flags: Flags | None, kept: Collection[Value]) -> Part:
        """Of an operator that does not lead on only storages, which others that overwrite them may keep."""
        op = node.operator
        if flags is None or not isinstance(op, Module):
            extras = trace.keeps[node].extras if flags is not None and node in trace.keeps else []
            return Part(node.name, _times(self._made(trace, node, extras, kept), node.times), node.times)
        by_others = tuple(trace.storages[value] in kept for value in node.results)
        inside = self.kept(trace.calls[node], flags, by_others)
        return Part(node.name, _times(inside.sizes, node.times), node.times, inside)

    def _made(self, trace: _Trace, node: Node, extras: Iterable[Extra], kept: Collection[Value]) -> Sizes:
        found: Sizes = {}
        if isinstance(node.operator, Op) and node.operator.is_source:  # a parameter, which does not count
            return found
        for value in node.results:
            if trace.storages[value] is value and value in kept:
                _add(found, self.value(value.type))
        for extra in extras:
            _add(found, {(extra.name, extra.dtype): of_extra(extra, self.batch, self.stands)})
        return found

    def value(self, type: TensorType) -> Sizes:
        return {("value", type.dtype): of_type(type, self.stands)}


def _is_wanted(trace: _Trace, node: Node, reader: Reader) -> bool:
    """Whether a gradient is wanted; that of a parameter always is."""
    return isinstance(reader, str) or trace.needs[node.operands[reader]]


def _add(sizes: Sizes, more: Mapping[Kind, Size]) -> None:
    for kind, size in more.items():
        sizes[kind] = sizes.get(kind, Size()).plus(size)


def _times(sizes: Sizes, times: int) -> Sizes:
    return sizes if times == 1 else {kind: size.by(times) for kind, size in sizes.items()}


def _cross_entropy(logits: TensorType, stands: Stands) -> Sizes:
    """Of logits `[classes]` or `[classes, sizes]`: the log-softmax, a class for each place, and the sum of weights."""
    target = TensorType(logits.sizes, "int64")
    return {
        ("log_softmax", logits.dtype): of_type(logits, stands),
        ("target", target.dtype): of_type(target),
        ("total weight", logits.dtype): of_type(TensorType((), logits.dtype, batched=False), stands),
    }
