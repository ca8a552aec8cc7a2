"""Layer 5: a network for all values of its sizes and parameters, whose figures are formulas of them.

A size that a spec leaves open is a symbol from the start. A parameter has a value, so the network is built anew: with a symbol
in its place where that holds together, and at several values where it counts the turns of a loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from archdsl.analyses import Facts
from archdsl.analyses.cost import Counts
from archdsl.analyses.growth import ForAll, Growth, growth
from archdsl.elaborate import OPEN_SIZE, Count, From, Program, Settings
from archdsl.ir import Domain, OpenSize


class InParameters:
    """One network of a file in its whole-number parameters.

    Args:
        settings: what was given from outside; such a parameter keeps its value.
        parameters: the parameters that are whole numbers, with their values.
        in_sizes: its facts for all sizes that the spec leaves open, with what these may be.
    """

    def __init__(
        self,
        program: Program,
        name: str,
        settings: Settings,
        parameters: Mapping[str, int],
        in_sizes: tuple[Facts, Domain],
    ) -> None:
        self._program = program
        self._name = name
        self._settings = settings
        self._parameters = parameters
        self._in_sizes = in_sizes

    def for_all(self) -> ForAll:
        """The network for all values that its figures are formulas of, the turns of its loops among them."""
        facts, domain = self.opened
        if self.growth is None:
            return ForAll(facts, domain, self.kept)
        kept = {name: value for name, value in self.kept.items() if name not in self.growth.counts}
        return ForAll(facts, self.growth.domain, kept, self.growth, lambda: self.growth_alone)

    @cached_property
    def opened(self) -> tuple[Facts, Domain]:
        """The facts for all open sizes, and for all values of the parameters with which it holds together.

        A parameter that decides what there is, or that is below 1, as no size may be, keeps its value.
        """
        facts, domain = self._in_sizes
        for name, value in self._not_given(self._parameters).items():
            if value > 0:
                tried = Domain({**domain.example, name: value})
                network = self._program.build(self._name, self._settings, tried).network
                found = None if network is None else Facts(network)
                if found is not None and _has_formulas(found):
                    facts, domain = found, tried
        return facts, domain

    @property
    def kept(self) -> dict[str, int]:
        """The parameters that keep their values there."""
        return {name: value for name, value in self._parameters.items() if name not in self.opened[1].example}

    @cached_property
    def growth(self) -> Growth | None:
        """The network at several values of the parameters that keep theirs, and only count turns of loops; None where none
        does."""
        return self._growth(self.opened[1].example, self._not_given(self.kept))

    @cached_property
    def growth_alone(self) -> Growth | None:
        """The same, with the values of this network for all else."""
        return self._growth({}, self.growth.counts) if self.growth is not None else None

    def _growth(self, symbols: Mapping[str, int], counts: Iterable[str]) -> Growth | None:
        values = {name: value for name, value in self.opened[1].example.items() if name not in symbols}
        builds = _Builds(self._program, self._name, self._settings.at(values), symbols)
        return growth(builds.at, builds.domain, {name: self.kept[name] for name in counts})

    def _not_given(self, parameters: Mapping[str, int]) -> dict[str, int]:
        return {name: value for name, value in parameters.items() if name not in self._settings.parameters}


class _Builds:
    """A network at values of its counts. What builds have in common is elaborated and counted once.

    Args:
        symbols: what the settings leave open, with the values here.
    """

    def __init__(self, program: Program, name: str, settings: Settings, symbols: Mapping[str, int]) -> None:
        self._program = program
        self._name = name
        self._settings = settings
        self._symbols = symbols
        self._shared = self.domain()
        self._known = Counts()

    def domain(self) -> Domain:
        """Of the symbols, with what the network states of them."""
        found = Domain(self._symbols)
        self._program.build(self._name, self._settings, found)
        return found

    def at(self, counts: Mapping[str, int]) -> Facts | None:
        """None where it does not hold together there. Raises `OpenSize` where the values decide what there is."""
        settings = self._settings.at({name: Count.of(value, From(name, 0)) for name, value in counts.items()})
        stated = set(self._shared.conditions)
        self._shared.reopen()
        built = self._program.build(self._name, settings, self._shared)
        if self._program.is_spent:
            raise OpenSize
        states_more = set(self._shared.conditions) != stated
        if states_more:
            self._shared = self.domain()
        if built.network is None and all(problem.code != OPEN_SIZE.code for problem in built.problems):
            return None
        found = None if built.network is None else Facts(built.network, counts=self._known)
        if found is None or states_more or not _has_formulas(found):
            raise OpenSize
        return found


def _has_formulas(facts: Facts) -> bool:
    """Whether its counts are formulas: no operator needs the value of a size."""
    try:
        return facts.cost is not None
    except OpenSize:
        return False
