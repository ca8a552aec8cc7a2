"""What a spec may cost. Every spec ends; a budget makes sure that it ends soon."""

from __future__ import annotations

from collections.abc import Hashable

OPERATOR_LIMIT = 100_000
"""Operators and calls of blocks in one network that are elaborated: a block once for all calls that are alike."""
UNROLLED_LIMIT = 100_000_000
"""The same with the blocks of all calls, and with every turn of loops whose turns are alike."""
STATEMENT_LIMIT = 200_000
"""Statements run and turns of loops in one network."""
STATEMENT = 10
"""The work of a statement; that of one value worked out, or of one item of a list, is 1."""
ARGUMENTS_LIMIT = 1_000
"""Layers in the arguments of one, in those of these, and so on."""
CLAIM_LIMIT = 1_000
"""Claims of one network."""
CALL = 200
"""The work of elaborating a block, beside its statements."""
PROBLEM_LIMIT = 100
"""Mistakes of one network that are told."""
NETWORKS = 2
"""How many networks of a file may cost as much as one may: a mistake in one leaves enough for the others."""


class Budget:
    """What is left of what a network may cost, or all networks of a file."""

    __slots__ = ("most_told", "operators", "told", "whole", "work")

    def __init__(self, whole: Budget | None = None) -> None:
        networks = 1 if whole is not None else NETWORKS
        self.operators = networks * OPERATOR_LIMIT
        self.work = networks * STATEMENT_LIMIT * STATEMENT
        self.most_told = networks * PROBLEM_LIMIT
        self.told: set[Hashable] = set()
        """The mistakes told: one that several networks have in common is there once."""
        self.whole = whole

    @property
    def is_spent(self) -> bool:
        """Whether nothing more can be paid."""
        return self.work < 0 or self.operators < 0 or self.has_told_enough

    def pays_work(self, work: int) -> bool:
        """Spends work; whether there was enough."""
        self.work -= work
        return self.work >= 0 and (self.whole is None or self.whole.pays_work(work))

    def tell(self, mistake: Hashable) -> None:
        """Notes that a mistake is told."""
        self.told.add(mistake)
        if self.whole is not None:
            self.whole.tell(mistake)

    @property
    def has_told_enough(self) -> bool:
        """Whether so many mistakes were told that nobody reads more."""
        return len(self.told) >= self.most_told or (self.whole is not None and self.whole.has_told_enough)

    def pays_operators(self, count: int) -> bool:
        """Spends operators; whether there were enough."""
        self.operators -= count
        return self.operators >= 0 and (self.whole is None or self.whole.pays_operators(count))
