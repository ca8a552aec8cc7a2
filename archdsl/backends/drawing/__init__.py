"""Pictures of networks.

drawing(network, costs, look)  what is drawn (`content`)
  -> layout(drawing)           where it stands (`places`)
  -> paint(sheet)              how it looks (`marks`)
  -> write_svg | render        SVG of our own writing; PNG and PDF by Graphviz (`graphviz`), which writes DOT from the sheet
"""

from archdsl.backends.drawing.content.build import drawing
from archdsl.backends.drawing.content.model import Drawing
from archdsl.backends.drawing.content.plain import plain
from archdsl.backends.drawing.draw import draw
from archdsl.backends.drawing.look import Format, Look, Style, Theme
from archdsl.backends.drawing.refusal import Refusal, RenderError

__all__ = ["Drawing", "Format", "Look", "Refusal", "RenderError", "Style", "Theme", "draw", "drawing", "plain"]
