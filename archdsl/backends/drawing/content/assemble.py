"""Units -> bodies: runs become cards, what forks and joins stands side by side, what fits nowhere becomes a lane."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Literal, NamedTuple

from archdsl.backends.drawing.content.alike import alike
from archdsl.backends.drawing.content.drafts import Drafts
from archdsl.backends.drawing.content.model import (
    ENTRY,
    OPERANDS,
    Anchor,
    Arm,
    Bar,
    Body,
    Card,
    Group,
    Lane,
    Merge,
    Parallel,
    Step,
    Terminal,
)
from archdsl.backends.drawing.content.parts import take_apart
from archdsl.backends.drawing.content.rows import add_words, folded, name_of, note_kinds, row_of
from archdsl.backends.drawing.content.structure import Fork, Path, Structure, structure
from archdsl.backends.drawing.content.structure import Unit as Place
from archdsl.backends.drawing.content.units import ORDERED, Unit, Units
from archdsl.backends.drawing.content.words import show_output, times
from archdsl.ir import Module, TensorType, Value
from archdsl.source import short

MOST_IN_CARD = 100
"""In a card with more rows those that say the same are one."""
SYMBOLS = {"add": "+", "multiply": "×", "average": "average", "maximum": "max"}


class Built(NamedTuple):
    """A body, what makes each output of its module, and what reads each input."""

    body: Body
    exits: dict[Value, Anchor]
    readers: dict[Value, list[Anchor]]
    last: frozenset[Value]
    """The outputs that its main line ends with."""


def assemble(drafts: Drafts, units: Units, *, is_network: bool = False) -> Built:
    """The body that units make up. Unlabelled runs of a network before and after its blocks are its stem and head."""
    return _Assembly(drafts, units, is_network).built()


class _Assembly:
    """Puts the units of one body together."""

    def __init__(self, drafts: Drafts, units: Units, is_network: bool) -> None:
        self.drafts = drafts
        self.module = units.module
        self.parts = take_apart(units)
        self.beside: set[int] = set()
        """Parts of splits that fit into no order: lanes lead to what reads them."""
        self.given = units
        self.units = units.units
        _drop_open_headings(self.units)
        self.makers = units.makers
        self.is_network = is_network
        self.anchors: dict[int, Anchor] = {}
        self.inner: dict[int, Built] = {}
        for index, unit in enumerate(self.units):
            if unit.role == "scope":
                self.inner[index] = self._inner(index, unit)
        self.found = self._structure()
        scopes = [i for i, u in enumerate(self.units) if u.role == "scope" or u.closed]
        self.scopes = (scopes[0], scopes[-1]) if scopes and is_network else None
        self.layers = [i for i, u in enumerate(self.units) if u.role == "row"]

    def built(self) -> Built:
        body = Body(self._steps(self.found.items, ENTRY, in_arm=not self.is_network), self._lanes())
        exits = {v: a for v in self.module.outputs if (a := self._exit(v)) is not None}
        readers: dict[Value, list[Anchor]] = {}
        for value in self.module.inputs:
            readers[value] = [a for i, u in enumerate(self.units) if value in u.reads for a in self._readers(i, value)]
        end = self.found.items[-1] if self.found.items else ENTRY
        exit = end if isinstance(end, int) else end.join
        last = frozenset(v for v in self.module.outputs if self.makers.get(v) == exit and self._is_main(v))
        return Built(body, exits, readers, last)

    def _structure(self) -> Structure:
        """What follows what; a part of a split that neither follows it nor is followed is left to lanes."""
        while True:
            kept = [i for i in range(len(self.units)) if i not in self.beside]
            found = structure([self._sources(i) for i in kept], kept, self.parts)
            followed = {before for before, _ in found.flows}
            lost = {i for i in kept if i in self.parts and i not in followed}
            lost |= {i for i in kept if i in self.parts and (self.parts[i].split, i) not in found.flows}
            if not lost:
                return found
            self.beside |= lost

    def _inner(self, index: int, unit: Unit) -> Built:
        """The body of an outline."""
        module, node = unit.module, unit.node
        assert module is not None and node is not None
        main = self._sources(index)
        pairs = zip(node.operands, module.inputs, strict=True)
        entry = next((inside for value, inside in pairs if main and self.makers.get(value) == main[0]), None)
        units = self.drafts.units(module, unit.paths[0], entry, is_reuse=unit.is_reuse)
        if unit.words:
            add_words(units.units[-1], unit)
        return assemble(self.drafts, units)

    def _sources(self, index: int) -> tuple[int, ...]:
        """The units whose results a merge joins; all else follows the latest of those that it reads."""
        if index in self.parts:
            return (self.parts[index].split,)
        unit = self.units[index]
        if self._is_input(index):
            return (ENTRY,)
        made = [self.makers[unit.reads[i]] for i in self._joined(unit)]
        if unit.role in ("merge", "bar"):
            return tuple(made)
        return tuple(made and [max(made, key=lambda m: self.parts[m].split if m in self.parts else m)])

    def _joined(self, unit: Unit) -> list[int]:
        """Which operands come on the main line or an arm of it."""
        return [i for i, v in enumerate(unit.reads) if v in self.makers and self._is_main(v)]

    def _is_main(self, value: Value) -> bool:
        """Whether a value leaves its maker on the main line, which of an outline's results one does."""
        maker = self.makers.get(value, ENTRY)
        if maker in self.beside:
            return False
        maker = self.parts[maker].split if maker in self.parts else maker
        if maker == ENTRY or self.units[maker].role != "scope":
            return True
        module = self.units[maker].module
        assert module is not None
        return module.outputs[self.given.result(value)] in self.inner[maker].last

    def _steps(self, items: tuple[Place, ...], entry: int, *, in_arm: bool) -> tuple[Step, ...]:
        items, steps = tuple(self._unforked(items)), list[Step]()
        index = 0
        while index < len(items):
            first, follows = items[index], self._follows(items[index], entry)
            result = self.parts[entry].result if follows and entry in self.parts else None
            run = self._run(items, index)
            if run:
                steps.append(Step(self._card(run, in_arm), follows, result=result))
            elif isinstance(first, Fork):
                steps.append(Step(self._parallel(first, entry), follows, result=result))
            elif first not in self.parts:
                operands = self._operands(first, [entry]) if follows else ()
                steps.append(Step(self._item(first, in_arm), follows, operands, result))
            index += len(run) or 1
            last = items[index - 1]
            entry = last if isinstance(last, int) else ENTRY if last.join is None else last.join
        return tuple(steps)

    def _unforked(self, items: Iterable[Place]) -> Iterator[Place]:
        """Items with those of a fork that ends at an input one after another: an input joins nothing."""
        for item in items:
            if isinstance(item, Fork) and item.join is not None and self._is_input(item.join):
                yield from (inside for arm in item.arms for inside in self._unforked(arm.items))
                yield item.join
            else:
                yield item

    def _is_input(self, index: int) -> bool:
        return self.units[index].terminal is not None and not self.units[index].reads

    def _follows(self, item: Place, entry: int) -> bool:
        if isinstance(item, Fork):
            return any(arm.enters for arm in item.arms)
        return (entry, item) in self.found.flows and bool(self.units[item].reads)

    def _operands(self, index: int, makers: Collection[int]) -> tuple[int, ...]:
        """Which parts of a bar these units make."""
        unit = self.units[index]
        if unit.role != "bar" or len(unit.after) > 1:
            return ()
        return tuple(i for i in self._joined(unit) if self.makers[unit.reads[i]] in makers)

    def _run(self, items: tuple[Place, ...], start: int) -> list[int]:
        """The rows from here on that follow each other under one heading."""
        run: list[int] = []
        for item in items[start:]:
            if not isinstance(item, int) or self.units[item].role != "row":
                break
            if run and self.units[item].heading != self.units[run[0]].heading:
                break
            if run and ((run[-1], item) not in self.found.flows or self._parts(run[-1], item)):
                break
            run.append(item)
        return run

    def _parts(self, before: int, after: int) -> bool:
        """Whether a run of the network ends between two rows: where its blocks begin and end, and after their pools."""
        if self.scopes is None:
            return False
        first, last = self.scopes
        if before < first or after > last:
            return before < first <= after or before <= last < after
        return self.units[before].kind == "pool" and bool(self.units[before].strides)

    def _card(self, run: list[int], in_arm: bool) -> Card:
        key = self.drafts.key()
        rows = [row_of(self.drafts, self.units[i]) for i in run]
        places = list(range(len(rows)))
        if len(rows) > MOST_IN_CARD:
            rows, places = folded(rows)
        self.anchors.update((unit, Anchor(key, place)) for unit, place in zip(run, places, strict=True))
        frames = self.units[run[0]].heading
        heading = times(frames[-1].text) if frames else ""
        if self.scopes is not None and not heading and not in_arm:
            is_stem = run[-1] < self.scopes[0] and run[0] == self.layers[0]
            is_head = run[0] > self.scopes[1] and run[-1] == self.layers[-1]
            heading = "stem" if is_stem else "head" if is_head else ""
        return Card(key, heading, "", tuple(rows))

    def _item(self, index: int, in_arm: bool) -> Card | Terminal | Merge | Bar | Group:
        unit = self.units[index]
        if unit.role == "row":
            return self._card([index], in_arm)
        if unit.role == "scope":
            return self._scope(index, unit, in_arm)
        if unit.terminal is not None:
            self.anchors[index] = Anchor(unit.terminal.key)
            return unit.terminal
        note_kinds(self.drafts, unit)
        key = self.drafts.key()
        self.anchors[index] = Anchor(key)
        return self._bar(key, unit) if unit.role == "bar" else self._merge(key, unit)

    def _merge(self, key: int, unit: Unit) -> Merge:
        assert unit.node is not None and not isinstance(unit.node.operator, Module)
        text = SYMBOLS.get(unit.node.operator.name, unit.text)
        return Merge(key, unit.paths[0], text, tuple(unit.words), tuple(unit.paths))

    def _bar(self, key: int, unit: Unit) -> Bar:
        """A concatenation or a split, with the sizes of its parts along its axis."""
        node = unit.node
        assert node is not None and not isinstance(node.operator, Module)
        op, is_split = node.operator, len(node.results) > 1
        if op.name in ORDERED:
            words = tuple(unit.words)
            return Bar(key, unit.paths[0], ORDERED[op.name], words, (1, 1), OPERANDS, "", False, tuple(unit.paths))
        axis = getattr(op, "axis", 0)
        joined = [v.type for v in unit.reads]
        parts = tuple(_size(t, axis) for t in (node.result_types if is_split else joined))
        output = "" if is_split else show_output(unit.after)
        words, labels = tuple(unit.words), tuple(map(str, parts))
        return Bar(key, unit.paths[0], op.name, words, parts, labels, output, is_split, tuple(unit.paths))

    def _scope(self, index: int, unit: Unit, in_arm: bool) -> Group | Card:
        module, body = unit.module, self.inner[index].body
        assert module is not None
        is_block = module.kind == "block"
        call = " · ".join([unit.text] * is_block + ["shared"] * unit.is_reuse)
        only = body.steps[0].item if len(body.steps) == 1 and not body.lanes else None
        if isinstance(only, Card) and not only.heading and (is_block or in_arm) and unit.count == 1:
            self.anchors[index] = Anchor(only.key)
            return only._replace(heading=name_of(unit), note=call)
        key = self.drafts.key()
        self.anchors[index] = Anchor(key)
        note = f"{short(unit.cost.params)} params · {short(unit.cost.macs)} MACs"
        kind: Literal["block", "scope"] = "block" if is_block else "scope"
        calls = tuple(unit.paths[: len(unit.names)])
        return Group(key, unit.paths[0], name_of(unit), call, note, unit.count, kind, body, calls)

    def _parallel(self, fork: Fork, entry: int) -> Parallel:
        arms, places = alike([self._arm(path, entry, fork.join) for path in fork.arms])
        moved = {unit: places.get(anchor.key, anchor.key) for unit, anchor in self.anchors.items()} if places else {}
        self.anchors |= {unit: self.anchors[unit]._replace(key=key) for unit, key in moved.items()}
        goes_on = any(not arm.steps for arm in arms)  # a part of a split, on the side where it leaves
        if goes_on and fork.join is not None and self.units[fork.join].role != "bar":
            arms.sort(key=lambda arm: arm.results)
        return Parallel(tuple(arms), None if fork.join is None else self._item(fork.join, True))

    def _arm(self, path: Path, entry: int, join: int | None) -> Arm:
        members = list(_members(path.items))
        units = [self.units[i] for i in members]
        parts = [self.parts[i] for i in members if i in self.parts and self.parts[i].split == entry]
        results = {p.result for p in parts}
        words = parts[0].words if len(results) == 1 else ""
        operands = path.operands
        if join is not None and self.units[join].role in ("merge", "bar"):
            joined = self._joined(self.units[join])
            operands = tuple(joined[i] for i in operands)
        enters = path.enters and not any(map(self._is_input, members))
        steps = self._steps(path.items, entry, in_arm=True)
        branches = {self.given.branch(u) for u in units}
        condition, names = branches.pop() if len(branches) == 1 else ("", ())
        return Arm(steps, enters, path.feeds, operands, tuple(sorted(results)), condition, names, words)

    def _lanes(self) -> tuple[Lane, ...]:
        """The edges that the structure does not show, one lane for each value."""
        edges = set(self.found.lanes)
        for index, unit in enumerate(self.units):
            made = {self.makers[v] for v in unit.reads if v in self.makers}
            edges.update((m, index) for m in made - set(self._sources(index)))
        targets: dict[Value, list[Anchor]] = {}
        for index, unit in enumerate(self.units):
            for value in dict.fromkeys(unit.reads):
                if value in self.makers and (not self._is_main(value) or (self.makers[value], index) in edges):
                    targets.setdefault(value, []).extend(self._readers(index, value))
        lanes = []
        for value, anchors in targets.items():
            source = self._exit(value) or Anchor(ENTRY)
            part = self.parts.get(self.makers[value])
            lanes.append(Lane(source, tuple(dict.fromkeys(anchors)), value.tap or (part.words if part else "")))
        return tuple(lanes)

    def _exit(self, value: Value) -> Anchor | None:
        """What makes a value; None for what enters the body or comes from around it."""
        maker = self.makers.get(value, ENTRY)
        if maker == ENTRY:
            return None
        maker = self.parts[maker].split if maker in self.parts else maker
        unit, result = self.units[maker], self.given.result(value)
        if unit.role == "scope" and unit.module is not None:
            inside = unit.module.outputs[result]
            return self.inner[maker].exits.get(inside, self.anchors[maker])
        if unit.role == "bar" and unit.node is not None and len(unit.node.results) > 1:
            return self.anchors[maker]._replace(row=result)
        return self.anchors[maker]

    def _readers(self, index: int, value: Value) -> list[Anchor]:
        """Where a unit reads a value: an outline does where its layers do."""
        unit = self.units[index]
        if unit.role == "bar" and len(unit.after) == 1:
            return [self.anchors[index]._replace(row=i) for i, v in enumerate(unit.reads) if v is value]
        if unit.role != "scope" or unit.module is None or unit.node is None:
            return [self.anchors[index]]
        inputs = [v for o, v in zip(unit.node.operands, unit.module.inputs, strict=True) if o is value]
        return [a for v in inputs for a in self.inner[index].readers[v]] or [self.anchors[index]]


def _drop_open_headings(units: list[Unit]) -> None:
    """Takes away headings of inline blocks that hold more than runs of rows: what surrounds stages is a stem and a head."""
    around = {u.heading for u in units if u.role == "scope" or u.closed}
    for unit in units:
        if unit.heading in around:
            unit.heading = ()


def _members(items: tuple[Place, ...]) -> Iterator[int]:
    """The units of a part of the structure."""
    for item in items:
        if isinstance(item, int):
            yield item
            continue
        for arm in item.arms:
            yield from _members(arm.items)
        if item.join is not None:
            yield item.join


def _size(type: TensorType, axis: int) -> int:
    return type.shape[axis] if -type.rank <= axis < type.rank else 1
