"""Syntax errors in the language's words."""

from __future__ import annotations

from archdsl.source import Diagnostic, Kind, Label, Source, Span
from archdsl.syntax.lexer import KEYWORDS
from archdsl.syntax.token import Token

SYNTAX_ERROR = Kind(
    "syntax-error",
    "error",
    "The text does not follow the grammar. A newline or `;` ends a statement, `->` applies the next layer, `{ }` hold a "
    "sequence, and the arms of a merge begin with `|`.",
)
UNCLOSED = Kind("unclosed", "error", "A brace, bracket or parenthesis is opened and never closed.")

_PAIRS = {"LBRACE": ("{", "}"), "LPAR": ("(", ")"), "LSQB": ("[", "]")}
_CLOSERS = {"RBRACE": "LBRACE", "RPAR": "LPAR", "RSQB": "LSQB"}

_VALUE = frozenset(("NAME", "INT", "FLOAT", "SI", "WINDOW", "STRING", "LSQB", "LPAR"))
_WORDS = {
    "RPAR": "`)`", "RSQB": "`]`", "RBRACE": "`}`", "LBRACE": "`{`", "COMMA": "`,`", "ASSIGN": "`=`", "COLON": "`:`",
    "ARROW": "`->`", "BAR": "`|`", "SEP": "a new line", "STRING": "a string", "NAME": "a name", "LABEL": "a label",
    "LPAR": "`(`", "LSQB": "`[`", "AS": "`as`", "FROM": "`from`", "IN": "`in`", "CODE": "the code of a lint",
    "BLOCK": "`block`", "NETWORK": "`network`", "IMPORT": "`import`", "INLINE": "`inline`",
    "ABOUT": "`==`, `~`, `<=` or `>=`", "ELSE": "`else`", "INT": "a number",
}  # fmt: skip


def explain_unexpected(source: Source, tokens: list[Token], at: int, expected: set[str]) -> Diagnostic:
    """A token that the grammar does not allow at position `at` (the end of the item, where `at` is past the last)."""
    if at >= len(tokens):
        return _unfinished(source, tokens, expected)
    token = tokens[at]
    before = tokens[at - 1] if at else None
    span = _span(source, token)
    if (mismatch := _wrong_closer(source, tokens, at)) is not None:
        return mismatch
    message, text, helps = _wording(token, before, expected)
    return Diagnostic(SYNTAX_ERROR, message, Label(span, text), helps=helps)


def _wording(token: Token, before: Token | None, expected: set[str]) -> tuple[str, str, tuple[str, ...]]:
    shown = _show(token)
    if token.type in KEYWORDS.values() and "NAME" in expected and token.type not in ("TRUE", "FALSE", "IN"):
        help = ("a label may have this name: `" + str(token) + ": ...`",) if "LABEL" in expected else ()
        return f"`{token}` is a reserved word", "not to be used as a name", help
    if token.type == "LABEL" and before is not None and before.type in ("LPAR", "COMMA"):
        return f"expected `{token} = ...`, found a label", "", (f"arguments are bound with `=`: `{token}=...`",)
    if before is None:
        helps = ("a file holds `network`, `block`, `import`, `default` and `let`",)
        if token.type in ("INPUT", "NAME", "LABEL", "OUTPUT", "FOR", "REPEAT", "IF"):
            return f"{shown} stands outside of any network or block", "", helps
        return f"expected a declaration, found {shown}", "", helps
    if "ARROW" in expected and token.type in ("NAME", "LABEL", "LBRACE", "INT", "STRING", "IN", "DOTTED"):
        return (
            f"expected the end of the statement, found {shown}",
            "",
            ("put `->` between layers of a chain, or begin a new line",),
        )
    if token.type == "RBRACE" and before.type == "BAR":
        return "an arm is empty", "", ("write `| identity` for an arm that passes its value on",)
    if token.type == "BAR":
        return "unexpected `|`", "", ("arms stand in the braces of a merge: `add { | a | b }`",)
    return f"expected {_expectation(expected)}, found {shown}", "", ()


def _unfinished(source: Source, tokens: list[Token], expected: set[str]) -> Diagnostic:
    opened = _open_brackets(tokens)
    last = tokens[-1]
    end = Span(source, last.end, last.end)
    if opened:
        left, right = _PAIRS[opened[-1].type]
        return Diagnostic(
            UNCLOSED,
            f"`{left}` is never closed",
            Label(_span(source, opened[-1]), "opened here"),
            (Label(end, f"`{right}` is missing by here"),),
        )
    return Diagnostic(
        SYNTAX_ERROR, f"expected {_expectation(expected)} after {_show(last)}", Label(_span(source, last), "ends here")
    )


def _wrong_closer(source: Source, tokens: list[Token], at: int) -> Diagnostic | None:
    """A closing bracket of another kind than the open one, or with none open."""
    token = tokens[at]
    if token.type not in _CLOSERS:
        return None
    opened = _open_brackets(tokens[:at])
    if not opened:
        return Diagnostic(SYNTAX_ERROR, f"`{token}` closes nothing", Label(_span(source, token)))
    if opened[-1].type == _CLOSERS[token.type]:
        return None
    left, right = _PAIRS[opened[-1].type]
    return Diagnostic(
        UNCLOSED,
        f"expected `{right}`, found `{token}`",
        Label(_span(source, token), f"`{right}` is missing before this"),
        (Label(_span(source, opened[-1]), f"`{left}` was opened here"),),
    )


def _open_brackets(tokens: list[Token]) -> list[Token]:
    opened: list[Token] = []
    for token in tokens:
        if token.type in _PAIRS:
            opened.append(token)
        elif token.type in _CLOSERS and opened and opened[-1].type == _CLOSERS[token.type]:
            opened.pop()
    return opened


def _span(source: Source, token: Token) -> Span:
    return Span(source, token.start, token.end)


def _show(token: Token) -> str:
    if token.type == "SEP":
        return "the end of the line" if str(token) == "\n" else "`;`"
    return "a string" if token.type == "STRING" else f"`{token}`"


def _expectation(expected: set[str]) -> str:
    """A short list of what may stand here; anything that begins a value is `a value`."""
    words: list[str] = []
    rest = set(expected)
    if len(_VALUE & expected) >= 5:
        words.append("a value")
        rest -= _VALUE | {"DOTTED", "IN", "MINUS", "PLUS", "NOT", "TRUE", "FALSE"}
    words += sorted({_WORDS[name] for name in rest if name in _WORDS})
    if not words:
        return "a layer or a statement"
    if len(words) > 4:
        words = words[:4]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
