"""The results of splits as units of their own, so that what reads one part is told from what reads another."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.backends.drawing.content.units import Unit, Units


class Part(NamedTuple):
    """A result of the unit `split`, which gives several."""

    split: int
    result: int
    words: str


def take_apart(units: Units) -> dict[int, Part]:
    """Puts a unit for each result of a split that is read here before the first that reads it; which units they are."""
    splits = {i for i, unit in enumerate(units.units) if _is_split(unit)}
    made = {v: (maker, units.result(v)) for v, maker in units.makers.items() if maker in splits}
    if not made:
        return {}
    kept: list[Unit] = []
    numbers: dict[int, int] = {}
    places: dict[tuple[int, int], int] = {}
    for index, unit in enumerate(units.units):
        for value in unit.reads:
            if value in made and made[value] not in places:
                places[made[value]] = len(kept)
                kept.append(Unit("part", "", None))
        numbers[index] = len(kept)
        kept.append(unit)
    units.makers.update((v, numbers[i]) for v, i in units.makers.items() if i in numbers)
    units.makers.update((v, places[part]) for v, part in made.items() if part in places)
    found = {}
    for (split, result), place in places.items():
        node = units.units[split].node
        assert node is not None
        words = f"part {result + 1} of {len(node.results)}" if units.units[split].role == "bar" else ""
        found[place] = Part(numbers[split], result, words)
    units.units[:] = kept
    return found


def _is_split(unit: Unit) -> bool:
    return unit.node is not None and len(unit.node.results) > 1
