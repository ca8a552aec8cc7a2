"""Layers that each join all before them -> one state that grows: a row for a layer, where its concatenations were.

A dense block of n layers has n (n + 1) / 2 edges. Each concatenation is the one before it and one part more, so layer and
concatenation together are a step from one state to the next.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from archdsl.backends.drawing.content.model import Stair, Word
from archdsl.backends.drawing.content.units import Unit, Units
from archdsl.ir import Module, Value

Step = tuple[int, int]
"""A layer and the concatenation right behind it, by number."""


class Growth(NamedTuple):
    """A state that grows, by its layers; `path` is of the first."""

    path: str
    layers: tuple[Stair, ...]
    words: Literal["a + n·k", "+k", ""]
    """What rows say of it; nothing where each concatenation is a bar."""


def grow(units: Units) -> list[Growth]:
    """Puts layers and concatenations of growing states together. Equal closed layers become one row."""
    chains = [chain for chain in _chains(units) if len(chain) > 1 and _is_closed(units, chain)]
    if not chains:
        return []
    growths = [_growth(units, chain) for chain in chains]
    target = {index: index for index in range(len(units.units))}
    for chain in chains:
        if any(units.units[layer].role == "scope" for layer, _ in chain):
            _around(units, chain)
            continue
        for layer, concat in chain:
            _step(units, layer, concat)
            target[concat] = layer
        found = [units.units[layer] for layer, _ in chain]
        if _is_one_row(found):
            _fold(found, _width(units, chain[0]))
            target |= {index: chain[0][0] for step in chain for index in step}
    kept = sorted(set(target.values()))
    numbers = {old: new for new, old in enumerate(kept)}
    units.makers.update((v, numbers[target[index]]) for v, index in units.makers.items() if index >= 0)
    units.units[:] = [units.units[old] for old in kept]
    return growths


def _growth(units: Units, chain: list[Step]) -> Growth:
    """What the layers of a chain read and add."""
    layers = []
    for layer, concat in chain:
        unit, join = units.units[layer], units.units[concat]
        axis = _axis(join)
        adds = _channels(join.reads[-1], axis)
        layers.append(Stair(unit.names[0], _channels(join.tail, axis) - adds if join.tail else 0, adds))
    found = [units.units[layer] for layer, _ in chain]
    words: Literal["a + n·k", "+k", ""] = "a + n·k" if _is_one_row(found) else "+k"
    if any(unit.role == "scope" for unit in found):
        words = ""
    return Growth(found[0].paths[0], tuple(layers), words)


def _is_one_row(found: list[Unit]) -> bool:
    return all(u.role == "row" and u.text == found[0].text for u in found)


def _around(units: Units, chain: list[Step]) -> None:
    """Makes each concatenation a bar of the state before it, which passes a layer drawn in place, and what that adds."""
    for layer, concat in chain:
        join = units.units[concat]
        join.reads = [*units.units[layer].reads, join.reads[-1]]


def _chains(units: Units) -> list[list[Step]]:
    chains: list[list[Step]] = []
    for index, unit in enumerate(units.units):
        if not _is_concat(unit) or index == 0:
            continue
        layer = units.units[index - 1]
        *state, added = unit.reads
        if layer.role not in ("row", "scope") or added is not layer.tail or len(layer.reads) != 1:
            continue
        before = units.units[chains[-1][-1][1]] if chains and chains[-1][-1][1] == index - 2 else None
        if before is not None and not before.words and before.reads == state and layer.reads == [before.tail]:
            chains[-1].append((index - 1, index))
        elif layer.reads == state:
            chains.append([(index - 1, index)])
    return chains


def _is_concat(unit: Unit) -> bool:
    if unit.role != "bar" or unit.node is None or isinstance(unit.node.operator, Module):
        return False
    return unit.node.operator.name == "concat" and len(unit.reads) > 1


def _is_closed(units: Units, chain: list[Step]) -> bool:
    """Whether nothing but the chain reads what its layers make, and only its layers the states between."""
    for number, (layer, concat) in enumerate(chain):
        made, state = units.units[layer].tail, units.units[concat].tail
        is_last = number == len(chain) - 1
        if made is None or state is None or units.uses[made] != len(chain) - number:
            return False
        if not is_last and units.uses[state] != 1:
            return False
    return True


def _channels(value: Value, axis: int) -> int:
    return value.type.shape[axis]


def _axis(concat: Unit) -> int:
    assert concat.node is not None
    return getattr(concat.node.operator, "axis", 0)


def _width(units: Units, step: Step) -> int:
    """The channels of the state that a chain begins with."""
    concat = units.units[step[1]]
    return _channels(concat.reads[0], _axis(concat))


def _step(units: Units, layer: int, concat: int) -> None:
    """Makes a layer's unit the step that its concatenation ends."""
    unit, join = units.units[layer], units.units[concat]
    added = f"+{_channels(join.reads[-1], _axis(join))}"
    unit.folds = False
    unit.words = [*unit.words, Word(added), *join.words]
    unit.before, unit.after, unit.tail = (unit.reads[0].type,), join.after, join.tail
    unit.cost, unit.bytes = unit.cost.plus(join.cost), unit.bytes + join.bytes
    unit.paths += join.paths


def _fold(found: list[Unit], width: int) -> None:
    """Makes the first of equal steps stand for all."""
    first, *others = found
    added = next(w.text for w in reversed(first.words) if w.text.startswith("+"))
    tail = found[-1].words[[w.text for w in found[-1].words].index(added) + 1 :]
    first.words = [
        *first.words[: [w.text for w in first.words].index(added)],
        Word(f"{width} + {len(found)}·{added[1:]}"),
        *tail,
    ]
    calls, inside = [unit.paths[0] for unit in found], [path for unit in found for path in unit.paths[1:]]
    for unit in others:
        first.names += unit.names
        first.count += unit.count
        first.cost, first.bytes = first.cost.plus(unit.cost), first.bytes + unit.bytes
        first.also_closed += [unit.closed] if unit.closed else []
    first.paths = [*calls[:-1], *inside, calls[-1]]
    first.after, first.tail = found[-1].after, found[-1].tail
