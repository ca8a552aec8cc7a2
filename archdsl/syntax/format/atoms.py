"""Source -> atoms: the tokens of a file, each with the comments, blank lines and columns around it."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.source import Source
from archdsl.source.styled import width
from archdsl.syntax.lexer import tokenize
from archdsl.syntax.token import Token


class Comment(NamedTuple):
    """A comment, the column where it stands, and whether a blank line comes before it."""

    text: str
    column: int
    blank: bool = False


class Atom:
    """A token with what stands beside it. Separators of statements are no atoms: they set `begins`."""

    __slots__ = ("begins", "blank", "column", "end", "gap", "lead", "line", "note", "start", "text", "trail", "type")

    def __init__(self, type: str, text: str, start: int = -1) -> None:
        self.type = type
        self.text = text
        self.start = start
        self.end = start + len(text)
        self.line = -1
        self.column = -1
        self.lead: list[Comment] = []
        """Comments on lines of their own before it."""
        self.trail: Comment | None = None
        """The comment that ends its line."""
        self.note: Comment | None = None
        """The doc comment at the end of the line that it begins: `##` belongs to the first token of a line."""
        self.blank = False
        self.begins = False
        self.gap = 0
        """Blanks before it in canonical form."""

    @property
    def is_commented(self) -> bool:
        return bool(self.lead or self.trail or self.note)


def read_atoms(source: Source) -> list[Atom]:
    """The atoms of a spec that has no lexical error; the last one, of type END, has no text."""
    return _Reader(source).run()


class _Reader:
    def __init__(self, source: Source) -> None:
        self.text = source.text
        self.atoms: list[Atom] = []
        self.position = 0
        self.line = 0
        self.line_first: Atom | None = None
        self.measured = (0, 0)
        self.tokens = tokenize(source).tokens

    def run(self) -> list[Atom]:
        begins = True
        for token in [*self.tokens, Token("END", "", len(self.text), len(self.text))]:
            if token.type == "SEP":
                begins = True
                continue
            atom = Atom(token.type, token.text, token.start)
            atom.begins, begins = begins, False
            self._add(atom)
        return self.atoms

    def _add(self, atom: Atom) -> None:
        between = self.text[self.position : atom.start]
        if "\n" in between or "#" in between:
            self._between(between.split("\n"), atom)
        atom.line = self.line
        atom.column = self._column(atom.start)
        self.line_first = self.line_first or atom
        self.atoms.append(atom)
        self.position = atom.end

    def _between(self, lines: list[str], atom: Atom) -> None:
        """Files what stands before an atom: the rest of a line, whole lines, and the beginning of its own line."""
        offset = self.position
        blank = False
        for index, line in enumerate(lines[:-1] if atom.type != "END" else lines):
            at = line.find("#")
            if at < 0:
                blank = blank or (index > 0 and index < len(lines) - 1)
            else:
                comment = Comment(line[at:].rstrip(), self._column(offset + at), blank)
                self._file(comment, atom if index or not self.atoms else self.atoms[-1], own_line=index > 0)
                blank = False
            offset += len(line) + 1
            if index < len(lines) - 1:
                self.line += 1
                self.line_first = None
                self.measured = (offset, 0)
        atom.blank = blank

    def _file(self, comment: Comment, atom: Atom, own_line: bool) -> None:
        if own_line or not self.atoms:
            atom.lead.append(comment)
        elif is_doc(comment.text) and self.line_first is not None:
            self.line_first.note = comment
        else:
            atom.trail = comment

    def _column(self, offset: int) -> int:
        """The column of an offset, which is not before the one that was asked for last."""
        start, column = self.measured
        self.measured = (offset, column + width(self.text[start:offset]))
        return self.measured[1]


def is_doc(text: str) -> bool:
    return text.startswith("##") and not text.startswith("###")
