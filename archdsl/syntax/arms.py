"""Arms of a merge: bars that are missing, too many, or in other brackets."""

from __future__ import annotations

from archdsl.source import Diagnostic
from archdsl.syntax.spot import Spot

SHOWN = 70
"""Characters of arms that a help writes out."""


def merge(spot: Spot) -> Diagnostic | None:
    """Arms without bars, or with bars in other brackets."""
    token, before = spot.token, spot.near(-1)
    if token.type == "LBRACE" and "BAR" in spot.expected and spot[spot.statement()].type in ("IF", "FOR"):
        return spot.wrong(
            "the arms of a merge begin with `|`", help="as in `add { for x in xs | a }`, `add { if c | a }`"
        )
    if before.type == "LBRACE" and "BAR" in spot.expected:
        return _barless(spot)
    if token.type in ("RBRACE", "SEP") and before.type == "BAR":
        return spot.wrong("an arm is empty", help="write `| identity` for an arm that passes its value on")
    if token.type != "BAR":
        return None
    opening = spot.opening()
    closing = None if opening is None else spot.closing(opening)
    if opening is not None and closing is not None and spot[opening].type == "LPAR":
        arms = "".join(f" | {part}" for part in spot.parts(opening, closing, "BAR"))
        stretch = (spot[opening].start, spot[closing].end)
        return spot.wrong(
            "the arms of a merge stand in braces, not in parentheses",
            help=f"write `{{{arms} }}`",
            edit=(*stretch, f" {{{arms} }}"),
        )
    if (guarded := _guarded(spot)) is not None:
        return guarded
    return spot.wrong("`|` begins an arm, and there is no merge here", help="arms stand in braces: `add { | a | b }`")


def _barless(spot: Spot) -> Diagnostic:
    """`add { a | b }`, `add { a, b }`. Where lines stand below one another, each may be an arm, or all of them one."""
    message, help = "the arms of a merge begin with `|`", "as in `add { | a | b }`"
    opening, start = spot.at - 1, spot.token.start
    closing = spot.closing(opening)
    if closing is None:
        return spot.wrong(message, help=help)
    end = spot[closing].start
    for separator in ("BAR", "COMMA", "SEP"):
        parts = spot.parts(opening, closing, separator)
        arms = "".join(f" | {part}" for part in parts)
        if len(parts) > 1:
            break
    else:
        return spot.wrong(message, help="as in `add { | a | identity }`, whose second arm passes the value on")
    if separator == "BAR":
        return spot.wrong(message, help=help, edit=(start, start, "| "))
    if separator == "COMMA":
        return spot.wrong(message, help=f"write `{{{arms} }}`", edit=(start, end, f"|{arms[2:]} "))
    shown = f"{{{arms} }}" if "\n" not in arms and len(arms) <= SHOWN else "{ | a | b }"
    return spot.wrong(message, help=f"where each is an arm of its own: `{spot.near(-2)} {shown}`")


def _guarded(spot: Spot) -> Diagnostic | None:
    """`| if c | a`, with a bar before the condition too."""
    start = spot.statement()
    bar, word = spot[start - 1], spot[start]
    if bar.type != "BAR" or word.type not in ("IF", "FOR"):
        return None
    arm = spot.text(word.start, spot.token.end)
    begins = spot[start - 2].type in ("LBRACE", "SEP")
    return spot.wrong(
        f"the bar of an arm stands behind its `{word}`",
        where=(bar.start, bar.end),
        help=f"write `{arm} ...`, at the beginning of a line or behind `;`",
        edit=(bar.start, word.start, "" if begins else "; "),
    )
