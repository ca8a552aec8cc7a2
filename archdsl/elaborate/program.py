"""A file's declarations: blocks, networks, lets, defaults and imports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from archdsl.elaborate import kinds
from archdsl.elaborate.arguments import bind
from archdsl.elaborate.body import Body
from archdsl.elaborate.budget import STATEMENT, Budget
from archdsl.elaborate.build import PLAIN, BoundClaim, Build, Settings, inputs_of, open_symbols
from archdsl.elaborate.examples import examples
from archdsl.elaborate.expressions import evaluate
from archdsl.elaborate.names import Frame
from archdsl.elaborate.place import Place
from archdsl.elaborate.problems import CALL_DEPTH_LIMIT, Fault, Reporter, Silence
from archdsl.elaborate.scope import Scope
from archdsl.elaborate.values import POISON, Datum, Definition, Layer
from archdsl.ir import Builder, Compound, Domain, Module, Network, Origin, Relation
from archdsl.source import Diagnostic, Label, Source, Span, nearest
from archdsl.syntax import UNKNOWN_NAMES, tree

Loader = Callable[[str, Span], "Program"]
"""Gives the program of an imported file. Raises `Fault` where it cannot be had."""


SOME_SIZES = {kinds.CONSTRAINT_FAILS.code, *kinds.MISFITS}
"""What may be wrong with one size and not with another."""


class Built(NamedTuple):
    """A network, or what is wrong with it."""

    network: Network | None
    claims: tuple[BoundClaim, ...]
    problems: list[Diagnostic]
    span: Span
    """Where its name is declared."""
    domain: Domain | None = None
    """Of the sizes that are left open, where some are."""
    whole_numbers: Mapping[str, int] = MappingProxyType({})
    """The values of the network's parameters that are whole numbers."""


class Program:
    """What a file declares. Nothing is elaborated before a network is asked for."""

    def __init__(self, file: tree.File, load: Loader | None = None) -> None:
        self.file = file
        self.load = load
        self.scope = Scope()
        self.networks: dict[str, tree.Network | tree.Variant] = {}
        self._scopes: dict[str, Scope] = {}
        self._instances: dict[Any, Module | None] = {}
        self._budget = Budget()
        self._build = Build(self._instances, Reporter(Budget(self._budget)))
        self._declare()
        self.problems = self._build.reporter.finish()

    @property
    def source(self) -> Source:
        return self.file.source

    @property
    def is_spent(self) -> bool:
        """Whether the file has used up what its networks may cost together: no further one is built whole."""
        return self._budget.is_spent

    # Declarations

    def _declare(self) -> None:
        """Declares blocks and networks first, so that their order does not matter; then lets and defaults in order."""
        for name in self.file.broken:
            self.scope.names[name] = POISON
        scope = self.scope
        reporter = self._build.reporter
        collect = reporter.collect
        later: list[tuple[tree.Item, Scope]] = []
        for item in self.file.items:
            if isinstance(item, tree.Allow):
                continue
            if isinstance(item, tree.Default):
                scope = Scope(self.scope)
            with collect():
                self._declare_name(item, scope)
            later.append((item, scope))
            if reporter.has_ended:
                break
        before = self.scope
        for item, where in later:
            with collect():
                if isinstance(item, tree.Default):
                    reporter.spend_work(item.span, STATEMENT * len(before.defaults))
                    where.defaults.update(before.defaults)
                    before = where
                self._declare_value(item, where)
            if reporter.has_ended:
                break
        if reporter.has_ended:
            self.scope.names[UNKNOWN_NAMES] = POISON  # what follows was not read

    def _declare_name(self, item: tree.Item, scope: Scope) -> None:
        if isinstance(item, tree.Block):
            self._new_name(item.name, Layer(Definition(item, scope)))
        elif isinstance(item, tree.Network | tree.Variant):
            self._new_network(item, scope)
        elif isinstance(item, tree.Import):
            self._import(item)
        if isinstance(item, tree.Block | tree.Network):
            _check_parameters(item)

    def _declare_value(self, item: tree.Item, scope: Scope) -> None:
        if isinstance(item, tree.Let):
            self._require_new(item.name)
            value: Any = POISON
            try:
                value = evaluate(item.value, self._file_body(scope, item))
            finally:
                self.scope.names[item.name.text] = value
        elif isinstance(item, tree.Default):
            self._file_body(scope).default(item)

    def _file_body(self, scope: Scope, item: tree.Item | None = None) -> Body:
        builder = Builder("network", "", Origin(Span(self.source, 0, 0)))
        frame = Frame(scope, None)
        frame.body = item
        return Body(self._build, frame, scope, Place(builder))

    def _new_name(self, name: tree.Word, value: Any) -> None:
        self._require_new(name)
        self.scope.names[name.text] = value

    def _require_new(self, name: tree.Word) -> None:
        if name.text in self.scope.names:
            raise Fault(
                kinds.DUPLICATE_DECLARATION,
                f"`{name.text}` is declared twice in this file",
                name.span,
                labels=self._first(name),
            )

    def _new_network(self, item: tree.Network | tree.Variant, scope: Scope) -> None:
        name = item.name
        if name.text in self.networks:
            raise Fault(
                kinds.DUPLICATE_DECLARATION,
                f"the network `{name.text}` is declared twice",
                name.span,
                labels=self._first(name),
            )
        self.networks[name.text] = item
        self.scope.networks.add(name.text)
        self._scopes[name.text] = scope

    def _first(self, name: tree.Word) -> tuple[Label, ...]:
        """Where a name was declared before, if an item of the file declares it."""
        first = self._first_words[name.text]
        return (Label(first.span, "declared here first"),) if first is not name else ()

    @cached_property
    def _first_words(self) -> dict[str, tree.Word]:
        """Where the file declares each of its names first."""
        named = [word for item in self.file.items for word in _declared(item)]
        return {word.text: word for word in reversed(named)}

    def _import(self, item: tree.Import) -> None:
        if self.load is None:
            raise Fault(kinds.UNUSABLE_IMPORT, "nothing can be imported here", item.path.span)
        for word in _declared(item):
            self._new_name(word, POISON)
        other = self.load(item.path.text, item.path.span)
        for imported in item.names:
            name = imported.name
            found = other.scope.names.get(name.text)
            if found is None:
                raise _not_there(item, name, other)
            self.scope.names[(imported.alias or name).text] = found

    def open_parameters(self, name: str) -> tuple[str, ...]:
        """The parameters without a value that make a network a template; empty for what can be built."""
        found = self._layer_if_whole(name)
        if found is None:
            return ()
        layer, _ = found
        parameters = layer.definition.syntax.parameters
        return tuple(p.name.text for p in parameters if p.default is None and p.name.text not in layer.arguments)

    def symbols(self, name: str, settings: Settings = PLAIN) -> tuple[str, ...]:
        """The sizes of a network's inputs that the spec, and what is given from outside, leave open."""
        found = self._layer_if_whole(name)
        if found is None:
            return ()
        layer, _ = found
        known = settings.parameters
        left = open_symbols(layer.definition.syntax, settings.inputs)
        return tuple(s for s in left if s not in known and self.scope.lookup(s) is None)

    def settable(self, name: str) -> tuple[str, ...]:
        """What may be given from outside: the parameters of a network and its symbols."""
        found = self._layer_if_whole(name)
        if found is None:
            return ()
        layer, _ = found
        return (*(p.name.text for p in layer.definition.syntax.parameters), *self.symbols(name))

    def inputs(self, name: str) -> tuple[str, ...]:
        """The names of a network's inputs."""
        found = self._layer_if_whole(name)
        if found is None:
            return ()
        layer, _ = found
        return tuple(i.name.text for i in inputs_of(layer.definition.syntax))

    def named_sizes(self, name: str) -> tuple[dict[str, Datum], ...]:
        """Values for all the symbols of a network, as its claims name them: `with H = 572, W = 572`."""
        symbols = self.symbols(name)
        found_layer = self._layer_if_whole(name)
        if found_layer is None:
            return ()
        layer, variants = found_layer
        bodies = [layer.definition.syntax.body, *(v.body for v in variants if v.body is not None)]
        found: list[dict[str, Datum]] = []
        for claim in (s for body in bodies for s in body.statements if isinstance(s, tree.Claim)):
            given = {b.name.text: b.value for b in claim.bindings if b.name.text in symbols}
            if len(given) == len(symbols):
                sizes = {
                    n: int(v.value) for n, v in given.items() if isinstance(v, tree.Number) and v.value.denominator == 1
                }
                if len(sizes) == len(symbols) and sizes not in found:
                    found.append(dict(sizes))
        return tuple(found)

    def _layer_if_whole(self, name: str) -> tuple[Layer, list[tree.Variant]] | None:
        """The same as `_network_layer`, or None where the network, or what it is a variant of, is wrong."""
        base = self.networks.get(name)
        for _ in range(CALL_DEPTH_LIMIT):
            if isinstance(base, tree.Variant):
                base = self.networks.get(base.base.text)
        if not isinstance(base, tree.Network):
            return None
        try:
            return self._network_layer(name)
        except (Fault, Silence):
            return None

    def _network_layer(self, name: str, depth: int = 0) -> tuple[Layer, list[tree.Variant]]:
        """A network as a layer with the arguments of its variants bound; the variants, outermost first. Raises `Fault`."""
        syntax = self.networks[name]
        if isinstance(syntax, tree.Network):
            return Layer(Definition(syntax, self._scopes[name])), []
        base = syntax.base
        if base.text in self.file.broken:
            raise Silence
        if base.text not in self.networks:
            if isinstance(self.scope.lookup(base.text), Layer):
                message = f"`{base.text}` is a block, and only a network has variants"
                help = f"call it in a network: `network {name} {{ input ...; {base.text}(...) }}`"
                raise Fault(kinds.KIND_MISMATCH, message, base.span, helps=(help,))
            close = nearest(base.text, self.networks)
            raise Fault.misnamed(kinds.UNKNOWN_NAME, f"no network is called `{base.text}`", base.span, close)
        if depth >= CALL_DEPTH_LIMIT:
            raise Fault(
                kinds.BUDGET_EXCEEDED,
                f"variants of variants go deeper than {CALL_DEPTH_LIMIT}",
                base.span,
                helps=("a network is no variant of itself",)
                if self._is_own_base(base.text)
                else ("give the arguments of several variants at once, to the network that they all change",),
            )
        layer, variants = self._network_layer(base.text, depth + 1)
        body = self._file_body(self._scopes[name])
        layer, _ = bind(layer, [(a, body.value(a.value)) for a in syntax.arguments])
        return layer, [syntax, *variants]

    def _is_own_base(self, name: str) -> bool:
        """Whether a network is a variant of itself by no more others than are allowed."""
        found: tree.Network | tree.Variant | None = self.networks.get(name)
        for _ in range(CALL_DEPTH_LIMIT):
            if not isinstance(found, tree.Variant):
                return False
            if found.base.text == name:
                return True
            found = self.networks.get(found.base.text)
        return False

    def build_open(self, name: str, settings: Settings = PLAIN) -> Built:
        """Elaborates a network for all its sizes that are open. Never raises on what a spec may hold.

        Where an operator fits for some sizes only, an example decides; one is looked for that the network works for, or
        else has the fewest mistakes at.
        """
        left = self.symbols(name, settings)
        best: Built | None = None
        fewest = (True, 0)
        stated: list[Relation | Compound] = []
        for example in examples(left, self.named_sizes(name), stated):
            built = self.build(name, settings, Domain(example))
            if built.network is not None:
                return built
            stated[:] = built.domain.given if built.domain is not None else []
            meets_all = all(c.at(example) for c in stated)
            mistakes = (not meets_all, len(built.problems))
            if best is None or mistakes < fewest:
                best, fewest = built, mistakes
            if meets_all and not all(p.code in SOME_SIZES for p in built.problems):
                break
        assert best is not None
        return best

    def build(self, name: str, settings: Settings = PLAIN, domain: Domain | None = None) -> Built:
        """Elaborates a network; after so many mistakes that no more are told, none. Never raises on what a spec may hold.

        Args:
            domain: of the symbols that the settings leave open.
        """
        span = self.networks[name].name.span
        if self._budget.has_told_enough:
            return Built(None, (), [], span, domain)
        build = Build(self._instances, Reporter(Budget(self._budget)), settings, domain)
        network: Network | None = None
        with build.reporter.collect():
            try:
                network = build.network(name, *self._network_layer(name), span)
            except RecursionError:
                build.reporter.calls.clear()
                help = "let blocks call one another, and groups stand in one another, less deeply"
                raise Fault(kinds.BUDGET_EXCEEDED, f"`{name}` is nested too deeply", span, helps=(help,)) from None
        if domain is not None:
            domain.close()
        problems = build.reporter.finish()
        return Built(None if problems else network, tuple(build.claims), problems, span, domain, build.whole_numbers)


def _declared(item: tree.Item) -> tuple[tree.Word, ...]:
    """The names that an item of a file declares."""
    if isinstance(item, tree.Import):
        return tuple(imported.alias or imported.name for imported in item.names)
    return (item.name,) if isinstance(item, tree.Block | tree.Network | tree.Variant | tree.Let) else ()


def _check_parameters(item: tree.Block | tree.Network) -> None:
    """Raises `Fault` at a parameter that is declared twice."""
    first: dict[str, tree.Word] = {}
    for name in (parameter.name for parameter in item.parameters):
        if name.text in first:
            raise Fault(
                kinds.DUPLICATE_DECLARATION,
                f"`{item.name.text}` has two parameters called `{name.text}`",
                name.span,
                labels=(Label(first[name.text].span, "declared here first"),),
            )
        first[name.text] = name


def _not_there(item: tree.Import, name: tree.Word, other: Program) -> Fault:
    """An imported file does not declare a name, or not as what could be imported."""
    if name.text in other.networks:
        message = f"`{name.text}` is a network, and only blocks and data can be imported"
        return Fault(kinds.UNUSABLE_IMPORT, message, name.span, helps=("make it a block: `block NAME { ... }`",))
    message, close = f"`{item.path.text}` declares no `{name.text}`", nearest(name.text, other.scope.names)
    return Fault.misnamed(kinds.UNUSABLE_IMPORT, message, name.span, close)
