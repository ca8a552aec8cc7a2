"""What fits on a line, and what to break where a statement does not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from archdsl.source.styled import width
from archdsl.syntax.format.atoms import Atom
from archdsl.syntax.format.nest import Group, Kind, Node, first_of, last_of

WIDTH = 100
KEPT_WIDTH = 120
"""What people wrote on one line may reach a little further."""
INDENT = 2
HANG = 4
NONE: frozenset[Group] = frozenset()
_BREAKS_AFTER = frozenset(("AND", "OR", "PLUS", "MINUS", "COMMA"))


class Ruler:
    """Measures lines: those that `base` is the indentation of, and the current one, where it ends in a column."""

    def __init__(self, base: int, column: int | None = None, kept: int = WIDTH) -> None:
        self.base = base
        self.start = column
        self.kept = kept

    def fits(self, nodes: list[Node], broken: frozenset[Group] = NONE) -> bool:
        self.is_good = True
        self._begin(self.start)
        self._walk(nodes, broken)
        self._end()
        return self.is_good

    def _begin(self, column: int | None = None) -> None:
        self.column = self.base if column is None else column
        self.is_begun = column is not None
        self.lines: tuple[int, int] | None = None

    def _end(self) -> None:
        is_kept = self.lines is None or self.lines[0] == self.lines[1]
        self.is_good = self.is_good and self.column <= (self.kept if is_kept else WIDTH)

    def _walk(self, nodes: list[Node], broken: frozenset[Group]) -> None:
        for node in nodes:
            if isinstance(node, Atom):
                self._atom(node)
                continue
            self._atom(node.open)
            if node.is_broken or node in broken:
                self._end()
                self._begin()
            else:
                for item in node.items:
                    self._walk(item.nodes, broken)
                    if item.comma is not None and item is not node.items[-1]:
                        self._atom(item.comma)
            self._atom(node.close)

    def _atom(self, atom: Atom) -> None:
        self.column += width(atom.text) + (atom.gap if self.is_begun else 0)
        self.is_begun = True
        if atom.line >= 0:
            self.lines = (self.lines[0] if self.lines else atom.line, atom.line)


def expanded(nodes: list[Node], ruler: Ruler, broken: frozenset[Group] = NONE) -> frozenset[Group] | None:
    """The groups to break so that the rest fits its lines, which are those given and perhaps its braces; or None."""
    braces = _groups(nodes, "brace")
    plans = (broken, broken | braces) if len(braces) == 1 else (broken,)
    return next((groups for groups in plans if ruler.fits(nodes, groups)), None)


def plan(nodes: list[Node], ruler: Ruler) -> frozenset[Group]:
    """The groups of a link to break: the first of braces, lists and calls that makes it fit. Before calls come sums."""
    narrow = expanded(nodes, ruler)
    if narrow is not None:
        return narrow
    braces, lists = _groups(nodes, "brace"), _groups(nodes, "list")
    calls = frozenset(map(_held_list, _groups(nodes, "call")))
    plans = (braces | lists,) if may_fill(nodes, ruler) else (braces | lists, braces | lists | calls)
    return next((groups for groups in plans if ruler.fits(nodes, groups)), braces)


def may_fill(nodes: list[Node], ruler: Ruler) -> bool:
    """Whether it is any help to break a sum or condition after its operators."""
    first, *rest = split(nodes, is_after_operator)
    braces = _groups(nodes, "brace")
    hang = Ruler(ruler.base + HANG)
    return Ruler(ruler.base, ruler.start).fits(first, braces) and all(hang.fits(chunk, braces) for chunk in rest)


def split(nodes: list[Node], begins: Callable[[Node, Node], bool]) -> list[list[Node]]:
    """The nodes in parts; a part begins where `begins` says so of the node before and the node."""
    parts = [nodes[:1]]
    for before, node in pairwise(nodes):
        if begins(before, node):
            parts.append([])
        parts[-1].append(node)
    return parts


def is_arrow(before: Node, node: Node) -> bool:
    return first_of(node).type == "ARROW"


def is_clause(before: Node, node: Node) -> bool:
    """`else` after a brace; elsewhere it is part of an expression."""
    return first_of(node).type == "ELSE" and last_of(before).type == "RBRACE"


def is_after_operator(before: Node, node: Node) -> bool:
    return last_of(before).type in _BREAKS_AFTER and first_of(node).gap > 0


def is_flat(nodes: list[Node]) -> bool:
    """Whether people may have meant it for one line: nothing in it is broken, and no `else` begins a line."""
    return (
        all(isinstance(node, Atom) or node.is_flat for node in nodes)
        and not is_commented(nodes)
        and not any(is_clause(a, b) and last_of(a).line != first_of(b).line for a, b in pairwise(nodes))
    )


def is_commented(nodes: list[Node]) -> bool:
    """Whether comments stand between the nodes."""
    return any(last_of(a).trail or first_of(b).lead or first_of(b).note for a, b in pairwise(nodes))


def _groups(nodes: list[Node], kind: Kind) -> frozenset[Group]:
    return frozenset(node for node in nodes if isinstance(node, Group) and node.kind == kind and node.items)


def _held_list(group: Group) -> Group:
    """The list that is all that a call holds, `f([...])`, which is broken in place of the call; else the call."""
    nodes = group.items[0].nodes
    only = nodes[-1]
    is_held = len(group.items) == 1 and len(nodes) == 1 and isinstance(only, Group) and only.kind == "list"
    return only if is_held and isinstance(only, Group) else group
