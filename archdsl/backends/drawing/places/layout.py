"""Places a whole picture on its page: the network, definitions of blocks to its right, title above, legend below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from math import ceil
from typing import NamedTuple

from archdsl.backends.drawing.content.model import Arms, Body, Drawing, Poster
from archdsl.backends.drawing.places.across import AcrossPlacer
from archdsl.backends.drawing.places.arms import place_arms
from archdsl.backends.drawing.places.metrics import fitted, room
from archdsl.backends.drawing.places.place import BESIDE, Placer
from archdsl.backends.drawing.places.poster import place_poster
from archdsl.backends.drawing.places.scene import Line, Scene, Shape, collect
from archdsl.backends.drawing.places.sizes import METER, SUBTITLE, TINY, TITLE

MARGIN = 12
HEAD = 58
"""Height of title and totals."""
FOOT = 12
"""Above the legend."""
LEAST = 480
"""Legend and footer may take this much where the network is narrower."""
WIDEST = 2.0
"""Width to height of the widest page, if definitions can be stacked."""
BROAD = 1.4
"""Width to height of a network that has its definitions below."""
LEGEND_LINE = 18
FOOTER_LINE = 14

LEGEND = {
    "conv": "convolution",
    "pool": "pool / resample",
    "linear": "linear",
    "attention": "attention",
    "norm": "normalise",
    "activation": "activation",
    "parameter": "learned tensor",
    "merge": "merge",
    "reshape": "reshape, dropout",
    "block": "block",
    "glyph": "tensor: width = log channels, height = log size",
    "meter": "MACs",
    "shade": "share of the darkest row",
    "volume": "height and depth grow with the root of the size, thickness with the root of the channels",
}

SIGNS = {"meter": METER, "shade": 36, "volume": -5}
"""Widths of the signs before entries, of all others 9."""


class Sheet(NamedTuple):
    """The whole picture: what stands where."""

    width: float
    height: float
    title: str
    subtitle: str
    shapes: list[Shape]
    lines: list[Line]
    legend: tuple[tuple[str, ...], ...]
    """Keys of `LEGEND`, by line."""
    footer: tuple[str, ...]
    foot: float
    """Where legend and footer begin."""
    scale: int
    """The MACs of a full bar."""
    most: int
    """The figure of the darkest row, where rows are shaded."""


def layout(drawing: Drawing, *, is_across: bool = False) -> Sheet:
    """Places everything; `is_across` draws cards from left to right."""
    dots = count(1)
    body = drawing.body
    network = _network(body, dots, is_across=is_across)
    definitions = [Placer(d.body, dots, is_headed=False).group(d) for d in drawing.definitions]
    places = _side_by_side(network, definitions)
    across = max(x + scene.right for x, _, scene in places)
    below = max(y + scene.height for _, y, scene in places)
    most = max(across, LEAST)
    signs = ["volume"] if isinstance(body, Poster) else ["glyph", *(["meter"] if drawing.scale else [])]
    keys = [*drawing.kinds, *signs, *(["shade"] if drawing.most else [])]
    legend = _flow(keys, most, legend_width)
    parts = [fitted(text, most, TINY) for text in drawing.footer if text]
    footer = tuple("  ·  ".join(line) for line in _flow(parts, most, lambda text: room(f"{text}  ·  ", TINY)))
    title = fitted(drawing.title, most, TITLE, True)
    texts = [room(title, TITLE, True), room(drawing.subtitle, SUBTITLE), *(room(line, TINY) for line in footer)]
    page = max(across, *texts, *(sum(map(legend_width, line)) for line in legend)) + 2 * MARGIN
    shapes: list[Shape] = []
    lines: list[Line] = []
    for x, y, scene in places:
        collect(scene, (_whole(page) - across) / 2 + x, HEAD + y, shapes, lines)
    foot = HEAD + below + FOOT
    height = foot + LEGEND_LINE * len(legend) + FOOTER_LINE * len(footer) + MARGIN
    return Sheet(
        _whole(page),
        _whole(height),
        title,
        drawing.subtitle,
        shapes,
        lines,
        legend,
        footer,
        foot,
        drawing.scale,
        drawing.most,
    )


def _network(body: Body | Arms | Poster, dots: Iterator[int], *, is_across: bool) -> Scene:
    if isinstance(body, Poster):
        return place_poster(body)
    if isinstance(body, Arms):
        return place_arms(body)
    return (AcrossPlacer if is_across else Placer)(body, dots, is_headed=True).body(body)


def _whole(length: float) -> int:
    """A length of whole pixels at any common resolution, so that no edge of a picture is half transparent."""
    return 3 * ceil(length / 3)


def legend_width(key: str) -> float:
    """Points that an entry of the legend takes, with the room after it."""
    return SIGNS.get(key, 9) + room(LEGEND[key], TINY) + 20


def _side_by_side(network: Scene, definitions: list[Scene]) -> list[tuple[float, float, Scene]]:
    """The network, then columns of definitions, as high as it, or higher where the page would be too wide."""
    width = network.left + network.right
    if width > BROAD * network.height:
        return [(network.left, 0.0, network), *_below(definitions, network.height, width)]
    most = max(network.height, LEAST)
    while True:
        places = [(network.left, 0.0, network), *_in_columns(definitions, network.left + network.right, most)]
        across = max(x + scene.right for x, _, scene in places)
        if across <= WIDEST * most or most > sum(d.height + BESIDE for d in definitions):
            return places
        most *= 1.2


def _below(definitions: list[Scene], bottom: float, width: float) -> Iterator[tuple[float, float, Scene]]:
    """The definitions in lines below the network: each with its main line and its top."""
    x, y, lowest = 0.0, bottom + 2 * BESIDE, 0.0
    for scene in definitions:
        if x and x + scene.left + scene.right > width:
            x, y, lowest = 0.0, y + lowest + BESIDE, 0.0
        yield x + scene.left, y, scene
        x += scene.left + scene.right + BESIDE
        lowest = max(lowest, scene.height)


def _in_columns(definitions: list[Scene], left: float, most: float) -> Iterator[tuple[float, float, Scene]]:
    """The definitions to the right of the network: each with its main line and its top."""
    left, y, column = left + 2 * BESIDE, 0.0, 0.0
    for scene in definitions:
        if y and y + scene.height > most:
            left, y, column = left + column + BESIDE, 0.0, 0.0
        yield left + scene.left, y, scene
        column = max(column, scene.left + scene.right)
        y += scene.height + BESIDE


def _flow(entries: list[str], most: float, measure: Callable[[str], float]) -> tuple[tuple[str, ...], ...]:
    """The entries in as few lines of at most that width as hold them, about equally long."""
    total = sum(map(measure, entries))
    even = total / ceil(total / most) if total else most
    lines: list[list[str]] = [[]]
    used = 0.0
    for entry in entries:
        across = measure(entry)
        if lines[-1] and (used + across > most or used + across / 2 > even):
            lines.append([])
            used = 0.0
        lines[-1].append(entry)
        used += across
    return tuple(tuple(line) for line in lines if line)
