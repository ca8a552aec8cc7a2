"""Graphviz's SVG -> a picture for pages: scalable, with the paths of layers as ids, themes, and texts of known width."""

from __future__ import annotations

import re
from html import escape
from xml.etree import ElementTree

from archdsl.backends.graphviz.dot import PATH
from archdsl.backends.graphviz.markup import original
from archdsl.backends.graphviz.metrics import is_measured, width
from archdsl.backends.graphviz.palette import DARK, Palette, Theme, palette

FONTS = "Arial, Helvetica, 'Liberation Sans', Arimo, sans-serif"

NO_LINE = (("stroke", "none"), ("stroke", "transparent"))

_DECIMALS = re.compile(r"-?\d+\.\d+")


def finished(drawn: bytes, theme: Theme) -> bytes:
    """The SVG that Graphviz drew of DOT for a theme, made fit for a page. Equal input gives equal bytes."""
    root = ElementTree.fromstring(drawn)
    return _Finisher(theme).document(root).encode("utf-8")


class _Finisher:
    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.tokens = {colour.lower(): token for token, colour in palette(theme).items()}
        self.ids: set[str] = set()

    def document(self, root: ElementTree.Element) -> str:
        _, _, across, down = (_round(n) for n in root.get("viewBox", "0 0 1 1").split())
        (graph,) = (child for child in root if _name(child) == "g")
        title, description = _titles(graph)
        style = _element("style", {}, _dark_sheet(palette(self.theme))) if self.theme == "auto" else ""
        attributes = {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "archdsl",
            "viewBox": f"0 0 {across} {down}",
            "width": "100%",
            "style": f"max-width:{float(across) * 4 / 3:.0f}px",
            "role": "img",
            "font-family": FONTS,
        }
        place = re.sub(r"scale\(1 1\) rotate\(0\) ", "", graph.get("transform", ""))
        inner = _element("title", {}, escape(title)) + _element("desc", {}, escape(description)) + style
        inner += "\n" + _element("g", {"transform": place}, "\n" + self._children(graph))
        return _element("svg", attributes, inner) + "\n"

    def _children(self, element: ElementTree.Element) -> str:
        """The parts of an element. A cell filled for its alignment gives way to its text, set by its end."""
        shown: list[str] = []
        cell: ElementTree.Element | None = None
        for child in element:
            if _name(child) != "text":
                shown.append(self._shown(child))
                cell = cell if child.get("fill") == "none" else child
            elif child.text and child.text.strip():
                place = {} if cell is None else self._aligned(_rectangle(cell.get("points", "")), cell.get("fill", ""))
                if place.get("text-anchor") == "end":
                    shown.pop()
                shown.append(self._text(child, place))
                cell = None
        return "".join(shown)

    def _shown(self, element: ElementTree.Element) -> str:
        kind = _name(element)
        if kind == "g":
            return self._group(element)
        if kind == "a":
            tooltip = next((v for k, v in element.attrib.items() if k.endswith("title")), "")
            return _element("title", {}, escape(original(tooltip), quote=False)) + self._children(element)
        if kind in ("polygon", "path", "ellipse", "polyline") and element.get("fill") != "transparent":
            return self._shape(kind, element)
        return ""

    def _group(self, element: ElementTree.Element) -> str:
        """A group; its id where that is the path of a layer and stands only once."""
        inner = self._children(element)
        attributes: dict[str, str] = {}
        _, is_path, path = element.get("id", "").partition(PATH)
        path = original(path)
        if is_path and path not in self.ids and not path.endswith("…"):
            self.ids.add(path)
            attributes["id"] = path
        if "skip" in element.get("class", ""):
            attributes["class"] = "skip"
        if not inner or not attributes:
            return inner
        return _element("g", attributes, inner) + "\n"

    def _text(self, element: ElementTree.Element, place: dict[str, str]) -> str:
        text = element.text or ""
        size, weight = float(element.get("font-size", "10")), element.get("font-weight", "")
        attributes = {key: _round(element.get(key, "0")) for key in ("x", "y", "font-size")}
        attributes |= place
        if weight:
            attributes["font-weight"] = weight
        if is_measured(text):
            attributes["textLength"] = _round(f"{width(text, size, bool(weight)):.2f}")
            attributes["lengthAdjust"] = "spacingAndGlyphs"
        return _element("text", attributes | self._paint(element), escape(text, quote=False)) + "\n"

    def _aligned(self, cell: dict[str, str], fill: str) -> dict[str, str]:
        """How a text stands in the cell before it, which its fill tells: in the middle, at the end, or where it is."""
        if not cell:
            return {}
        token = self.tokens.get(fill, "")
        left, across = float(cell["x"]), float(cell["width"])
        if token in ("merge-row", "badge"):
            return {"x": _round(f"{left + across / 2}"), "text-anchor": "middle"}
        if token == "head" or token.endswith("-row"):
            return {"x": _round(f"{left + across - 2}"), "text-anchor": "end"}
        return {}

    def _shape(self, kind: str, element: ElementTree.Element) -> str:
        keep = {"d", "points", "cx", "cy", "rx", "ry", "stroke-width"}
        attributes = {k: _DECIMALS.sub(lambda m: _round(m[0]), v) for k, v in element.attrib.items() if k in keep}
        corners = _rectangle(attributes.get("points", ""))
        if corners:
            kind = "rect"
            attributes = corners | {k: v for k, v in attributes.items() if k != "points"}
        return _element(kind, attributes | self._paint(element)) + "\n"

    def _paint(self, element: ElementTree.Element) -> dict[str, str]:
        """Colours, and the classes by which a sheet may change them."""
        paints = {k: v.lower() for k in ("fill", "stroke") if (v := element.get(k)) and (k, v) not in NO_LINE}
        classes = [f"{k[0]}-{self.tokens[v]}" for k, v in paints.items() if v in self.tokens]
        return {"class": " ".join(classes)} | paints if classes else paints


def _dark_sheet(light: Palette) -> str:
    """The rules for readers who prefer dark pages."""
    rules = "".join(
        f".archdsl .f-{token}{{fill:{DARK[token]}}}.archdsl .s-{token}{{stroke:{DARK[token]}}}" for token in light
    )
    return f"@media (prefers-color-scheme:dark){{{rules}}}"


def _titles(graph: ElementTree.Element) -> tuple[str, str]:
    """Title and totals, out of the node that shows them."""
    for node in graph:
        if any(_name(c) == "title" and c.text == "title" for c in node):
            texts = [t.text or "" for t in node.iter() if _name(t) == "text"]
            return texts[0] if len(texts) > 1 else "", texts[-1] if texts else ""
    return "", ""


def _rectangle(points: str) -> dict[str, str]:
    """The corners of a polygon as a rectangle's attributes, if it is one."""
    corners = [tuple(float(n) for n in pair.split(",")) for pair in points.split()]
    xs, ys = sorted({x for x, _ in corners}), sorted({y for _, y in corners})
    if len(corners) != 5 or len(xs) != 2 or len(ys) != 2:
        return {}
    values = {"x": xs[0], "y": ys[0], "width": xs[1] - xs[0], "height": ys[1] - ys[0]}
    return {k: _round(f"{v:.2f}") for k, v in values.items()}


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _element(name: str, attributes: dict[str, str], inner: str = "") -> str:
    given = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{given}>{inner}</{name}>" if inner else f"<{name}{given}/>"


def _round(number: str) -> str:
    """At most two decimals and no needless ones."""
    text = f"{float(number):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
