"""Syntax errors in the language's words."""

from __future__ import annotations

from archdsl.source import Diagnostic, Kind, Label, Source, Span
from archdsl.syntax.lexer import BRACE_HELP, KEYWORDS, SYNTAX_ERROR
from archdsl.syntax.token import Token

UNCLOSED = Kind("unclosed", "error", "A brace, bracket or parenthesis is opened and never closed.")

_PAIRS = {"LBRACE": ("{", "}"), "LPAR": ("(", ")"), "LSQB": ("[", "]")}
_CLOSERS = {"RBRACE": "LBRACE", "RPAR": "LPAR", "RSQB": "LSQB"}

_VALUE = frozenset(("NAME", "INT", "FLOAT", "SI", "WINDOW", "STRING", "LSQB", "LPAR"))
_LAYER = frozenset(("NAME", "LABEL", "LBRACE", "IN"))
_WORDS = {
    "RPAR": "`)`", "RSQB": "`]`", "RBRACE": "`}`", "LBRACE": "`{`", "COMMA": "`,`", "ASSIGN": "`=`", "COLON": "`:`",
    "ARROW": "`->`", "BAR": "`|`", "SEP": "a new line", "STRING": "a string", "NAME": "a name", "LABEL": "a label",
    "LPAR": "`(`", "LSQB": "`[`", "AS": "`as`", "FROM": "`from`", "IN": "`in`", "CODE": "the code of a lint",
    "BLOCK": "`block`", "NETWORK": "`network`", "IMPORT": "`import`", "INLINE": "`inline`",
    "ABOUT": "`==`, `~`, `<=` or `>=`", "ELSE": "`else`", "INT": "a number",
}  # fmt: skip

Wording = tuple[str, str, tuple[str, ...]]
"""A message, the text beside the underline, and the help."""


def explain_unexpected(source: Source, tokens: list[Token], at: int, expected: set[str]) -> Diagnostic:
    """A token that the grammar does not allow at position `at` (the end of the item, where `at` is past the last)."""
    if at >= len(tokens):
        return _unfinished(source, tokens, expected)
    token = tokens[at]
    before = tokens[at - 1] if at else None
    span = _span(source, token)
    if (mismatch := _wrong_closer(source, tokens, at) or _left_open(source, tokens, at, expected)) is not None:
        return mismatch
    if before is not None and (about := _wording_before(before, expected)) is not None:
        message, text, helps = about
        return Diagnostic(SYNTAX_ERROR, message, Label(_span(source, before), text), helps=helps)
    if token.type == "SEP" and before is not None:
        span = Span(source, before.end, before.end)  # the line may go on with a comment
    message, text, helps = _wording(token, before, expected)
    return Diagnostic(SYNTAX_ERROR, message, Label(span, text), helps=helps)


def _wording_before(before: Token, expected: set[str]) -> Wording | None:
    """Where the token before the unexpected one is at fault."""
    if before.type in ("INT", "STRING") and expected == {"COLON"}:
        return (
            f"expected a layer, found {_show(before)}",
            "",
            (f"{_show(before)} could only be a label: `{before}: ...`",),
        )
    if before.type == "ALLOW":
        return "`allow` needs the code of a lint", "", ('as `allow unread-rows "the reason"`',)
    if before.type == "CODE":
        return f"`allow {before}` needs a reason", "", (f'as `allow {before} "torchvision does so"`',)
    return None


def _wording(token: Token, before: Token | None, expected: set[str]) -> Wording:
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
    if token.type == "ELSE":
        return "there is no `if` before this `else`", "", ()
    if before.type == "LBRACE" and "BAR" in expected:
        return "the arms of a merge begin with `|`", "", ("as in `add { | a | b }`",)
    if token.type == "COLON" and before.type == "DOTTED":
        return "a label is one part of a path, without a dot", "", ("label a group in a group: `a: { b: ... }`",)
    if token.type == "LABEL" and "NAME" in expected and before.type != "SEP":
        return f"expected a name, found {shown}", "", (f"a name is bound with `=`: `{token} = ...`",)
    if token.type == "NAME" and expected == {"LABEL"}:
        return f"`:` is missing after {shown}", "", (f"as `{token}: [3, 224, 224]`",)
    if expected == {"NAME", "LSQB", "APPEND"}:
        return f"expected a shape, found {shown}", "", ("as `input image: [3, 224, 224]`",)
    if token.type in ("RELATION", "CMP") and "AND" in expected:
        return "comparisons do not chain", "", ("join two with `and`: `a < b and b < c`",)
    if token.type == "ASSIGN" and "CMP" in expected:
        return "`=` does not compare", "", ("write `==`",)
    if token.type == "SEP" and "LBRACE" in expected and "ARROW" not in expected:
        return "`{` is missing", "", (BRACE_HELP,)
    if "ARROW" in expected and token.type in ("NAME", "LABEL", "LBRACE", "INT", "STRING", "IN", "DOTTED"):
        return (
            f"expected the end of the statement, found {shown}",
            "",
            ("put `->` between layers of a chain, or begin a new line",),
        )
    if token.type in _VALUE and ({"COMMA", "RPAR"} <= expected or {"COMMA", "RSQB"} <= expected):
        return f"`,` is missing before {shown}", "", ()
    if token.type == "RBRACE" and before.type == "BAR":
        return "an arm is empty", "", ("write `| identity` for an arm that passes its value on",)
    if token.type == "BAR":
        return "unexpected `|`", "", ("arms stand in the braces of a merge: `add { | a | b }`",)
    return f"expected {_expectation(expected)}, found {shown}", "", ()


def _unfinished(source: Source, tokens: list[Token], expected: set[str]) -> Diagnostic:
    opened = _open_brackets(tokens)
    last = next(token for token in reversed(tokens) if token.type != "SEP")
    end = Span(source, last.end, last.end)
    if opened:
        return _never_closed(source, _outdented(source, tokens) or opened[-1], end, "by here")
    return Diagnostic(
        SYNTAX_ERROR, f"expected {_expectation(expected)} after {_show(last)}", Label(_span(source, last), "ends here")
    )


def _never_closed(source: Source, opening: Token, end: Span, where: str) -> Diagnostic:
    left, right = _PAIRS[opening.type]
    return Diagnostic(
        UNCLOSED,
        f"`{left}` is never closed",
        Label(_span(source, opening), "opened here"),
        (Label(end, f"`{right}` is missing {where}"),),
    )


def _outdented(source: Source, tokens: list[Token]) -> Token | None:
    """The first brace whose closing one begins a line further left than the line of the opening one: not its own."""
    opened: list[Token] = []
    for token in tokens:
        if token.type == "LBRACE":
            opened.append(token)
        elif token.type == "RBRACE" and opened:
            opening = opened.pop()
            indent = _indent(source, token)
            if indent is not None and indent < _line_indent(source, opening):
                return opening
    return None


def _line_indent(source: Source, token: Token) -> int:
    line = source.line(source.position(token.start)[0])
    return len(line) - len(line.lstrip())


def _indent(source: Source, token: Token) -> int | None:
    """Blanks before a token that begins its line, else None."""
    indent = _line_indent(source, token)
    return indent if source.position(token.start)[1] == indent + 1 else None


def _left_open(source: Source, tokens: list[Token], at: int, expected: set[str]) -> Diagnostic | None:
    """A parenthesis or bracket that was left open: the text goes on, in the next line, as if it were closed."""
    opened = _open_brackets(tokens[:at])
    token = tokens[at]
    if not opened or opened[-1].type == "LBRACE" or _indent(source, token) is None:
        return None
    closer = {"LPAR": "RPAR", "LSQB": "RSQB"}[opened[-1].type]
    if closer not in expected:
        return None
    end = Span(source, tokens[at - 1].end, tokens[at - 1].end)
    return _never_closed(source, opened[-1], end, "here")


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
    if token.type == "LABEL":
        return f"the label `{token}:`"
    return "a string" if token.type == "STRING" else f"`{token}`"


def _expectation(expected: set[str]) -> str:
    """A short list of what may stand here; anything that begins a value is `a value`."""
    if expected == {"PERCENT"}:
        return "`%`"
    words: list[str] = []
    rest = set(expected)
    if len(_VALUE & expected) >= 5:
        words.append("a value")
        rest -= _VALUE | {"DOTTED", "IN", "MINUS", "PLUS", "NOT", "TRUE", "FALSE"}
    if rest >= _LAYER:
        words.append("a statement" if "REPEAT" in rest else "a layer")
        rest -= _LAYER | {"DOTTED", "INT", "STRING"}
    words += sorted({_WORDS[name] for name in rest if name in _WORDS})
    if not words:
        return "a layer or a statement"
    if len(words) > 4:
        words = words[:4]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
