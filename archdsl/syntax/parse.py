"""Text -> tree. Never raises on what a person may write: returns the tree of what holds, and the problems.

Top-level items are parsed one by one, so a mistake in one leaves the rest standing; within an item the statement at
fault is set aside and the rest is read on, to find further mistakes.
"""

from __future__ import annotations

from functools import cache
from threading import Lock

from archdsl.source import Diagnostic, Kind, Label, Source, Span, empty_file
from archdsl.syntax import tree
from archdsl.syntax.builder import TreeBuilder
from archdsl.syntax.driver import Driver, UnexpectedToken
from archdsl.syntax.lexer import ITEM_KEYWORDS, PROBLEM_LIMIT, tokenize
from archdsl.syntax.token import PAIRS, Token

NESTING_LIMIT = 100
REREAD_LIMIT = 100_000
"""Tokens that are read again to find more than one mistake of an item."""

NESTING_TOO_DEEP = Kind(
    "nesting-too-deep", "error", f"Braces, brackets and parentheses may be nested {NESTING_LIMIT} deep."
)

_CLOSING = frozenset(PAIRS.values())
_DECLARES = ITEM_KEYWORDS | {"LET", "DEFAULT", "ALLOW"}
UNKNOWN_NAMES = "*"
"""Among the names of broken items: any name may have been declared."""


class _Parser:
    """The driver with its builder, which holds the source that is being read: one at a time."""

    def __init__(self) -> None:
        self.builder = TreeBuilder()
        self.driver = Driver(self.builder)
        self.lock = Lock()


@cache
def _parser() -> _Parser:
    return _Parser()


def parse(source: Source) -> tuple[tree.File, list[Diagnostic]]:
    """The tree of a spec and what is wrong with its text.

    Of a line that holds no words of the language only that is told. After a mistake, what follows up to the next
    declaration is not read: it was meant to stand inside of the one before.
    """
    tokens, docs, doc, problems, is_cut = tokenize(source)
    if is_cut:
        return tree.File(source, [], frozenset([UNKNOWN_NAMES]), doc), problems
    broken: set[str] = set()
    networks: list[str] = []
    items: list[tree.Item] = []
    unread = {_line(problem) for problem in problems}
    unread_at = [p.primary.span.start for p in problems if p.primary is not None]
    parser = _parser()
    lost: int | None = None
    with parser.lock:
        parser.builder.begin(source, docs)
        for part in _split(tokens, source.text):
            column = source.position(part[0].start)[1]
            if lost is not None and (column > lost or part[0].type not in _DECLARES):
                continue
            item, found = _parse_item(parser, source, part)
            problems += [problem for problem in found if _line(problem) not in unread]
            lost = column if found else None
            if item is not None and not any(part[0].start <= at < part[-1].end for at in unread_at):
                items.append(item)
            else:
                names = _declared(part)
                broken.update(names)
                networks += names if part[0].type == "NETWORK" else ()
            if len(problems) >= PROBLEM_LIMIT:
                break
    if not tokens and not problems:
        problems.append(empty_file(source))
    if problems:
        from archdsl.syntax.foreign import foreign

        if (other := foreign(source)) is not None:
            return tree.File(source, [], frozenset([UNKNOWN_NAMES]), doc), [other]
    return tree.File(source, items, frozenset(broken), doc, tuple(networks)), problems


def parse_expression(source: Source, start: int, end: int) -> tuple[tree.Expression | None, list[Diagnostic]]:
    """The expression that stands in a stretch of a source (the hole of a label, a setting), or what is wrong with it."""
    tokens, _, _, problems, _ = tokenize(source, start, end)
    if problems:
        return None, problems
    let = [Token("LET", "let", start, start), Token("NAME", "_", start, start), Token("ASSIGN", "=", start, start)]
    parser = _parser()
    with parser.lock:
        parser.builder.begin(source, {})
        item, problems = _parse_item(parser, source, [*let, *tokens])
    return (item.value if isinstance(item, tree.Let) else None), problems


def _split(tokens: list[Token], text: str) -> list[list[Token]]:
    """The tokens of each top-level item. A declaration that begins a line ends whatever was left open before it."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.type in ITEM_KEYWORDS and depth > 0 and _begins_line(token, text):
            depth = 0
            parts.append([])
        if token.type == "SEP" and depth <= 0:
            parts.append([])
            depth = 0
            continue
        depth += (token.type in PAIRS) - (token.type in _CLOSING)
        parts[-1].append(token)
    return [part for part in parts if part]


def _begins_line(token: Token, text: str) -> bool:
    start = token.start
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()


def _declared(part: list[Token]) -> list[str]:
    """The names that a broken item would have declared; `*` where it cannot be said which."""
    names = [str(token) for token in part if token.type == "NAME"]
    if any(token.type in ("IMPORT", "FROM") for token in part[:3]):
        return names or [UNKNOWN_NAMES]
    if part[0].type in _DECLARES:
        is_named = len(part) < 2 or part[1].type not in ("LBRACE", "LPAR")
        return names[:1] if is_named else []
    return names[1:2] if part[0].type == part[1 % len(part)].type == "NAME" else []


def _parse_item(parser: _Parser, source: Source, tokens: list[Token]) -> tuple[tree.Item | None, list[Diagnostic]]:
    """The item, or None and what is wrong with it: several mistakes where they stand in different statements."""
    problems: list[Diagnostic] = []
    read = 0
    if (deep := _too_deep(source, tokens)) is not None:
        return None, [deep]
    while tokens:
        try:
            item: tree.Item = parser.driver.parse(tokens)
        except UnexpectedToken as error:
            from archdsl.syntax.messages import explain_unexpected

            at = error.position
            found = explain_unexpected(source, tokens, at, error.expected)
            if not any(_line(p) == _line(found) for p in problems):
                problems.append(found)
            read += at
            is_armless = "BAR" in error.expected and at > 0 and tokens[at - 1].type == "LBRACE"
            rest = _without_statement(tokens, at - is_armless) if read < REREAD_LIMIT else None
            if rest is None or len(problems) >= PROBLEM_LIMIT:
                return None, problems
            tokens = rest
        else:
            return (None if problems else item), problems
    return None, problems


def _line(problem: Diagnostic) -> int:
    return problem.primary.span.line if problem.primary is not None else 0


def _too_deep(source: Source, tokens: list[Token]) -> Diagnostic | None:
    depth = 0
    for token in tokens:
        depth += (token.type in PAIRS) - (token.type in _CLOSING)
        if depth > NESTING_LIMIT:
            span = Span(source, token.start, token.end)
            return Diagnostic(NESTING_TOO_DEEP, f"nested deeper than {NESTING_LIMIT} levels", Label(span))
    return None


def _without_statement(tokens: list[Token], at: int) -> list[Token] | None:
    """The tokens without the statement around position `at`; None where there is none inside braces."""
    start = _start_of_statement(tokens, at)
    if start == 0 or at >= len(tokens):
        return None
    end = _end_of_statement(tokens, start)
    if end is None or (end <= at and end == start):
        return None
    cut = tokens[:start] + tokens[end:]
    if start < len(cut) and cut[start].type == "SEP" and cut[start - 1].type in ("SEP", "LBRACE"):
        del cut[start]
    elif start < len(cut) and cut[start].type == "RBRACE" and cut[start - 1].type == "SEP":
        del cut[start - 1]
    return cut


def _start_of_statement(tokens: list[Token], at: int) -> int:
    depth = 0
    for start in range(at, 0, -1):
        kind = tokens[start - 1].type
        if depth == 0 and kind in ("SEP", "BAR", "LBRACE"):
            return start
        if kind in _CLOSING:
            depth += 1
        elif kind in PAIRS:
            depth = max(depth - 1, 0)
    return 0


def _end_of_statement(tokens: list[Token], start: int) -> int | None:
    """None where brackets in it do not close."""
    closers: list[str] = []
    for end in range(start, len(tokens)):
        kind = tokens[end].type
        if not closers and kind in ("SEP", "RBRACE"):
            return end
        if kind in PAIRS:
            closers.append(PAIRS[kind])
        elif kind in _CLOSING and (not closers or closers.pop() != kind):
            return None
    return len(tokens)
