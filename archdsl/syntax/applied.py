"""Layers and values as Python writes them: `x = relu(x)`, `conv(8, 3x3)(x)`, `x + y`."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise

from archdsl.source import Diagnostic
from archdsl.syntax.spot import Spot
from archdsl.syntax.token import PAIRS

_ARITHMETIC = frozenset(("PLUS", "MINUS", "TIMES", "DIVIDE", "FLOORDIV", "POWER"))
_FUNCTIONS = frozenset(("min", "max", "sum", "len", "reverse", "floor", "ceil", "round", "divisor"))
"""What stands before parentheses and gives a number or a list."""
_JOINS = {"PLUS": "add", "MINUS": "subtract", "TIMES": "multiply"}
_MERGES = {"Concatenate": "concat", "Add": "add", "Multiply": "multiply", "Maximum": "maximum", "Average": "average"}


def assigned(spot: Spot) -> Diagnostic | None:
    """`name = ...` as a statement: a layer gets a label, a number a `let`."""
    before, after = spot.near(-1), spot.near(1)
    if spot.token.type != "ASSIGN" or before.type not in ("NAME", "DOTTED") or not spot.begins_statement:
        return None
    *heads, name = str(before).split(".")
    if after.type in ("CMP", "RELATION") or (heads and heads != ["self"]):
        return None
    if (computed := _computed(spot)) is not None:
        return computed
    if after.type in ("INT", "FLOAT", "WINDOW", "STRING", "LSQB") or str(after) in _FUNCTIONS:
        return _named(spot, name)
    if (applied := _applied(spot)) is not None:
        return applied
    layer, rest = spot.text(after.start, spot.statement_end()), spot.source.text[spot.statement_end() :]
    message = f"`{before} = ...` is no statement: "
    where = (before.start, spot.token.end)
    if ")(" in layer or layer.startswith("F.") or re.search(rf"\b{name}\b", layer) is not None:
        help = "one after the other, as `image -> conv(6, 5x5) -> relu as x`"
        return spot.wrong(message + "layers are applied with `->`, and `as` names a result", where=where, help=help)
    if "(" not in layer:
        help = f"write `let {name} = {layer}` for a number or a layer, `{layer} as {name}` for a result"
        return spot.wrong(message + "`let` names what is known, `as` a result", where=where, help=help)
    message += "a layer is labelled with `:`, a result is named with `as`"
    if re.search(rf"->\s*{name}\b" + (rf"|\bself\.{name}\b" if heads else ""), rest) is not None:
        help = f"write `shared {name} = ...` for a layer that is applied further down"
        return spot.wrong(message, where=where, help=help)
    return spot.wrong(
        message,
        where=where,
        help=f"write `{name}: ...`, or `... as {name}`",
        edit=(before.start, spot.token.end, f"{name}:"),
    )


def _named(spot: Spot, name: str) -> Diagnostic:
    before = spot.near(-1)
    return spot.wrong(
        f"`{before} = ...` is no statement: a number or a list is named with `let`",
        where=(before.start, spot.token.end),
        help=f"write `let {name} = ...`",
        edit=(before.start, before.end, f"let {name}"),
    )


def _applied(spot: Spot) -> Diagnostic | None:
    """`y = relu(x)`, `y = conv(8, 3x3)(x)`. A value that is named again is the current one, or it needs another name."""
    before, end = spot.near(-1), spot.statement_end()
    name = str(before).rpartition(".")[2]
    found = re.fullmatch(r"(\w+(?:\([^()]*\))?)\(([^\W\d]\w*)\)", spot.text(spot.near(1).start, end))
    if found is None:
        return None
    layer, value = found.groups()
    if value not in _values(spot):
        return None  # a number, as in `fc = linear(classes)`
    message = f"`{before} = ...` is no statement: a layer is applied with `->`, and `as` names its result"
    where = (before.start, spot.token.end)
    if value == name:
        help = f"write `{layer}`, which works on the line before; `{name} -> {layer} as ...` begins again from `{name}`"
        return spot.wrong(message, where=where, help=help)
    written = f"{value} -> {layer} as {name}"
    return spot.wrong(message, where=where, help=f"write `{written}`", edit=(before.start, end, written))


def _values(spot: Spot) -> set[str]:
    """The names of inputs and results, those included that are assigned above as in Python."""
    named = {str(word) for sign, word in pairwise(spot.tokens[: spot.at]) if sign.type in ("AS", "INPUT")}
    above = spot.text(0, spot.near(-1).start)
    assigned = re.findall(r"^[ \t]*(\w+)[ \t]*=[ \t]*([\w.]+)\(", above, re.MULTILINE)
    return named | {name for name, callee in assigned if callee not in _FUNCTIONS}


def _computed(spot: Spot) -> Diagnostic | None:
    """`width = width * 2`, `x = x + conv(8, 1x1)(x)`: sums and products of numbers or of values."""
    end = spot.statement_end()
    rest = [token for token in spot.tokens[spot.at + 1 :] if token.end <= end]
    depth = accumulate((token.type in PAIRS) - (token.type in PAIRS.values()) for token in rest)
    if not any(token.type in _ARITHMETIC for token, inside in list(zip(rest, depth, strict=True))[1:] if not inside):
        return None
    before, where = spot.near(-1), (spot.near(-1).start, spot.token.end)
    values = _values(spot)
    calls = {word for word, sign in pairwise(rest) if sign.type == "LPAR" and word.type in ("NAME", "DOTTED")}
    if any(token.type == "ARROW" or str(token) in values for token in rest) or any(
        str(w) not in _FUNCTIONS for w in calls
    ):
        message = f"`{before} = ...` is no statement: values are joined by merges, and `as` names the result"
        help = "as `add { | x | x -> conv(64, 1x1) } as y`"
        if len(rest) == 3 and rest[1].type in _JOINS:
            help = (
                f"write `{_JOINS[rest[1].type]} {{ | {rest[0]} | {rest[2]} }}`; `as` gives its result a name of its own"
            )
        return spot.wrong(message, where=where, help=help)
    is_new = not any(sign.type == "LET" and str(word) == str(before) for sign, word in pairwise(spot.tokens))
    if is_new and before.type == "NAME" and str(before) not in map(str, rest):
        return _named(spot, str(before))
    return spot.wrong(
        f"`{before} = ...` is no statement: a number is named once, with `let`",
        where=where,
        help="loops count: `for i in 0..<3 { conv(64 * 2^i, 3x3) }`",
    )


def called(spot: Spot) -> Diagnostic | None:
    """`conv(64, 3x3)(image)`: what is applied to values in parentheses."""
    if spot.token.type != "LPAR" or spot.near(-1).type != "RPAR" or not spot.ends_statement:
        return None
    message, help = "a layer is applied with `->`, not by calling it", "as `image -> conv(64, 3x3)`"
    closing = spot.closing(spot.at)
    start = spot[spot.statement()].start
    if closing is None or spot.near(1).type not in ("NAME", "IN", "LSQB"):
        return spot.wrong(message, help=help)
    layer, end = spot.text(start, spot.near(-1).end), spot[closing].end
    if spot.near(1).type == "LSQB":
        parts = spot.parts(spot.at + 1, closing - 1, "COMMA")
        name = layer.removesuffix("()")
        written = f"{_MERGES.get(name, name)} {{{''.join(f' | {part}' for part in parts)} }}"
        return spot.wrong(
            "values are joined as arms in braces, not as a list", help=f"write `{written}`", edit=(start, end, written)
        )
    written = f"{spot.text(spot.token.end, spot[closing].start).strip()} -> {layer}"
    return spot.wrong(message, help=f"write `{written}`", edit=(start, end, written))


def arithmetic(spot: Spot) -> Diagnostic | None:
    """Arithmetic between layers or tensors, and comments of C."""
    token, before, after = spot.token, spot.near(-1), spot.near(1)
    if token.type == "FLOORDIV" and spot.expected & {"ARROW", "RBRACE", "SEP", "REPEAT"}:
        return spot.rewritten("a comment begins with `#`, not with `//`", (token.start, token.end), "#")
    if token.type == "DIVIDE" and after.type == "TIMES":
        return _c_comment(spot)
    if token.type == "TIMES" and before.type == "TIMES" and spot.touch(-1, 0):
        stretch = (before.start, token.end)
        return spot.rewritten("a power is written with `^`, not with `**`", stretch, "^")
    if token.type not in _JOINS or not spot.ends_statement:
        return None
    if after.type == "ASSIGN" and spot.near(2).type in ("INT", "FLOAT"):
        return spot.wrong(
            "a number is named once, with `let`: nothing counts up",
            where=(token.start, after.end),
            help="loops count: `for i in 0..<3 { conv(64 * 2^i, 3x3) }`",
        )
    joins = _JOINS[token.type]
    gap = 2 if after.type == "ASSIGN" and spot.touch(0, 1) else 1
    other = spot.near(gap)
    is_plain = before.type == "NAME" and spot.begins_statement and other.type == "NAME"
    edit = (before.start, other.end, f"{before} -> {joins}({other})") if is_plain else None
    if is_plain and spot.near(gap + 1).type == "LPAR":
        end = spot.statement_end()
        edit = (before.start, end, f"{joins} {{ | {before} | {spot.text(other.start, end)} }}")
    return spot.wrong(
        f"`{token}` is for numbers; tensors are joined by `{joins}`",
        where=(token.start, spot.near(gap - 1).end),
        help=f"write `{edit[2]}`" if edit else f"as `a -> {joins}(b)`, or `{joins} {{ | ... | ... }}`",
        edit=edit,
    )


def _c_comment(spot: Spot) -> Diagnostic:
    start, end = spot.token.start, spot.line_end(spot.token.start)
    line = spot.text(start, end).rstrip()
    edit = (start, start + len(line), f"# {line[2:-2].strip()}") if line.endswith("*/") else None
    return spot.wrong(
        "a comment begins with `#`, not with `/*`",
        help="it ends with its line",
        where=(start, spot.near(1).end),
        edit=edit,
    )


APPLIED = (assigned, called)
