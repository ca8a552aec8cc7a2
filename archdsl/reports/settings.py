"""The settings of a training step in words, and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archdsl.analyses.memory import TrainingSettings
from archdsl.reports.table import natural


def not_trained(refused: Sequence[str]) -> str:
    """That PyTorch does not train a single sample, for the sake of some layers."""
    others = f" and {len(refused) - 1} more" if refused[1:] else ""
    verb = "normalize" if refused[1:] else "normalizes"
    return f"PyTorch trains no batch of 1 here: {refused[0]}{others} {verb} over one value for each channel"


NOTHING_TRAINED = "PyTorch refuses this step: its loss depends on no parameter that is trained"


def not_run(refused: Mapping[str, str], what: str = "step") -> list[str]:
    """That PyTorch does not run some layers in this precision, by the first of them."""
    return [f"PyTorch refuses this {what}: {path}: {why}" for path, why in [*refused.items()][:1]]


def estimated_for(names: Sequence[str]) -> str:
    """`estimated for `lstm`, `, where there is something."""
    doubted = natural([f"`{name}`" if name.isidentifier() else name for name in names])
    return f"estimated for {doubted}, " if doubted else ""


def in_words(settings: TrainingSettings) -> str:
    """`adamw (foreach), bf16-mixed`, and all else that is not as usual."""
    usual = TrainingSettings()
    parts = [
        f"{settings.optimizer} ({settings.implementation}){' with weight decay' if settings.weight_decay else ''}",
        str(settings.arithmetic),
        "" if settings.loss == usual.loss else "no loss" if settings.loss == "none" else settings.loss,
        "" if settings.zero_grad == usual.zero_grad else f"zero_grad {settings.zero_grad}",
        f"{_listed(settings.freeze)} frozen" if settings.freeze else "",
        f"{_listed(settings.checkpoint)} checkpointed" if settings.checkpoint else "",
        f"N in each of {settings.accumulate} passes of a step" if settings.accumulate > 1 else "",
    ]
    return ", ".join(filter(None, parts))


def settings_data(settings: TrainingSettings) -> dict[str, Any]:
    """The same by the keys of JSON, whose schemas have names of their own for two."""
    keys = {"freeze": "frozen", "checkpoint": "checkpointed"}
    return {keys.get(name, name): value for name, value in settings._asdict().items()}


def _listed(paths: tuple[str, ...]) -> str:
    return " ".join(f"'{path}'" for path in paths)
