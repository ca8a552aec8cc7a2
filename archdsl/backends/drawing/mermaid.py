"""Drawing -> Mermaid, for Markdown pages that render it: a flowchart of the cards, merges and groups of a picture.

Mermaid places and routes by itself, so only the content is written: what stands in a card, and what reads what.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from archdsl.backends.drawing.content.model import (
    ENTRY,
    OPERANDS,
    Anchor,
    Arm,
    Bar,
    Body,
    Card,
    Drawing,
    Group,
    Item,
    Kind,
    Merge,
    Parallel,
    Row,
    Stair,
    Stairs,
    Step,
    Terminal,
)
from archdsl.backends.drawing.content.words import clean
from archdsl.backends.drawing.look import Theme
from archdsl.backends.drawing.marks.palette import palette

BREAK = "<br/>"
WIDEST = 480
"""Of a label, in pixels: layers are not to be broken."""
MOST_EDGES = 500
"""That Mermaid draws if the page does not allow more."""
_ENTITIES = re.compile(r'[#"<>&`\\*_~|{}\[\]()]')
"""What Mermaid or the Markdown of its labels might take for more than a character."""

Exits = tuple[tuple[int, str], ...]
"""The items whose results the next one reads, each with what stands on the line."""


def write_mermaid(drawing: Drawing, theme: Theme = "auto") -> str:
    """The drawing as a Mermaid flowchart; definitions of blocks stand beside the network. Equal input gives equal text."""
    assert isinstance(drawing.body, Body), "arms are places, which Mermaid chooses itself"
    writer = _Writer(theme)
    writer.body(drawing.body, ())
    for definition in drawing.definitions:
        writer.group(definition, ())
    title = json.dumps(clean(f"{drawing.title}: {drawing.subtitle}"), ensure_ascii=False)  # YAML, which holds JSON
    head = ["---", f"title: {title}", "config:", "  flowchart:", f"    wrappingWidth: {WIDEST}", "---", "flowchart TB"]
    if len(writer.edges) > MOST_EDGES:
        head.append(f"  %% {len(writer.edges)} edges: a page draws more than {MOST_EDGES} where it sets `maxEdges`")
    return "\n".join([*head, *(f"  {line}" for line in (*writer.lines, *writer.edges, *writer.styles()))]) + "\n"


class _Writer:
    def __init__(self, theme: Theme) -> None:
        self.lines: list[str] = []
        self.edges: list[str] = []
        self.kinds: dict[Kind, list[int]] = {}
        self.depth = 0
        self.named: set[int] = set()
        """Bars whose parts have names."""
        self.colours = palette(theme)

    def body(self, body: Body, entry: Exits) -> Exits:
        """Writes the steps of a body that reads `entry`; what leaves it."""
        exits = self.steps(body.steps, entry)
        for lane in body.lanes:
            sources = entry if lane.source.key == ENTRY else ((lane.source.key, ""),)
            for target in lane.targets:
                self.join(_named(sources, lane.text, self.operand(target)), target.key)
        return exits

    def steps(self, steps: Sequence[Step], entry: Exits) -> Exits:
        exits = entry
        for step in steps:
            found = exits if step.follows else ()
            exits = self.item(step.item, self.operands(found, step.operands, step.item))
        return exits

    def item(self, item: Item, entry: Exits) -> Exits:
        if isinstance(item, Parallel):
            return self.parallel(item, entry)
        if isinstance(item, Group):
            return self.group(item, entry)
        self.line(f"n{item.key}{_shape(item)}")
        if isinstance(item, Card):
            self.kinds.setdefault(item.rows[0].kind, []).append(item.key)
        self.join(entry, item.key)
        return ((item.key, ""),)

    def parallel(self, item: Parallel, entry: Exits) -> Exits:
        ends = [(arm, self.arm(arm, entry)) for arm in item.arms]
        fed = tuple(
            dict.fromkeys(
                end for arm, exits in ends if arm.feeds for end in self.operands(exits, arm.operands, item.join)
            )
        )
        return fed if item.join is None else self.item(item.join, fed)

    def arm(self, arm: Arm, entry: Exits) -> Exits:
        return self.steps(arm.steps, _named(entry, arm.words, "") if arm.enters else ())

    def group(self, group: Group, entry: Exits) -> Exits:
        count = f"×{group.repeat:_}" if group.repeat > 1 else ""
        self.line(f"subgraph n{group.key}[{_quoted(_words(group.title, count))}]")
        self.depth += 1
        exits = self.body(group.body, entry)
        self.depth -= 1
        self.line("end")
        return exits

    def join(self, sources: Exits, target: int) -> None:
        for source, text in sources:
            arrow = f"-->|{_quoted(text)}|" if text else "-->"
            self.edges.append(f"n{source} {arrow} n{target}")

    def operands(self, exits: Exits, operands: Sequence[int], join: Item | None) -> Exits:
        """What reaches a join: of a bar whose parts have names, as those that it is."""
        if not isinstance(join, Bar) or join.labels != OPERANDS:
            return exits
        self.named.add(join.key)
        return tuple(end for i in operands for end in _named(exits, "", join.labels[i]))

    def operand(self, target: Anchor) -> str:
        return OPERANDS[target.row] if target.key in self.named else ""

    def line(self, text: str) -> None:
        self.lines.append("  " * self.depth + text)

    def styles(self) -> Iterator[str]:
        """The colours of cards, by the kind of their first layer."""
        for kind, keys in self.kinds.items():
            row, strip, ink = (self.colours[token] for token in (f"{kind}-row", f"{kind}-strip", "ink"))
            yield f"classDef {kind} fill:{row},stroke:{strip},color:{ink},text-align:left"
            yield f"class {','.join(f'n{key}' for key in keys)} {kind}"


def _named(exits: Exits, *words: str) -> Exits:
    return tuple((key, _words(text, *words)) for key, text in exits)


def _shape(item: Card | Terminal | Merge | Bar | Stairs) -> str:
    if isinstance(item, Terminal):
        return f"([{_quoted(_words(item.name, item.output))}])"
    if isinstance(item, Merge):
        return f"(({_quoted(_words(item.text, *(word.text for word in item.words)))}))"
    if isinstance(item, Bar):
        return f"{{{{{_quoted(_words(item.text, *(word.text for word in item.words), item.output))}}}}}"
    if isinstance(item, Stairs):
        return f"[{_quoted(*map(_stair, item.layers))}]"
    heading = _words(item.heading, item.note)
    lines = [*([heading] if heading else []), *map(_row, item.rows)]
    return f"[{_quoted(*lines)}]"


def _stair(stair: Stair) -> str:
    return f"{stair.name}: {stair.reads} + {stair.adds} = {stair.reads + stair.adds}"


def _row(row: Row) -> str:
    shape = row.output if row.is_change else ""
    named = f"{row.name}: {row.text}" if row.name else row.text
    return _words(named, *(word.text for word in row.words), shape)


def _words(*words: str) -> str:
    return " · ".join(filter(None, words))


def _quoted(*lines: str) -> str:
    """Lines of text of a spec, which means itself."""
    escaped = (_ENTITIES.sub(lambda found: f"#{ord(found[0])};", clean(line)) for line in lines)
    return f'"{BREAK.join(escaped)}"'
