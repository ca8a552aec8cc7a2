"""Pictures of networks.

drawing(network, costs)        what is drawn (`content`)
  -> layout(drawing)           where it stands (`places`)
  -> paint(sheet)              how it looks (`marks`)
  -> write_svg | render        SVG of our own writing; PNG and PDF by Graphviz (`graphviz`), which writes DOT from the sheet
"""

from archdsl.backends.drawing.content.build import drawing
from archdsl.backends.drawing.content.model import Drawing, Style
from archdsl.backends.drawing.content.plain import plain
from archdsl.backends.drawing.content.refusal import Refusal
from archdsl.backends.drawing.draw import Format, draw
from archdsl.backends.drawing.graphviz.renderer import RenderError

__all__ = ["Drawing", "Format", "Refusal", "RenderError", "Style", "draw", "drawing", "plain"]
