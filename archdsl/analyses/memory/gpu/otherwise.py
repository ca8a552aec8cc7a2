"""What else would fit: the same training in a lower precision, with checkpointed blocks, or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from archdsl.analyses.memory.gpu.fit import FitFacts, Largest, Needs
from archdsl.analyses.memory.settings import TrainingSettings


class Otherwise(NamedTuple):
    """Other settings with which a larger batch fits."""

    settings: TrainingSettings
    on_gpu: Largest
    recomputed_macs: int
    """Multiply-adds of the second runs of checkpointed blocks, for one sample."""


def otherwise(
    found: FitFacts,
    settings: TrainingSettings,
    needs: Callable[[TrainingSettings], Needs],
    levels: Sequence[tuple[str, ...]],
) -> tuple[Otherwise, ...]:
    """The settings by which more fits, and both where each of two helps. Of the levels of blocks only the best is told.

    Args:
        found: the largest batches by these settings.
        needs: what batches need by other settings.
        levels: the paths of the blocks of each level.
    """

    def way(other: TrainingSettings) -> Otherwise:
        of_batches = needs(other)
        return Otherwise(other, of_batches.largest(found.memory), of_batches.recomputed_macs)

    ways = [way(settings._replace(precision="bf16-mixed"))] if settings.precision == "float32" else []
    checkpointed = [way(settings._replace(checkpoint=paths)) for paths in levels]
    if checkpointed:
        ways.append(max(checkpointed, key=lambda way: (way.on_gpu.batches, -way.recomputed_macs)))
    ways = [way for way in ways if way.on_gpu.batches > found.on_gpu.batches]
    if len(ways) == 2:
        mixed, run_again = ways
        ways.append(way(run_again.settings._replace(precision=mixed.settings.precision)))
    return tuple(ways)
