"""Network -> poster: what its layers make, as volumes in a row."""

from __future__ import annotations

import re

from archdsl.backends.drawing.content.drafts import Drafts
from archdsl.backends.drawing.content.model import Kind, Poster, Stack, Volume
from archdsl.backends.drawing.content.rows import tooltip
from archdsl.backends.drawing.content.streams import Stream, streams
from archdsl.backends.drawing.content.words import extent, show_output
from archdsl.backends.drawing.refusal import Refusal
from archdsl.ir import Network, TensorType

MOST_STACKS = 40
"""A poster with more would be read by nobody."""
MOST_IN_A_ROW = 6
"""Of equal volumes in a row no more are drawn; their caption counts all."""
_CHANNELS = re.compile(r"(?<=\w) \d+$")
SHOWN: tuple[Kind, ...] = ("conv", "pool", "linear", "attention", "block")


def poster(network: Network, drafts: Drafts) -> Poster:
    """The volumes on the longest way from the first input to the main output. Raises `Refusal`."""
    found, makers = streams(network, drafts)
    last = makers[network.main_output]
    if last is None:
        raise Refusal(f"{network.name} has no layers to draw as volumes")
    name, value = network.inputs[0], network.body.inputs[0]
    stacks = [Stack((_volume(name, name, "reshape", value.type, value.channels),), (), name, show_output([value.type]))]
    counts = [1]
    way = _longest(found, last)
    for stream in way:
        unit = stream.unit
        is_new = unit.kind == "merge" and unit.after != unit.before
        is_idle = unit.kind == "pool" and unit.after == unit.before
        if is_idle or (unit.kind not in SHOWN and not is_new):
            continue
        drafts.kinds.add(unit.kind)
        volume = _volume(unit.paths[0], tooltip(unit), unit.kind, unit.after[0], unit.channels)
        text, output, count = unit.text, show_output(unit.after[:1]), unit.count
        before = stacks[-1]
        is_larger = volume.size > stacks[-1].volumes[-1].size
        if unit.kind == "pool" and volume.size and not is_larger and len(stacks) > 1:
            stacks[-1] = before._replace(pooled=(*before.pooled, volume))
        elif not before.pooled and (_name(before.text), before.output) == (_name(text), output) and volume.size:
            counts[-1] += count
            stacks[-1] = before._replace(volumes=(*before.volumes, *[volume] * count)[:MOST_IN_A_ROW])
        else:
            stacks.append(Stack((volume,) * min(count, MOST_IN_A_ROW), (), text, output))
            counts.append(count)
    if len(stacks) > MOST_STACKS:
        help = "`--style overview` draws any network"
        raise Refusal(f"{network.name} has {len(stacks)} volumes in a row, more than {MOST_STACKS}; {help}")
    is_all = not any(s.unit.cost.params for s in found if s not in way)
    return Poster(tuple(s._replace(text=_caption(s.text, n)) for s, n in zip(stacks, counts, strict=True)), is_all)


def _longest(found: list[Stream], last: int) -> list[Stream]:
    """The longest way to a unit; where several are, the first."""
    lengths: list[int] = []
    for stream in found:
        lengths.append(1 + max((lengths[s] for s in stream.sources), default=0))
    way = [last]
    while sources := found[way[-1]].sources:
        way.append(max(sources, key=lambda s: lengths[s]))
    return [found[i] for i in reversed(way)]


def _volume(path: str, words: str, kind: Kind, type: TensorType, axis: int) -> Volume:
    channels, size = extent(type, axis)
    return Volume(path, words, kind, size if size > 1 else 0, channels)


def _name(text: str) -> str:
    """`conv 3×3` of `conv 3×3, 64`, `linear` of `linear 10`, and `bottleneck` of `bottleneck(64, stride=2)`."""
    return _CHANNELS.sub("", text.partition(",")[0].partition("(")[0])


def _caption(text: str, count: int) -> str:
    return f"{count} × {_name(text)}" if count > 1 else _name(text)
