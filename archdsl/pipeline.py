"""Layer 6: the order of the stages.

    text -> syntax tree -> graph -> facts -> claims and lints -> reports, PyTorch, pictures

`open_spec` reads a file and what it imports; `Spec.check` takes one network through elaboration, facts, claims and lints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.analyses import Facts
from archdsl.claims import Limit, Verdict, are_decided, exceeded, undecided, verify
from archdsl.elaborate import PLAIN, Built, Datum, Importer, Program, Settings, show
from archdsl.ir import Domain, Network
from archdsl.lints import Graph, Linter
from archdsl.source import Diagnostic, Kind, Source, Span, once, read_spec

if TYPE_CHECKING:
    from archdsl.analyses.memory import TrainingSettings
    from archdsl.formulas import InParameters
    from archdsl.reports import Asked, Subject

Sizes = Mapping[str, Datum]
"""Values of the sizes that a spec leaves open, by name."""


class Checked:
    """One network of a spec with everything that was found out about it.

    Where the spec leaves sizes open (`input image: [1, H, W]`) and nothing outside says them, the network is built at
    each of the sizes that its claims name; its figures are those of the first.
    """

    def __init__(
        self,
        name: str,
        builds: Sequence[tuple[Sizes, Built]],
        program: Program,
        linter: Linter,
        settings: Settings,
        batch: int,
        formulas: Built | None = None,
        refused: Sequence[tuple[Sizes, Built]] = (),
    ) -> None:
        self.name = name
        self.builds = tuple(builds)
        self.program = program
        self.linter = linter
        self.settings = settings
        self.batch = batch
        self.formulas = formulas if formulas is not None and formulas.network is not None else None
        """The network for all its open sizes together, its figures formulas; None where nothing is open."""
        self.refused = tuple(refused)
        """What was built at sizes that claims name, and does not hold together there, though at others it does."""

    @property
    def network(self) -> Network | None:
        """None where the spec is wrong."""
        networks = [built.network for _, built in self.builds]
        return None if None in networks else networks[0]

    @property
    def sizes(self) -> Sizes:
        """The values of open sizes that its figures hold for."""
        return {**self.settings.parameters, **self.builds[0][0]}

    @cached_property
    def facts(self) -> Facts:
        """Raises `ValueError` where there is no network."""
        if self.network is None:
            raise ValueError(f"{self.name} does not hold together")
        return Facts(self.network, self.batch)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The claims decided, with the parameters as written: none where they were changed from outside."""
        if self.network is None or not self.settings.is_plain:
            return ()
        decided: dict[Span, Verdict] = {}
        for sizes, built in self.builds:
            assert built.network is not None
            facts = self.facts if built.network is self.network and self.batch == 1 else Facts(built.network)
            claims = (c for c in built.claims if self.formulas is None or c.names_any(sizes))
            for verdict in verify(facts, claims, sizes):
                before = decided.get(verdict.span)
                decided[verdict.span] = verdict if before is None or before.holds else before
        symbols = self.builds[0][0]
        if self.formulas is not None and self.formula_facts is not None:
            for_all = (c for c in self.formulas.claims if not c.names_any(symbols))
            decided |= {v.span: v for v in verify(self.formula_facts, for_all, {})}
        named = (c for _, built in self.builds for c in built.claims if c.names_any(symbols))
        left = (c for c in named if c.syntax.span not in decided)
        refused = [(sizes, built.problems) for sizes, built in self.refused]
        decided |= {v.span: v for v in undecided(left, symbols, refused)}
        return tuple(decided[span] for span in sorted(decided, key=lambda span: span.start))

    @cached_property
    def formula_facts(self) -> Facts | None:
        """The facts of all open sizes together: formulas; None where nothing is open."""
        return None if self.formulas is None or self.formulas.network is None else Facts(self.formulas.network)

    @property
    def in_sizes(self) -> tuple[Facts, Domain]:
        """The facts for all open sizes, if there are some, with what these may be. Raises `ValueError` as `facts` does."""
        built = self.formulas or self.builds[0][1]
        return self.formula_facts or self.facts, built.domain or Domain({})

    @cached_property
    def in_parameters(self) -> InParameters:
        """The network in its parameters. Raises `ValueError` where there is none."""
        from archdsl.formulas import InParameters

        built = self.formulas or self.builds[0][1]
        return InParameters(self.program, self.name, self.settings, built.whole_numbers, self.in_sizes)

    @cached_property
    def problems(self) -> list[Diagnostic]:
        """Errors of the spec, claims that fail, and what the lints warn of."""
        errors = [problem for _, built in self.builds for problem in built.problems]
        if self.network is None:
            return errors
        failures = [v.problem for v in self.verdicts if v.problem is not None]
        return errors + failures + self.linter.in_graph(self._graph)

    def over(self, limits: tuple[Limit, ...], training: TrainingSettings | None = None) -> list[Diagnostic]:
        """The limits from outside that the network is over: its memory in inference, or in a step by these settings.

        Raises `ValueError` where the settings name parts that it does not have, or cannot tell apart.
        """
        if self.network is None:
            return []
        return list(exceeded(self.facts, limits, self.builds[0][1].span, self.sizes, training))

    @cached_property
    def hints(self) -> list[Diagnostic]:
        """What the lints remark beside their warnings, of severity `info`."""
        return [] if self.network is None else self.linter.in_graph(self._graph, info=True)

    @cached_property
    def findings(self) -> list[Diagnostic]:
        """Problems and hints, of the network and of its file as it is written."""
        in_text = self.linter.in_text(is_built=self.network is not None, is_decided=are_decided(self.verdicts))
        return [*self.problems, *in_text, *self.hints]

    @cached_property
    def _graph(self) -> Graph:
        return Graph(self.facts, self.linter.text)


class Spec:
    """One file: its declarations, and its networks taken through the stages when asked for."""

    def __init__(
        self, path: str, root: Path, program: Program, problems: list[Diagnostic], imported: Sequence[Program] = ()
    ) -> None:
        self.path = path
        self.root = root
        """The folder that imports may read."""
        self.program = program
        self.problems = problems
        """What is wrong with the text and the declarations."""
        self.linter = Linter(program.file, (p.file for p in imported))

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks that can be built, in the order of the file."""
        return tuple(name for name in self.program.networks if not self.program.open_parameters(name))

    @property
    def templates(self) -> tuple[str, ...]:
        """The networks with a parameter left open."""
        return tuple(name for name in self.program.networks if self.program.open_parameters(name))

    def check(self, name: str, settings: Settings = PLAIN, batch: int = 1) -> Checked:
        """Takes a network through the stages; facts, claims and lints are worked out when asked for."""
        program = self.program
        if not program.symbols(name, settings):
            return Checked(name, [({}, program.build(name, settings))], program, self.linter, settings, batch)
        formulas = program.build_open(name, settings)
        assert formulas.domain is not None
        named = program.named_sizes(name) if settings.is_plain else ()
        if formulas.network is None and not named:
            return Checked(name, [({}, formulas)], program, self.linter, settings, batch)
        builds: list[tuple[Sizes, Built]] = [(at, program.build(name, settings.at(at))) for at in named]
        refused = [build for build in builds if build[1].network is None]
        if formulas.network is not None and len(refused) == len(builds):
            example = formulas.domain.example
            builds.append((example, program.build(name, settings.at(example))))
        fitting = [build for build in builds if build[1].network is not None]
        return Checked(
            name, fitting or builds, program, self.linter, settings, batch, formulas, refused if fitting else ()
        )

    def findings(self, networks: Sequence[Checked], *, info: bool = False) -> list[Diagnostic]:
        """Everything that is wrong with the file and with the networks that were checked, or likely a mistake.

        What several networks share is there once, but an error for each thing that it says of them; `info` adds what is only
        worth knowing.
        """
        found = [*self.problems, *(p for n in networks for p in n.problems)]
        is_built = all(n.network is not None for n in networks) and all(p.severity != "error" for p in self.problems)
        verdicts = (v for n in networks for v in n.verdicts)
        found += self.linter.in_text(is_built=is_built, is_decided=are_decided(verdicts))
        if info:
            found += (hint for n in networks for hint in n.hints)
        found += self.linter.unused_allows(is_whole=self._is_whole(networks), info=info)
        return once(found)

    def _is_whole(self, networks: Sequence[Checked]) -> bool:
        """Whether all of the file was elaborated: each of its networks, and each template by a variant."""
        built = {n.name for n in networks if n.network is not None}
        texts = self.linter.text.networks
        elaborated = {texts[name] for name in built if name in texts}
        return bool(built) and built >= set(self.networks) and elaborated >= set(texts.values())


def open_spec(path: str | Path, root: str | Path | None = None) -> Spec:
    """Reads and parses a spec. Raises `FileProblem` where the file cannot be read; all else is in `problems`.

    Imports are followed inside `root`, by default the folder of the file.
    """
    return open_source(read_spec(path), Path(root) if root is not None else Path(path).parent)


def open_source(source: Source, root: Path) -> Spec:
    """A spec from its text; `root` is the folder that imports may read."""
    importer = Importer(root)
    program = importer.program(source)
    return Spec(source.path, root, program, importer.problems, importer.imported)


def subject_of(
    checked: Checked, settings: TrainingSettings | None = None, *, hints: bool = False, formulas: bool = False
) -> Subject:
    """What reports are written about: with a training step by its settings, with `hints` all that lints find, and with
    `formulas` the network for all values of its parameters.

    Raises `ValueError` where there is no network.
    """
    from archdsl.analyses.growth import ForAll
    from archdsl.reports import Subject

    for_all = None
    if checked.formulas is not None:
        assert checked.formula_facts is not None and checked.formulas.domain is not None
        for_all = ForAll(checked.formula_facts, checked.formulas.domain)
    bindings = tuple((name, show(value)) for name, value in checked.sizes.items())
    training = checked.facts.training(settings) if settings is not None else None
    path, found = checked.program.source.path, checked.findings if hints else []
    in_parameters = checked.in_parameters.for_all() if formulas else None
    return Subject(checked.facts, path, bindings, checked.verdicts, found, for_all, in_parameters, training)


def subject_for(checked: Checked, asked: Asked) -> Subject:
    """What a report is written about. Raises `OptionProblem` where the device states no peak for the precision."""
    name, on = asked.report, asked.on
    hints, formulas = name in ("lints", "all") or asked.format == "json", name in ("formulas", "all")
    subject = subject_of(checked, asked.training, hints=hints, formulas=formulas)
    subject = subject._replace(on=on, precision=asked.precision, autocast=asked.autocast)
    return subject if on is None or name == "memory" else subject.bounded(on, asked.precision)


def diagnostic_kinds() -> dict[str, Kind]:
    """Every kind of diagnostic by its code: the constants declared beside the code that reports them."""
    folder = Path(__file__).parent
    found: dict[str, Kind] = {}
    for package in ("source", "syntax", "elaborate", "claims", "lints"):
        for file in sorted((folder / package).glob("[a-z]*.py")):
            module = import_module(f"archdsl.{package}.{file.stem}")
            found |= {kind.code: kind for kind in vars(module).values() if isinstance(kind, Kind)}
    return dict(sorted(found.items()))
