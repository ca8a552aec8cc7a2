"""The rows that people read: scopes opened to a depth, small operators in the row of their layer, repeats folded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from functools import partial
from itertools import groupby
from typing import NamedTuple

from archdsl.analyses.cost import Cost
from archdsl.ir import (
    LISTED_LIMIT,
    Module,
    Node,
    Op,
    Repeat,
    TensorType,
    TooManyOperators,
    Value,
    check_listed,
    turns_beside,
)
from archdsl.reports.options import Options
from archdsl.reports.subject import Subject
from archdsl.source.styled import Line, Piece, text_of

JOINED = ("norm", "activation", "regularization")
"""Operators of these categories are told in the row of the layer that they follow."""

MOST_OPENED = 16
"""Calls of one block that are opened one by one."""


class Entry(NamedTuple):
    """One row: an opened scope, a closed one, or a layer with the small operators behind it; or several alike."""

    path: str
    name: str
    """Within the scope that the row stands in: `conv1`, `1-2`."""
    indent: int
    operation: tuple[Piece, ...]
    paths: tuple[str, ...]
    """Of all nodes in the row, in order."""
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    each: Cost
    """The cost of one of those that are alike."""
    times: int = 1
    is_opened: bool = False
    is_reuse: bool = False
    """A further use of a shared instance, whose parameters have been counted."""
    node: Node | None = None
    """The first operator or call."""
    names: tuple[str, str] = ("", "")
    """Of the first and the last of those that are alike, within their scope."""

    @property
    def cost(self) -> Cost:
        return self.each.by(self.times)

    @property
    def is_closed_scope(self) -> bool:
        return not self.is_opened and self.node is not None and isinstance(self.node.operator, Module)


def outline(subject: Subject, options: Options, depth: int = 1, *, training: bool = False) -> list[Entry]:
    """The rows of a network, without what exists only while training unless asked for it."""
    return list(_Outliner(subject, options, depth, training).rows(subject.facts.network.body, "", 0, False))


def owner(entries: Sequence[Entry]) -> Callable[[str], str]:
    """From the path of a layer to that of the row that tells of it: its own, or the row of a scope around it."""
    rows: dict[str, str] = {}
    for entry in entries:
        for path in entry.paths:
            rows.setdefault(path, entry.path)

    def row_of(path: str) -> str:
        outer = path
        while outer not in rows and "." in outer:
            outer = outer.rpartition(".")[0]
        return rows.get(outer, outer)

    return row_of


class _Outliner:
    def __init__(self, subject: Subject, options: Options, depth: int, training: bool) -> None:
        self.training = training
        self.costs = subject.facts.cost.nodes
        self.options = options
        self.listed = 0
        """How many rows there are."""
        self.is_folded = not (options.full or options.is_flat)
        if not self.is_folded:
            check_listed(subject.facts.network)
        self.depth = (depth if options.depth is None else options.depth) if self.is_folded else None

    def rows(self, module: Module, prefix: str, level: int, is_reuse: bool, times: int = 1) -> Iterator[Entry]:
        for entry in self._folded(self._entries(module, prefix, level, is_reuse, times)):
            self.listed += 1
            if self.listed > LISTED_LIMIT:
                raise TooManyOperators(f"at most {LISTED_LIMIT:_} rows are listed: open fewer levels")
            yield entry
            if entry.is_opened and entry.node is not None and isinstance(entry.node.operator, Module):
                yield from self.rows(entry.node.operator, entry.path + ".", level + 1, entry.is_reuse, entry.times)

    def _folded(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        found = _turns_folded(list(entries)) if self.is_folded else entries
        for _, alike in groupby(found, key=_likeness if self.is_folded else lambda entry: entry.path):
            yield _folded(list(alike))

    def _entries(self, module: Module, prefix: str, level: int, is_reuse: bool, times: int) -> Iterator[Entry]:
        seen: set[str] = set()
        in_rows = _in_rows(module) if self.options.depth is None else set()
        for run in self._runs(module):
            is_opened = self._opens(run[0].operator, level, in_rows)
            yield self._entry(run, prefix, level, is_reuse or run[0].name in seen, times, is_opened)
            seen.add(run[0].name)

    def _opens(self, operator: Op | Module, level: int, in_rows: Set[Op | Module]) -> bool:
        """Whether a call is opened; one of those in a long row is not unless a depth is asked for."""
        if not isinstance(operator, Module) or self.depth is None:
            return isinstance(operator, Module)
        return level < self.depth and operator not in in_rows

    def _runs(self, module: Module) -> Iterator[list[Node]]:
        """The module's nodes, each layer with the small operators that only it feeds."""
        readers = Counter(v for node in module.nodes for v in node.operands)
        readers.update(module.outputs)
        run: list[Node] = []
        for node in module.nodes:
            if node.training and not self.training:
                continue
            if run and not (self.is_folded and _joins(node, run[-1], readers)):
                yield run
                run = []
            run.append(node)
        if run:
            yield run

    def _entry(
        self, run: Sequence[Node], prefix: str, level: int, is_reuse: bool, times: int, is_opened: bool
    ) -> Entry:
        first, last = run[0], run[-1]
        path = prefix + first.name
        total = Cost()
        for node in run:
            total = total.plus(self.costs[node])
        return Entry(
            path,
            path if self.options.is_flat else first.name,
            0 if self.options.is_flat else level,
            tuple(operation(run, is_opened)),
            tuple(prefix + node.name for node in run),
            first.operand_types,
            last.result_types,
            total.as_reuse() if is_reuse else total,
            times * first.times,
            is_opened=is_opened,
            is_reuse=is_reuse,
            node=first,
            names=(first.name, first.last_name),
        )


def _in_rows(module: Module) -> set[Op | Module]:
    """What a long loop repeats, and blocks that are called more often than anybody reads."""
    calls = Counter(node.operator for node in module.nodes)
    return {node.operator for node in module.nodes if node.repeat or calls[node.operator] > MOST_OPENED}


def _joins(node: Node, before: Node, readers: Counter[Value]) -> bool:
    op = node.operator
    if (
        node.repeat is not before.repeat
        or node.training is not before.training
        or isinstance(op, Module)
        or op.category not in JOINED
        or isinstance(before.operator, Module)
    ):
        return False
    return node.operands == before.results and readers[node.operands[0]] == 1


def operation(run: Sequence[Node], is_opened: bool = False) -> Line:
    """`conv 7x7, 64 /2 · bn · relu`, or a call as the spec has it; of a closed group what is in it."""
    node = run[0]
    if isinstance(node.operator, Module):
        if node.operator.kind == "block":
            return [Piece(node.operator.text, "dim" if is_opened else "")]
        return [] if is_opened else [Piece(contents(node.operator))]
    parts = [summary(n.operator) for n in run if not isinstance(n.operator, Module)]
    return [piece for i, part in enumerate(parts) for piece in (*((Piece(" · "),) if i else ()), *part)]


def summary(op: Op) -> Line:
    """An operator's short form, its first word in the colour of its category."""
    head, blank, rest = op.summary().partition(" ")
    return [Piece(head, f"kind.{op.category}"), *([Piece(blank + rest)] if rest else [])]


def contents(module: Module) -> str:
    """`13 conv, 5 maxpool`: layers with weights, pools and merges."""
    counts = _operators(module, {})
    named: Counter[str] = Counter()
    for op, times in counts.items():
        if op.is_weight_layer or op.category in ("pool", "merge"):
            named[op.name] += times
    return ", ".join(f"{n} {name}" for name, n in named.items()) or f"{counts.total()} operators"


def _operators(module: Module, known: dict[Module, Counter[Op]]) -> Counter[Op]:
    """Each with how often it is there."""
    if module not in known:
        counts: Counter[Op] = Counter()
        for node in module.nodes:
            op = node.operator
            inside = _operators(op, known) if isinstance(op, Module) else {op: 1}
            for each, times in {} if node.training else inside.items():
                counts[each] += times * node.times
        known[module] = counts
    return known[module]


def _likeness(entry: Entry) -> object:
    """Equal for rows that may be folded into one; an opened scope is like nothing but itself."""
    texts = text_of(piece for piece in entry.operation if piece.style != "count")
    return (entry.path if entry.is_opened else texts, entry.indent, entry.inputs, entry.outputs, entry.each)


def _turns_folded(entries: list[Entry]) -> list[Entry]:
    """The rows with those of a turn that stands for many, and of the turns beside it, once for all turns."""
    parts = [(entry, () if entry.node is None else entry.node.repeats) for entry in entries]
    while rows := [around[-1] for _, around in parts if around]:
        row = min(rows, key=lambda row: row.height)
        places = [i for i, (_, around) in enumerate(parts) if around[-1:] == (row,)]
        start, end = places[0], places[-1] + 1
        turn, around, size = parts[start:end], parts[start][1][:-1], end - start
        before, after = turns_beside(parts, start, size, partial(_is_turn, turn, row, around))
        start, end = start - before * size, end + after * size
        columns = [[entry for entry, _ in parts[at:end:size]] for at in range(start, start + size)]
        parts[start:end] = [(_folded(column), around) for column in columns]
    return [entry for entry, _ in parts]


_Parts = Sequence[tuple[Entry, tuple[Repeat, ...]]]
"""Rows with the repeats around them that are not folded yet."""


def _is_turn(turn: _Parts, row: Repeat, around: tuple[Repeat, ...], found: _Parts, _: int) -> bool:
    """Whether these rows say of one turn what those say of all turns that stand for more."""
    said = [(_likeness(entry), entry.times * row.turns, rows) for entry, rows in found]
    return said == [(_likeness(entry), entry.times, around) for entry, _ in turn]


def _folded(alike: Sequence[Entry]) -> Entry:
    """One row for all: of what is folded already, too."""
    entry, times = alike[0], sum(entry.times for entry in alike)
    is_folded = any(piece.style == "count" for piece in entry.operation)
    if times == 1 or (len(alike) == 1 and is_folded):
        return entry
    first, last = entry.names[0], alike[-1].names[1]
    prefix = "" if is_folded else entry.name.removesuffix(first)
    return entry._replace(
        name=prefix + (span_of_names(first, last) if last != first else last),
        names=(first, last),
        operation=(*(p for p in entry.operation if p.style != "count"), Piece(f"  ×{times:_}", "count")),
        paths=tuple(path for entry in alike for path in entry.paths),
        times=times,
    )


def span_of_names(first: str, last: str) -> str:
    """`1`, `3` -> `1-3`; `unit2`, `unit4` -> `unit2-4`."""
    stem = re.sub(r"\d+$", "", first)
    number = last.removeprefix(stem)
    return f"{first}-{number}" if number.isdecimal() and last.startswith(stem) else f"{first} … {last}"
