"""Two networks -> what was taken away, added and changed, scope by scope, and what each change costs.

Children of a scope are matched by their labels, wherever they stand, and the unlabelled ones by what they are, in order; so a
layer put in between does not make all after it look new. What lies inside two matched scopes is compared in turn.

All that is told adds up to what the networks cost more or less, with their parts for training: the scopes, and the layers that
cost another amount though they were not changed, since what they read has other sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, NamedTuple

from archdsl.analyses.common import common
from archdsl.analyses.cost import Cost, Counts
from archdsl.analyses.difference.forms import Forms
from archdsl.analyses.difference.wires import Names, Pair, Texts, Two, inputs, is_group, outputs, outputs_of_scope
from archdsl.ir import Module, Network, Node, Op, State

NAMED = 1_000
"""Of the scopes in which the same was changed so many are named; of blocks that call others again and again there are more."""
RESIZED = 3
"""Of layers that cost another amount by their sizes so many are named."""


class Change(NamedTuple):
    """One child of a scope: as it was, and as it is; None where there is none."""

    before: Node | None
    after: Node | None
    reads: Two | None = None
    """What it reads, where it reads other children that both have, and nothing else is different."""
    is_renamed: bool = False
    """Whether nothing but its name is different."""
    uses: tuple[int, int] | None = None
    """How often it runs, where nothing but that is different."""
    more: Cost = Cost()
    """What it costs more than before, in one place: nothing where it is told by what lies inside."""
    in_all: Cost = Cost()
    """The same in all places where it is told of."""

    @property
    def attributes(self) -> tuple[tuple[str, Any, Any], ...]:
        """The attributes that differ, of one operator before and after: their names, and both values."""
        old, new = (node.operator if node is not None else None for node in (self.before, self.after))
        if not (isinstance(old, Op) and isinstance(new, Op) and old.name == new.name):
            return ()
        a, b = old.attributes, new.attributes
        return tuple((name, a[name], b[name]) for name in a if a[name] != b[name])

    def costing(self, more: Cost) -> Change:
        return self._replace(more=more, in_all=more)


class ScopeChange(NamedTuple):
    """The changes to the children of one scope, and of those in which the same was changed."""

    path: str
    """Of the scope in the network as it is; empty for the network itself."""
    changes: tuple[Change, ...]
    inputs: Two | None = None
    """Of the network, where they have other names or types."""
    outputs: Two | None = None
    """Of the network, where they are others; else what makes those of the scope, where these are other children."""
    others: Texts = ()
    further: int = 0
    """In how many further scopes, which are not named."""
    has_other_sizes: bool = False
    """Whether what was changed has other sizes in some of them."""

    @property
    def more(self) -> Cost:
        """What the changes cost more than before, in all of these scopes together."""
        return _sum(change.in_all for change in self.changes)

    def inside(self, call: str, uses: Uses) -> ScopeChange:
        changes = tuple(change._replace(in_all=uses.of(change.in_all)) for change in self.changes)
        others = tuple(_joined(call, path) for path in self.others)
        return self._replace(path=_joined(call, self.path), changes=changes, others=others)


class Resized(NamedTuple):
    """Layers that cost more or less by their sizes alone."""

    layers: int = 0
    paths: tuple[str, ...] = ()
    """The first of them."""
    more: Cost = Cost()

    def plus(self, other: Resized) -> Resized:
        paths = (*self.paths, *other.paths)[:RESIZED]
        return Resized(self.layers + other.layers, paths, self.more.plus(other.more))


class Difference(NamedTuple):
    """What differs between two networks or modules."""

    scopes: tuple[ScopeChange, ...] = ()
    """In the order of the network as it is."""
    resized: Resized = Resized()

    @property
    def more(self) -> Cost:
        """What all of it costs more than before."""
        return _sum((*(scope.more for scope in self.scopes), self.resized.more))

    def inside(self, call: str, uses: Uses) -> Difference:
        """The same where it is a part of a network, under the name of its call."""
        layers, paths, more = self.resized
        resized = Resized(layers * sum(uses), tuple(_joined(call, path) for path in paths), uses.of(more))
        return Difference(tuple(scope.inside(call, uses) for scope in self.scopes), resized)


class Uses(NamedTuple):
    """How often an instance runs: in its first call, and in others, which share its weights."""

    turns: int = 0
    again: int = 0

    def of(self, one: Cost) -> Cost:
        return one.by(self.turns).plus(one.as_reuse().by(self.again))


def difference(before: Network, after: Network) -> Difference:
    """What differs. Work grows with the distinct modules, and with what differs."""
    return _Comparison(before, after).of(before.body, after.body)


class _Comparison:
    def __init__(self, before: Network, after: Network) -> None:
        self._networks = before, after
        self._counts = Counts()
        self._known: dict[tuple[int, int], Difference] = {}
        self._forms = Forms()

    def of(self, before: Module, after: Module) -> Difference:
        """What differs between two modules, wherever they are called."""
        if before is after:
            return Difference()
        key = (id(before), id(after))
        if key not in self._known:
            self._known[key] = self._compare(before, after)
        return self._known[key]

    def _compare(self, before: Module, after: Module) -> Difference:
        pairs = matched(list(before.instances()), list(after.instances()))
        names = Names.of(before, after, pairs)
        costs = [_by_name(module, self._counts) for module in (before, after)]
        uses = [_uses(module) for module in (before, after)]
        changes: list[Change] = []
        found: list[Difference] = []
        for pair in pairs:
            old, new = (of.get(node.name, Cost()) if node else Cost() for node, of in zip(pair, costs, strict=True))
            was, now = (of[node.name] if node else Uses() for node, of in zip(pair, uses, strict=True))
            change = _change(*pair, names)
            if change is None and was != now:
                change = Change(*pair, uses=(sum(was), sum(now)))
            change, inside = self._told(pair, change, new.plus(old.by(-1)), now if was == now else None)
            changes += [change] if change is not None else []
            found.append(inside)
        own = self._own(before, after, names, changes)
        scopes = _gathered((own, *(scope for part in found for scope in part.scopes)), self._forms)
        return Difference(tuple(scopes), reduce(Resized.plus, (part.resized for part in found), Resized()))

    def _own(self, before: Module, after: Module, names: Names, changes: Sequence[Change]) -> ScopeChange:
        """The changes of a scope itself, with what goes in and out of it."""
        if (before, after) == tuple(network.body for network in self._networks):
            ends = inputs(*self._networks), outputs(*self._networks, names)
        else:
            ends = None, outputs_of_scope(before, after, names)
        return ScopeChange("", tuple(changes), *ends)

    def _told(
        self, pair: Pair, change: Change | None, more: Cost, uses: Uses | None
    ) -> tuple[Change | None, Difference]:
        """A pair as a change of its scope, and what is told of its inside; what neither tells is by sizes.

        Args:
            more: what all uses of it cost more than before.
            uses: how often it runs, if as often as before.
        """
        a, b = pair
        inside = Difference()
        if a is not None and b is not None and uses is not None:
            if isinstance(a.operator, Module) and isinstance(b.operator, Module):
                inside = self.of(a.operator, b.operator).inside(b.name, uses)
            if change is not None and a.name != b.name:
                is_alike = isinstance(b.operator, Module) and isinstance(a.operator, Module) and not inside.scopes
                change = change._replace(is_renamed=is_alike or _is_equal(a, b))
        if change is not None and change.reads is None and not change.is_renamed:
            return change.costing(more), Difference()
        more = more.plus(inside.more.by(-1))
        if change is not None:
            return change.costing(more), inside
        if b is not None and uses is not None and (more.params or more.macs):
            inside = inside._replace(resized=inside.resized.plus(Resized(sum(uses), (b.name,), more)))
        return None, inside


def _sum(costs: Iterable[Cost]) -> Cost:
    return reduce(Cost.plus, costs, Cost())


def _by_name(module: Module, counts: Counts) -> dict[str, Cost]:
    """What each instance adds to the total of its module, by all of its uses."""
    found: dict[str, Cost] = {}
    for node, own in counts.shares(module, training=True):
        found[node.name] = found.get(node.name, Cost()).plus(own)
    return found


def _uses(module: Module) -> dict[str, Uses]:
    found: dict[str, Uses] = {}
    for node in module.nodes:
        first = found.get(node.name)
        found[node.name] = Uses(node.times, 0) if first is None else Uses(first.turns, first.again + node.times)
    return found


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def matched(before: Sequence[Node], after: Sequence[Node]) -> list[Pair]:
    """The children of two scopes side by side; what has no counterpart stands alone."""
    runs = [*common([*map(_key, before)], [*map(_key, after)]), (len(before), len(after), 0)]
    moved = _moved(before, after, runs)
    pairs: list[Pair] = []
    a = b = 0
    for i, j, length in runs:
        old = [node for node in before[a:i] if node.name not in moved]
        new = [node for node in after[b:j] if node.name not in moved]
        if len(old) == len(new):
            pairs += zip(old, new, strict=True)
        else:
            pairs += ((node, None) for node in old)
            pairs += ((None, node) for node in new)
        pairs += ((moved[node.name], node) for node in after[b:j] if node.name in moved)
        a, b = i + length, j + length
        pairs += zip(before[i:a], after[j:b], strict=True)
    return pairs


def _moved(before: Sequence[Node], after: Sequence[Node], runs: Sequence[tuple[int, int, int]]) -> dict[str, Node]:
    """By their labels the children that stand before other ones than they did."""
    old, new = (
        {node.name: node for node in nodes if node.origin.is_labelled}
        for nodes in (_between(before, [(i, n) for i, _, n in runs]), _between(after, [(j, n) for _, j, n in runs]))
    )
    return {name: node for name, node in old.items() if name in new}


def _between(nodes: Sequence[Node], runs: Sequence[tuple[int, int]]) -> list[Node]:
    """The nodes in no run."""
    within = {index for start, length in runs for index in range(start, start + length)}
    return [node for index, node in enumerate(nodes) if index not in within]


def _key(node: Node) -> str:
    return node.name if node.origin.is_labelled else _kind(node)


def _kind(node: Node) -> str:
    return node.operator.name if isinstance(node.operator, Module) else node.operator.summary()


def _change(before: Node | None, after: Node | None, names: Names) -> Change | None:
    """What is different, if anything."""
    if before is None or after is None:
        return Change(before, after)
    old, new = before.operator, after.operator
    is_renamed = before.name != after.name and (before.origin.is_labelled or after.origin.is_labelled)
    if is_renamed or before.times != after.times:
        return Change(before, after)
    if isinstance(old, Module) or isinstance(new, Module):
        is_same = isinstance(old, Module) and isinstance(new, Module)
    else:
        is_same = _is_equal(before, after)
    if not is_same:
        return Change(before, after)
    reads = names.reads(before.operands, after.operands, in_order=not is_group(after))
    return None if reads is None else Change(before, after, reads)


def _is_equal(before: Node, after: Node) -> bool:
    """Whether two nodes that are no modules do the same, with weights of the same shapes."""
    old, new = before.operator, after.operator
    if isinstance(old, Module) or isinstance(new, Module) or old != new:
        return False
    return not new.is_weight_layer or _state(before, old) == _state(after, new)


def _state(node: Node, op: Op) -> tuple[State, ...]:
    return op.state(*node.operand_types)


def _gathered(scopes: Iterable[ScopeChange], forms: Forms) -> list[ScopeChange]:
    """Scopes in which the same was changed, told once, with the names of so many of them."""
    found: dict[object, ScopeChange] = {}
    for scope in scopes:
        if not (scope.changes or scope.inputs or scope.outputs):
            continue
        key = scope.inputs, scope.outputs, *(_signature(change, forms) for change in scope.changes)
        first = found.get(key)
        found[key] = scope if first is None else _together(first, scope)
    return list(found.values())


def _together(one: ScopeChange, other: ScopeChange) -> ScopeChange:
    names = (*one.others, other.path, *other.others)
    pairs = [*zip(one.changes, other.changes, strict=True)]
    return one._replace(
        changes=tuple(a._replace(in_all=a.in_all.plus(b.in_all)) for a, b in pairs),
        others=names[:NAMED],
        further=one.further + other.further + max(len(names) - NAMED, 0),
        has_other_sizes=one.has_other_sizes or other.has_other_sizes or any(_sizes(a) != _sizes(b) for a, b in pairs),
    )


def _sizes(change: Change) -> list[object]:
    return [node.result_types for node in change[:2] if node is not None]


def _signature(change: Change, forms: Forms) -> object:
    """Equal for changes that are the same: the names, the attributes that differ, and what it costs more.

    A layer that only one of the networks has, or a block in place of something else, is the same where all of it is.
    """
    nodes = change.before, change.after
    kinds = tuple((node.name, node.operator.name) if node is not None else None for node in nodes)
    old, new = (node.operator if node is not None else None for node in nodes)
    alike = kinds, change.more.params, change.more.macs
    if change.reads is not None or change.is_renamed:
        return alike, change.reads
    if isinstance(old, Op) and isinstance(new, Op):
        return alike, change.attributes
    return alike, forms.of(old), forms.of(new), *_sizes(change)
