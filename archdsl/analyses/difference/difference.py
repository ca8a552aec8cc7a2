"""Two networks -> what was taken away, added and changed, scope by scope.

Children of a scope are matched by their labels, and the unlabelled ones by what they are, in order; so a layer put in
between does not make all after it look new. What lies inside two matched scopes is compared in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import NamedTuple

from archdsl.analyses.common import common
from archdsl.ir import Module, Network, Node, Op, State, split_name

NAMED = 1_000
"""Of the scopes in which the same was changed so many are named; of blocks that call others again and again there are more."""
Pair = tuple[Node | None, Node | None]


class Change(NamedTuple):
    """One child of a scope: as it was, and as it is; None where there is none."""

    before: Node | None
    after: Node | None
    reads: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    """What it reads, where it reads other children that both have, and nothing else is different."""
    is_renamed: bool = False
    """Whether nothing but its name is different."""


class ScopeChange(NamedTuple):
    """The changes to the children of one scope, and of those in which the same was changed."""

    path: str
    """Of the scope in the network as it is; empty for the network itself."""
    changes: tuple[Change, ...]
    others: tuple[str, ...] = ()
    more: int = 0
    """In how many further scopes, which are not named."""

    def inside(self, scope: str) -> ScopeChange:
        """The same where its network is a part of another."""
        return self._replace(path=_joined(scope, self.path), others=tuple(_joined(scope, path) for path in self.others))


def difference(before: Network, after: Network) -> tuple[ScopeChange, ...]:
    """What differs, in the order of the network as it is. Work grows with the distinct modules, and with what differs."""
    return tuple(_Comparison().of(before.body, after.body))


class _Comparison:
    def __init__(self) -> None:
        self._known: dict[tuple[int, int], list[ScopeChange]] = {}

    def of(self, before: Module, after: Module) -> list[ScopeChange]:
        """What differs between two modules, wherever they are called."""
        if before is after:
            return []
        key = (id(before), id(after))
        if key not in self._known:
            self._known[key] = _gathered(self._compare(before, after))
        return self._known[key]

    def _compare(self, before: Module, after: Module) -> Iterator[ScopeChange]:
        pairs = matched(list(before.instances()), list(after.instances()))
        names = {a.name: b.name for a, b in pairs if a is not None and b is not None} | {"in": "in"}
        kept = set(names.values())
        changes = [self._named(c) for pair in pairs if (c := _change(*pair, names, kept)) is not None]
        if changes:
            yield ScopeChange("", tuple(changes))
        for a, b in pairs:
            if a is not None and b is not None and isinstance(a.operator, Module) and isinstance(b.operator, Module):
                yield from (scope.inside(b.name) for scope in self.of(a.operator, b.operator))

    def _named(self, change: Change) -> Change:
        """The change, with whether it is one of the name alone."""
        a, b = change.before, change.after
        if a is None or b is None or a.name == b.name or a.times != b.times:
            return change
        if not (isinstance(a.operator, Module) and isinstance(b.operator, Module)):
            return change._replace(is_renamed=_is_equal(a, b))
        return change._replace(is_renamed=not self.of(a.operator, b.operator))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def matched(before: Sequence[Node], after: Sequence[Node]) -> list[Pair]:
    """The children of two scopes side by side; what has no counterpart stands alone."""
    pairs: list[Pair] = []
    a = b = 0
    for i, j, length in (*common([*map(_key, before)], [*map(_key, after)]), (len(before), len(after), 0)):
        if i - a == j - b:
            pairs += zip(before[a:i], after[b:j], strict=True)
        else:
            pairs += ((node, None) for node in before[a:i])
            pairs += ((None, node) for node in after[b:j])
        a, b = i + length, j + length
        pairs += zip(before[i:a], after[j:b], strict=True)
    return pairs


def _key(node: Node) -> str:
    return node.name if _is_labelled(node) else _kind(node)


def _is_labelled(node: Node) -> bool:
    """Whether its name was written, and not counted."""
    return not node.name.isdigit() and split_name(node.name)[0] != f"{_kind(node)}_"


def _kind(node: Node) -> str:
    return node.operator.name if isinstance(node.operator, Module) else node.operator.summary()


def _change(before: Node | None, after: Node | None, names: dict[str, str], kept: Set[str]) -> Change | None:
    """What is different, if anything.

    Args:
        names: what is in both networks, by its name before.
        kept: the names after.
    """
    if before is None or after is None:
        return Change(before, after)
    old, new = before.operator, after.operator
    is_renamed = before.name != after.name and (_is_labelled(before) or _is_labelled(after))
    if is_renamed or before.times != after.times:
        return Change(before, after)
    if isinstance(old, Module) or isinstance(new, Module):
        is_same = isinstance(old, Module) and isinstance(new, Module)
    else:
        is_same = _is_equal(before, after)
    if not is_same:
        return Change(before, after)
    reads = (tuple(names.get(name, "") for name in _reads(before)), _reads(after))
    is_explained = "" in reads[0] or not set(reads[1]) <= kept
    return None if reads[0] == reads[1] or is_explained else Change(before, after, reads)


def _is_equal(before: Node, after: Node) -> bool:
    """Whether two nodes that are no modules do the same, with weights of the same shapes."""
    old, new = before.operator, after.operator
    if isinstance(old, Module) or isinstance(new, Module) or old != new:
        return False
    return not new.is_weight_layer or _state(before, old) == _state(after, new)


def _state(node: Node, op: Op) -> tuple[State, ...]:
    return op.state(*node.operand_types)


def _reads(node: Node) -> tuple[str, ...]:
    """The children whose results it reads; what comes from outside the scope has no name."""
    return tuple(v.producer.name if v.producer is not None else "in" for v in node.operands)


def _gathered(scopes: Iterable[ScopeChange]) -> list[ScopeChange]:
    """Scopes in which the same was changed, told once, with the names of so many of them."""
    found: dict[object, ScopeChange] = {}
    for scope in scopes:
        key = tuple(map(_signature, scope.changes))
        first = found.get(key)
        found[key] = scope if first is None else _together(first, scope)
    return list(found.values())


def _together(one: ScopeChange, other: ScopeChange) -> ScopeChange:
    names = (*one.others, other.path, *other.others)
    return one._replace(others=names[:NAMED], more=one.more + other.more + max(len(names) - NAMED, 0))


def _signature(change: Change) -> object:
    """Equal for changes of one kind, whatever the sizes around them: the names, and the attributes that differ."""
    kinds = tuple((n.name, n.operator.name) if n is not None else None for n in (change.before, change.after))
    if change.before is None or change.after is None or change.reads is not None or change.is_renamed:
        return kinds, change.reads, change.is_renamed
    a, b = change.before.operator, change.after.operator
    if isinstance(a, Module) or isinstance(b, Module):
        return kinds
    old, new = a.attributes, b.attributes
    return kinds, tuple((k, old.get(k), new.get(k)) for k in {**old, **new} if old.get(k) != new.get(k))
