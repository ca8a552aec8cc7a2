"""A plot -> the bytes of a picture, the same for the same plot."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("svg", "png", "pdf")
Theme = Literal["light", "dark"]
Plot = Callable[["Axes"], None]
"""Draws on axes."""

SIZE = (7.2, 4.2)
"""Inches."""
INK = {"light": "#1f2328", "dark": "#e6edf3"}
PAPER = {"light": "#ffffff", "dark": "#0d1117"}
COLORS = {
    "light": ("#2f6fb3", "#c4622d", "#3d8b57", "#7a4fa3", "#9a7b1c", "#b03a5b"),
    "dark": ("#6cb0ff", "#f0955c", "#6fce8c", "#c397f0", "#dcbf5a", "#f2809f"),
}
"""Each 4.5:1 against its paper or better."""
DATES: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
"""What would make two pictures of one plot differ."""


def render(plot: Plot, format: str, theme: Theme = "light") -> bytes:
    """The picture as svg (its text stays text), png or pdf; in these a letter that the font lacks is an empty box.

    Imports matplotlib; raises `ImportError` without it.
    """
    import matplotlib
    from cycler import cycler
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ink, paper = INK[theme], PAPER[theme]
    style: Any = {
        "font.size": 10,
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "archdsl",
        "axes.prop_cycle": cycler(color=COLORS[theme]),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.alpha": 0.15,
        "legend.frameon": False,
        "savefig.facecolor": paper,
        "axes.facecolor": paper,
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink),
        "grid.color": ink,
    }
    out = io.BytesIO()
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure = Figure(figsize=SIZE, layout="constrained")
        FigureCanvasAgg(figure)
        plot(figure.add_subplot())
        figure.savefig(out, format=format, dpi=200, metadata=DATES[format])
    return out.getvalue()
