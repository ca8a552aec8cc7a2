"""What an optimizer keeps between steps, and what it makes and drops within one (`torch/optim/*.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archdsl.analyses.memory.settings import TrainingSettings

COPIES = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2, "rmsprop": 1}
"""Tensors like a parameter that are kept for it."""
COUNTS = {"adam", "adamw", "rmsprop"}
"""Those that count steps, in a float32 of their own for each parameter."""
SCALAR = 8
"""A Python number that meets a tensor becomes a tensor of float64 for a moment."""


def state_bytes(settings: TrainingSettings, size: int) -> int:
    """What is kept for a parameter of some bytes."""
    return COPIES[settings.optimizer] * size + 4 * (settings.optimizer in COUNTS)


def temporary(settings: TrainingSettings, sizes: Sequence[int]) -> int:
    """The most that a step makes beside gradients and state; the parameters' bytes are in the optimizer's order."""
    if not sizes or settings.implementation == "fused":
        return 0
    if settings.implementation == "foreach":
        return _foreach(settings) * sum(sizes)
    own, before, scalar = _FOR_LOOP[settings.optimizer]
    own += settings.weight_decay and settings.optimizer != "adamw"
    pairs = zip((0, *sizes), sizes, strict=False)
    return max(own * size + before * last for last, size in pairs) + scalar


_FOR_LOOP = {
    "sgd": (0, 0, 0),
    "momentum": (0, 0, SCALAR),
    "adam": (2, 1, SCALAR),
    "adamw": (2, 1, SCALAR),
    "rmsprop": (1, 1, 0),
}
"""Tensors like the parameter at hand that are made, tensors like the one before that a name still holds, and scalars.

Adam makes a root and its quotient while the name `denom` has the quotient of the parameter before; weight decay, where it
is added to the gradient, makes a copy of that. AdamW decays the parameter itself.
"""


def _foreach(settings: TrainingSettings) -> int:
    """Copies of all gradients or roots: the copy with weight decay is dropped before Adam's roots are made, not RMSprop's."""
    roots = settings.optimizer in COUNTS
    decays = settings.weight_decay and settings.optimizer != "adamw"
    return roots + decays if settings.optimizer == "rmsprop" else max(roots, decays)


def in_order(keys: Iterable[str]) -> list[str]:
    """Names in the `state_dict` as `module.parameters()` lists them: a module's own come before those of its parts.

    >>> in_order(["stem.weight", "scale", "stem.norm.bias"])
    ['scale', 'stem.weight', 'stem.norm.bias']
    """
    own: list[str] = []
    parts: dict[str, list[str]] = {}
    for key in keys:
        head, _, rest = key.partition(".")
        if rest:
            parts.setdefault(head, []).append(rest)
        else:
            own.append(head)
    return [*own, *(f"{head}.{rest}" for head, inside in parts.items() for rest in in_order(inside))]
