"""Poster -> scene: boxes in a row from left to right, their middles on one line, captions on another."""

from __future__ import annotations

from math import sqrt

from archdsl.backends.drawing.content.model import Poster, Stack, Volume
from archdsl.backends.drawing.places.metrics import fitted, room
from archdsl.backends.drawing.places.scene import Caption, Scene, Solid
from archdsl.backends.drawing.places.sizes import SMALL, TEXT

TALLEST = 190
"""The height of the largest map."""
LONGEST = 150
"""The height of the longest vector."""
LEAST = 9
BAR = 7
"""Thickness of a vector."""
DEPTH = (0.42, 0.26)
"""How far the back of a box lies to the right and up, in shares of its height."""
SLIT = 2
"""Between equal boxes."""
STEP = 9
"""Between a box and the pooled one before it."""
GAP = 12
WIDEST_CAPTION = 110
CAPTION = 26
"""Height of a caption."""


def place_poster(poster: Poster) -> Scene:
    """The scene of a poster; its main line is its left side."""
    return _Placer(poster).scene


class _Placer:
    def __init__(self, poster: Poster) -> None:
        volumes = [v for s in poster.stacks for v in (*s.volumes, *s.pooled)]
        self.largest = max((v.size for v in volumes), default=1)
        self.longest = max((v.channels for v in volumes if not v.size), default=1)
        tallest = max(self._height(v) * (1 + DEPTH[1] * bool(v.size)) for v in volumes)
        self.middle = tallest / 2
        self.floor = tallest + GAP
        self.scene = Scene(height=self.floor + CAPTION)
        self.free = 0.0
        """Where boxes may begin."""
        self.written = -float(GAP)
        """Where captions end."""
        for stack in poster.stacks:
            self._stack(stack)
        self.scene.right = max(self.free - GAP, self.written)

    def _height(self, volume: Volume) -> float:
        if volume.size:
            return max(TALLEST * sqrt(volume.size / max(self.largest, 1)), LEAST)
        return max(LONGEST * sqrt(volume.channels / self.longest), LEAST)

    def _thickness(self, volume: Volume) -> float:
        return min(max(1.25 * sqrt(volume.channels), 3), 60) if volume.size else BAR

    def _stack(self, stack: Stack) -> None:
        widths = [self._thickness(v) for v in stack.volumes]
        across = sum(widths) + SLIT * (len(widths) - 1)
        text, output = fitted(stack.text, WIDEST_CAPTION, TEXT, True), fitted(stack.output, WIDEST_CAPTION, SMALL)
        words = max(room(text, TEXT, True), room(output, SMALL))
        left = max(self.free, self.written + GAP + words / 2 - across / 2)
        x = end = left
        for volume, width in zip(stack.volumes, widths, strict=True):
            end = self._solid(volume, x, width)
            x += width + SLIT
        self.scene.shapes.append(Caption(text, output, left + across / 2, self.floor))
        self.written = left + (across + words) / 2
        for pooled in stack.pooled:
            x += STEP - SLIT
            width = self._thickness(pooled)
            end = max(end, self._solid(pooled, x, width))
            x += width + SLIT
        self.free = end + GAP

    def _solid(self, volume: Volume, x: float, width: float) -> float:
        """Puts a box; where it ends."""
        height = self._height(volume)
        dx, dy = (height * DEPTH[0], height * DEPTH[1]) if volume.size else (BAR, BAR * 0.6)
        top = self.middle - (height - dy) / 2
        self.scene.shapes.append(Solid(volume, x, top, width, height, (dx, dy)))
        return x + width + dx
