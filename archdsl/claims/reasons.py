"""Why a claimed figure may not be the computed one: what papers count otherwise, and slips of the pen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from archdsl.analyses import Facts
from archdsl.ir import show_shape
from archdsl.syntax import tree

_FACTORS = {10: "ten", 100: "a hundred", 1_000: "a thousand", 1_000_000: "a million"}

Agrees = Callable[[Any], bool]
"""Whether the claim would hold if this were the figure."""


def reasons(facts: Facts, claim: tree.Claim, computed: Any, claimed: Any, agrees: Agrees) -> Iterator[str]:
    """What else the claimed figure is, of the same network."""
    figure = claim.figure.span.text
    if isinstance(computed, tuple):
        if isinstance(claimed, tuple) and _moved(computed, claimed):
            yield f"the channels come first: {show_shape(computed)}"
        return
    if claim.relation not in ("==", "~") or not all(isinstance(v, int | Fraction) for v in (computed, claimed)):
        return
    cost = facts.cost.total
    others = {
        "macs": ((2 * cost.macs, "its FLOPs: a multiply-add counts as 1 MAC and as 2 FLOPs"),),
        "flops": ((cost.macs, "its MACs: a multiply-add counts as 1 MAC and as 2 FLOPs"),),
        "params": (
            (cost.weights, "its weights without biases"),
            (cost.params + cost.buffers, "its parameters together with its buffers, as running means and variances"),
            (4 * cost.params, "their bytes, 4 for each parameter"),
            (facts.cost.training.params, "those with the parts for training: say `with training`"),
        ),
        "memory(parameters)": ((cost.params, "their number: each has 4 bytes"),),
    }
    found = next((words for other, words in others.get(figure, ()) if other != computed and agrees(other)), None)
    yield from [f"these are {found}"] if found else _scaled(computed, claimed)


def _moved(computed: tuple[int, ...], claimed: tuple[Any, ...]) -> bool:
    """Whether a shape was written with its channels last."""
    return len(computed) > 1 and computed != claimed == (*computed[1:], computed[0])


def _scaled(computed: Any, claimed: Any) -> Iterator[str]:
    """By how much a figure is off, where that is about a power of ten."""
    for factor, words in _FACTORS.items():
        if 20 * abs(computed * factor - claimed) < claimed:
            yield f"the claim is {words} times the figure"
        if 20 * abs(claimed * factor - computed) < computed:
            yield f"the figure is {words} times the claim"
