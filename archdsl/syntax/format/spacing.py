"""Blanks between the tokens of a line."""

from __future__ import annotations

from itertools import pairwise

from archdsl.syntax import tree
from archdsl.syntax.format.atoms import Atom

_TIGHT_BEFORE = frozenset(("RPAR", "RSQB", "COMMA", "COLON", "POWER"))
_TIGHT_AFTER = frozenset(("LPAR", "LSQB", "DOT", "POWER"))


class Roles:
    """What the tree knows and a token does not, by the offset where the token before the one in question ends."""

    def __init__(self, file: tree.File) -> None:
        self.indexes: set[int] = set()
        """`[` takes an item; elsewhere it begins a list."""
        self.operators: set[int] = set()
        """`-` and `%` have two operands; elsewhere they are a sign and part of `within 1%`."""
        self.fractions: set[int] = set()
        """`/` stands between two numbers: `2/3` is exact, a number itself."""
        self.loose: set[int] = set()
        """`..` stands between operations."""
        self.arguments: set[int] = set()
        """`=` gives an argument."""
        self.taps: set[int] = set()
        """`[]` appends to a list of taps; elsewhere it is the empty list."""
        self.guards: dict[int, int] = {}
        """Where arms begin with `if` or `for`, and how many of these follow one another."""
        rest: list[tree.Syntax] = list(file.items)
        while rest:
            node = rest.pop()
            self._note(node)
            for field in node.fields:
                value = getattr(node, field)
                if isinstance(value, tree.Syntax):
                    rest.append(value)
                elif isinstance(value, list):
                    rest += value

    def _note(self, node: tree.Syntax) -> None:
        match node:
            case tree.Index(base=base):
                self.indexes.add(base.span.end)
            case tree.Binary(left=left, operator=operator, right=right):
                self.operators.add(left.span.end)
                if operator == "/" and isinstance(left, tree.Number) and isinstance(right, tree.Number):
                    self.fractions.add(left.span.end)
            case tree.Range(first=first, last=last):
                if _is_operation(first) or _is_operation(last):
                    self.loose.add(first.span.end)
            case tree.Argument(name=tree.Word() as name):
                self.arguments.add(name.span.end)
            case tree.Tap(name=name, appends=True):
                self.taps.add(node.span.start + len(name))
            case tree.Arm(guards=[_, *_] as guards):
                self.guards[node.span.start] = len(guards)


def _is_operation(operand: tree.Expression) -> bool:
    return isinstance(operand, tree.Binary) and operand.operator != "^"


def space(atoms: list[Atom], roles: Roles) -> None:
    """Sets the `gap` of every atom."""
    after_sign = False
    for before, atom in pairwise(atoms):
        atom.gap = 0 if after_sign or _is_tight(before, atom, roles) else 1
        after_sign = atom.type in ("MINUS", "PLUS") and before.end not in roles.operators


def _is_tight(before: Atom, atom: Atom, roles: Roles) -> bool:
    if before.type in _TIGHT_AFTER or atom.type in _TIGHT_BEFORE:
        return True
    if before.type in ("ASSIGN", "RANGE", "DIVIDE"):
        return before.gap == 0
    match atom.type:
        case "LPAR":
            return before.type == "NAME"
        case "LSQB":
            return before.end in roles.indexes
        case "APPEND":
            return before.end in roles.taps
        case "ASSIGN":
            return before.end in roles.arguments
        case "DIVIDE":
            return before.end in roles.fractions
        case "RANGE":
            return before.end not in roles.loose
        case "PERCENT":
            return before.end not in roles.operators
        case "DOT":
            return before.type not in ("NAME", "DOTTED")  # `a .b` is an attribute, `a.b` a path
        case "RBRACE":
            return before.type == "LBRACE"
    return False
