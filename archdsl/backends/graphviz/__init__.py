"""Pictures of networks: graph -> drawing -> DOT -> SVG, PNG or PDF.

drawing(network, costs)      what is drawn (`model.py`)
  -> to_dot(drawing, theme)  where it stands (`place.py`, `layout.py`) and how it looks (`dot.py`)
  -> render(dot, format)     by Graphviz, in a process of its own
"""

from archdsl.backends.graphviz.build import drawing
from archdsl.backends.graphviz.dot import to_dot
from archdsl.backends.graphviz.model import Drawing, Style
from archdsl.backends.graphviz.palette import Theme
from archdsl.backends.graphviz.renderer import Format, RenderError, render

__all__ = ["Drawing", "Format", "RenderError", "Style", "Theme", "drawing", "render", "to_dot"]
