"""What activation checkpointing would save and cost, for the blocks of each level of a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from archdsl.analyses.memory.settings import TrainingSettings
from archdsl.analyses.memory.step import learns
from archdsl.analyses.memory.training import TrainingFacts
from archdsl.analyses.weights import matches
from archdsl.ir import Module, Network, is_unfolded

LISTED = 4
"""So many blocks are named one by one, where a wildcard would name others too."""


class Level(NamedTuple):
    """One way to checkpoint: all blocks that stand so deep, each on its own."""

    paths: tuple[str, ...]
    """As `--checkpoint` takes them: `layer*.*`."""
    peak: int
    kept: int
    """What autograd holds after the forward pass."""
    recomputed_macs: int
    """Multiply-adds of the second runs, for one sample."""


def levels(
    network: Network, train: Callable[[TrainingSettings], TrainingFacts], settings: TrainingSettings
) -> tuple[Level, ...]:
    """The levels with what each would save.

    Args:
        train: the facts of a step.
    """
    found = [(paths, train(settings._replace(checkpoint=paths))) for paths in level_paths(network)]
    return tuple(Level(paths, f.peak, f.saved_for_backward, f.recomputed_macs) for paths, f in found)


def level_paths(network: Network) -> tuple[tuple[str, ...], ...]:
    """The paths of the blocks of each level, from outside in; levels with no block of several operators are left out."""
    depths: dict[int, dict[str, bool]] = {}
    for path, is_block in _parts(network.body, ""):
        depths.setdefault(path.count("."), {})[path] = is_block
    has_turns = not is_unfolded(network)
    found = (tuple(_patterns(parts, has_turns=has_turns)) for parts in depths.values())
    return tuple(paths for paths in found if paths)


def _parts(module: Module, prefix: str) -> Iterator[tuple[str, bool]]:
    """What a path can name: blocks of several operators, and other parts with weights."""
    for node in module.nodes:
        path = prefix + node.name
        if learns(node):
            yield path, isinstance(node.operator, Module) and len(node.operator.nodes) > 1
        if isinstance(node.operator, Module):
            yield from _parts(node.operator, path + ".")


def _patterns(parts: dict[str, bool], *, has_turns: bool) -> list[str]:
    """The paths of the blocks, with wildcards for numbers unless these would name others than blocks; each once.

    Where they are many, or a turn stands for others of its loop, there are wildcards in any case.
    """
    found: dict[str, list[str]] = {}
    for path, is_block in parts.items():
        if is_block:
            found.setdefault(re.sub(r"\d+", "*", path), []).append(path)
    others = [path for path, is_block in parts.items() if not is_block]
    named: list[str] = []
    for pattern, paths in found.items():
        is_short = len(paths) <= LISTED and not has_turns
        named += paths if is_short and any(matches(other, pattern) for other in others) else [pattern]
    wildcards = [pattern for pattern in named if "*" in pattern]
    return [path for path in named if not any(matches(path, other) for other in wildcards if other != path)]
