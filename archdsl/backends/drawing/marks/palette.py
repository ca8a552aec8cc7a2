"""Colours, each a token with a value in every theme. The kinds are at least 19 ΔE apart, in three colour deficiencies too."""

from __future__ import annotations

from archdsl.backends.drawing.content.model import KINDS, Kind, Row
from archdsl.backends.drawing.look import Theme

Palette = dict[str, str]

SHADES = 6
"""Steps of the shades of rows."""

STRIPS: dict[Kind, str] = {
    "conv": "#005F9E",
    "pool": "#D55E00",
    "linear": "#4B0092",
    "attention": "#E377C2",
    "norm": "#6B7280",
    "activation": "#009E73",
    "parameter": "#7FC8F8",
    "merge": "#F0B400",
    "reshape": "#B4BAC4",
    "block": "#3B4252",
}
_PALE: dict[Kind, str] = {
    "conv": "#E4EFF7",
    "pool": "#FBE9DC",
    "linear": "#ECE4F4",
    "attention": "#FBE8F5",
    "norm": "#EEF0F2",
    "activation": "#DFF3EC",
    "parameter": "#E8F5FE",
    "merge": "#FDF3D3",
    "reshape": "#F4F5F7",
    "block": "#FFFFFF",
}
_DARK_STRIPS: dict[Kind, str] = {
    "conv": "#4C9BD6",
    "pool": "#E8743B",
    "linear": "#A678DE",
    "attention": "#E377C2",
    "norm": "#7E8794",
    "activation": "#2DB88C",
    "parameter": "#7FC8F8",
    "merge": "#F0B400",
    "reshape": "#B4BAC4",
    "block": "#98A2B3",
}
_LIGHT: Palette = {
    "ink": "#1F2430",
    "grey": "#5B6472",
    "line": "#BCC3CD",
    "paper": "#FFFFFF",
    "scope": "#FBFCFD",
    "block-fill": "#F3F5F8",
    "activation-text": "#00704F",
    "amber": "#A86E00",
    "amber-text": "#8A5A00",
    "edge": "#4A5260",
    "glyph": "#98A2B0",
    "empty": "#D9DEE4",
    "rim": "#1F2430",
    "badge": "#3B4252",
    "badge-text": "#FFFFFF",
    "on-merge": "#1F2430",
}
_DARK: Palette = {
    "ink": "#E8EBF0",
    "grey": "#AFB8C6",
    "line": "#48505E",
    "paper": "#12161C",
    "scope": "#161B22",
    "block-fill": "#1A2029",
    "activation-text": "#54D2A9",
    "amber": "#D99A2B",
    "amber-text": "#E2AE55",
    "edge": "#AEB6C2",
    "glyph": "#7D8796",
    "empty": "#343B47",
    "rim": "#12161C",
    "badge": "#C9CFD9",
    "badge-text": "#12161C",
    "on-merge": "#1F2430",
}


def _mixed(strip: str, paper: str, share: float) -> str:
    """`share` of one colour on another."""
    pairs = ((int(strip[i : i + 2], 16), int(paper[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02X}" for a, b in pairs)


def _grey(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + f"{round(0.299 * red + 0.587 * green + 0.114 * blue):02X}" * 3


def _palette(base: Palette, strips: dict[Kind, str], pale: dict[Kind, str], faces: dict[str, float]) -> Palette:
    kinds = {f"{kind}-strip": strips[kind] for kind in KINDS} | {f"{kind}-row": pale[kind] for kind in KINDS}
    for kind in KINDS:
        for face, share in faces.items():
            kinds[f"{kind}-{face}"] = _mixed(strips[kind], base["paper"], share)
    shades = {f"shade-{i}": _mixed(strips["pool"], base["paper"], (i + 0.4) / SHADES * 0.65) for i in range(SHADES)}
    return base | kinds | shades


_LIGHT_FACES = {"front": 0.66, "roof": 0.42, "side": 0.82}
_DARK_FACES = {"front": 0.78, "roof": 1.0, "side": 0.55}
"""How much of its colour each face of a volume has; the rest is the page's."""

LIGHT = _palette(_LIGHT, STRIPS, _PALE, _LIGHT_FACES)
_DARK_ROWS = {k: _mixed(_DARK_STRIPS[k], _DARK["paper"], 0.3 * (k != "block")) for k in KINDS}
DARK = _palette(_DARK, _DARK_STRIPS, _DARK_ROWS, _DARK_FACES)
MONO = {token: _grey(colour) for token, colour in LIGHT.items()}


def row_fill(row: Row, most: int) -> str:
    """The token behind a row: that of its kind, or of its share of the row that has most."""
    if row.shade is None or not most:
        return f"{row.kind}-row"
    return f"shade-{min(row.shade * SHADES // most, SHADES - 1)}"


def row_texts(row: Row, most: int) -> tuple[str, str]:
    """The tokens of what is grey on a row, and of its activations: on a shade both are ink, which can be read on any."""
    return ("grey", "activation-text") if row_fill(row, most).endswith("-row") else ("ink", "ink")


def palette(theme: Theme) -> Palette:
    """The colours of a theme by token; `auto` is light, and its SVG carries the dark ones beside."""
    return {"dark": DARK, "mono": MONO}.get(theme, LIGHT)
