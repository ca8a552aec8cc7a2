"""Statements and expressions as Python, C, YAML and papers write them, in the words of this language."""

from __future__ import annotations

import re

from archdsl.source import Diagnostic
from archdsl.syntax.spot import Spot

_COUNTED = re.compile(r"([kKMGT])(?:FLOPs?|FLOPS|flops|MACs?|macs|[Mm]?[Aa]dds|params|parameters|OPs)")
_SCALES = {"thousand": "k", "million": "M", "mio": "M", "billion": "G", "bn": "G", "trillion": "T"}
_BRACES = frozenset(("then", "do", "begin", "is", "has"))


def part_of_list(spot: Spot) -> Diagnostic | None:
    """`widths[1:]`, `0:3`: parts and ranges as Python writes them."""
    token, opening = spot.token, spot.opening()
    if token.type == "COLON" and spot.types(-1, 2) == ("INT", "COLON", "INT", "LBRACE"):
        return _range(spot, (token.start, token.end), "..<")
    if spot.types(-1, 1) == ("INT", "NAME", "INT") and str(token) in ("to", "until", "till"):
        return _range(spot, (spot.near(-1).end, spot.near(1).start), ".." if str(token) == "to" else "..<")
    if token.type not in ("COLON", "LABEL") or opening is None or spot[opening].type != "LSQB":
        return None
    closing, listed = spot.closing(opening), spot[opening - 1]
    if closing is None or listed.type not in ("NAME", "RSQB", "DOTTED"):
        return None
    stretch = (spot[opening].end, spot[closing].start)
    if "," in spot.text(*stretch):
        message = "places of a tensor are taken by layers, not in brackets"
        return spot.wrong(message, where=stretch, help="as `x -> select(0)`, `x -> slice(0, 3, axis=1)`")
    first, _, last = spot.text(*stretch).partition(":")
    if ":" in last or last.strip().startswith("-") or (not last.strip() and listed.type == "RSQB"):
        return spot.wrong("a part of a list is written with dots", help="as `xs[1..<3]`, `xs[0..<len(xs) - 1]`")
    return _range(spot, stretch, f"{first.strip() or 0}..<{last.strip() or f'len({listed})'}")


def _range(spot: Spot, stretch: tuple[int, int], written: str) -> Diagnostic:
    shown = spot.text(*stretch).strip()
    return spot.rewritten(f"a range is written with dots, not with `{shown}`", stretch, written)


def loop_in_parentheses(spot: Spot) -> Diagnostic | None:
    """`for (i in 0..<3)`, `for (int i = 0; ...)`."""
    if spot.near(-1).type != "FOR" or spot.token.type != "LPAR":
        return None
    closing = spot.closing(spot.at)
    inside = spot.text(spot.token.end, spot[closing].start) if closing is not None else ""
    is_names = closing is not None and spot[closing + 1].type == "IN" and re.fullmatch(r"[\w\s,]+", inside)
    edit = (spot.token.start, spot[closing].end, inside) if closing and (" in " in inside or is_names) else None
    help = f"write `for {inside} in ...`" if is_names else "as `for i in 0..<3 { ... }`"
    return spot.wrong("a loop has no parentheses", help=help, edit=edit)


def body_in_words(spot: Spot) -> Diagnostic | None:
    """`if wide then ...`, `network LeNet begin`."""
    token = spot.token
    if token.type != "NAME" or str(token) not in _BRACES or "LBRACE" not in spot.expected:
        return None
    return spot.wrong(f"a body stands in braces: `{token}` begins none", help="as `if c { ... }`, `network A { ... }`")


def unpacked(spot: Spot) -> Diagnostic | None:
    """`*widths`, `**options`, dictionaries."""
    token, before = spot.token, spot.near(-1)
    if token.type == "LBRACE" and before.type == "ASSIGN" and spot.near(-3).type == "LET" and _is_group(spot):
        help = f"write `shared {spot.near(-2)} = {{ ... }}` for one of them, a `block` for new weights at each use"
        return spot.wrong("`let` names a number, a list or one layer, not a group", help=help)
    if token.type == "LBRACE" and before.type in ("ASSIGN", "COMMA", "LPAR") and _is_group(spot):
        help = "declare it: `block unit { ... }` in the file, and `unit` here"
        return spot.wrong("an argument is a tensor or a layer, not a group", help=help)
    if token.type == "LBRACE" and before.type in ("ASSIGN", "COMMA", "LPAR", "LSQB"):
        return spot.wrong("there are no dictionaries", help="a table is a list of lists: `[[64, 1], [128, 2]]`")
    if token.type != "TIMES" or before.type not in ("LPAR", "COMMA"):
        return None
    if "LABEL" in spot.expected and "INT" not in spot.expected:
        return spot.wrong("a parameter takes one value, which may be a list", help="as `block stage(widths: list)`")
    return spot.wrong("nothing is unpacked: arguments are written out", help="as `conv(64, 3x3, pad=1)`")


def _is_group(spot: Spot) -> bool:
    """Whether braces hold layers, and not the entries of a dictionary."""
    closing = spot.closing(spot.at)
    inside = spot.tokens[spot.at + 1 : closing]
    return spot.near(1).type == "NAME" or any(token.type == "ARROW" for token in inside)


def text_as_statement(spot: Spot) -> Diagnostic | None:
    """Docstrings, and labels that are put together."""
    token, before = spot.token, spot.near(-1)
    if before.type != "STRING" or not spot.begins_statement:
        return None
    if spot.text(before.start, before.start + 3) == '"""':
        end = spot.source.text.find('"""', before.start + 3) + 3
        inside = spot.text(before.start + 3, end - 3).strip() if end > 2 else ""
        edit = (before.start, end, f"## {inside}") if inside and "\n" not in inside else None
        return spot.wrong(
            "a description is a comment that begins with `##`",
            where=(before.start, before.start + 3),
            help=f"write `{edit[2]}`" if edit else "as `## What this is.`",
            edit=edit,
        )
    if token.type == "PLUS" and spot.near(1).type == "LABEL":
        written = f'{str(before)[:-1]}{{{spot.near(1)}}}"'
        return spot.wrong(
            "a label has holes: nothing is put together",
            where=(before.start, spot.near(1).end),
            help=f"write `{written}: ...`",
            edit=(before.start, spot.near(1).end, written),
        )
    return None


def listed_layers(spot: Spot) -> Diagnostic | None:
    """`[conv(8, 3x3), relu]` as a statement."""
    token = spot.token
    if token.type != "LSQB" or not {"NAME", "LABEL", "REPEAT"} <= spot.expected:
        return None
    closing = spot.closing(spot.at)
    layers = spot.parts(spot.at, closing, "COMMA") if closing is not None else []
    edit = (token.start, spot[closing].end, " -> ".join(layers)) if closing and layers else None
    return spot.wrong("layers are joined by `->`, not listed", help="as `conv(64, 3x3) -> relu`", edit=edit)


def times(spot: Spot) -> Diagnostic | None:
    """`3 * conv(8, 3x3)`, `conv(8, 3x3) x 3`."""
    token, before, after = spot.token, spot.near(-1), spot.near(1)
    start = spot[spot.statement()].start
    if token.type == "TIMES" and before.type == "INT" and spot.begins_statement:
        count, link, end = before, spot.text(token.end, spot.statement_end()).strip(), spot.statement_end()
    elif (token.type == "TIMES" or str(token) in ("x", "X")) and after.type == "INT" and before.type == "RPAR":
        count, link, end = after, spot.text(start, before.end), after.end
    else:
        return None
    if not spot.expected & {"ARROW", "COLON"}:
        return None
    written = f"repeat {count} {{ {link} }}"
    return spot.wrong("layers are repeated in braces", help=f"write `{written}`", edit=(start, end, written))


def declared_otherwise(spot: Spot) -> Diagnostic | None:
    """Inputs and outputs that are called, listed, or typed as elsewhere."""
    token, before = spot.token, spot.near(-1)
    if before.type == "OUTPUT" and token.type == "LPAR":
        closing = spot.closing(spot.at)
        name = spot.text(token.end, spot[closing].start).strip() if closing is not None else ""
        edit = (token.start, spot[closing].end, f" out = {name}") if closing and name.isidentifier() else None
        return spot.wrong(
            "an output has a name, and no parentheses",
            help=f"write `output out = {name}`" if edit else "as `output logits`, for the current value",
            edit=edit,
        )
    if before.type == "OUTPUT" and token.type == "LABEL":
        return _shaped_output(spot)
    if before.type == "INPUT" and token.type in ("LSQB", "LPAR"):
        closing = spot.closing(spot.at)
        shape = f"[{', '.join(spot.parts(spot.at, closing, 'COMMA'))}]" if closing is not None else ""
        edit = (before.end, spot[closing].end, f" image: {shape}") if closing else None
        return spot.wrong(
            "the input has no name", where=(before.start, before.end), help="as `input image: [...]`", edit=edit
        )
    first = spot[spot.statement()]
    is_called = spot.near(1).type == "LPAR"
    if first.type == "INPUT" and token.type in ("NAME", "DOTTED") and before.type == "RSQB" and not is_called:
        shape_start = spot[spot.statement() + 3].start
        written = f"{str(token).rpartition('.')[2]} {spot.text(shape_start, before.end)}"
        return spot.wrong(
            "the element type stands before the shape",
            help=f"write `{written}`",
            edit=(shape_start, token.end, written),
        )
    if first.type == "INPUT" and token.type == "DOTTED" and before.type == "COLON":
        written = str(token).rpartition(".")[2]
        message = f"`{token}` is no element type: they have one word"
        return spot.rewritten(message, (token.start, token.end), written)
    return None


def annotation(spot: Spot) -> Diagnostic | None:
    """`act: nn.Module`: the kind of a parameter."""
    token = spot.token
    if token.type != "DOTTED" or spot.types(-2, -1) != ("LABEL", "COLON") or "ARROW" in spot.expected:
        return None
    meant = "layer" if str(token).endswith("Module") else "tensor" if str(token).endswith("Tensor") else ""
    return spot.wrong(
        f"`{token}` is no kind of parameter",
        help=f"write `{spot.near(-2)}: {meant}`" if meant else "parameters are `layer`, `tensor`, `int`, `list`, ...",
        edit=(token.start, token.end, meant) if meant else None,
    )


def _shaped_output(spot: Spot) -> Diagnostic:
    token, after = spot.token, spot.near(2)
    closing = spot.closing(spot.at + 2) if after.type == "LSQB" else None
    shape = spot.text(after.start, spot[closing].end) if closing is not None else ""
    start = spot.source.text.rfind("\n", 0, token.start) + 1
    indent = re.match(r"[ \t]*", spot.source.text[start : token.start])
    claim = f"expect shape({token}) == {shape}"
    edit = (token.start, spot[closing].end, f"{token}\n{indent[0] if indent else ''}{claim}") if closing else None
    chosen = f", or `output {token} = {after}` for that value" if after.type == "NAME" else ""
    return spot.wrong(
        "the shape of an output is worked out, not declared",
        help=f"state it in a claim: `{claim}`" if shape else f"write `output {token}`{chosen}",
        edit=edit,
    )


def label_behind(spot: Spot) -> Diagnostic | None:
    """`conv(8, 3x3): stem`, `as stem conv(8, 3x3)`, `shared conv(8, 3x3)`: names that stand in another place."""
    token, before, after = spot.token, spot.near(-1), spot.near(1)
    start = spot[spot.statement()].start
    if token.type == "COLON" and before.type == "RPAR" and after.type == "NAME" and spot.ends_statement:
        written = f"{after}: {spot.text(start, before.end)}"
        return spot.wrong(
            "a label stands before its layer", help=f"write `{written}`", edit=(start, after.end, written)
        )
    if token.type == "AS" and before.type in ("SEP", "LBRACE") and spot.types(1, 2) == ("NAME", "NAME"):
        end = spot.statement_end()
        written = f"{spot.text(spot.near(2).start, end)} as {after}"
        return spot.wrong(
            "`as` names a result, and stands behind the layer",
            help=f"write `{written}`",
            edit=(token.start, end, written),
        )
    if token.type == "LPAR" and spot.near(-2).type == "SHARED":
        return spot.wrong(
            "a shared instance has a name",
            where=(spot.near(-2).start, before.end),
            help=f"as `shared tower = {before}(...)`",
            edit=(before.start, before.start, "tower = "),
        )
    return None


def comma_at_the_end(spot: Spot) -> Diagnostic | None:
    """A statement that ends with a comma."""
    token = spot.token
    line = spot.text(token.end, spot.line_end(token.end))
    may_end = spot.expected & {"SEP", "RBRACE"}
    if token.type != "COMMA" or not may_end or not re.fullmatch(r"[ \t]*(?:#.*)?", line):
        return None
    return spot.wrong(
        "a statement ends with its line, not with a comma", help="leave it out", edit=(token.start, token.end, "")
    )


def dash(spot: Spot) -> Diagnostic | None:
    """`- conv(8, 3x3)`, as YAML lists and diffs begin their lines; `...` for what is left out."""
    token = spot.token
    if not {"NAME", "LABEL", "REPEAT"} <= spot.expected:
        return None
    if spot.text(token.start, token.start + 3) == "...":
        return spot.wrong(
            "`...` stands for nothing: layers are written out", where=(token.start, token.start + 3),
            help="`identity` passes a value on",
        )  # fmt: skip
    if token.type not in ("MINUS", "PLUS"):
        return None
    is_diff = spot.source.position(token.start)[1] == 1
    end = token.end + len(re.match(r"[ \t]*", spot.source.text[token.end :])[0])  # type: ignore[index]
    return spot.wrong(
        f"no statement begins with `{token}`",
        help="lines of a diff are applied by `git apply`"
        if is_diff
        else "layers stand below one another without dashes",
        edit=None if is_diff else (token.start, end, ""),
    )


def share(spot: Spot) -> Diagnostic | None:
    """`dropout(50%)`."""
    token, before, count = spot.token, spot.near(-1), spot.near(-2)
    if before.type != "PERCENT" or token.type not in ("RPAR", "COMMA") or count.type not in ("INT", "FLOAT"):
        return None
    written = f"{float(str(count)) / 100:g}"
    message = "`%` is what a division leaves: a share is a number"
    return spot.rewritten(message, (count.start, before.end), written)


def claimed(spot: Spot) -> Diagnostic | None:
    """`!=` in a claim, and units of papers."""
    token, before = spot.token, spot.near(-1)
    first = spot[spot.statement()]
    if first.type not in ("EXPECT", "DISPUTE"):
        return None
    if token.type == "CMP" and str(token) == "!=" and "ABOUT" in spot.expected:
        edit = (first.start, token.end, f"dispute {spot.text(spot[spot.statement() + 1].start, token.start)}==")
        return spot.wrong("`dispute` says what a figure is not", help=f"write `{edit[2]} ...`", edit=edit)
    if token.type != "NAME" or before.type not in ("INT", "FLOAT", "SI"):
        return None
    found = _COUNTED.fullmatch(str(token))
    unit = found[1] if found else _SCALES.get(str(token).casefold(), "")
    if not unit and str(token).casefold() not in ("params", "parameters", "macs", "flops", "weights"):
        return None
    message = "a figure has its unit from its name, and a scale of one letter"
    return spot.rewritten(message, (before.start, token.end), f"{before}{unit}")


STATEMENTS = (
    part_of_list, loop_in_parentheses, body_in_words, unpacked, text_as_statement, listed_layers, times,
    declared_otherwise, annotation, label_behind, comma_at_the_end, dash, share, claimed,
)  # fmt: skip
