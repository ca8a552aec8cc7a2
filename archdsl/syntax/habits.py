"""Habits of other languages: what Python, C and the frameworks write, in the words of this one."""

from __future__ import annotations

from archdsl.source import Diagnostic, nearest
from archdsl.syntax.frameworks import FRAMEWORKS
from archdsl.syntax.spot import Spot, shown
from archdsl.syntax.token import Token

_DECLARATIONS = {
    "def": "block", "function": "block", "fn": "block", "module": "block", "class": "network", "model": "network",
    "net": "network", "const": "let", "var": "let", "include": "import", "using": "import", "macro": "inline",
}  # fmt: skip
_CONTAINERS = frozenset(("Sequential", "ModuleList", "ModuleDict"))
_ELIFS = frozenset(("elif", "elsif", "elseif"))
_FORWARD = frozenset(("forward", "call", "__call__"))
_WORDS = ("network", "block", "import", "default", "let", "inline", "allow")
_PYTHON = frozenset(("torch", "torchvision", "tensorflow", "tf", "keras", "numpy", "jax", "flax", "math", "os", "timm"))
_RELATIONS = {"is": "==", "equals": "==", "about": "~", "around": "~", "approx": "~"}


def container(spot: Spot) -> Diagnostic | None:
    """`Sequential { ... }`, `forward(x) { ... }`: braces behind a name are the arms of a merge."""
    if spot.near(-1).type != "LBRACE" or "BAR" not in spot.expected:
        return None
    name = spot[spot.statement_of(spot.at - 1)]
    where = (name.start, name.end)
    if str(name) in _CONTAINERS:
        message = f"there is no `{name}`: a sequence is written line by line, or with `->`"
        return spot.wrong(message, where=where, help="`name: { ... }` groups it")
    if str(name) in _FORWARD:
        message = f"there is no `{name}`: the lines of a network are what it runs"
        return spot.wrong(message, where=where, help="write what stands in the braces below the inputs")
    if str(name) in _ELIFS:
        return _elif(spot, name)
    return None


def _elif(spot: Spot, word: Token) -> Diagnostic:
    return spot.rewritten(f"`{word}` is written `else if`", (word.start, word.end), "else if")


def framework(spot: Spot) -> Diagnostic | None:
    """`nn.Conv2d(...)`: operators have no module."""
    token, before = spot.token, spot.near(-1)
    if token.type == "LPAR" and before.type == "DOTTED":
        *heads, name = str(before).split(".")
        if name == "append":
            message, help = (
                f"`{before}`: lists have no methods",
                f"`... as {'.'.join(heads)}[]` appends a result to a list",
            )
            return spot.wrong(message, where=(before.start, before.end), help=help)
        if heads[0] not in FRAMEWORKS:
            return spot.wrong(
                f"`{before}` cannot be called: values have no methods",
                where=(before.start, before.end),
                help=f"`{'.'.join(heads)}.shape` has its sizes, without the batch"
                if name in ("size", "shape", "dim")
                else f"layers are applied with `->`: `{'.'.join(heads)} -> {name}`",
            )
        if name in _CONTAINERS:
            return spot.wrong(
                f"there is no `{before}`: a sequence is written line by line, or with `->`",
                where=(before.start, before.end),
                help="`name: { ... }` groups it",
            )
        return spot.wrong(
            f"`{before}`: operators stand alone, without `{'.'.join(heads)}`",
            where=(before.start, before.end),
            help=f"write `{name}(...)`",
            edit=(before.start, before.end, name),
        )
    return None


def control(spot: Spot) -> Diagnostic | None:
    """`elif`, `while`, colons instead of braces, `and` and `or` in signs, conditions on layers."""
    token, before, after = spot.token, spot.near(-1), spot.near(1)
    if token.type == "NAME" and str(token) in _ELIFS and "ELSE" in spot.expected:
        return _elif(spot, token)
    if before.type == "NAME" and str(before) in _ELIFS and spot.begins_statement:
        return _elif(spot, before)
    if before.type == "NAME" and str(before) == "while" and spot.begins_statement:
        return spot.wrong(
            "there is no `while`: every loop has its end in the text",
            where=(before.start, before.end),
            help="`repeat 3 { ... }` and `for i in 0..<3 { ... }` are loops",
        )
    if spot.types(0, 1) == ("BAR", "BAR") and "NAME" not in spot.expected:
        stretch = (token.start, after.end)
        return spot.rewritten("`||` is written `or`", stretch, "or")
    is_colon = token.type == "COLON" and "LBRACE" in spot.expected
    is_label = token.type == "LABEL" and before.type in ("IF", "IN", "REPEAT", "NETWORK", "BLOCK")
    is_else = spot.types(0, 1) == ("ELSE", "COLON")
    if is_else or ((is_colon or is_label) and "ARROW" not in spot.expected):
        return spot.wrong("a body stands in braces, not behind a colon", help="as `if c { ... }`, `network A { ... }`")
    if token.type == "IF" and spot.ends_statement:
        return spot.wrong(
            "`a if c else b` chooses between numbers, not between layers", help="write `if c { a } else { b }`"
        )
    if token.type == "FOR" and {"COMMA", "RPAR"} <= spot.expected:
        return spot.wrong("a list that is worked out stands in brackets", help="as `sum([2 * i for i in 1..3])`")
    if token.type == "FOR" and {"COMMA", "RSQB"} <= spot.expected:
        return spot.wrong("a list is written out or worked out, not both", help="as `[8] + [2 * i for i in 1..3]`")
    return None


def functions(spot: Spot) -> Diagnostic | None:
    """`lambda`, `assert`, strings of Python."""
    token, before = spot.token, spot.near(-1)
    lambdas = [i for i in (-1, -2, 0) if str(spot.near(i)) == "lambda"]
    if lambdas:
        word = spot.near(lambdas[0])
        return spot.wrong(
            "there is no `lambda`: what takes arguments is a block",
            where=(word.start, word.end),
            help="declare it: `block unit(width) { ... }`",
        )
    if before.type == "NAME" and str(before) == "assert" and spot.begins_statement:
        return spot.wrong(
            "`assert` is written `expect`",
            where=(before.start, before.end),
            help="write `expect`",
            edit=(before.start, before.end, "expect"),
        )
    if token.type == "STRING" and before.type == "NAME" and str(before) in ("f", "r", "rf") and spot.touch(-1, 0):
        return spot.wrong(
            f"a string has no `{before}` before it: labels may have holes as they are",
            where=(before.start, token.end),
            help=f"write `{token}`",
            edit=(before.start, before.end, ""),
        )
    return None


def claims(spot: Spot) -> Diagnostic | None:
    """Relations that claims do not have."""
    token, before = spot.token, spot.near(-1)
    if "ABOUT" not in spot.expected:
        return None
    if token.type == "CMP" and str(token) in "<>":
        return spot.wrong(f"a claim compares by `==`, `~`, `<=` or `>=`, not by `{token}`", help=f"write `{token}=`")
    relation = _RELATIONS.get(str(token))
    if relation is not None:
        return spot.wrong(
            f"`{token}` is written `{relation}`", help=f"write `{relation}`", edit=(token.start, token.end, relation)
        )
    if token.type in ("RBRACE", "SEP"):
        return spot.wrong(
            "the claim says nothing of its figure", "`==`, `~`, `<=` or `>=` follows", where=(before.start, before.end)
        )
    return None


def tuples(spot: Spot) -> Diagnostic | None:
    """`(3, 3)`: a list in parentheses."""
    opening = spot.opening()
    if spot.token.type != "COMMA" or opening is None or spot[opening].type != "LPAR":
        return None
    closing = spot.closing(opening)
    is_call = spot[opening - 1].type in ("NAME", "DOTTED")
    if closing is None or is_call:
        return None
    written = f"[{', '.join(spot.parts(opening, closing, 'COMMA'))}]"
    stretch = (spot[opening].start, spot[closing].end)
    return spot.rewritten("a list stands in brackets, not in parentheses", stretch, written)


def strings(spot: Spot) -> Diagnostic | None:
    """Text that stands without quotes."""
    token, before = spot.token, spot.near(-1)
    if spot.expected != {"STRING"}:
        return None
    end = token.end if before.type == "FROM" else spot.line_end(token.start)
    text = spot.text(token.start, end).rstrip()
    if '"' in text or token.type in ("SEP", "RBRACE"):
        return None
    return spot.wrong(
        f"the text after `{before}` stands in quotes",
        where=(token.start, token.start + len(text)),
        help=f'write `{before} "{text}"`',
        edit=(token.start, token.start + len(text), f'"{text}"'),
    )


def attributes(spot: Spot) -> Diagnostic | None:
    """`default conv pad=1`: attributes without parentheses."""
    token = spot.token
    if spot.near(-2).type != "DEFAULT" or token.type != "NAME":
        return None
    end = spot.line_end(token.start)
    text = spot.text(token.start, end).rstrip()
    call = f"{spot.near(-1)}({text})"
    return spot.wrong(
        "attributes stand in parentheses",
        help=f"write `default {call}`",
        edit=(spot.near(-1).start, token.start + len(text), call),
    )


def imports(spot: Spot) -> Diagnostic | None:
    """Imports of Python, and imports that do not say what they take."""
    token, before = spot.token, spot.near(-1)
    if before.type == "IMPORT" and token.type in ("STRING", "TIMES"):
        return spot.wrong("an import names what it takes", help='as `import bottleneck, layer from "blocks.arch"`')
    name = token if before.type == "IMPORT" else before
    if spot.near(-1 if name is token else -2).type != "IMPORT" or "STRING" in spot.expected:
        return None
    if str(name).split(".")[0] in _PYTHON:
        end = spot.line_end(name.start)
        end += spot.text(end, end + 1) == "\n"
        start = spot.near(-1 if name is token else -2).start
        return spot.wrong(
            "a spec imports from specs: operators are there already",
            where=(start, name.end),
            help="leave the line out",
            edit=(start, end, ""),
        )
    return spot.wrong("an import says where from", help=f'as `import {name} from "blocks.arch"`')


def declaration(spot: Spot) -> Diagnostic:
    """What begins an item of a file and is none."""
    token = spot.token
    meant = _DECLARATIONS.get(str(token).casefold()) or nearest(str(token), _WORDS)
    if token.type == "FROM":
        return _reversed_import(spot)
    if token.type == "NAME" and meant is not None and spot.near(1).type in ("NAME", "BLOCK", "DOTTED"):
        return spot.wrong(
            f"`{token}` declares nothing", f"did you mean `{meant}`?", edit=(token.start, token.end, meant)
        )
    help = "a file holds `network`, `block`, `import`, `default` and `let`"
    if token.type == "NAME" and (word := _undeclared(spot)) is not None:
        return spot.wrong(
            f"`{word}` is missing before `{token}`",
            help=f"write `{word} {token} {{ ... }}`",
            edit=(token.start, token.start, f"{word} "),
        )
    if token.type in ("EXPECT", "DISPUTE", "SOURCE", "WHERE"):
        return spot.wrong(f"`{token}` stands outside of any network", help="move it into the braces of its network")
    if token.type in (
        "INPUT",
        "NAME",
        "LABEL",
        "OUTPUT",
        "FOR",
        "REPEAT",
        "IF",
        "RETURN",
        "DOTTED",
        "SHARED",
        "TRAINING",
    ):
        return spot.wrong(f"{shown(token)} stands outside of any network or block", help=help)
    return spot.wrong(f"expected a declaration, found {shown(token)}", help=help)


def _undeclared(spot: Spot) -> str | None:
    """What `Name { ... }` or `Name(...) { ... }` is, which nothing declares."""
    closing = spot.closing(1) if spot.near(1).type == "LPAR" else 0
    if closing is None or spot.near(closing + 1).type != "LBRACE":
        return None
    return "network" if any(token.type == "INPUT" for token in spot.tokens) else "block"


def _reversed_import(spot: Spot) -> Diagnostic:
    """`from "blocks.arch" import unit`."""
    message, help = "an import says first what it takes, then from where", 'as `import unit from "blocks.arch"`'
    if spot.types(1, 2) != ("STRING", "IMPORT"):
        return spot.wrong(message, help=help)
    end = spot.tokens[-1].end
    written = f"import {spot.text(spot.near(2).end, end).strip()} from {spot.near(1)}"
    return spot.wrong(message, help=f"write `{written}`", edit=(spot.token.start, end, written))


HABITS = (imports, attributes, strings, tuples, container, control, functions, claims, framework)
