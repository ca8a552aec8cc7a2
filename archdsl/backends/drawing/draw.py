"""Graph -> the bytes of a picture: the rooms of this package one after the other."""

from __future__ import annotations

from typing import Literal

from archdsl.analyses.cost import CostFacts
from archdsl.analyses.options import check_option
from archdsl.backends.drawing.content.build import check_rows, drawing
from archdsl.backends.drawing.content.model import Shading, Style
from archdsl.backends.drawing.content.refusal import Refusal
from archdsl.backends.drawing.graphviz.dot import to_dot
from archdsl.backends.drawing.graphviz.raster import to_background
from archdsl.backends.drawing.graphviz.renderer import render
from archdsl.backends.drawing.marks.painter import paint
from archdsl.backends.drawing.marks.palette import Theme
from archdsl.backends.drawing.marks.svg import write_svg
from archdsl.backends.drawing.marks.tikz import write_tikz
from archdsl.backends.drawing.mermaid import write_mermaid
from archdsl.backends.drawing.places.layout import layout
from archdsl.ir import Network

Format = Literal["svg", "png", "pdf", "dot", "tikz", "mermaid"]


def draw(
    network: Network,
    costs: CostFacts,
    format: Format = "svg",
    *,
    theme: Theme = "auto",
    style: Style = "auto",
    expand: tuple[str, ...] = (),
    depth: int = 0,
    shading: Shading | None = None,
    across: bool = False,
    fuses: bool = True,
    footer: tuple[str, ...] = (),
) -> bytes:
    """A picture of a network; texts as UTF-8. What is drawn is said by `drawing`; `across` places cards from left to right.

    Mermaid places boxes itself. Raises `RenderError` where PNG or PDF is asked for and no Graphviz draws it, `Refusal` where a
    network, a format or a direction does not go with the style, `OptionProblem` for a style or theme that there is not.
    """
    check_option("theme", theme, Theme)
    check_option("style", style, Style)
    if format in ("dot", "mermaid") and style == "volumes":
        raise Refusal("volumes are a picture and no graph: take SVG, PNG or PDF (`--format svg`)")
    if across and style in ("u", "volumes"):
        raise Refusal(f"the style `{style}` has a direction of its own: leave out `--lr`")
    seeks_arms = not across and format != "mermaid"
    if format == "mermaid" and style == "u":
        style = "auto"
    if style == "expanded":
        check_rows(network, fuses=fuses)
    drawn = drawing(
        network,
        costs,
        style=style,
        expand=expand,
        depth=depth,
        shading=shading,
        fuses=fuses,
        seeks_arms=seeks_arms,
        footer=footer,
    )
    if format == "mermaid":
        return write_mermaid(drawn, theme).encode()
    sheet = layout(drawn, is_across=across)
    if format == "dot":
        return to_dot(sheet, theme).encode()
    picture = paint(sheet)
    if format == "svg":
        return write_svg(picture, theme).encode()
    if format == "tikz":
        return write_tikz(picture, theme).encode()
    return render(to_background(picture, theme), format)
