"""Places a whole picture on its page: the network, definitions of blocks to its right, title above, legend below."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator
from itertools import count
from math import ceil, inf
from operator import attrgetter
from typing import NamedTuple

from archdsl.backends.drawing.content.model import Arms, Body, Drawing, Poster
from archdsl.backends.drawing.places.across import place_across
from archdsl.backends.drawing.places.arms import place_arms
from archdsl.backends.drawing.places.metrics import fitted, room
from archdsl.backends.drawing.places.place import BESIDE, Placer
from archdsl.backends.drawing.places.poster import place_poster
from archdsl.backends.drawing.places.scene import Line, Scene, Shape, lines_of, shapes_of
from archdsl.backends.drawing.places.sizes import METER, SUBTITLE, TINY, TITLE

MARGIN = 12
HEAD = 58
"""Height of title and totals."""
FOOT = 12
"""Above the legend."""
LEAST = 480
"""Legend and footer may take this much where the network is narrower."""
PAGE = 1.6
"""Width to height of a page that definitions are laid out for."""
WIDEST = 1600
"""A page is no wider, unless something on it is: a reader scrolls down, and texts keep their size."""
TRIES = 12
"""Widths of the page that are tried."""
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
    "shade": "share of the row that has most",
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
    """The figure of the row that has most, where rows are shaded."""


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
        place = (_whole(page) - across) / 2 + x, HEAD + y
        shapes += shapes_of(scene, *place)
        lines += lines_of(scene, *place)
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
    return place_across(body, dots) if is_across else Placer(body, dots, is_headed=True).body(body)


def _whole(length: float) -> int:
    """A length of whole pixels at any common resolution, so that no edge of a picture is half transparent."""
    return 3 * ceil(length / 3)


def legend_width(key: str) -> float:
    """Points that an entry of the legend takes, with the room after it."""
    return SIGNS.get(key, 9) + room(LEGEND[key], TINY) + 20


def _side_by_side(network: Scene, definitions: list[Scene]) -> list[tuple[float, float, Scene]]:
    """The network in the corner and the definitions beside and below it, each with its main line and its top.

    Of some widths of a page that is taken at which the picture is largest on one of `PAGE`.
    """
    widths = [scene.left + scene.right + BESIDE for scene in (network, *definitions)]
    least = max(widths)
    most = max(least, min(sum(widths) + BESIDE, WIDEST))
    tries = [least * (most / least) ** (i / TRIES) for i in range(TRIES + 1)] if definitions else [most]
    return min((_packed([network, *definitions], width) for width in tries), key=_extent)


def _extent(places: list[tuple[float, float, Scene]]) -> float:
    """The height of the least page of the shape of `PAGE` that holds the scenes."""
    across = max(x + scene.right for x, _, scene in places)
    return max(across / PAGE, *(y + scene.height for _, y, scene in places))


def _packed(scenes: list[Scene], most: float) -> list[tuple[float, float, Scene]]:
    """Each scene as high up as those before it allow, then as far to the left, on a page of a width."""
    taken: list[_Place] = []
    places: list[tuple[float, float, Scene]] = []
    found: list[tuple[float, float, float]] = []
    for scene in scenes:
        width, height = scene.left + scene.right, scene.height
        least = max((y for w, h, y in found if w <= width and h <= height), default=0.0)
        x, y = _first_gap(taken, width, height, most, least)
        found.append((width, height, y))
        between = BESIDE if taken else 2 * BESIDE
        insort(taken, _Place(y, x, x + width + between, y + height + between))
        places.append((x + scene.left, y, scene))
    return places


class _Place(NamedTuple):
    """What a scene takes of a page, with the room beside and below it."""

    top: float
    left: float
    right: float
    bottom: float


def _first_gap(taken: list[_Place], width: float, height: float, most: float, least: float) -> tuple[float, float]:
    """The left and the top of the first gap of a size between places, which are sorted; there is none above `least`."""
    beside: list[_Place] = []
    """From left to right those that stand in the band of the height."""
    coming = iter([*taken, _Place(inf, 0, 0, 0)])
    following = next(coming)
    for y in sorted({least, *(place.bottom for place in taken if place.bottom > least)}):
        while following.top < y + height:
            insort(beside, following, key=attrgetter("left"))
            following = next(coming)
        beside = [place for place in beside if place.bottom > y]
        x = 0.0
        for place in beside:
            if x + width <= place.left:
                break
            x = max(x, place.right)
        if x + width <= most or x == 0:
            return x, y
    raise AssertionError("below all places there is room")


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
