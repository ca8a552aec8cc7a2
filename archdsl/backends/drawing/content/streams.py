"""Network -> one list of units with what each reads, groups and opened calls taken apart."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.backends.drawing.content.drafts import Drafts
from archdsl.backends.drawing.content.model import ENTRY, Word
from archdsl.backends.drawing.content.rows import add_words, name_of
from archdsl.backends.drawing.content.units import Unit
from archdsl.ir import Module, Network, Value


class Stream(NamedTuple):
    """A unit and the units whose results it reads, each with the value read; what only lends its shape is left out."""

    unit: Unit
    name: str
    read: dict[int, Value]

    @property
    def sources(self) -> list[int]:
        return list(self.read)


def streams(network: Network, drafts: Drafts) -> tuple[list[Stream], list[int | None]]:
    """All units in the order they run, and which of them makes each output, if one does."""
    collector = _Collector(drafts)
    return collector.streams, collector.add(network.body, "", [None] * len(network.inputs), is_reuse=False)


class _Collector:
    def __init__(self, drafts: Drafts) -> None:
        self.drafts = drafts
        self.streams: list[Stream] = []

    def add(self, module: Module, path: str, inputs: list[int | None], *, is_reuse: bool) -> list[int | None]:
        """Adds a module whose inputs these units make; the units that make its outputs."""
        entry = next(iter(module.inputs), None)
        units = self.drafts.units(module, path, entry, is_reuse=is_reuse)
        entering = dict(zip(module.inputs, inputs, strict=True))
        made: list[list[int | None]] = []

        def maker(value: Value) -> int | None:
            if value in entering:
                return entering[value]
            index = units.makers.get(value)  # None for what only training computes
            if index is None or index == ENTRY:
                return None if index is None else inputs[0]
            return made[index][value.index if len(made[index]) > 1 else 0]

        for unit in units.units:
            sources = [maker(v) for v in unit.reads]
            made.append(self._open(unit, sources) if unit.role == "scope" else [self._append(unit, path, sources)])
        return [maker(v) for v in module.outputs]

    def _open(self, unit: Unit, sources: list[int | None]) -> list[int | None]:
        """Adds what an opened call holds, of folded ones each."""
        assert unit.module is not None
        results: list[int | None] = []
        for path in unit.paths[: len(unit.names)]:
            results = self.add(unit.module, path, [*results, *sources[len(results) :]], is_reuse=unit.is_reuse)
        if unit.words:
            add_words(self.streams[-1].unit, unit)
        return results

    def _append(self, unit: Unit, path: str, sources: list[int | None]) -> int:
        if unit.kind == "merge":
            _describe_merge(unit)
        values = unit.reads
        tensors = (
            () if unit.node is None or isinstance(unit.node.operator, Module) else unit.node.operator.tensor_attributes
        )
        if "like" in tensors and len(values) > 1:
            values = values[:-1]
        pairs = zip(sources, values, strict=False)
        name = f"{path}.{name_of(unit)}" if path else name_of(unit)
        self.streams.append(Stream(unit, name, {s: v for s, v in pairs if s is not None}))
        return len(self.streams) - 1


def _describe_merge(unit: Unit) -> None:
    """Gives the row of a concatenation its parts."""
    node = unit.node
    assert node is not None and not isinstance(node.operator, Module)
    if node.operator.name == "concat":
        axis = getattr(node.operator, "axis", 0)
        unit.words.insert(0, Word(" + ".join(str(t.shape[axis]) for t in node.operand_types)))
