"""Memory worked out operator by operator over the whole network, without a thought for modules that are alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from archdsl.analyses import Facts
from archdsl.analyses.memory import Moment, Size, Storage
from archdsl.analyses.memory.play import Block, Plain, Player
from archdsl.analyses.memory.size import of_extra, of_type
from archdsl.ir import Layer, Node, Op

Held = tuple[str, str, int]
"""The layer, the name and the bytes of a storage."""


def shown(moment: Moment) -> tuple[int, str, tuple[Held, ...], tuple[Held, ...]]:
    """A moment as it is compared: all that it says, and storages by what they are."""
    live, touched = (tuple((b.layer, b.what, b.bytes) for b in blocks) for blocks in (moment.live, moment.touched))
    return moment.step, moment.layer, live, touched


class Inference(Player[Plain]):
    """Plays each call of each module."""

    def __init__(self, facts: Facts, batch: int) -> None:
        super().__init__()
        self.storage: Storage = facts.storage
        self.batch = batch
        self.moments: list[Moment] = []
        self.live: dict[Block, None] = {}
        named = zip(facts.network.inputs, facts.network.input_types, strict=True)
        inputs = [Plain(Block(name, "input", of_type(type), batch, True)) for name, type in named]
        self.keep(inputs)
        self.outputs = [value.block for value in self.call(facts.network.body, "", inputs) if value is not None]

    def peak(self) -> Moment | None:
        return max(self.moments, key=lambda moment: moment.bytes, default=None)

    def floor(self) -> int:
        """The highest sum if every storage lived from its first to its last use only."""
        last = {block: moment.step for moment in self.moments for block in moment.touched}
        last.update((block, self.moments[-1].step) for block in self.outputs if self.moments)
        return max((sum(b.bytes for b in m.live if last[b] >= m.step) for m in self.moments), default=0)

    def freed(self, block: Block) -> None:
        self.live.pop(block, None)

    def runs(self, node: Node) -> bool:
        return not node.training

    def apply(self, node: Node, path: str, operands: Sequence[Plain]) -> list[Plain]:
        op = node.operator
        assert isinstance(op, Op)
        if op.is_source:
            results = [Plain(Block(path, "parameter", Size(), self.batch, True))]
            self.keep(results)
            return results
        shared = 0 if op.is_identity_in_inference else self.storage.shared_operand(node)
        read = [value.block for value in operands]
        for before in op.preparation(node.operand_types):
            self.add(node, path, read, [Block(path, e.name, of_extra(e, self.batch), self.batch) for e in before])
        results = [
            Plain(Block(path, "output", of_type(type), self.batch)) if shared is None else operands[shared]
            for type in node.result_types
        ]
        self.keep(results)
        made = [value.block for value in results]
        self.live.update((block, None) for block in made if not block.is_input)
        types = node.operand_types, node.result_types
        scratch = (*op.scratch(*types), *op.saved(*types).number)
        self.add(
            node, path, [*read, *made], [Block(path, e.name, of_extra(e, self.batch), self.batch) for e in scratch]
        )
        return results

    def add(self, node: Node, path: str, blocks: Sequence[Block], scratch: Sequence[Block]) -> None:
        self.step += 1
        touched = tuple(dict.fromkeys((*blocks, *scratch)))
        self.moments.append(Moment(self.step, path, node, (*self.live, *scratch), touched))


class Kept:
    """What autograd keeps: sizes by the path of what made it, and by kind."""

    def __init__(self, facts: Facts, batch: int) -> None:
        flat = self.flat = facts.training_flat
        self.facts, self.batch = facts, batch
        self.by_path: dict[str, Size] = defaultdict(Size)
        self.by_kind: dict[tuple[str, str], Size] = defaultdict(Size)
        self.names = dict(zip(flat.inputs, facts.network.inputs, strict=True))
        self.storages = {number: number for number in flat.inputs}
        self.needs: Counter[int] = Counter()
        self.times = dict.fromkeys(flat.inputs, 1)
        for layer in flat.layers:
            shared = facts.storage.shared_operand(layer.node)
            for number in layer.results:
                self.names[number], self.times[number] = layer.path, layer.times
                self.storages[number] = number if shared is None else self.storages[layer.operands[shared]]
                self.needs[number] = self.learns(layer) and flat.types[number].is_float
        alive = self.alive()
        kept: set[int] = set()
        for layer in flat.layers:
            if layer.results[0] in alive and not layer.op.is_source and self.learns(layer):
                kept.update(self.keep(layer))
        sources = {number for layer in flat.layers if layer.op.is_source for number in layer.results}
        for number in kept - sources:
            type = flat.types[number]
            self.add(self.names[number], ("value", type.dtype), of_type(type).by(self.times[number]))

    def learns(self, layer: Layer) -> bool:
        has_parameters = any(s.role == "parameter" for s in layer.node.state)
        return has_parameters or any(self.needs[number] for number in layer.op.read(layer.operands))

    def alive(self) -> set[int]:
        found = {*self.flat.outputs, *(made for turns in self.flat.turns for _, made in turns.carried)}
        for layer in reversed(self.flat.layers):
            if not found.isdisjoint(layer.results):
                found.update(layer.results)
                if any(self.needs[number] for number in layer.results):
                    found.update(layer.op.read(layer.operands))
        return found

    def keep(self, layer: Layer) -> set[int]:
        """The storages that a layer keeps; what it keeps besides is counted."""

        def is_wanted(reader: int | str) -> bool:
            return isinstance(reader, str) or bool(self.needs[layer.operands[reader]])

        types = layer.operand_types, layer.result_types
        saved = layer.op.saved(*types)
        if layer.node in self.facts.storage.in_place:
            saved = layer.op.saved_in_place(*types) or saved
        operands = {*saved.operands_for(len(layer.operands), is_wanted)}
        copies = {i: extra for i, extra in saved.copies if self.batch > 1 and i in operands}
        for extra in (*saved.extras_for(is_wanted), *copies.values()):
            self.add(layer.path, (extra.name, extra.dtype), of_extra(extra, self.batch).by(layer.times))
        values = [layer.operands[i] for i in operands - {*copies}]
        values += [layer.results[i] for i in saved.kept_results if saved.result]
        return {self.storages[number] for number in values}

    def add(self, path: str, kind: tuple[str, str], size: Size) -> None:
        self.by_path[path] = self.by_path[path].plus(size)
        self.by_kind[kind] = self.by_kind[kind].plus(size)
