"""What the model of the allocator plays of a network: it takes tensors as they come, so turns of loops are written out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from archdsl.analyses.memory.gpu.cuda import Profile
from archdsl.analyses.memory.gpu.fit import Needs
from archdsl.analyses.memory.settings import TrainingSettings
from archdsl.ir import Network, is_unfolded, unrolled

if TYPE_CHECKING:
    from archdsl.analyses.facts import Facts

OPERATORS_PLAYED = 2**12
"""To how many operators all turns of a network's loops may come."""
TURNS_PLAYED = 512
"""Else so many of each; of loops in loops a half, a quarter, ... of that."""


def turns_played(network: Network) -> int | None:
    """How many turns of each loop are played; None where all are."""
    if is_unfolded(network) or unrolled(network) <= OPERATORS_PLAYED:
        return None
    turns = TURNS_PLAYED
    while turns > 1 and unrolled(network, turns) > OPERATORS_PLAYED:
        turns //= 2
    return turns


def needs(facts: Facts, settings: TrainingSettings, *, expandable: bool, profile: Profile) -> Needs:
    """What batches of a training step need on a GPU. Raises `TooManyOperators`.

    Args:
        expandable: whether the allocator's segments grow.
        profile: what the GPU takes beside tensors.
    """
    turns = turns_played(facts.network)
    played = partial(facts.unfolded(turns).training, settings, kernels="cuda")
    if turns is None:
        return Needs(played, expandable=expandable, profile=profile)
    train = partial(facts.training, settings, kernels="cuda")
    return Needs(train, played, expandable=expandable, profile=profile)
