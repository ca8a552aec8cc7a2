"""HTML-like labels and quoting. Everything that comes from a spec passes through here on its way into DOT."""

from __future__ import annotations

import re
from html import escape

from archdsl.backends.drawing.content.words import clean

_UNSAFE = re.compile(r"[%<>&\"'\\]")
LONGEST = 500
"""Characters of an attribute. Graphviz reads no element of more than 16384 bytes."""
BLANK = "&#160;"


def content(text: str) -> str:
    """Text as the content of a label. Blanks at its ends would vanish in SVG, and `\\N` would be the node's name."""
    inner = clean(text)
    core = inner.strip(" ")
    before, after = len(inner) - len(inner.lstrip(" ")), len(inner) - len(inner.rstrip(" "))
    if not core:
        return BLANK * len(inner)
    return BLANK * before + escape(core).replace("\\", "\\\\") + BLANK * after


def attribute(text: str) -> str:
    """Text as the value of an attribute of a node or cell, safe in every build of Graphviz.

    Some builds write attributes into SVG as they are: what has a meaning in XML or DOT is written as `%3C`.
    """
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return _UNSAFE.sub(lambda m: f"%{ord(m[0]):02X}", clean(cut))


def font(text: str, size: int, colour: str, *, bold: bool = False) -> str:
    """A span of text; nothing for no text, since an empty font is a syntax error."""
    if not text:
        return ""
    inner = f"<b>{content(text)}</b>" if bold else content(text)
    return f'<font point-size="{size}" color="{colour}">{inner}</font>'


def strut(colour: str) -> str:
    """A blank that makes every line as high as the largest text, so that all stand at one height."""
    return f'<font point-size="10" color="{colour}">{BLANK}</font>'


def tag(name: str, inner: str, **attributes: str | int | None) -> str:
    """An element. Attribute names have `_` for `-`; None leaves one out."""
    given = "".join(f' {k.rstrip("_")}="{v}"' for k, v in attributes.items() if v is not None)
    return f"<{name}{given}>{inner}</{name}>"


def table(rows: str, **attributes: str | int | None) -> str:
    """A table without borders and spaces but for those given."""
    plain: dict[str, str | int | None] = {"border": 0, "cellborder": 0, "cellspacing": 0, "cellpadding": 0}
    return tag("table", rows, **(plain | attributes))


def patches(height: int, *parts: tuple[int, str]) -> str:
    """Filled rectangles side by side, given by width and colour, as a table of their own.

    Only what holds no text has a fixed size: a text that does not fit could end the program.
    """
    cells = "".join(tag("td", "", fixedsize="true", width=w, height=height, bgcolor=c) for w, c in parts if w)
    return table(tag("tr", cells), fixedsize="true", width=sum(w for w, _ in parts), height=height)
