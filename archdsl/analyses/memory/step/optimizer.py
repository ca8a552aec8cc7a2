"""What an optimizer keeps between steps, and what it makes and drops within one (`torch/optim/*.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from archdsl.analyses.memory.settings import TrainingSettings

SCALAR = 8
"""A Python number that meets a tensor becomes a tensor of float64 for a moment."""
COUNTER = 4
"""The steps taken, a float32 for each parameter."""


class Moment(NamedTuple):
    """What the loop over parameters has made at one of its lines."""

    own: int
    """Tensors like the parameter at hand."""
    before: int = 0
    """Tensors like the parameter before that, which a name still holds."""
    scalar: int = 0


class Rule(NamedTuple):
    """An optimizer, as far as memory depends on it."""

    copies: int
    """Tensors like a parameter that are kept for it."""
    counts: bool
    moments: tuple[Moment, ...]
    """In the loop over parameters; where weight decay is added to the gradient there is a copy of that besides."""
    foreach: tuple[int, int]
    """Copies of all parameters that `foreach` makes, without and with weight decay."""
    decays_gradient: bool = True
    """Whether weight decay is added to the gradient, not taken from the parameter itself."""
    begins_with_state: bool = False
    """Whether its state is made before the first step, that of parameters that get no gradient too."""


SGD = Rule(0, False, (Moment(0),), (0, 1))
ADAM = Rule(2, True, (Moment(2, 1, SCALAR),), (1, 1))
"""A root and its quotient, while the name `denom` has the quotient of the parameter before. `foreach` drops the decayed
gradients before it makes the roots; RMSprop does not."""
RMSPROP = Rule(1, True, (Moment(1, 1), Moment(1, 0, SCALAR)), (1, 2))
RULES = {
    "sgd": SGD,
    "momentum": SGD._replace(copies=1, moments=(Moment(0, 0, SCALAR),)),
    "nesterov": SGD._replace(copies=1, moments=(Moment(1), Moment(0, 0, SCALAR))),
    "adam": ADAM,
    "adamw": ADAM._replace(decays_gradient=False),
    "adam-amsgrad": ADAM._replace(copies=3),
    "adamw-amsgrad": ADAM._replace(copies=3, decays_gradient=False),
    "rmsprop": RMSPROP,
    "rmsprop-momentum": RMSPROP._replace(copies=2),
    "rmsprop-centered": RMSPROP._replace(copies=2),
    "rmsprop-centered-momentum": RMSPROP._replace(copies=3),
    "adagrad": Rule(1, True, (Moment(1, 1, SCALAR),), (2, 2), begins_with_state=True),
}
"""By the names of `OptimizerName`."""


def copies_kept(settings: TrainingSettings) -> int:
    """How many tensors like a parameter are kept for it."""
    return RULES[settings.optimizer].copies


def state_bytes(settings: TrainingSettings, size: int) -> int:
    """What is kept for a parameter of some bytes."""
    rule = RULES[settings.optimizer]
    return rule.copies * size + COUNTER * rule.counts


def temporaries(settings: TrainingSettings, sizes: Sequence[int], times: Sequence[int]) -> list[int]:
    """What a step makes beside gradients and state where that is most; the parameters' bytes are in the optimizer's order.

    Args:
        times: how many parameters alike each stands for, in turns of loops whose neighbours are like them.
    """
    if not sizes or settings.implementation == "fused":
        return []
    rule = RULES[settings.optimizer]
    if settings.implementation == "foreach":
        made = [size * n for size, n in zip(sizes, times, strict=True)] * rule.foreach[settings.weight_decay]
        return made if sum(made) >= COUNTER * rule.counts else [COUNTER]  # the 1 that is added to the counters
    decayed = settings.weight_decay and rule.decays_gradient
    pairs = [*zip((0, *sizes), sizes, strict=False)]
    return [max((m.own + decayed) * size + m.before * last + m.scalar for m in rule.moments for last, size in pairs)]
