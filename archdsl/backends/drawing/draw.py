"""Graph -> the bytes of a picture: the rooms of this package one after the other."""

from __future__ import annotations

from dataclasses import replace

from archdsl.analyses.cost import CostFacts
from archdsl.backends.drawing.content.build import check_rows, drawing
from archdsl.backends.drawing.look import USUAL, Look
from archdsl.backends.drawing.marks.painter import paint
from archdsl.backends.drawing.marks.svg import write_svg
from archdsl.backends.drawing.places.layout import layout
from archdsl.ir import Network


def draw(network: Network, costs: CostFacts, look: Look = USUAL, footer: tuple[str, ...] = ()) -> bytes:
    """A picture of a network; texts as UTF-8. `footer` are the lines under the legend. Mermaid places boxes itself.

    Raises `RenderError` where PNG or PDF is asked for and no Graphviz draws it, and `Refusal` where a network does not go
    with the style.
    """
    if look.format == "mermaid" and look.style == "u":
        look = replace(look, style="auto")
    if look.style == "expanded":
        check_rows(network, look)
    drawn = drawing(network, costs, look, footer)
    if look.format == "mermaid":
        from archdsl.backends.drawing.mermaid import write_mermaid

        return write_mermaid(drawn, look.theme).encode()
    sheet = layout(drawn, is_across=look.across)
    if look.format == "dot":
        from archdsl.backends.drawing.graphviz.dot import to_dot

        return to_dot(sheet, look.theme).encode()
    picture = paint(sheet)
    if look.format == "svg":
        return write_svg(picture, look.theme).encode()
    if look.format == "tikz":
        from archdsl.backends.drawing.marks.tikz import write_tikz

        return write_tikz(picture, look.theme).encode()
    from archdsl.backends.drawing.graphviz.raster import to_background
    from archdsl.backends.drawing.graphviz.renderer import render

    return render(to_background(picture, look.theme), look.format)
