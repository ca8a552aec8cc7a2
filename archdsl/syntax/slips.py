"""Slips of the pen: braces, bars, arrows and separators that are missing, or there once too often."""

from __future__ import annotations

import re

from archdsl.source import Diagnostic, nearest
from archdsl.syntax.arms import merge
from archdsl.syntax.lexer import KEYWORDS
from archdsl.syntax.spot import Spot, shown

_STARTS = frozenset(("NAME", "LABEL", "LBRACE", "INT", "STRING", "IN", "DOTTED"))
_VALUES = frozenset(("NAME", "INT", "FLOAT", "SI", "WINDOW", "STRING", "LSQB", "LPAR", "DOTTED", "IN", "TRUE", "FALSE"))
_BEGINNINGS = ("repeat", "for", "if", "training", "let", "shared", "default", "input", "output", "return", "where")
_BEHIND_ARGUMENTS = frozenset(("ARROW", "AS", "SEP", "BAR", "LBRACE", "RBRACE", "RPAR", "RSQB"))
_STATEMENTS = (*_BEGINNINGS, "expect", "dispute", "source", "allow")
_TYPES = {
    **{kind: kind for kind in ("int", "float", "bool", "string", "window", "list", "layer", "tensor")},
    "str": "string",
    "Tensor": "tensor",
    "Module": "layer",
}
_BRACED = frozenset(("IF", "FOR", "REPEAT", "TRAINING"))
_UNCHAINED = frozenset(("OUTPUT", "INPUT", "LET", "SHARED", "DEFAULT", "WHERE", "EXPECT", "DISPUTE", "SOURCE"))
_UNITS = frozenset(["k", "K", "M", "G", "T", "B", "kB", "MB", "GB", "KiB", "MiB", "GiB"])


def arrow(spot: Spot) -> Diagnostic | None:
    """Arrows of other languages, and an arrow that leads nowhere."""
    token, before, after = spot.token, spot.near(-1), spot.near(1)
    spelt = spot.text(token.start, after.end)
    if spelt in ("=>", ">>", "|>") and spot.touch(0, 1):
        return spot.rewritten(f"the arrow is `->`, not `{spelt}`", (token.start, after.end), "->")
    if spot.types(0, 1) == ("MINUS", "CMP") and spelt.endswith(">"):
        return spot.rewritten("the arrow `->` is written without blanks", (token.start, after.end), "->")
    if token.type == "ARROW" and before.type == "ARROW":
        return spot.wrong("two arrows in a row", help="leave one out", edit=(token.start, after.start, ""))
    if before.type == "ARROW" and token.type in ("RBRACE", "SEP", "BAR"):
        return spot.wrong("a layer is missing after `->`", "leads nowhere", where=(before.start, before.end))
    if token.type == "ARROW" and before.type == "SEP":
        edit = (before.start, before.end, "")
        return spot.wrong("a chain does not go on after `;`", help="leave the `;` out", edit=edit)
    if token.type == "ARROW" and before.type == "RBRACE":
        return spot.wrong(
            "a chain does not go on after the braces of a loop or a condition",
            help="begin a new statement: it works on the value that the braces leave",
            edit=(before.end, token.end, ";"),
        )
    return _chain_in_parentheses(spot) if token.type == "ARROW" else None


def _chain_in_parentheses(spot: Spot) -> Diagnostic | None:
    """`add(a -> relu)`: an argument is a tensor or a layer, not a chain."""
    opening = spot.opening()
    if opening is None or spot[opening].type != "LPAR" or spot[opening - 1].type != "NAME":
        return None
    closing, name = spot.closing(opening), spot[opening - 1]
    arms = [] if closing is None else spot.parts(opening, closing, "COMMA")
    given = next((arm for arm in arms if "->" in arm), "")
    chain = re.sub(r"^\w+ *= *", "", given)
    keyword = given.removesuffix(chain)
    written = f"{name}({', '.join(f'{keyword}value' if arm == given else arm for arm in arms)})"
    named = f"name its result before: `{chain} as value`, then `{written}`" if chain else "name its result with `as`"
    arm = f"; in a merge it is an arm: `{name} {{ | identity | {chain} }}`" if arms == [chain] else ""
    return spot.wrong("an argument is a tensor, not a chain", help=named + arm)


def tap(spot: Spot) -> Diagnostic | None:
    """`as name` on a line of its own, or behind a statement that is no link."""
    token, line_end = spot.token, spot.near(-1)
    first = spot[spot.statement()]
    if token.type == "AS" and line_end.type == "RBRACE" and first.type in ("IF", "FOR", "REPEAT"):
        taps = f"{spot.near(1)}{'[]' if spot.near(2).type == 'APPEND' else ''}"
        return spot.wrong(
            f"`as` names the result of a link, and `{first}` is a statement",
            help=f"put braces around it: `{{ {first} ... }} as {taps}`",
            edit=(first.start, token.start, f"{{ {spot.text(first.start, line_end.end)} }} "),
        )
    if token.type == "LSQB" and spot.near(-2).type == "AS":
        help = f"write `as {line_end}[]`, which appends to the list in each turn"
        return spot.wrong("`as` appends to a list, and sets no item of it", help=help)
    if token.type != "AS" or line_end.type != "SEP":
        return None
    return spot.wrong(
        "`as` names the result of a link, and stands on its line",
        help="put it behind the link",
        edit=(line_end.start, token.start, " "),
    )


def comma(spot: Spot) -> Diagnostic | None:
    """Commas that are missing, doubled, or in place of something else."""
    token, before = spot.token, spot.near(-1)
    is_list = {"COMMA", "RPAR"} <= spot.expected or {"COMMA", "RSQB"} <= spot.expected
    if token.type == "NAME" and str(token) in ("x", "X") and spot.types(-1, 1) == ("INT", "NAME", "INT"):
        return _spaced_window(spot)
    if token.type == "NAME" and str(before) in _TYPES and spot.in_parameters:
        typed = f"{token}: {_TYPES[str(before)]}"
        return spot.rewritten("the type of a parameter stands behind its name", (before.start, token.end), typed)
    if token.type == "LPAR" and before.type == "RPAR":
        return spot.wrong("a layer is applied with `->`, not by calling it", help="as `image -> conv(64, 3x3)`")
    if token.type in _VALUES and is_list:
        return spot.wrong(f"`,` is missing before {shown(token)}", help="write `,`", edit=(before.end, before.end, ","))
    if token.type == "SEP" and str(token) == ";" and is_list:
        return spot.wrong("`,` stands between arguments, not `;`", help="write `,`", edit=(token.start, token.end, ","))
    if token.type != "COMMA":
        return None
    if spot.near(1).type == "BAR":
        return spot.wrong(
            "a bar alone separates the arms of a merge", help="leave the comma out", edit=(token.start, token.end, "")
        )
    if before.type in ("COMMA", "LPAR", "LSQB"):
        return spot.wrong("there is nothing before this `,`", help="leave it out", edit=(token.start, token.end, ""))
    found = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)").match(spot.source.text, before.start)
    if before.type == "INT" and found is not None and spot.expected & {"RBRACE", "$END"}:
        number = found.group().replace(",", "_")
        return spot.rewritten("the digits of a number are grouped by `_`, not by `,`", found.span(), number)
    if spot.ends_statement:
        return spot.wrong(
            "layers are joined by `->`, not by `,`", help="write `->`", edit=(before.end, token.end, " ->")
        )
    return None


def _spaced_window(spot: Spot) -> Diagnostic:
    stretch = (spot.near(-1).start, spot.near(1).end)
    window = f"{spot.near(-1)}x{spot.near(1)}"
    return spot.rewritten("a window is written without blanks", stretch, window)


def arguments(spot: Spot) -> Diagnostic | None:
    """`conv 64, 3x3`, as tables write it: arguments without parentheses."""
    token, callee = spot.token, spot.near(-1)
    is_value = token.type in ("INT", "FLOAT", "WINDOW") or (token.type == "NAME" and spot.near(1).type == "COMMA")
    if callee.type != "NAME" or "LPAR" not in spot.expected or not is_value:
        return None
    if spot.begins_statement and nearest(str(callee), _STATEMENTS) is not None:
        return None
    end = next((i for i, following in enumerate(spot.tokens[spot.at :]) if following.type in _BEHIND_ARGUMENTS), 1)
    stretch, text = (callee.start, spot.near(end - 1).end), spot.text(token.start, spot.near(end - 1).end)
    message = f"the arguments of `{callee}` stand in parentheses"
    if "/" in text:
        return spot.wrong(message, where=stretch, help=f"as in `{callee}(..., stride=2)`")
    return spot.rewritten(message, stretch, f"{callee}({text})")


def missing_arrow(spot: Spot) -> Diagnostic | None:
    """Two layers side by side; the first may be a word that was meant otherwise."""
    token, before = spot.token, spot.near(-1)
    is_begun = str(token) in _STATEMENTS or (before.type == "RBRACE" and token.type in _STARTS)
    if is_begun and {"SEP", "RBRACE"} <= spot.expected:
        return spot.wrong(
            f"a new line is missing before {shown(token)}",
            help="a statement begins on a line of its own, or after `;`",
            edit=(before.end, before.end, ";"),
        )
    if not spot.ends_statement or token.type not in _STARTS:
        return None
    if before.type == "NAME" and spot.begins_statement:
        meant = nearest(str(before), _STATEMENTS)
        if meant is not None:
            return spot.wrong(
                f"`{before}` begins no statement",
                f"did you mean `{meant}`?",
                where=(before.start, before.end),
                edit=(before.start, before.end, meant),
            )
    is_chain = spot.near(1).type not in ("RELATION", "CMP", "ASSIGN", "IN")
    return spot.wrong(
        f"`->` is missing before {shown(token)}",
        help="put `->` between layers of a chain, or begin a new line",
        edit=(before.end, before.end, " ->") if is_chain else None,
    )


def label(spot: Spot) -> Diagnostic | None:
    """Labels and taps that are no plain names, and labels of nothing."""
    token, before = spot.token, spot.near(-1)
    dashed = re.compile(r"[^\W\d]\w*(?:-\w+)+(?=[ \t]*:)").match(spot.source.text, before.start)
    if token.type == "MINUS" and before.type in ("NAME", "LABEL") and dashed is not None:
        return _dashed(spot, dashed.span())
    if token.type == "MINUS" and spot.near(-2).type in ("NETWORK", "BLOCK", "LET") and spot.touch(-1, 0):
        dashed = re.compile(r"\w+(?:-\w+)+").match(spot.source.text, before.start)
        return None if dashed is None else _dashed(spot, dashed.span())
    if token.type == "COLON" and before.type == "DOTTED":
        return spot.wrong(
            "a label is one part of a path, without a dot", help="label a group in a group: `a: { b: ... }`"
        )
    if before.type == "COLON" and spot.near(-2).type == "LABEL" and spot.near(-3).type != "INPUT":
        if token.type in ("SEP", "RBRACE"):
            return spot.wrong(
                f"the label `{spot.near(-2)}:` belongs to nothing",
                "a layer or a group follows a label, on its line",
                where=(spot.near(-2).start, before.end),
            )
        if token.type == "LABEL":
            return spot.wrong(
                f"a layer has one label, and `{token}:` is a second", help="a group in a group has two: `a: { b: ... }`"
            )
    if token.type == "DOTTED" and before.type in ("AS", "LET", "NETWORK", "BLOCK", "SHARED", "OUTPUT", "FOR"):
        plain = str(token).replace(".", "_")
        return spot.rewritten(f"`{token}` is no name: it holds a dot", (token.start, token.end), plain)
    return None


def _dashed(spot: Spot, stretch: tuple[int, int]) -> Diagnostic:
    plain = spot.text(*stretch).replace("-", "_")
    return spot.rewritten(f"`{spot.text(*stretch)}` is no name: it holds a dash", stretch, plain)


def binding(spot: Spot) -> Diagnostic | None:
    """`:` and `=` in place of one another, `=` in place of `==`."""
    token, before = spot.token, spot.near(-1)
    if token.type == "LABEL" and before.type in ("LPAR", "COMMA"):
        return _bound(spot, f"arguments are bound by `=`, not by `:`: `{token}=...`", "=")
    if token.type == "LABEL" and "NAME" in spot.expected and before.type in ("LET", "SHARED"):
        return _bound(spot, f"a name is set with `=`, not with `:`: `{token} = ...`", " = ")
    if token.type == "ASSIGN" and before.type == "RELATION" and spot.touch(-1, 0):
        return spot.wrong(
            f"`{before}=` does not compare",
            where=(before.start, token.end),
            help=f"write `{before}`",
            edit=(token.start, token.end, ""),
        )
    if token.type == "CMP" and before.type == "CMP" and spot.text(before.start, token.end) == "<>":
        stretch = (before.start, token.end)
        return spot.rewritten("`<>` does not compare", stretch, "!=")
    if token.type == "ASSIGN" and {"CMP", "ABOUT"} & spot.expected:
        return spot.rewritten("`=` does not compare", (token.start, token.end), "==")
    if token.type in ("RELATION", "CMP") and "AND" in spot.expected:
        return _chained(spot)
    return None


def _bound(spot: Spot, message: str, sign: str) -> Diagnostic:
    """`name: value` or `name := value`, where a name is bound to the value."""
    following = spot.near(2) if spot.near(2).type == "ASSIGN" else spot.near(1)
    after = spot.source.text[following.end : following.end + 1]
    edit = (spot.token.end, following.end + after.isspace(), sign)
    return spot.wrong(message, where=(spot.token.start, following.end), edit=edit, help=f"write `{sign.strip()}`")


def _chained(spot: Spot) -> Diagnostic:
    """`a < b < c`: the middle is compared twice."""
    first = next((i for i in range(spot.at - 1, -1, -1) if spot[i].type in ("RELATION", "CMP")), spot.at - 1)
    middle = spot.text(spot[first].end, spot.near(-1).end).strip()
    place = spot.near(-1).end
    return spot.wrong(
        "comparisons do not chain",
        help=f"write `... {spot[first]} {middle} and {middle} {spot.token} ...`",
        edit=(place, place, f" and {middle}"),
    )


def declared_input(spot: Spot) -> Diagnostic | None:
    """`input` without its name, its colon, or a shape in brackets."""
    token, before = spot.token, spot.near(-1)
    if before.type == "COLON" and str(spot.near(-2)) == "input" and spot.near(-2).type == "LABEL":
        place = spot.near(-2).end
        if token.type == "LSQB":
            return spot.wrong(
                "the input has no name", where=(spot.near(-2).start, before.end), help="as `input image: [...]`",
                edit=(place, place, " image"),
            )  # fmt: skip
    if before.type == "INPUT" and token.type == "NAME":
        after = spot.near(1)
        if after.type == "COMMA":
            return spot.wrong("one `input` declares one input", help="as `input left: [3, 32, 32]`, on a line for each")
        if after.type not in ("ASSIGN", "LSQB"):
            return spot.wrong(f"the input `{token}` has no shape", help=f"as `input {token}: [3, 224, 224]`")
        end = after.end if after.type == "ASSIGN" else token.end
        return spot.wrong(
            f"`:` is missing after `{token}`", help=f"as `input {token}: [...]`", edit=(token.end, end, ":")
        )
    if not {"NAME", "LSQB"} <= spot.expected or spot.near(-3).type != "INPUT" or before.type != "COLON":
        return None
    shape = _shape(spot)
    return spot.wrong(
        "a shape is a list in brackets",
        help=f"write `{shape[2]}`" if shape else f"as `input {spot.near(-2)}: [3, 224, 224]`",
        edit=shape,
    )


def _shape(spot: Spot) -> tuple[int, int, str] | None:
    """The shape that was written otherwise, as a list."""
    token = spot.token
    if token.type == "WINDOW":
        return token.start, token.end, f"[{', '.join(str(token).split('x'))}]"
    closing = spot.closing(spot.at) if token.type == "LPAR" else None
    if closing is not None:
        return token.start, spot[closing].end, f"[{', '.join(spot.parts(spot.at, closing, 'COMMA'))}]"
    end = spot.line_end(token.start)
    text = spot.text(token.start, end).rstrip()
    return (token.start, token.start + len(text), f"[{text}]") if re.fullmatch(r"\d+(\s*,\s*\d+)+", text) else None


def number(spot: Spot) -> Diagnostic | None:
    """Numbers with a point or a unit too far away."""
    token, before = spot.token, spot.near(-1)
    if token.type == "DOT" and before.type == "INT" and spot.touch(-1, 0):
        return spot.wrong(
            "a number does not end with a point",
            where=(before.start, token.end),
            help=f"write `{before}`",
            edit=(token.start, token.end, ""),
        )
    if token.type == "DOT" and before.type == "RANGE":
        return spot.wrong(
            "a range has two dots", help="`0..3` counts to 3, `0..<3` to 2", where=(before.start, token.end)
        )
    if token.type == "NAME" and str(token) in _UNITS and before.type in ("INT", "FLOAT"):
        return spot.wrong(
            "a unit stands directly after its number",
            where=(before.start, token.end),
            help=f"write `{before}{token}`",
            edit=(before.end, token.start, ""),
        )
    if spot.expected == {"PERCENT"}:
        stretch = (before.start, before.end)
        if before.type == "SI":
            return spot.wrong("`within` takes percent, and no number of things", where=stretch, help="as `within 2%`")
        percent = f"{100 * float(str(before)):g}%" if 0 < float(str(before)) < 1 else f"{before}%"
        return spot.rewritten("`within` takes percent", stretch, percent)
    return None


def loop(spot: Spot) -> Diagnostic | None:
    """`for` and `repeat` without what they run over."""
    token, before = spot.token, spot.near(-1)
    if token.type == "NAME" and str(token) == "times" and spot.expected >= {"LBRACE"}:
        return spot.wrong(
            "`repeat` takes the count alone", help="leave `times` out", edit=(token.start, spot.near(1).start, "")
        )
    if before.type == "REPEAT" and token.type == "LBRACE":
        return spot.wrong("`repeat` needs a count", help="as `repeat 3 { ... }`", where=(before.start, before.end))
    if spot.near(-2).type == "FOR" and before.type == "NAME" and token.type in _VALUES and token.type != "IN":
        return spot.wrong("`in` is missing", help=f"as `for {before} in ...`", edit=(token.start, token.start, "in "))
    return None


def reserved(spot: Spot) -> Diagnostic | None:
    """A word of the language in place of a name."""
    token, before = spot.token, spot.near(-1)
    if before.type == "ARROW" and token.type == "OUTPUT" and spot.near(1).type in ("NAME", "STRING"):
        statement = spot.text(token.start, spot.near(1).end)
        return spot.wrong(
            "an `output` is no link of a chain, but a statement of its own",
            help=f"write `{statement}` without the arrow, on its own line or behind `;`",
            edit=(spot.near(-2).end, token.start, "; "),
        )
    if before.type == "ARROW" and token.type == "RETURN":
        return spot.wrong(
            "`return` begins a statement, and is no link of a chain",
            help="the last value of a block is its result: leave it out, or write `... as y`, and then `return y`",
        )
    if before.type == "ARROW" and token.type in _BRACED:
        return spot.wrong(
            f"`{token}` begins a statement, and is no link of a chain",
            help=f"begin a line with it: the value flows on; or put it in braces: `-> {{ {token} ... }}`",
        )
    if token.type == "WHERE" and spot.near(1).type in ("LPAR", "LBRACE"):
        return spot.wrong(
            "`where` states what sizes have to be; a choice between values is `choose`",
            help="as `choose { | mask | then | otherwise }`",
        )
    if before.type == "ARROW" and token.type in _UNCHAINED:
        return spot.wrong(f"`{token}` begins a statement, and is no link of a chain", help="begin a line with it")
    is_word = token.type in KEYWORDS.values() and token.type not in ("TRUE", "FALSE", "IN")
    if not is_word or "NAME" not in spot.expected or before.type == "SEP":
        return None
    return spot.wrong(
        f"`{token}` is a reserved word",
        "not to be used as a name",
        help=f"call it `{token}_`",
        edit=(token.start, token.end, f"{token}_"),
    )


SLIPS = (declared_input, number, loop, binding, arrow, tap, label, comma, merge, reserved, arguments, missing_arrow)
