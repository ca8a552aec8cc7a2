"""Instances -> families: what one class, or one piece of text, can stand for.

Instances of one block are aligned part by part. A part that some have and others have not is optional; numbers may
differ, and become expressions of parameters when the class is written. Where the rest does not agree (another kind of
layer, another order, an activation in place here and not there), they make two families.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from archdsl.backends.pytorch.code.axes import AxisNames
from archdsl.backends.pytorch.code.conditions import Conditions
from archdsl.backends.pytorch.code.expressions import pattern
from archdsl.backends.pytorch.code.joining import Answers, Joined, form, join
from archdsl.backends.pytorch.code.layout import INDENT, Item, quoted
from archdsl.backends.pytorch.code.names import DICT_ATTRIBUTES, is_identifier
from archdsl.backends.pytorch.code.parameters import Parameters
from archdsl.backends.pytorch.code.parts import Child, Instance, Leaf
from archdsl.backends.pytorch.code.rows import is_numbered, rows_of
from archdsl.ir import Call, Code, Literal, Module, Repeat

Layer = Leaf | Instance | None
L = TypeVar("L", bound=Layer)

DEFAULTS: dict[str, Literal] = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "bias": True,
    "eps": 1e-5,
    "momentum": 0.1,
    "affine": True,
    "ceil_mode": False,
}
"""What PyTorch takes for keywords that are not given; the stride of a pool is its window."""


class Position(NamedTuple):
    """A part of a family: the layer of each instance, None where an instance lacks it."""

    name: str
    layers: tuple[Layer, ...]
    comments: tuple[str, ...]
    word: str
    """What the spec calls it."""
    rows: tuple[Repeat, ...] = ()
    """The repeats that it is in, those of the first instance."""

    @property
    def presence(self) -> tuple[bool, ...]:
        return tuple(layer is not None for layer in self.layers)

    @property
    def buffer(self) -> str:
        """Which kind of buffer it is, if it is a constant tensor."""
        return next((layer.buffer for layer in self.layers if isinstance(layer, Leaf)), "")

    @property
    def comment(self) -> str:
        """The type of its result, where it is the same in all instances."""
        found = {comment for comment, layer in zip(self.comments, self.layers, strict=True) if layer is not None}
        return found.pop() if len(found) == 1 else ""

    @property
    def not_kept(self) -> tuple[Item, ...]:
        """The argument of a buffer that the `state_dict` leaves out."""
        return (Item("False", "persistent="),) if self.buffer == "temporary" else ()

    @property
    def as_absent(self) -> str:
        """What stands for it where an instance lacks it."""
        name = self.name
        return f"self.register_buffer({quoted(name)}, None)" if self.buffer else f"self.{name} = None"

    def kinds(self, of: dict[Instance, Family]) -> list[Family | None]:
        """The families of its layers; None stands for operators."""
        layers = [layer for layer in self.layers if layer is not None]
        return list(dict.fromkeys(of[layer] if isinstance(layer, Instance) else None for layer in layers))


class Shape(NamedTuple):
    """How the instances of a family fit together."""

    positions: tuple[Position, ...]
    forward: Joined | None
    """None for a sequence."""
    is_numbered: bool = False
    """Whether the parts have the names that `nn.Sequential` gives by itself."""
    is_dense: bool = False
    """Whether it is a dense block; its positions are the first two layers and the last."""

    @property
    def annotations(self) -> list[str]:
        """The types of buffers: `nn.Module` says of an attribute only that it is a tensor or a module."""
        buffers = [p for p in self.positions if p.buffer and is_identifier(p.name)]
        return [f"{INDENT}{p.name}: Tensor{' | None' if None in p.layers else ''}" for p in buffers]


class Family:
    """Instances that one class, or one piece of text, stands for."""

    def __init__(self) -> None:
        self.instances: list[Instance] = []
        self.shape = Shape((), None)
        self.class_name = ""
        """Empty where it is written out in its users."""
        self.uses: set[Family] = set()
        """The families of its parts."""
        self.variants: dict[object, Instance] = {}
        """One instance of each form: those of one form differ in numbers alone."""

    @property
    def first(self) -> Instance:
        return self.instances[0]

    @property
    def is_network(self) -> bool:
        return self.first.is_network

    @property
    def is_block(self) -> bool:
        return self.first.module.kind == "block"

    def is_within(self, others: set[Family]) -> bool:
        """Whether it is among the families, or a part of one, however deep."""
        seen, waiting = set(others), list(others)
        while waiting:
            new = waiting.pop().uses - seen
            seen |= new
            waiting += new
        return self in seen


class Families:
    """Puts instances into families, callees before callers."""

    def __init__(self, instances: Iterable[Instance], axes: AxisNames) -> None:
        self.axes = axes
        self.of: dict[Instance, Family] = {}
        self._pots: dict[Hashable, list[Family]] = {}
        for instance in instances:
            self._put(instance)
        for family in dict.fromkeys(self.of.values()):
            shape = self._shape(family.instances)
            assert shape is not None, "forms that fit"
            family.shape = shape

    def _put(self, instance: Instance) -> None:
        uses = {self.of[c.layer] for c in instance.children if isinstance(c.layer, Instance)}
        form = self._form(instance)
        pot = self._pots.setdefault(_declaration(instance), [])
        for family in pot:
            if self._takes(family, instance, form) and not family.is_within(uses):
                break
        else:
            family = Family()
            pot.append(family)
        family.instances.append(instance)
        family.uses |= uses
        family.variants.setdefault(form, instance)
        self.of[instance] = family

    def _takes(self, family: Family, instance: Instance, form: object) -> bool:
        """Whether it fits: instances of one form do, and forms may fit for some numbers and not for others."""
        return [*family.variants] == [form] or self._shape([*family.instances, instance]) is not None

    def _form(self, instance: Instance) -> object:
        """All about an instance but the numbers in its parts."""
        if instance.dense is not None and self._is_dense(instance):
            return (
                instance.dense.stem,
                instance.dense.start,
                instance.joined("maps"),
                instance.recomputing,
                self._kind(instance.children[0].layer),
            )
        parts = tuple((c.name, c.place, self._kind(c.layer), _keywords(c.layer)) for c in instance.children)
        has_forward = instance.sequence is None or instance.module.kind == "block"
        return parts, instance.sequence is None, instance.recomputing, form(instance.forward) if has_forward else None

    def _shape(self, instances: Sequence[Instance]) -> Shape | None:
        """How instances fit together; None if they do not."""
        if any(map(self._is_dense, instances)):
            return self._dense(instances)
        sequences = [i.sequence for i in instances]
        if None not in sequences and len({i.recomputing for i in instances}) > 1:
            return None
        if None not in sequences:
            return self._sequence([s for s in sequences if s is not None])
        if any(i.module.kind == "group" and i.sequence is not None for i in instances):
            return None
        positions = self._positions([tuple(i.attributes.values()) for i in instances], is_numbered=False)
        if positions is None:
            return None
        if any(i.is_keyed for i in instances) and any(p.name in DICT_ATTRIBUTES for p in positions):
            return None
        children = {p.name: p.presence for p in positions}
        ways = ([i.forward for i in instances], [i.general_forward for i in instances])
        told = self._told([i.module for i in instances])
        joined = (join(way, children, told) for way in sorted(ways, key=lambda way: len(set(map(form, way)))))
        return next((Shape(positions, forward) for forward in joined if forward is not None), None)

    def _told(self, modules: Sequence[Module]) -> Callable[[Answers], bool]:
        """Whether a condition of the spec has the answers, one for each of the instances."""
        conditions = Conditions(modules, Parameters(modules, frozenset(), self.axes))
        return conditions.are_told

    def _dense(self, instances: Sequence[Instance]) -> Shape | None:
        """Dense blocks fit if their layers are of one family and are counted alike."""
        if len({self._form(i) for i in instances}) > 1:
            return None
        first, second, *_, last = zip(*((*i.children[:2], i.children[-1]) for i in instances), strict=True)
        none = ("",) * len(instances)
        columns = (first, second, last)
        return Shape(
            tuple(Position(c[0].name, tuple(child.layer for child in c), none, c[0].word) for c in columns),
            None,
            is_dense=True,
        )

    def _is_dense(self, instance: Instance) -> bool:
        kinds = {self._kind(c.layer) for c in instance.children} if instance.dense is not None else ()
        return len(kinds) == 1 and bool(instance.joined("maps"))

    def _sequence(self, sequences: Sequence[tuple[Child, ...]]) -> Shape | None:
        ways = {is_numbered([c.name for c in s], [c.rows for c in s]) for s in sequences}
        if len(ways) > 1:
            return None
        positions = self._positions(sequences, ways == {True})
        return None if positions is None else Shape(positions, None, ways == {True})

    def _positions(self, rows: Sequence[tuple[Child, ...]], is_numbered: bool) -> tuple[Position, ...] | None:
        keyed = [_by_place(r) if is_numbered else _by_name(r) for r in rows]
        order = common_order([tuple(k) for k in keyed])
        if order is None or (is_numbered and not _are_of_one_length(rows)):
            return None
        found = []
        for key in order:
            children = [k.get(key) for k in keyed]
            layers = tuple(c.layer if c is not None else None for c in children)
            if not self._fit([layer for layer in layers if layer is not None], is_numbered):
                return None
            comments = tuple(c.comment if c is not None else "" for c in children)
            first = next(c for c in children if c is not None)
            found.append(Position(first.name, layers, comments, first.word, first.rows))
        always = sum(all(p.presence) for p in found)
        return tuple(found) if always * 2 >= len(found) else None

    def _fit(self, layers: Sequence[Leaf | Instance], is_numbered: bool) -> bool:
        """Whether layers differ in numbers alone, or are of two blocks."""
        layers = in_common(layers)
        kinds = list(dict.fromkeys(self._kind(layer) for layer in layers))
        if len(kinds) == 2:
            return _are_activations(layers) if is_numbered else _are_alike(kinds)
        return len(kinds) == 1 and _keywords_fit(layers)

    def _kind(self, layer: Leaf | Instance) -> object:
        if isinstance(layer, Instance):
            return self.of[layer]
        call = layer.call
        code = tuple(pattern(a) for a in call.args if isinstance(a, Code))
        return (
            call.target,
            len(call.args),
            call.inplace,
            layer.inplace,
            layer.helper,
            layer.is_tensor,
            layer.buffer,
            code,
        )


def in_common(layers: Sequence[L]) -> list[L | Leaf]:
    """The layers, in the general way where some are of another kind than the rest and all have one."""
    general: list[L | Leaf] = [layer.general or layer if isinstance(layer, Leaf) else layer for layer in layers]
    targets = {layer.call.target for layer in layers if isinstance(layer, Leaf)}
    general_targets = {layer.call.target for layer in general if isinstance(layer, Leaf)}
    return general if len(targets) > 1 == len(general_targets) else [*layers]


def keywords_of(calls: Sequence[Call]) -> list[str]:
    """The keywords that some of the calls have, in PyTorch's order."""
    names = dict.fromkeys(name for call in calls for name, _ in call.keywords)
    return sorted(names, key=[*DEFAULTS, *names].index)


def keyword_of(call: Call, name: str) -> Literal:
    """The value of a keyword, given or not."""
    default = call.args[0] if name == "stride" and "Pool" in call.target else DEFAULTS.get(name)
    return dict(call.keywords).get(name, default)


def _by_name(children: tuple[Child, ...]) -> dict[Hashable, Child]:
    return {child.name: child for child in children}


def _by_place(children: tuple[Child, ...]) -> dict[Hashable, Child]:
    """The children by where the spec has them; what a loop makes is counted."""
    seen: Counter[object] = Counter()
    found: dict[Hashable, Child] = {}
    for child in children:
        found[child.place, seen[child.place]] = child
        seen[child.place] += 1
    return found


def _are_of_one_length(rows: Sequence[tuple[Child, ...]]) -> bool:
    """Whether every loop takes as many turns in all: a longer one has no optional parts."""
    turns: dict[object, int] = {}
    return all(
        turns.setdefault(place, count) == count
        for row in rows
        for place, count in Counter(c.place for c in row).items()
    )


def common_order(rows: Sequence[tuple[Hashable, ...]]) -> list[Hashable] | None:
    """All keys in an order that every row agrees with; None if there is none."""
    order: list[Hashable] = list(rows[0])
    distinct = dict.fromkeys(rows)
    if len(distinct) == 1 and len(set(order)) == len(order):
        return order
    for row in distinct:
        at = 0
        for key in row:
            if key not in order:
                order.insert(at, key)
            found = order.index(key)
            if found < at:
                return None
            at = found + 1
    return order


def _declaration(instance: Instance) -> Hashable:
    """What a spec has once for all instances that may be of one family."""
    module = instance.module
    turns = tuple(row.turns for row in rows_of(module))
    place = module.origin.span.source.path, module.origin.span.start, turns
    return (module.kind, module.name, module.doc, *place) if module.kind != "group" else ("group", *place)


def _are_activations(layers: Sequence[Leaf | Instance]) -> bool:
    """Whether all are operators without any argument."""
    return all(isinstance(layer, Leaf) and not layer.call.args and not layer.call.keywords for layer in layers)


def _are_alike(kinds: Sequence[object]) -> bool:
    """Whether all are blocks with the same parameters."""
    blocks = [kind.first.module for kind in kinds if isinstance(kind, Family) and kind.is_block]
    return len(blocks) == len(kinds) and len({tuple(p.name for p in b.parameters) for b in blocks}) == 1


def _keywords(layer: Leaf | Instance) -> frozenset[str]:
    return frozenset(k for k, _ in layer.call.keywords) if isinstance(layer, Leaf) else frozenset()


def _keywords_fit(layers: Sequence[Leaf | Instance]) -> bool:
    """Whether keywords that some have and others have not have known defaults."""
    names = [_keywords(layer) for layer in layers]
    return all(n ^ names[0] <= DEFAULTS.keys() for n in names)
