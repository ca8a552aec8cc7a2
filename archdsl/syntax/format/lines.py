"""Lines of the formatted text, as cells that can still move to the right."""

from __future__ import annotations

from archdsl.source.styled import width
from archdsl.syntax.format.atoms import Atom, Comment

COMMENT_GAP = 2
COMMENT = "comment"
_FOLLOWED = frozenset(("COLON", "COMMA", "ASSIGN"))
_NUMBERS = frozenset(("INT", "FLOAT", "SI"))
_VALUES = _NUMBERS | {"NAME", "DOTTED", "LABEL", "WINDOW", "STRING", "TRUE", "FALSE", "LSQB", "LPAR", "APPEND", "CODE"}


class Cell:
    """A token or comment on a line, and where people put it, until the line is aligned."""

    __slots__ = ("column", "gap", "is_number", "is_padded", "key", "pad", "text", "width")

    def __init__(self, text: str, gap: int, key: tuple[int, str], column: int) -> None:
        self.text = text
        self.width = width(text)
        self.gap = gap
        """Blanks before it in canonical form."""
        self.pad = 0
        """Blanks more than that."""
        self.key = key
        """Which cells of other lines it may stand under: equally deep in brackets, and of the same kind, which is that of
        a separator itself, and of a value what it follows."""
        self.column = column
        """Where it begins, or -1 where people wrote it on another line than the first cell."""
        self.is_padded = False
        self.is_number = False


class Line:
    """A line of the text. `body` numbers the brackets that it stands in."""

    __slots__ = ("_atom", "_written", "blank", "body", "cells", "indent", "note")

    def __init__(self, indent: int, body: int, blank: bool = False) -> None:
        self.indent = indent
        self.body = body
        self.blank = blank
        """Whether a blank line comes before it."""
        self.cells: list[Cell] = []
        self.note: Comment | None = None
        """The doc comment that is to end it."""
        self._atom: Atom | None = None
        self._written = -1

    def add(self, atom: Atom, depth: int, *, is_last: bool = False) -> None:
        """Adds a token that stands in so many brackets of this line. A bracket that opens what follows `is_last`."""
        before = self._atom.type if self._atom is not None else ""
        kind = f"after {before}" if before in _FOLLOWED or atom.type in _VALUES else atom.type
        if not self.cells:
            self._written = atom.line
        is_here = atom.line >= 0 and atom.line == self._written
        cell = Cell(atom.text, atom.gap, (depth, f"last {kind}" if is_last else kind), atom.column if is_here else -1)
        cell.is_number = atom.type in _NUMBERS
        self._append(cell)
        self._atom = atom

    def add_comment(self, comment: Comment) -> None:
        is_here = not self.cells or self.cells[-1].column >= 0
        self._append(Cell(comment.text, COMMENT_GAP, (0, COMMENT), comment.column if is_here else -1))

    def _append(self, cell: Cell) -> None:
        if self.cells and cell.column >= 0:
            before = self.cells[-1]
            cell.is_padded = before.column >= 0 and cell.column - before.column - before.width > cell.gap
        self.cells.append(cell)

    @property
    def is_commented(self) -> bool:
        return self.cells[-1].key[1] == COMMENT

    @property
    def text(self) -> str:
        first, *rest = self.cells
        return " " * self.indent + first.text + "".join(" " * (cell.gap + cell.pad) + cell.text for cell in rest)
