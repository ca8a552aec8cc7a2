"""Syntax errors in the language's words."""

from __future__ import annotations

import re
import warnings

from archdsl.source import Diagnostic, Edit, Kind, Label, Source, Span
from archdsl.syntax.applied import APPLIED, arithmetic
from archdsl.syntax.calls import CALLS, body_without_braces
from archdsl.syntax.habits import HABITS, declaration, imports
from archdsl.syntax.lexer import BRACE_HELP, SYNTAX_ERROR
from archdsl.syntax.slips import SLIPS
from archdsl.syntax.spot import Spot, shown
from archdsl.syntax.statements import STATEMENTS
from archdsl.syntax.token import PAIRS, Token

MISPLACED_DECLARATION = Kind(
    "misplaced-declaration",
    "error",
    "Blocks, networks and imports are declared for a whole file, outside of any braces; a `let` or `default` may stand inside.",
)
UNCLOSED = Kind("unclosed", "error", "A brace, bracket or parenthesis is opened and never closed.")

_CLOSERS = {closing: opening for opening, closing in PAIRS.items()}

_VALUE = frozenset(("NAME", "INT", "FLOAT", "SI", "WINDOW", "STRING", "LSQB", "LPAR"))
_LAYER = frozenset(("NAME", "LABEL", "LBRACE", "IN"))
_WORDS = {
    "RPAR": "`)`", "RSQB": "`]`", "RBRACE": "`}`", "LBRACE": "`{`", "COMMA": "`,`", "ASSIGN": "`=`", "COLON": "`:`",
    "ARROW": "`->`", "BAR": "`|`", "SEP": "a new line", "STRING": "a string", "NAME": "a name", "LABEL": "a label",
    "LPAR": "`(`", "LSQB": "`[`", "AS": "`as`", "FROM": "`from`", "IN": "`in`", "CODE": "the code of a lint",
    "BLOCK": "`block`", "NETWORK": "`network`", "IMPORT": "`import`", "INLINE": "`inline`",
    "ABOUT": "`==`, `~`, `<=` or `>=`", "ELSE": "`else`", "INT": "a number", "$END": "nothing more",
}  # fmt: skip

_DECLARATION = re.compile(r"[\s;]*\n(?P<indent>[ \t]*)(?P<word>(?:inline[ \t]+)?(?:block|network|import|inline)\b)")
_EXAMPLES = {"NETWORK": "LeNet", "BLOCK": "bottleneck"}
RULES = (*CALLS, *STATEMENTS, *HABITS, *APPLIED, *SLIPS, body_without_braces, arithmetic)


def explain_unexpected(source: Source, tokens: list[Token], at: int, expected: set[str]) -> Diagnostic:
    """A token that the grammar does not allow at position `at` (the end of the item, where `at` is past the last)."""
    if at >= len(tokens):
        return _unfinished(source, tokens, expected)
    if (mismatch := _wrong_closer(source, tokens, at) or _left_open(source, tokens, at, expected)) is not None:
        return mismatch
    spot = Spot(source, tokens, at, expected)
    if at == 0:
        return declaration(spot)
    return _known(spot) or _remaining(spot)


def _known(spot: Spot) -> Diagnostic | None:
    """What the first rule says that knows the mistake. A rule that fails itself costs its message, not the answer."""
    for rule in RULES:
        try:
            found = rule(spot)
        except Exception as error:
            warnings.warn(f"the rule `{rule.__name__}` failed: {error!r}", RuntimeWarning, stacklevel=1)
        else:
            if found is not None:
                return found
    return None


def _remaining(spot: Spot) -> Diagnostic:
    """What no rule knows better."""
    token, before, expected = spot.token, spot.near(-1), spot.expected
    span = (before.start, before.end)
    if before.type in ("INT", "STRING") and expected == {"COLON"}:
        help = f"{shown(before)} could only be a label: `{before}: ...`"
        return spot.wrong(f"expected a layer, found {shown(before)}", help=help, where=span)
    if before.type == "ALLOW":
        return spot.wrong("`allow` needs the code of a lint", help='as `allow unread-rows "the reason"`', where=span)
    if before.type == "CODE" and str(token).startswith("_"):
        dashed = f"{before}{token}".replace("_", "-")
        stretch = (before.start, token.end)
        return spot.rewritten("codes are written with dashes", stretch, dashed)
    if before.type == "CODE":
        help = f'as `allow {before} "torchvision does so"`'
        return spot.wrong(f"`allow {before}` needs a reason", help=help, where=span)
    if token.type == "ELSE":
        return spot.wrong("there is no `if` before this `else`")
    if before.type in ("NETWORK", "BLOCK") and token.type == "STRING" and str(token)[1:-1].isidentifier():
        name = str(token)[1:-1]
        return spot.wrong("a name stands without quotes", help=f"write `{name}`", edit=(token.start, token.end, name))
    if before.type in ("NETWORK", "BLOCK") and token.type in ("LBRACE", "LPAR", "ASSIGN"):
        return spot.wrong(
            f"the {before} has no name", where=span, help=f"as `{before} {_EXAMPLES[before.type]} {{ ... }}`"
        )
    if token.type == "SEP" and "LBRACE" in expected and "ARROW" not in expected:
        return spot.wrong("`{` is missing", help=BRACE_HELP)
    return spot.wrong(f"expected {_expectation(expected)}, found {shown(token)}")


def _unfinished(source: Source, tokens: list[Token], expected: set[str]) -> Diagnostic:
    opened = _open_brackets(tokens)
    last = next(token for token in reversed(tokens) if token.type != "SEP")
    end = Span(source, last.end, last.end)
    if opened and (nested := _nested(source, tokens[0], end)) is not None:
        return nested
    if opened and opened[-1].type == "LBRACE":
        return _brace_left_open(source, _outdented(source, tokens) or opened[-1], end)
    if opened:
        return _never_closed(source, opened[-1], end, "by here", ")" if opened[-1].type == "LPAR" else "]")
    span = _span(source, last)
    if "LBRACE" in expected and tokens[0].type in ("NETWORK", "BLOCK", "INLINE"):
        help = f"a body stands in braces: `{tokens[0]} {last} {{ ... }}`"
        return Diagnostic(SYNTAX_ERROR, f"`{{` is missing after {shown(last)}", Label(span), helps=(help,))
    spot = Spot(source, [*tokens, Token("SEP", "\n", last.end, last.end)], len(tokens), expected)
    if (found := imports(spot)) is not None:
        return found
    return Diagnostic(SYNTAX_ERROR, f"expected {_expectation(expected)} after {shown(last)}", Label(span, "ends here"))


def _nested(source: Source, first: Token, end: Span) -> Diagnostic | None:
    """A declaration that begins a line further right than the item that is left open before it: it is meant inside."""
    found = _DECLARATION.match(source.text, end.end)
    if found is None or len(found["indent"]) <= _line_indent(source, first):
        return None
    word = found["word"].split()[-1]
    return Diagnostic(
        MISPLACED_DECLARATION,
        f"`{word}` declares for a whole file, and stands inside of a {first}",
        Label(Span(source, *found.span("word"))),
        helps=(f"move it out of the braces of the {first}",),
    )


def _brace_left_open(source: Source, opening: Token, end: Span) -> Diagnostic:
    """A brace without its end, which is missing where the text is no longer indented further than its line."""
    line, last = source.position(opening.start)[0], source.position(end.end)[0]
    indent = _line_indent(source, opening)
    inside = line
    for number in range(line + 1, last + 1):
        text = source.line(number)
        if text.strip() and len(text) - len(text.lstrip()) <= indent:
            break
        inside = number if text.strip() else inside
    place = min(source.line_starts[inside - 1] + len(source.line(inside)), end.end)
    return _never_closed(source, opening, Span(source, place, place), "by here", "\n" + " " * indent + "}")


def _never_closed(source: Source, opening: Token, end: Span, where: str, closing: str) -> Diagnostic:
    return Diagnostic(
        UNCLOSED,
        f"`{opening}` is never closed",
        Label(_span(source, opening), "opened here"),
        (Label(end, f"`{closing.strip()}` is missing {where}"),),
        edit=Edit(end, closing),
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
    closer = PAIRS[opened[-1].type]
    if closer not in expected:
        return None
    end = Span(source, tokens[at - 1].end, tokens[at - 1].end)
    return _never_closed(source, opened[-1], end, "here", ")" if closer == "RPAR" else "]")


def _wrong_closer(source: Source, tokens: list[Token], at: int) -> Diagnostic | None:
    """A closing bracket of another kind than the open one, or with none open."""
    token = tokens[at]
    if token.type not in _CLOSERS:
        return None
    opened = _open_brackets(tokens[:at])
    span = _span(source, token)
    if not opened or (opened[-1].type == "LBRACE" and token.type != "RBRACE"):
        return Diagnostic(
            SYNTAX_ERROR, f"`{token}` closes nothing", Label(span), helps=("leave it out",), edit=Edit(span, "")
        )
    if opened[-1].type == _CLOSERS[token.type]:
        return None
    left, right = opened[-1], _WORDS[PAIRS[opened[-1].type]]
    before = tokens[at - 1].end
    return Diagnostic(
        UNCLOSED,
        f"expected {right}, found `{token}`",
        Label(span, f"{right} is missing before this"),
        (Label(_span(source, opened[-1]), f"`{left}` was opened here"),),
        edit=Edit(Span(source, before, before), right.strip("`")),
    )


def _open_brackets(tokens: list[Token]) -> list[Token]:
    opened: list[Token] = []
    for token in tokens:
        if token.type in PAIRS:
            opened.append(token)
        elif token.type in _CLOSERS and opened and opened[-1].type == _CLOSERS[token.type]:
            opened.pop()
    return opened


def _span(source: Source, token: Token) -> Span:
    return Span(source, token.start, token.end)


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
