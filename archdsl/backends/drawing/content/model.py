"""The drawing as plain data: what stands in a picture and what is joined to what, without places, colours or markup.

    drawing  = title, (body | arms | poster), definitions, legend, footer
    body     = step*, lane*
    step     = item, whether it follows the item before it
    item     = card | terminal | merge | bar | group | parallel
    parallel = arm*, join: item?
    arm      = step*                                  (none: the value itself)

Every item but `Parallel` has a number of its own, by which lanes name their ends.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Kind = Literal["conv", "pool", "linear", "attention", "norm", "activation", "parameter", "merge", "reshape", "block"]
"""The kinds that pictures tell apart: the categories of operators, with dropout among the reshapes, and calls."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Arguments = tuple[tuple[str, str], ...]
"""The parameters of a block and what a call gives them, in words."""

Glyph = tuple[int, int]
"""Width and height in points of the picture of a tensor."""


class Word(NamedTuple):
    """A layer that is a word on another's row, or what else is said there: `relu`, `↓2`, `×3`."""

    text: str
    kind: Kind | None = None


class Row(NamedTuple):
    """One layer, or calls of one block in a row."""

    path: str
    tooltip: str
    """The paths of all layers that it stands for."""
    name: str
    kind: Kind
    text: str
    words: tuple[Word, ...]
    output: str
    glyph: Glyph | None
    is_change: bool
    """Whether the shape of the result is not the operand's: only then it is shown."""
    params: str
    macs: int
    paths: tuple[str, ...] = ()
    """Those of `tooltip`, one by one: of layers and of calls."""
    shade: int | None = None
    """The figure that its background shows, where rows are shaded; None of definitions, which have none."""
    caption: Literal["", "condition", "identity"] = ""
    """Whether it is no layer, but says when the rows below it are there, or that the value itself is."""


class Card(NamedTuple):
    """A run: layers that merely follow each other."""

    key: int
    heading: str
    note: str
    rows: tuple[Row, ...]


class Terminal(NamedTuple):
    """An input or output: of the network a pill, of a block's definition plain text."""

    key: int
    path: str
    name: str
    output: str
    glyph: Glyph | None


class Merge(NamedTuple):
    """Values joined element by element: a pill."""

    key: int
    path: str
    text: str
    words: tuple[Word, ...]
    paths: tuple[str, ...] = ()
    """Its own and those of its words."""


class Bar(NamedTuple):
    """Values joined or taken apart along an axis: a bar divided in proportion to the parts."""

    key: int
    path: str
    text: str
    words: tuple[Word, ...]
    parts: tuple[int, ...]
    labels: tuple[str, ...]
    """The parts in words: their sizes, or the names that operands have in the text."""
    output: str
    is_split: bool
    paths: tuple[str, ...] = ()


OPERANDS = ("A", "B")
"""The names of the parts of a bar that joins two values one of which is not like the other: what `A − B` speaks of."""


class Stair(NamedTuple):
    """A layer that joins what it makes to all that it reads."""

    name: str
    reads: int
    adds: int


class Stairs(NamedTuple):
    """A state that grows layer by layer: a bar for each layer, of the channels that it reads and those that it adds."""

    key: int
    first: int
    """The channels before the first layer."""
    layers: tuple[Stair, ...]
    left_out: int = 0
    """How many layers are not shown, before the last ones."""


class Group(NamedTuple):
    """An outline around a labelled group, a block's call drawn in place (`repeat` alike in a row), or a definition."""

    key: int
    path: str
    title: str
    call: str
    """The call that it opens, where that says more than the title."""
    note: str
    repeat: int
    kind: Literal["scope", "block", "definition"]
    body: Body
    paths: tuple[str, ...] = ()
    """Of the calls that it stands for."""


class Arm(NamedTuple):
    """One way from a fork to a join. It may begin on its own (an input) or end on its own (an output)."""

    steps: tuple[Step, ...]
    enters: bool
    feeds: bool
    operands: tuple[int, ...]
    """Which operands of the join it is."""
    results: tuple[int, ...]
    """Which results of what the fork follows it takes in."""
    condition: str = ""
    """The branch of the spec that all of it stands in."""
    names: Arguments = ()
    """The parameters that the condition may speak of where it stands in an inlined block."""
    words: str = ""
    """Which part of a split it takes in, if one."""


class Parallel(NamedTuple):
    """Arms side by side, from one value to the item that joins them, if any."""

    arms: tuple[Arm, ...]
    join: Merge | Bar | Card | Group | Terminal | None

    @property
    def is_split(self) -> bool:
        """Whether the arms take in unlike results of what the fork follows."""
        return len({arm.results for arm in self.arms if arm.enters}) > 1


Item = Card | Terminal | Merge | Bar | Stairs | Group | Parallel


class Step(NamedTuple):
    item: Item
    follows: bool
    """Whether it reads the result of the step before it."""
    operands: tuple[int, ...] = ()
    """Of a bar, which of its parts that result is."""
    result: int | None = None
    """Which part of a split before it it reads."""


ENTRY = -1
"""Stands for what enters a body, where a lane begins there."""


class Anchor(NamedTuple):
    """An end of a lane: an item, and the row where it is a card, the part where it is a bar."""

    key: int
    row: int = 0


class Lane(NamedTuple):
    """A value that passes other items by on its way to those that read it."""

    source: Anchor
    targets: tuple[Anchor, ...]
    text: str


class Body(NamedTuple):
    steps: tuple[Step, ...]
    lanes: tuple[Lane, ...] = ()


class Rung(NamedTuple):
    """A card of an encoder-decoder, at the level of its maps: 0 where they are largest."""

    level: int
    card: Card
    follows: bool
    """Whether its first row reads the last of the rung before it."""


class Skip(NamedTuple):
    """A value that crosses from one arm to the other, and the layers on its way."""

    source: Anchor
    target: Anchor
    card: Card | None
    text: str


class End(NamedTuple):
    """An output that leaves the ascending arm on the way up, with its own layers."""

    source: Anchor
    card: Card | None
    terminal: Terminal


class Arms(NamedTuple):
    """The body of an encoder-decoder: down the left arm, through the bottom, up the right arm.

    Cards of the right arm are read upwards: their rows are reversed.
    """

    levels: int
    entry: Terminal
    left: tuple[Rung, ...]
    bottom: tuple[Rung, ...]
    right: tuple[Rung, ...]
    exit: Terminal
    ends: tuple[End, ...]
    skips: tuple[Skip, ...]
    lanes: tuple[Lane, ...]
    """Values that pass by rows of their own arm."""


class Volume(NamedTuple):
    """A tensor as a box, under the name of the layer that makes it."""

    path: str
    tooltip: str
    kind: Kind
    size: int
    """The largest of its spatial sizes; 0 of a vector."""
    channels: int


class Stack(NamedTuple):
    """Equal volumes in a row, and the pooled ones that stand before the next stack."""

    volumes: tuple[Volume, ...]
    pooled: tuple[Volume, ...]
    text: str
    output: str


class Poster(NamedTuple):
    """A network as the volumes on its longest way from input to output."""

    stacks: tuple[Stack, ...]
    is_all: bool
    """Whether no layer stands beside that way."""


class Drawing(NamedTuple):
    """One picture."""

    title: str
    subtitle: str
    body: Body | Arms | Poster
    definitions: tuple[Group, ...]
    kinds: tuple[Kind, ...]
    """The kinds that occur, for the legend."""
    scale: int
    """The MACs of the row that has most: the length of a full bar."""
    footer: tuple[str, ...]
    most: int = 0
    """The figure of the row that has most, where rows are shaded."""
