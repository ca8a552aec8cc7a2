"""Statements -> lines. What people broke into lines stays broken, what they wrote on one line stays there if it fits."""

from __future__ import annotations

from archdsl.syntax.format.atoms import Atom
from archdsl.syntax.format.fit import (
    HANG,
    INDENT,
    KEPT_WIDTH,
    NONE,
    WIDTH,
    Ruler,
    expanded,
    is_after_operator,
    is_arrow,
    is_clause,
    is_commented,
    is_flat,
    may_fill,
    plan,
    split,
)
from archdsl.syntax.format.lines import Line
from archdsl.syntax.format.nest import Group, Item, Node, first_of

_CLOSERS = frozenset("})]")


def lay_out(items: list[Item], end: Atom) -> list[Line]:
    """The lines of a file, not yet aligned."""
    layout = _Layout()
    layout.file(items, end)
    return layout.lines


class _Layout:
    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.line = Line(0, 0)
        self.column = 0
        self.is_cut = False
        """A comment ended the line."""
        self.base = 0
        """Where the statement begins: what belongs to it stands there or further to the right."""
        self.body = 0
        self.bodies = 0
        self.depth = 0

    # Lines

    def flush(self) -> None:
        line = self.line
        if line.note is not None and line.is_commented:
            inside = INDENT if line.cells[0].text in _CLOSERS else 0
            above = Line(line.indent + inside, line.body, line.blank)
            above.add_comment(line.note)
            self.lines.append(above)
            line.blank = False
        elif line.note is not None:
            line.add_comment(line.note)
        if line.cells:
            self.lines.append(line)
        self.line = Line(0, self.body)

    def newline(self, indent: int, blank: bool = False) -> None:
        self.flush()
        self.line = Line(indent, self.body, blank)
        self.column = indent
        self.is_cut = False

    def begin(self, atom: Atom, indent: int, *, blanks: bool = False, is_first: bool = False) -> None:
        """Begins a line for an atom, after its comments; nothing blank comes before what is first in its braces."""
        for comment in atom.lead:
            self.newline(indent, blanks and comment.blank and not is_first)
            self.line.add_comment(comment)
            is_first = False
        atom.lead = []
        self.newline(indent, blanks and atom.blank and not is_first)

    def put(self, atom: Atom, *, is_last: bool = False) -> None:
        if self.line.cells and (self.is_cut or atom.lead or atom.note):
            self.begin(atom, self.base + HANG)
        if self.line.cells:
            self.column += atom.gap
        else:
            self.line.note = atom.note
        self.line.add(atom, self.depth, is_last=is_last)
        self.column += self.line.cells[-1].width
        if atom.trail is not None:
            self.line.add_comment(atom.trail)
            self.is_cut = True

    # Braces

    def file(self, items: list[Item], end: Atom) -> None:
        for index, item in enumerate(items):
            self._statement_of(item, 0, is_first=index == 0)
        self.begin(end, 0, blanks=True)
        self.flush()

    def _braced(self, group: Group) -> None:
        for index, item in enumerate(group.items):
            is_inside_arm = group.is_merge and not item.is_arm
            self._statement_of(item, self.base + INDENT * (2 if is_inside_arm else 1), is_first=index == 0)

    def _statement_of(self, item: Item, indent: int, is_first: bool) -> None:
        """A statement of its own lines, or an arm: what follows the bar stands under its first word."""
        self.begin(item.first, indent, blanks=True, is_first=is_first)
        nodes = item.nodes
        if item.first.type == "BAR":
            self.put(item.first)
            nodes = nodes[1:]
            indent += INDENT
            first = first_of(nodes[0])
            if self.is_cut or first.lead or first.note:
                self.begin(first, indent)
        self.statement(nodes, indent)

    def _listed(self, group: Group) -> None:
        """One item a line; numbers fill lines, in the rows that people made."""
        indent = self.base + INDENT
        kept = KEPT_WIDTH if group.is_broken else WIDTH
        has_rows = group.is_scalar
        line = -1
        for index, item in enumerate(group.items):
            comma = item.comma or Atom("COMMA", ",")
            if group.kind != "paren" and item.last.trail is not None and comma.trail is None:
                comma.trail, item.last.trail = item.last.trail, None
            is_row = index and has_rows and item.first.line == line and not self.is_cut
            if not is_row or not self.ruler(kept).fits([*item.nodes, comma]):
                self.begin(item.first, indent, blanks=True, is_first=index == 0)
            line = (item.comma or item.last).line
            self.statement(item.nodes, indent)
            if group.kind != "paren":
                self.put(comma)

    def _broken(self, group: Group) -> None:
        """A group with its content on lines of their own."""
        self.put(group.open, is_last=True)
        outer = self.body, self.depth
        self.bodies += 1
        self.body, self.depth = self.bodies, 0
        if group.kind == "brace":
            self._braced(group)
        else:
            self._listed(group)
        for comment in group.close.lead:
            self.newline(self.base + INDENT, comment.blank and bool(group.items))
            self.line.add_comment(comment)
        group.close.lead = []
        self.body, self.depth = outer
        self.newline(self.base)
        self.put(group.close)

    # Statements

    def statement(self, nodes: list[Node], base: int) -> None:
        """Lays a statement out from the current column on."""
        outer, self.base = self.base, base
        clauses, links = split(nodes, is_clause), split(nodes, is_arrow)
        if is_flat(nodes) and self.ruler().fits(nodes):
            self.inline(nodes)
        elif len(clauses) > 1:
            self._clauses(clauses)
        elif len(links) > 1 and (is_commented(nodes) or expanded(nodes, self.ruler()) is None):
            self._chain(nodes, links)
        else:
            self._link(nodes)
        self.base = outer

    def _clauses(self, clauses: list[list[Node]]) -> None:
        """`if` and `else`: on the line of a closing brace that stands alone, else on a line of its own."""
        start = len(self.lines)
        for index, clause in enumerate(clauses):
            first = first_of(clause[0])
            if index and (len(self.lines) == start or self.is_cut or first.lead or first.note):
                self.begin(first, self.base)
            start = len(self.lines)
            self.statement(clause, self.base)

    def _chain(self, nodes: list[Node], links: list[list[Node]]) -> None:
        """A link a line; but where a link takes several lines in any case, the chain goes on where it ends, if that fits."""
        rulers = [self.ruler(), *[Ruler(self.base + INDENT, None, KEPT_WIDTH)] * (len(links) - 1)]
        broken = NONE.union(*map(plan, links, rulers))
        joined = expanded(nodes, self.ruler(), broken) if broken and not is_commented(nodes) else None
        if joined is not None:
            self.inline(nodes, joined)
            return
        base = self.base
        for index, link in enumerate(links):
            indent = base + INDENT * bool(index)
            if index:
                self.begin(first_of(link[0]), indent)
            self.statement(link, indent)

    def _link(self, nodes: list[Node]) -> None:
        """A statement without `->`, or one link."""
        broken = plan(nodes, self.ruler())
        chunks = split(nodes, is_after_operator)
        if self.ruler().fits(nodes, broken) or not may_fill(nodes, self.ruler()):
            self.inline(nodes, broken)
            return
        for index, chunk in enumerate(chunks):
            if index and not self.ruler(WIDTH).fits(chunk, broken):
                self.begin(first_of(chunk[0]), self.base + HANG)
            self.inline(chunk, broken)

    def inline(self, nodes: list[Node], broken: frozenset[Group] = NONE) -> None:
        """Goes on on this line; only broken groups begin others."""
        for node in nodes:
            if isinstance(node, Atom):
                self.put(node)
            elif node.is_broken or node in broken:
                self._broken(node)
            else:
                self.put(node.open)
                self.depth += 1
                for item in node.items:
                    self.inline(item.nodes, broken)
                    if item.comma is not None and item is not node.items[-1]:
                        self.put(item.comma)
                self.depth -= 1
                self.put(node.close)

    def ruler(self, kept: int = KEPT_WIDTH) -> Ruler:
        return Ruler(self.base, self.column if self.line.cells else None, kept)
