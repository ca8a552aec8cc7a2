"""What else would fit: the same training in a lower precision, with checkpointed blocks, or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from archdsl.analyses.memory.fit import FitFacts
from archdsl.analyses.memory.levels import Level
from archdsl.analyses.memory.settings import TrainingSettings


class Otherwise(NamedTuple):
    """Other settings with which a larger batch fits."""

    settings: TrainingSettings
    fit: FitFacts
    recomputed_macs: int
    """Multiply-adds of the second runs of checkpointed blocks, for one sample."""


def otherwise(
    found: FitFacts, settings: TrainingSettings, fit: Callable[[TrainingSettings], FitFacts], levels: Sequence[Level]
) -> tuple[Otherwise, ...]:
    """The settings by which more fits, and both where each of two helps. Of the levels of blocks only the best is told.

    Args:
        found: the largest batches by these settings.
        fit: the largest batches by other settings.
    """
    ways = [_way(fit, settings._replace(precision="bf16-mixed"), 0)] if settings.precision == "float32" else []
    checkpointed = [_way(fit, settings._replace(checkpointed=level.paths), level.recomputed_macs) for level in levels]
    if checkpointed:
        ways.append(max(checkpointed, key=lambda way: (way.fit.batches, -way.recomputed_macs)))
    ways = [way for way in ways if way.fit.batches > found.batches]
    if len(ways) == 2:
        mixed, run_again = ways
        both = run_again.settings._replace(precision=mixed.settings.precision)
        ways.append(_way(fit, both, run_again.recomputed_macs))
    return tuple(ways)


def _way(fit: Callable[[TrainingSettings], FitFacts], settings: TrainingSettings, again: int) -> Otherwise:
    return Otherwise(settings, fit(settings), again)
