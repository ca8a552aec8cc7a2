"""Text -> tokens: one regular expression, keywords by dictionary, and the rule for newlines.

A newline ends a statement unless it stands inside parentheses or brackets, after a token that cannot end one, or before
`->`, `}` or `else`; a `;` ends one wherever it stands. Comments are no tokens; doc comments are kept by the token they
belong to.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from archdsl.source import Diagnostic, Edit, Kind, Label, Source, Span
from archdsl.syntax.malformed import (
    NUMBER_LENGTH,
    UNEXPECTED_CHARACTER,
    malformed_name,
    malformed_number,
    unexpected_character,
)
from archdsl.syntax.token import PAIRS, Token

UNCLOSED_STRING = Kind("unclosed-string", "error", "A string ends on the line it begins on, with a quote.")

STRING_LIMIT = 10_000
STRING_TOO_LONG = Kind("string-too-long", "error", f"A string has at most {STRING_LIMIT:_} characters.")

TOKEN_LIMIT = 1_000_000
TOO_MANY_TOKENS = Kind(
    "too-many-words",
    "error",
    f"A file has at most {TOKEN_LIMIT:_} words, numbers and signs. What stands behind them is not read.",
)
PROBLEM_LIMIT = 20
"""After so many lines that cannot be read, the rest is left alone."""

_WORDS = """
allow and as block by default dispute else expect false for from if import in inline input let network not or output repeat
return shared source training true where with within
"""
SYNTAX_ERROR = Kind(
    "syntax-error",
    "error",
    "The text does not follow the grammar. A newline or `;` ends a statement, `->` applies the next layer, `{ }` hold a "
    "sequence, and the arms of a merge begin with `|`.",
)
BRACE_HELP = "a brace opens on the line of its statement"
KEYWORDS = {word: word.upper() for word in _WORDS.split()}

_PUNCTUATION = {
    "{": "LBRACE", "}": "RBRACE", "(": "LPAR", ")": "RPAR", "[": "LSQB", "]": "RSQB", "[]": "APPEND",
    "|": "BAR", ",": "COMMA", ":": "COLON", "=": "ASSIGN", "->": "ARROW", ".": "DOT", "..": "RANGE", "..<": "RANGE",
    "==": "RELATION", "<=": "RELATION", ">=": "RELATION", "~": "ABOUT", "!=": "CMP", "<": "CMP", ">": "CMP",
    "+": "PLUS", "-": "MINUS", "*": "TIMES", "/": "DIVIDE", "//": "FLOORDIV", "%": "PERCENT", "^": "POWER",
}  # fmt: skip

_OPERATORS = "RANGE RELATION ABOUT CMP PLUS MINUS TIMES DIVIDE FLOORDIV POWER AND OR NOT"
_CONTINUES_AFTER = frozenset(("LBRACE", "BAR", "ARROW", "COMMA", "ASSIGN", "SEP", *_OPERATORS.split()))
_CONTINUES_BEFORE = frozenset(("ARROW", "RBRACE", "ELSE"))
_NOTHING_BEFORE, _NOTHING_AFTER = frozenset(("LBRACE", "SEP")), frozenset(("RBRACE", "ELSE"))
"""What a `;` has no statement behind, and what needs none after one."""
_CLOSING = frozenset(PAIRS.values())
ITEM_KEYWORDS = frozenset(("IMPORT", "BLOCK", "INLINE", "NETWORK"))

_TOKEN = re.compile(
    r"""
  (?:
    (?P<dotted>[^\W\d]\w*+(?:\.\w+)+)
  | (?P<name>[^\W\d]\w*)
  | (?P<punctuation>->|\.\.<|\.\.|==|<=|>=|!=|//|\[\]|[{}()\[\]|,:=.~<>+\-*/%^])
  | (?P<newline>;|\n(?:[ \t\f]*\n)*+)
  | (?P<number>[1-9][0-9]*(?:x[1-9][0-9]*)+(?!\w)
      | [0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9]+)?(?:[kKMGTB]|[kKMGT]i?B)?(?!\w)(?!\.[0-9]))
  | (?P<badnumber>[0-9]\w*(?:\.[0-9]\w*)*)
  | (?P<comment>\#[^\n]*)
  | (?P<string>"[^"\\\n]*(?:\\.[^"\\\n]*)*")
  | (?P<badstring>"[^\n]*)
  | (?P<quoted>'[^'"\\\n]*'|`[^`"\\\n]*`|\u201c[^\u201d"\\\n]*\u201d
      | \u2018[^\u2019"\\\n]*\u2019|\u201e[^\u201c\u201d"\\\n]*[\u201c\u201d]|\u00ab[^\u00bb"\\\n]*\u00bb)
  | (?P<other>.)
  )
  [ \t\r\f\ufeff]*
    """,
    re.VERBOSE,
)
_BLANK = re.compile(r"[ \t\r\f\ufeff]*")
_BEFORE_NAMES = frozenset(("NETWORK", "BLOCK", "LET", "AS", "SHARED", "INPUT", "OUTPUT", "FOR"))
_CODE = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
_LABEL_FOLLOWS = re.compile(r"[ \t]*:")


class Tokens(NamedTuple):
    """The tokens of a file, its doc comments by the offset of the token they belong to, and what could not be read."""

    tokens: list[Token]
    docs: dict[int, str]
    file_doc: str
    problems: list[Diagnostic]
    is_cut: bool
    """Whether there is more text that was not read."""


def tokenize(source: Source, start: int = 0, end: int | None = None) -> Tokens:
    """All tokens of a spec, or of a stretch of it. Text that is no token is reported and left out."""
    return _Lexer(source).run(start, len(source.text) if end is None else end)


class _Lexer:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens: list[Token] = []
        self.problems: list[Diagnostic] = []
        self.docs: dict[int, str] = {}
        self._pending_docs: list[str] = []
        self._line_first: int | None = None
        self._nesting: list[str] = []
        self._separator: int | None = None

    def run(self, start: int, end: int) -> Tokens:
        text = self.source.text
        match = _TOKEN.match
        position = self._after_blank(start)
        file_doc = ""
        while position < end and len(self.tokens) < TOKEN_LIMIT and len(self.problems) < PROBLEM_LIMIT:
            found = match(text, position, end)
            assert found is not None and found.lastgroup is not None
            group = found.lastgroup
            lexeme = found[group]
            start, position = position, found.end()
            if group == "name" or group == "dotted":
                position = self._name(lexeme, group, start, position)
            elif group == "punctuation":
                self._add(_PUNCTUATION[lexeme], lexeme, start)
            elif group == "newline":
                file_doc = self._newline(lexeme, start) or file_doc
            elif group == "number":
                self._number(lexeme, start)
            elif group == "comment":
                self._comment(lexeme)
            elif group == "string":
                self._string(lexeme, start)
            else:
                self._problem(group, lexeme, start)
        if position < end and len(self.tokens) >= TOKEN_LIMIT:
            self._give_up(position)
        return Tokens(self.tokens, self.docs, file_doc, self.problems, position < end)

    def _give_up(self, position: int) -> None:
        message = f"a file of more than {TOKEN_LIMIT:_} words, numbers and signs"
        label = Label(Span(self.source, position, position + 1), "not read from here on")
        self.problems = [Diagnostic(TOO_MANY_TOKENS, message, label)]

    def _after_blank(self, position: int) -> int:
        found = _BLANK.match(self.source.text, position)
        assert found is not None
        return found.end()

    def _add(self, type: str, lexeme: str, start: int) -> None:
        if self._separator is not None:
            self._separate(self._separator, type, start)
        self.tokens.append(Token(type, lexeme, start, start + len(lexeme)))
        if type != "BAR":  # a doc comment belongs to the arm, which begins after its bar
            if self._line_first is None:
                self._line_first = start
            if self._pending_docs:
                self.docs[start] = "\n".join(self._pending_docs)
                self._pending_docs.clear()
        if type in PAIRS:
            self._nesting.append(type)
        elif type in _CLOSING and self._nesting:
            self._nesting.pop()

    def _separate(self, at: int, following: str, start: int) -> None:
        """Ends the statement before a newline, if the token after it says so."""
        if self._is_lost_brace(following):
            gap = Span(self.source, self.tokens[-1].end, start)
            self._note(
                Diagnostic(
                    SYNTAX_ERROR,
                    "`{` stands on a line of its own",
                    Label(Span(self.source, start, start + 1)),
                    helps=(BRACE_HELP,),
                    edit=None if "#" in gap.text else Edit(gap, " "),
                )
            )
        elif self._ends_statement(self.source.text[at], following):
            self.tokens.append(Token("SEP", self.source.text[at], at, at + 1))
        self._separator = None

    def _ends_statement(self, separator: str, following: str) -> bool:
        if not self.tokens:
            return False
        if separator == ";":
            return self.tokens[-1].type not in _NOTHING_BEFORE and following not in _NOTHING_AFTER
        return self.tokens[-1].type not in _CONTINUES_AFTER and following not in _CONTINUES_BEFORE

    def _is_lost_brace(self, following: str) -> bool:
        """Whether this is the brace of the declaration on the line before: no statement of a file begins with one."""
        return following == "LBRACE" and not self._nesting and bool(self.tokens) and self.tokens[-1].type != "RBRACE"

    def _newline(self, lexeme: str, start: int) -> str:
        """Notes a possible end of statement; a doc comment set off by a blank line at the top belongs to the file."""
        file_doc = ""
        if lexeme != ";":
            if self._pending_docs and not self.tokens and (len(lexeme) > 1 or self._is_blank_line(start)):
                file_doc = "\n".join(self._pending_docs)
                self._pending_docs.clear()
            self._line_first = None
        inside = self._nesting and self._nesting[-1] != "LBRACE"
        if lexeme == ";" or (self._separator is None and not inside):
            self._separator = start
        return file_doc

    def _is_blank_line(self, end: int) -> bool:
        text = self.source.text
        return not text[text.rfind("\n", 0, end) + 1 : end].strip(" \t\f;")

    def _comment(self, lexeme: str) -> None:
        if not lexeme.startswith("##") or lexeme.startswith("###"):
            return
        doc = lexeme[2:].strip()
        if self._line_first is None:
            self._pending_docs.append(doc)
        else:
            before = self.docs.get(self._line_first)
            self.docs[self._line_first] = f"{before}\n{doc}" if before else doc

    def _name(self, lexeme: str, group: str, start: int, position: int) -> int:
        """Adds a name, keyword, path or label; where to go on reading."""
        text = self.source.text
        if group == "dotted":
            head = lexeme.split(".", 1)[0]
            if head != "in":
                self._add("DOTTED", lexeme, start)
                return position
            lexeme, position = head, start + len(head)
        keyword = KEYWORDS.get(lexeme)
        is_label = text.startswith(":", position) and lexeme != "else"
        if keyword in ITEM_KEYWORDS and self._line_first is None and not is_label:
            self._nesting.clear()  # a declaration begins a line: whatever was left open before it is closed
        if is_label:
            self._add("LABEL", lexeme, start)
        elif keyword is None:
            self._add("NAME", lexeme, start)
        else:
            self._add(keyword, lexeme, start)
            if keyword == "ALLOW" and (code := _CODE.match(text, position)):
                self._add("CODE", code.group(), position)
                position = self._after_blank(code.end())
        return position

    def _string(self, lexeme: str, start: int) -> None:
        if len(lexeme) > STRING_LIMIT:
            span = Span(self.source, start, start + len(lexeme))
            message = f"a string of {len(lexeme):_} characters; {STRING_LIMIT:_} are allowed"
            self._note(Diagnostic(STRING_TOO_LONG, message, Label(span)))
            lexeme = '"..."'
        self._add("STRING", lexeme, start)

    def _number(self, lexeme: str, start: int) -> None:
        if len(lexeme) > NUMBER_LENGTH:
            self._problem("badnumber", lexeme, start)
        else:
            self._add(_number_type(lexeme), lexeme, start)

    def _problem(self, group: str, lexeme: str, start: int) -> None:
        span = Span(self.source, start, start + len(lexeme))
        if group == "badnumber":
            before = self.tokens[-1].type if self.tokens else ""
            is_name = before in _BEFORE_NAMES or _LABEL_FOLLOWS.match(self.source.text, span.end) is not None
            problem = malformed_name(span) if is_name else malformed_number(span)
            self._add("NAME" if is_name else "INT", "_" if is_name else "1", start)
            self.tokens[-1].end = span.end
        elif group == "quoted":
            problem = Diagnostic(
                UNEXPECTED_CHARACTER,
                f"strings stand in double quotes, not in `{lexeme[0]}`",
                Label(span),
                helps=(f'write `"{lexeme[1:-1]}"`',) if len(lexeme) <= NUMBER_LENGTH else (),
                edit=Edit(span, f'"{lexeme[1:-1]}"'),
            )
            self._add("STRING", f'"{lexeme[1:-1]}"', start)
            self.tokens[-1].end = span.end
        elif group == "badstring":
            problem = Diagnostic(
                UNCLOSED_STRING, "the string is not closed", Label(span, "no closing quote on this line")
            )
            self._add("STRING", lexeme.rstrip("\\") + '"', start)
            self.tokens[-1].end = span.end
        else:
            problem = unexpected_character(self.source, start)
        self._note(problem)

    def _note(self, problem: Diagnostic) -> None:
        """Keeps the first problem of each line."""
        last = self.problems[-1].primary if self.problems else None
        if last is None or problem.primary is None or last.span.line != problem.primary.span.line:
            self.problems.append(problem)


def _number_type(lexeme: str) -> str:
    if "x" in lexeme:
        return "WINDOW"
    if lexeme[-1].isalpha():
        return "SI"
    return "FLOAT" if "." in lexeme or "e" in lexeme or "E" in lexeme else "INT"
