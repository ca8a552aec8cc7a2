"""A file as it is written, whether or not its networks can be built."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

from archdsl.elaborate import holes
from archdsl.lints.subject.allows import Allowed, allowed_in
from archdsl.source import Span
from archdsl.syntax import tree


class NamedResult:
    """A tap with the element whose result it names."""

    __slots__ = ("element", "tap")

    def __init__(self, element: tree.Element, tap: tree.Tap) -> None:
        self.element = element
        self.tap = tap


class Made:
    """A name that is given: by what (`parameter`, `tap`), where, and whether it can only stand for a datum."""

    __slots__ = ("by", "is_datum", "name", "span")

    def __init__(self, by: str, name: str, span: Span, is_datum: bool = False) -> None:
        self.by = by
        self.name = name
        self.span = span
        self.is_datum = is_datum


class Declaration:
    """A top-level item, or a part of one: the names that it uses, and those that are made inside it."""

    __slots__ = ("bodies", "calls", "has_in", "made", "merges", "results", "syntax", "used")

    def __init__(self, syntax: tree.Syntax) -> None:
        self.syntax = syntax
        self.used: set[str] = set()
        """Names that stand for data, layers or tensors, wherever in the item; those in the holes of labels and strings too."""
        self.made: list[Made] = []
        self.results: list[NamedResult] = []
        self.bodies: list[tree.Body] = []
        self.calls: list[tree.Call] = []
        self.merges: list[tree.Merge] = []
        self.has_in = False
        """Whether `in` stands in it."""

    @classmethod
    def of(cls, syntax: tree.Syntax) -> Self:
        """What an item, or a statement of one, makes and uses."""
        found = cls(syntax)
        for node in tree.walk(syntax):
            read = _READERS.get(type(node))
            if read is not None:
                read(found, node)
        return found

    @property
    def name(self) -> str:
        """Of a block or network, its name; of anything else the empty text."""
        syntax = self.syntax
        return syntax.name.text if isinstance(syntax, tree.Block | tree.Network | tree.Variant) else ""


class Text:
    """A file with the names that each of its items makes and uses, from one walk over the tree."""

    def __init__(self, file: tree.File) -> None:
        self.file = file
        self.source = file.source

    @cached_property
    def declarations(self) -> list[Declaration]:
        return [Declaration.of(item) for item in self.file.items if not isinstance(item, tree.Allow)]

    @cached_property
    def allows(self) -> list[Allowed]:
        """The lints that the file silences, in the order of the text."""
        return sorted(allowed_in(self.file), key=lambda allowed: allowed.syntax.span.start)

    @cached_property
    def networks(self) -> dict[str, tree.Network]:
        """The networks by name, a variant under its own name too."""
        items = {i.name.text: i for i in self.file.items if isinstance(i, tree.Network | tree.Variant)}
        found: dict[str, tree.Network] = {}
        for name, item in items.items():
            passed = {name: None}
            while isinstance(item, tree.Variant) and (base := item.base.text) in items and base not in passed:
                item = found.get(base, items[base])
                passed[base] = None
            if isinstance(item, tree.Network):
                found |= dict.fromkeys(passed, item)
        return found

    @cached_property
    def unused_results(self) -> list[NamedResult]:
        """Taps whose names stand nowhere else in their block or network."""
        return [
            result
            for declaration in self.declarations
            for result in declaration.results
            if result.tap.name != "_" and result.tap.name not in declaration.used
        ]

    @cached_property
    def unused_names(self) -> frozenset[str]:
        return frozenset(result.tap.name for result in self.unused_results)

    @cached_property
    def given_as_layers(self) -> set[str]:
        """Names that stand for values: as an argument, in a list, after `let`; not as a link of a chain."""
        nodes = [node for item in self.file.items for node in tree.walk(item)]
        links = {node.link for node in nodes if isinstance(node, tree.Element)}
        return {node.text for node in nodes if isinstance(node, tree.Name) and node not in links}

    def used_by_variants(self, declaration: Declaration) -> set[str]:
        """Names in the claims of the networks that fix parameters of a network, which see what it sees."""
        variants = (d for d in self.declarations if isinstance(d.syntax, tree.Variant))
        return {n for d in variants if self.networks.get(d.name) is declaration.syntax for n in d.used}


# What each kind of node adds


def _name(found: Declaration, node: tree.Name) -> None:
    found.used.add(node.text.partition(".")[0])


def _body(found: Declaration, node: tree.Body) -> None:
    found.bodies.append(node)


def _in(found: Declaration, node: tree.In) -> None:
    found.has_in = True


def _merge(found: Declaration, node: tree.Merge) -> None:
    found.merges.append(node)


def _call(found: Declaration, node: tree.Call) -> None:
    found.calls.append(node)
    _callee(found, node)


def _callee(found: Declaration, node: tree.Call | tree.Default) -> None:
    found.used.add(node.callee.text)


def _label(found: Declaration, node: tree.Label) -> None:
    if node.is_string:
        _string(found, node)


def _string(found: Declaration, node: tree.Label | tree.String) -> None:
    for hole in holes(node):
        found.used |= Declaration.of(hole).used


def _element(found: Declaration, node: tree.Element) -> None:
    for tap in node.taps:
        found.results.append(NamedResult(node, tap))
        found.made.append(Made("tap", tap.name, tap.span))


def _loop(found: Declaration, node: tree.For | tree.ArmFor | tree.Comprehension) -> None:
    found.made += (Made("loop variable", name.text, name.span, is_datum=True) for name in node.names)


def _imported(found: Declaration, node: tree.Imported) -> None:
    name = node.alias or node.name
    found.made.append(Made("import", name.text, name.span))


def _parameter(found: Declaration, node: tree.Parameter) -> None:
    is_datum = node.kind is None or node.kind.text not in ("layer", "tensor")
    found.made.append(Made("parameter", node.name.text, node.name.span, is_datum))


def _let(found: Declaration, node: tree.Let) -> None:
    is_datum = not isinstance(node.value, tree.Name | tree.Call | tree.Conditional)
    found.made.append(Made("`let`", node.name.text, node.name.span, is_datum))


def _named(by: str) -> Any:
    def read(found: Declaration, node: Any) -> None:
        found.made.append(Made(by, node.name.text, node.name.span))

    return read


_READERS: dict[type[tree.Syntax], Any] = {
    tree.Name: _name,
    tree.Call: _call,
    tree.Body: _body,
    tree.Merge: _merge,
    tree.In: _in,
    tree.Default: _callee,
    tree.Label: _label,
    tree.String: _string,
    tree.Element: _element,
    tree.Parameter: _parameter,
    tree.Let: _let,
    tree.Shared: _named("shared layer"),
    tree.Input: _named("input"),
    tree.Block: _named("block"),
    tree.For: _loop,
    tree.ArmFor: _loop,
    tree.Comprehension: _loop,
    tree.Imported: _imported,
}
