"""Arms that are alike -> one that stands for all: thirty heads side by side are no picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from archdsl.backends.drawing.content.model import Arm, Card
from archdsl.backends.drawing.content.rows import says, several

MOST_ALIKE = 5
"""More arms in a row that say the same are drawn as one."""

Places = dict[int, int]
"""For the key of each card that is not drawn the one that stands for it."""


def alike(arms: Sequence[Arm]) -> tuple[list[Arm], Places]:
    """The arms with those that say the same as the ones before drawn as one."""
    found: list[Arm] = []
    places: Places = {}
    for said, group in groupby(arms, _says):
        same = list(group)
        if said is None or len(same) <= MOST_ALIKE:
            found += same
            continue
        cards = [card for arm in same if (card := _only(arm)) is not None]
        places |= {card.key: cards[0].key for card in cards}
        found.append(_folded(same, cards))
    return found, places


def _only(arm: Arm) -> Card | None:
    """The card that is all of an arm."""
    item = arm.steps[0].item if len(arm.steps) == 1 else None
    return item if isinstance(item, Card) else None


def _says(arm: Arm) -> tuple[object, ...] | None:
    card = _only(arm)
    if card is None:
        return None
    rows = tuple(map(says, card.rows))
    return (
        rows,
        bool(card.heading),
        card.note,
        arm.steps[0].follows,
        arm.enters,
        arm.feeds,
        arm.results,
        len(arm.operands),
    )


def _folded(arms: Sequence[Arm], cards: Sequence[Card]) -> Arm:
    first, last = cards[0], cards[-1]
    heading = f"{first.heading} … {last.heading}" if first.heading else ""
    rows = tuple(several(list(row)) for row in zip(*(card.rows for card in cards), strict=True))
    step = arms[0].steps[0]._replace(item=first._replace(heading=heading, rows=rows))
    operands = tuple(operand for arm in arms for operand in arm.operands)
    return arms[0]._replace(steps=(step,), operands=operands)
