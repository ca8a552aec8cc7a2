"""Calls and chains as other languages write them: other brackets, methods, chains where there are none."""

from __future__ import annotations

from archdsl.source import Diagnostic
from archdsl.syntax.spot import Spot

_NUMBERS = frozenset(("INT", "FLOAT", "WINDOW"))
_BEFORE_LINKS = frozenset(("SEP", "ARROW", "BAR", "LBRACE", "COLON"))
_LETS = frozenset(("var", "const", "val", "set", "int", "float", "auto", "define"))
_BLOCKS = frozenset(("def", "fn", "func", "function", "class", "module"))


def other_brackets(spot: Spot) -> Diagnostic | None:
    """`linear{10}`, `concat [a, b]`: what stands in parentheses, or as arms, otherwise."""
    token = spot.token
    opening = spot.opening()
    closing = None if opening is None else spot.closing(opening)
    if not opening or closing is None or spot[opening - 1].type != "NAME":
        return None
    bracket, stretch = spot[opening], (spot[opening].start, spot[closing].end)
    parts = spot.parts(opening, closing, "COMMA")
    is_numbers = all(part[:1].isdigit() for part in parts)
    if bracket.type == "LBRACE" and token.type in _NUMBERS and "BAR" in spot.expected and is_numbers:
        return _in_parentheses(spot, opening, stretch, ", ".join(parts))
    is_link = spot[opening - 2].type in _BEFORE_LINKS
    if bracket.type != "LSQB" or token.type != "COMMA" or not is_link:
        return None
    if is_numbers:
        return _in_parentheses(spot, opening, stretch, ", ".join(parts))
    arms = "{" + "".join(f" | {part}" for part in parts) + " }"
    return spot.wrong(
        "tensors are joined as arms in braces, not as a list",
        where=stretch,
        help=f"write `{spot[opening - 1]} {arms}`",
        edit=(spot[opening - 1].end, stretch[1], f" {arms}"),
    )


def _in_parentheses(spot: Spot, opening: int, stretch: tuple[int, int], inside: str) -> Diagnostic:
    name = spot[opening - 1]
    return spot.wrong(
        f"the arguments of `{name}` stand in parentheses",
        where=stretch,
        help=f"write `{name}({inside})`",
        edit=(name.end, stretch[1], f"({inside})"),
    )


def slice_of_axis(spot: Spot) -> Diagnostic | None:
    """`slice(0:3)`: a part of an axis as Python writes it."""
    opening = spot.opening()
    if spot.token.type != "COLON" or opening is None or spot[opening].type != "LPAR":
        return None
    if spot.near(-1).type != "INT" or spot.near(1).type != "INT":
        return None
    stretch = (spot.token.start, spot.near(1).start)
    return spot.wrong("arguments are separated by `,`, not by `:`", help="write `,`", edit=(*stretch, ", "))


def method(spot: Spot) -> Diagnostic | None:
    """`conv(64, 3x3).relu()`."""
    dot, name = spot.near(-2), spot.near(-1)
    if spot.types(-3, 0) != ("RPAR", "DOT", "NAME", "LPAR"):
        return None
    closing = spot.closing(spot.at)
    given = "" if closing is None else spot.text(spot.token.end, spot[closing].start).strip()
    end = name.end if given or closing is None else spot[closing].end
    return spot.wrong(
        "layers follow one another with `->`: they have no methods",
        where=(dot.start, name.end),
        help=f"write `-> {name}`",
        edit=(dot.start, end, f" -> {name}"),
    )


def size_of_input(spot: Spot) -> Diagnostic | None:
    """`in.size(1)`."""
    if spot.types(-3, 0) != ("IN", "DOT", "NAME", "LPAR"):
        return None
    return spot.wrong(
        f"`in.{spot.near(-1)}` cannot be called: values have no methods",
        where=(spot.near(-3).start, spot.near(-1).end),
        help="`in.shape` has its sizes, without the batch, and `in.channels` the first of them",
    )


def composed(spot: Spot) -> Diagnostic | None:
    """`conv(64, 3x3) > relu`."""
    token = spot.token
    if (
        token.type != "CMP"
        or str(token) != ">"
        or not spot.ends_statement
        or spot.types(-1, 1) != ("RPAR", "CMP", "NAME")
    ):
        return None
    return spot.rewritten("the arrow is `->`, not `>`", (token.start, token.end), "->")


def chain_where_none_is(spot: Spot) -> Diagnostic | None:
    """`let y = a -> b`, `output a -> b`, `output linear(10)`, an arrow before the first layer."""
    token, before = spot.token, spot.near(-1)
    first = spot[spot.statement()]
    if token.type == "ARROW" and before.type in ("LBRACE", "BAR"):
        return spot.wrong(
            "a chain begins with a layer, not with an arrow", help="leave it out", edit=(token.start, token.end, "")
        )
    if token.type == "ARROW" and first.type == "INPUT":
        return spot.wrong(
            "an `input` is no part of a chain: its value flows to the line below it",
            help="begin a line with the layer, without the arrow",
            edit=(before.end, token.end, ";"),
        )
    if token.type == "ARROW" and first.type == "SHARED" and spot[spot.statement() + 2].type == "ASSIGN":
        start, end = spot[spot.statement() + 3].start, spot.statement_end()
        group = f"{{ {spot.text(start, end)} }}"
        return spot.wrong(
            "`shared` names one layer or a group", help="put braces around the chain", edit=(start, end, group)
        )
    if token.type == "ARROW" and first.type == "LET":
        return spot.wrong(
            "`let` names a number, a list or one layer, not a chain",
            help="a chain that is used again is a block; its result is named at its end: `... as y`",
        )
    if token.type in ("ARROW", "LPAR") and first.type == "OUTPUT" and spot.near(-2) is first:
        end = spot.statement_end()
        written = f"output out = {spot.text(before.start, end)}"
        return spot.wrong(
            "an output has a name, and then its chain", help=f"write `{written}`", edit=(first.start, end, written)
        )
    return None


def named_before(spot: Spot) -> Diagnostic | None:
    """`a as linear(10)`: what `as` names stands before it."""
    if spot.token.type != "LPAR" or spot.types(-3, -1) != ("NAME", "AS", "NAME") or spot.near(-4).type == "ARROW":
        return None
    closing = spot.closing(spot.at)
    name, layer = spot.near(-3), spot.near(-1)
    if closing is None:
        return None
    stretch = (name.start, spot[closing].end)
    written = f"{spot.text(layer.start, stretch[1])} as {name}"
    return spot.rewritten("`as` stands behind the layer whose result it names", stretch, written)


def group_in_parentheses(spot: Spot) -> Diagnostic | None:
    """`(a -> b)` as a statement or as a link."""
    if spot.token.type != "LPAR" or "LBRACE" not in spot.expected or "LABEL" not in spot.expected:
        return None
    closing = spot.closing(spot.at)
    if closing is None:
        return spot.wrong("a group stands in braces, not in parentheses", help="as `{ a -> b }`")
    stretch = (spot.token.start, spot[closing].end)
    written = f"{{ {spot.text(spot.token.end, spot[closing].start).strip()} }}"
    return spot.rewritten("a group stands in braces, not in parentheses", stretch, written)


def body_without_braces(spot: Spot) -> Diagnostic | None:
    """`if deep linear(10)`, `repeat 2 linear(10)`, `for i = 0..3 { ... }`."""
    token = spot.token
    first = spot[spot.statement()]
    if first.type == "FOR" and token.type == "ASSIGN" and spot.near(-2) is first:
        return spot.rewritten("a loop runs over a list, with `in`", (token.start, token.end), "in")
    if (
        first.type not in ("IF", "FOR", "REPEAT")
        or token.type not in ("NAME", "LABEL")
        or "LBRACE" not in spot.expected
    ):
        return None
    if "ARROW" in spot.expected:
        return None
    stretch = (token.start, spot.statement_end())
    return spot.rewritten(f"the body of `{first}` stands in braces", stretch, f"{{ {spot.text(*stretch)} }}")


def undeclared_input(spot: Spot) -> Diagnostic | None:
    """`image: [3, 32, 32]`."""
    if spot.types(-2, 0) != ("LABEL", "COLON", "LSQB") or spot.statement() != spot.at - 2:
        return None
    name = spot.near(-2)
    if str(name) == "input":
        return None
    closing = spot.closing(spot.at)
    items = spot.parts(spot.at, closing, "COMMA") if closing is not None else []
    if not all(item[0].isdigit() or item[0].isupper() for item in items):
        chain = f"{name}: {{ {' -> '.join(items)} }}"
        return spot.wrong("layers are joined by `->`, not listed", help=f"write `{chain}`")
    return spot.wrong(
        f"`input` is missing before `{name}`",
        help=f"write `input {name}: [...]`",
        edit=(name.start, name.start, "input "),
    )


def foreign_word(spot: Spot) -> Diagnostic | None:
    """`var n = 3`, `def unit(c) { ... }` in a body."""
    token, before = spot.token, spot.near(-1)
    if token.type != "NAME" or before.type != "NAME" or not spot.begins_statement:
        return None
    if str(before) in _LETS and spot.near(1).type == "ASSIGN" and not spot.in_parameters:
        return spot.rewritten(f"`{before}` is written `let`", (before.start, before.end), "let")
    if str(before) in _BLOCKS and spot.near(1).type in ("LPAR", "LBRACE"):
        return spot.wrong(
            f"`{before}` declares nothing: a block is declared outside of any braces",
            where=(before.start, before.end),
            help=f"write `block {token}(...) {{ ... }}`, above the network",
        )
    return None


CALLS = (
    other_brackets, slice_of_axis, method, size_of_input, composed, chain_where_none_is, named_before, group_in_parentheses,
    undeclared_input, foreign_word,
)  # fmt: skip
