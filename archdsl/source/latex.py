"""Text that LaTeX takes for itself: no command, no further cell, no further line."""

from __future__ import annotations

import re

from archdsl.source.styled import printable

_MEANS = {
    "   ": r"\quad ",
    "->": r"$\to$",
    "-": "-{}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "…": "...",
    "→": r"$\to$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "⌊": r"$\lfloor$",
    "⌋": r"$\rfloor$",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
}
"""What would mean something else, or is not in LaTeX's standard fonts; two hyphens would be a dash."""
_SYNTAX = re.compile(r"   |->|-(?=-)|[#$%&_{}]|" + "|".join(re.escape(c) for c in _MEANS if len(c) == 1 and c != "-"))


def latex(text: str) -> str:
    """The text as LaTeX prints it with the packages fontenc (T1) and textcomp."""
    return _SYNTAX.sub(lambda found: _MEANS.get(found[0], f"\\{found[0]}"), printable(text))
