"""Atoms -> statements: brackets become groups, and a group knows whether it may stand on one line."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Literal

from archdsl.syntax.format.atoms import Atom
from archdsl.syntax.format.spacing import Roles
from archdsl.syntax.token import PAIRS

Kind = Literal["brace", "call", "list", "paren"]
_SCALARS = frozenset(("INT", "FLOAT", "SI", "WINDOW"))


class Item:
    """A statement in braces, an arm with its bar, or what stands between two commas."""

    __slots__ = ("comma", "is_arm", "nodes")

    def __init__(self, is_arm: bool = False) -> None:
        self.nodes: list[Node] = []
        self.comma: Atom | None = None
        self.is_arm = is_arm

    @property
    def first(self) -> Atom:
        return first_of(self.nodes[0])

    @property
    def last(self) -> Atom:
        return last_of(self.nodes[-1])


class Group:
    """A bracket, what it holds, and the bracket that closes it. A `paren` has no commas: `(a + b)`, `xs[i]`."""

    __slots__ = ("close", "is_broken", "is_flat", "items", "kind", "open")

    def __init__(self, open: Atom, kind: Kind) -> None:
        self.open = open
        self.close = open
        self.kind: Kind = kind
        self.items: list[Item] = []
        self.is_broken = False
        """What it holds stands on lines of its own: people wrote it so, or it cannot be otherwise."""
        self.is_flat = True
        """It may stand on one line: neither it nor a group in it is broken."""

    @property
    def is_merge(self) -> bool:
        return self.kind == "brace" and bool(self.items) and self.items[0].is_arm

    @property
    def is_scalar(self) -> bool:
        """A list of numbers, which fill lines."""
        return self.kind == "list" and all(_is_scalar(item.nodes) for item in self.items)


Node = Atom | Group


def first_of(node: Node) -> Atom:
    return node if isinstance(node, Atom) else node.open


def last_of(node: Node) -> Atom:
    return node if isinstance(node, Atom) else node.close


def _is_scalar(nodes: list[Node]) -> bool:
    *signs, number = nodes
    return last_of(number).type in _SCALARS and len(signs) <= 1


def nest(atoms: list[Atom], roles: Roles) -> list[Item]:
    """The statements of a file. The brackets match, since it was parsed."""
    return _Nester(atoms, roles).statements("END")


class _Nester:
    def __init__(self, atoms: list[Atom], roles: Roles) -> None:
        self.atoms = atoms
        self.roles = roles
        self.at = 0
        self.comments = [0, *accumulate(atom.is_commented for atom in atoms)]

    def statements(self, end: str) -> list[Item]:
        """The statements, or arms, up to a closing token."""
        items: list[Item] = []
        bars = 0
        while (atom := self.atoms[self.at]).type != end:
            is_bar = atom.type == "BAR"
            if not items or atom.begins or (is_bar and not bars):
                bars = self.roles.guards.get(atom.start, 0)
                items.append(Item(is_arm=is_bar or bars > 0))
            elif is_bar:
                bars -= 1
            items[-1].nodes.append(self._node())
        return items

    def _between_commas(self, end: str) -> list[Item]:
        items: list[Item] = []
        while (atom := self.atoms[self.at]).type != end:
            if not items or items[-1].comma is not None:
                items.append(Item())
            if atom.type == "COMMA":
                items[-1].comma = atom
                self.at += 1
            else:
                items[-1].nodes.append(self._node())
        return items

    def _node(self) -> Node:
        first = self.at
        atom = self.atoms[first]
        self.at += 1
        if atom.type not in PAIRS:
            return atom
        group = Group(atom, self._kind(first))
        inside = self.statements if group.kind == "brace" else self._between_commas
        group.items = inside(PAIRS[atom.type])
        group.close = self.atoms[self.at]
        is_commented = self.comments[self.at] > self.comments[first + 1]
        is_commented = is_commented or bool(atom.trail or group.close.lead or group.close.note)
        self.at += 1
        group.is_broken = is_commented or _is_broken(group)
        group.is_flat = not group.is_broken and all(node.is_flat for node in _groups(group))
        return group

    def _kind(self, at: int) -> Kind:
        atom, before = self.atoms[at], self.atoms[at - 1]
        if atom.type == "LBRACE":
            return "brace"
        if atom.type == "LPAR":
            return "call" if before.type == "NAME" else "paren"
        return "paren" if before.end in self.roles.indexes else "list"


def _groups(group: Group) -> list[Group]:
    return [node for item in group.items for node in item.nodes if isinstance(node, Group)]


def _is_broken(group: Group) -> bool:
    if not group.items or group.kind == "paren":
        return False
    if group.kind == "brace":
        return (
            group.open.line != group.close.line
            or (len(group.items) > 1 and not group.is_merge)
            or any(item.first.type != "BAR" for item in group.items[1:])
            or not all(inner.is_flat for inner in _groups(group))
        )
    lines = [(item.first.line, (item.comma or item.last).line) for item in group.items]
    around = [(group.open.line, group.open.line), *lines, (group.close.line, group.close.line)]
    return any(before[1] != after[0] for before, after in pairwise(around))
