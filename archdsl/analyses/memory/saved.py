"""What autograd keeps for backward after a forward pass in training mode.

Every operator says what its line of PyTorch's `derivatives.yaml` keeps. A storage counts once however many operators
keep it or a view of it; parameters do not count, inputs do. An operator that needs no gradient keeps nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from archdsl.analyses.memory.size import Size, Storage, of_extra, of_type
from archdsl.ir import Flat, Layer, Network, Reader, Saved, TensorType


class SavedItem(NamedTuple):
    """One storage that is kept."""

    layer: str
    """The operator that made it, or the name of an input."""
    what: str
    """`value`, or an operator's own name for what only backward needs: `indices`, `noise`."""
    dtype: str
    size: Size
    """Of all that it stands for."""


class SavedFacts(NamedTuple):
    """All that is kept for a batch."""

    items: tuple[SavedItem, ...]
    """In order of their making."""
    loss: tuple[SavedItem, ...]
    """What the mean cross entropy of the first output keeps beside these, its target included."""
    batch: int

    @property
    def size(self) -> Size:
        return _sum(self.items)

    @property
    def bytes(self) -> int:
        return self.size.at(self.batch)

    @property
    def bytes_with_loss(self) -> int:
        return _sum((*self.items, *self.loss)).at(self.batch)


def _sum(items: tuple[SavedItem, ...]) -> Size:
    return Size(sum(i.size.fixed for i in items), sum(i.size.per_sample for i in items))


def saved(network: Network, flat: Flat, storage: Storage, batch: int) -> SavedFacts:
    """What is kept.

    Args:
        flat: the network with the parts that exist only while training.
    """
    keeper = _Keeper(flat, storage, batch)
    for name, number in zip(network.inputs, flat.inputs, strict=True):
        keeper.name(number, name)
    keeper.trace()
    alive = keeper.alive()
    for layer in flat.layers:
        if layer.results[0] in alive:
            keeper.run(layer)
    return SavedFacts(tuple(keeper.items), _cross_entropy(network.outputs[network.main_output].value.type), batch)


class _Keeper:
    def __init__(self, flat: Flat, storage: Storage, batch: int) -> None:
        self.flat = flat
        self.batch = batch
        self.storage = storage
        self.items: list[SavedItem] = []
        self._storages = list(range(len(flat.types)))
        """By value, the value that its storage was made for."""
        self._names: dict[int, str] = {}
        self._needs_gradient = [False] * len(flat.types)
        self._kept: set[int] = set()

    def name(self, number: int, name: str) -> None:
        self._names[number] = name

    def trace(self) -> None:
        """Names every value and its storage, and tells which of them need a gradient."""
        for layer in self.flat.layers:
            shared = self.storage.shared_operand(layer.node)
            needs = self._needs(layer)
            for number in layer.results:
                self._needs_gradient[number] = needs and self.flat.types[number].is_float
                self._names[number] = layer.path
                if shared is not None:
                    self._storages[number] = self._storages[layer.operands[shared]]

    def _needs(self, layer: Layer) -> bool:
        trains = any(s.role == "parameter" for s in layer.node.state)
        return trains or any(self._needs_gradient[n] for n in layer.op.read(layer.operands))

    def alive(self) -> set[int]:
        """The values that lead to an output, or are one: what made others keeps nothing once they are dropped."""
        found = {*self.flat.outputs, *(made for turns in self.flat.turns for _, made in turns.carried)}
        for layer in reversed(self.flat.layers):
            if not found.isdisjoint(layer.results):
                found.update(layer.results)
                leads_back = any(self._needs_gradient[number] for number in layer.results)
                found.update(layer.op.read(layer.operands) if leads_back else ())
        return found

    def run(self, layer: Layer) -> None:
        if layer.op.is_source:  # a parameter, which does not count
            self._kept.update(layer.results)
        elif self._needs(layer):
            kept = self._saved(layer)
            is_wanted = partial(self._is_wanted, layer)
            operands = [*kept.operands_for(len(layer.operands), is_wanted)]
            copies = {i: extra for i, extra in kept.copies if self.batch > 1 and i in operands}
            for extra in (*kept.extras_for(is_wanted), *copies.values()):
                size = of_extra(extra, self.batch).by(layer.times)
                self.items.append(SavedItem(layer.path, extra.name, extra.dtype, size))
            values = [layer.operands[i] for i in operands if i not in copies]
            self.items += self._keep(
                [*values, *([layer.results[kept.kept_result]] if kept.result else ())], layer.times
            )

    def _is_wanted(self, layer: Layer, reader: Reader) -> bool:
        """Whether a gradient is wanted; that of a parameter always is."""
        return isinstance(reader, str) or self._needs_gradient[layer.operands[reader]]

    def _saved(self, layer: Layer) -> Saved:
        types = layer.operand_types, layer.result_types
        in_place = layer.op.saved_in_place(*types) if layer.node in self.storage.in_place else None
        return layer.op.saved(*types) if in_place is None else in_place

    def _keep(self, values: Iterable[int], times: int) -> Iterator[SavedItem]:
        for number in values:
            made_for = self._storages[number]
            if made_for not in self._kept:
                self._kept.add(made_for)
                type = self.flat.types[made_for]
                yield SavedItem(self._names[made_for], "value", type.dtype, of_type(type).by(times))


def _cross_entropy(logits: TensorType) -> tuple[SavedItem, ...]:
    """Of logits `[classes]` or `[classes, sizes]`: the log-softmax, a class for each place, and the sum of weights."""
    target = TensorType(logits.sizes, "int64")
    return (
        SavedItem("loss", "log_softmax", logits.dtype, of_type(logits)),
        SavedItem("loss", "target", target.dtype, of_type(target)),
        SavedItem("loss", "total weight", logits.dtype, Size(4)),
    )
