"""Network -> plan: which classes the generated file has, what each holds, and what its `forward` says.

A module that is one sequence of parts with modules of their own becomes an `nn.Sequential`: written where it is used
if that is one place or if it is short, else a class. Every other module becomes a class with a `forward`. Modules whose
code is equal are one definition, whatever their sizes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from archdsl.analyses.storage import StorageFacts, storage
from archdsl.backends.pytorch.body import Body
from archdsl.backends.pytorch.forward import Application, Forward, Returns, changed_type, write_forward
from archdsl.backends.pytorch.layout import quoted
from archdsl.backends.pytorch.names import (
    RESERVED,
    SEQUENTIAL_ATTRIBUTES,
    child_name,
    class_name,
    is_identifier,
    unique,
)
from archdsl.ir import Call, Helper, Lowering, Module, Network, Node, Op, modules

SHORT = 3
"""A sequence of so many layers is written out wherever it is used."""

DEEP = 4
"""Sequences stand inside each other so deep at most: readers, and in the end Python, count brackets."""


class Leaf(NamedTuple):
    """An operator's own module."""

    call: Call
    inplace: bool


class Use(NamedTuple):
    """An instance of a definition, by its number."""

    definition: int


class Child(NamedTuple):
    """A named part of a definition."""

    name: str
    layer: Leaf | Use


class Definition:
    """A module of the generated file; a sequence if it has no `forward`."""

    def __init__(self, module: Module, children: tuple[Child, ...], forward: Forward | None) -> None:
        self.module = module
        self.children = children
        self.forward = forward
        self.comments: list[str] = []
        """The type of the result, where it changes, for each child of a sequence or statement of `forward`."""
        self.class_name = ""
        """Empty where it is written out in its users."""
        self.labels = {module.name: None}

    @property
    def is_numbered(self) -> bool:
        """Whether its children have the names that `nn.Sequential` gives by itself."""
        return all(c.name == str(i) for i, c in enumerate(self.children))

    def join(self, module: Module, comments: list[str]) -> None:
        """Takes in a further module of the same code; a comment stays where it is true of both."""
        self.labels[module.name] = None
        self.comments = [a if a == b else "" for a, b in zip(self.comments, comments, strict=True)]


class _Extent(NamedTuple):
    """What a part takes where it is written out."""

    layers: int = 1
    depth: int = 0


class Plan(NamedTuple):
    """What the generated file holds. A definition stands after those that it uses, the network last."""

    network: Network
    definitions: tuple[Definition, ...]
    helpers: tuple[Helper, ...]
    imports: frozenset[str]
    output_class: str
    """The class of several outputs, or nothing."""

    @property
    def class_name(self) -> str:
        return self.definitions[-1].class_name


def plan(network: Network, facts: StorageFacts | None = None) -> Plan:
    """Plans the code of a network.

    Args:
        facts: which operators run in place, if not those that `storage` decides on.

    Raises:
        ValueError: the uses of a shared instance need different code.
    """
    return _Planner(network, storage(network) if facts is None else facts).plan()


class _Planner:
    def __init__(self, network: Network, facts: StorageFacts) -> None:
        self.network = network
        self.facts = facts
        self.definitions: list[Definition] = []
        self.imports: set[str] = set()
        self.helpers: dict[str, Helper] = {}
        self._lowerings = {n: op.pytorch(*n.operand_types) for n, op in _operators(network)}
        self._taken = {*RESERVED, *(code.helper.name for code in self._lowerings.values() if code.helper)}
        name = network.name if is_identifier(network.name) else class_name(network.name)
        self.class_name = unique(name, self._taken)
        training = tuple(o.training for o in network.outputs)
        has_class = len(training) > 1 or any(training)
        self.returns = Returns(f"{self.class_name}Output" if has_class else "", training)
        self._taken |= {self.class_name, self.returns.output_class}
        self._numbers: dict[int, int] = {}
        self._known: dict[object, int] = {}

    def plan(self) -> Plan:
        for module in modules(self.network):
            self._numbers[id(module)] = self._define(module)
        self._name_classes()
        helpers = tuple(self.helpers.values())
        return Plan(self.network, tuple(self.definitions), helpers, frozenset(self.imports), self.returns.output_class)

    def _define(self, module: Module) -> int:
        """The number of the module's definition: a new one, or that of a module with the same code."""
        body = Body(module)
        is_network = module is self.network.body
        if self._is_sequence(body, is_network):
            definition = Definition(module, tuple(self._children(body.nodes).values()), None)
            definition.comments = [changed_type(n.operand_types[0], n) for n in body.nodes]
            key: object = (is_network, definition.children)
        else:
            children = self._children([n for n in body.nodes if self._is_child(n)])
            forward = self._forward(body, children, is_network)
            definition = Definition(module, tuple(children.values()), forward)
            definition.comments = [s.comment for s in forward.statements]
            # Groups of equal code are one class, blocks only if they are one block.
            owner = "" if module.kind == "group" else module.name
            key = (is_network, owner, module.doc, definition.children, forward.code)
        number = self._known.setdefault(key, len(self.definitions))
        if number == len(self.definitions):
            self.definitions.append(definition)
        else:
            self.definitions[number].join(module, definition.comments)
        return number

    def _is_sequence(self, body: Body, is_network: bool) -> bool:
        nodes = body.nodes
        if not body.is_chain or any(n.training or n.name in SEQUENTIAL_ATTRIBUTES for n in nodes):
            return False
        if not all(isinstance(n.operator, Module) or self._lowerings[n].module for n in nodes):
            return False
        numbered = [n for n in nodes if n.name.isdigit()]
        if not numbered:
            return not is_network
        # Beside labels, an unlabelled layer without weights reads better as a function.
        return len(numbered) == len(nodes) or any(_has_weights(n) for n in numbered)

    def _is_child(self, node: Node) -> bool:
        """Whether a part of a class with a `forward` is an attribute: for its weights, its label, or want of a function."""
        if _has_weights(node):
            return True
        lowering = self._lowerings[node]
        return lowering.module is not None and (lowering.function is None or not node.name.isdigit())

    def _children(self, nodes: list[Node]) -> dict[str, Child]:
        """The parts of a definition by their labels; a shared instance is one."""
        found: dict[str, Child] = {}
        taken: set[str] = set()
        for node in nodes:
            layer = self._layer(node)
            if node.name not in found:
                found[node.name] = Child(child_name(node.name, taken), layer)
                taken.add(found[node.name].name)
            elif found[node.name].layer != layer:
                raise ValueError(f"the uses of the shared instance `{node.name}` need different code")
        return found

    def _layer(self, node: Node) -> Leaf | Use:
        if isinstance(node.operator, Module):
            return Use(self._numbers[id(node.operator)])
        lowering = self._lowerings[node]
        call = lowering.module
        assert call is not None
        if call.target.startswith("nn."):
            self.imports.add("nn")
        self._add_helper(lowering, call.target)
        return Leaf(call, node in self.facts.in_place and call.inplace)

    def _add_helper(self, lowering: Lowering, text: str) -> None:
        helper = lowering.helper
        if helper is not None and helper.name in text:
            assert self.helpers.setdefault(helper.name, helper) == helper, helper.name
            self.imports.update(helper.imports)

    def _forward(self, body: Body, children: dict[str, Child], is_network: bool) -> Forward:
        applications = [self._application(n, children) for n in body.nodes]
        parameters = self.network.inputs if is_network else ()
        returns = self.returns if is_network else None
        return write_forward(body, applications, parameters, returns, self._taken)

    def _application(self, node: Node, children: dict[str, Child]) -> Application:
        op = node.operator
        if isinstance(op, Module):
            return Application(f"{_reference(children[node.name])}({{*}})")
        makes_nothing = self.facts.shared_operand(node) is not None
        allocates = not makes_nothing or bool(op.scratch(node.operand_types, node.result_types))
        if self._is_child(node):
            return Application(f"{_reference(children[node.name])}({{*}})", allocates)
        lowering = self._lowerings[node]
        function = lowering.function
        assert function is not None
        self.imports.update(function.imports)
        self._add_helper(lowering, function.template)
        in_place = node in self.facts.in_place
        template = function.template.replace("{inplace}", ", inplace=True" if in_place else "")
        return Application(template, allocates, (function.accumulates or "") if in_place else "")

    def _name_classes(self) -> None:
        """Gives a name to every definition that is not written out in its users."""
        users = Counter(c.layer.definition for d in self.definitions for c in d.children if isinstance(c.layer, Use))
        written: list[_Extent] = []
        for number, definition in enumerate(self.definitions):
            parts = [
                written[c.layer.definition] if isinstance(c.layer, Use) else _Extent() for c in definition.children
            ]
            whole = _Extent(sum(p.layers for p in parts), 1 + max((p.depth for p in parts), default=0))
            fits = (users[number] == 1 or whole.layers <= SHORT) and whole.depth <= DEEP
            if definition.forward is None and fits:
                written.append(whole)
                continue
            written.append(_Extent())
            definition.class_name = unique(class_name(_shared_label(definition)), self._taken)
            self._taken.add(definition.class_name)
        self.definitions[-1].class_name = self.class_name


def _operators(network: Network) -> Iterator[tuple[Node, Op]]:
    for module in modules(network):
        for node in module.nodes:
            if not isinstance(node.operator, Module):
                yield node, node.operator


def _has_weights(node: Node) -> bool:
    return isinstance(node.operator, Module) or bool(node.operator.state(*node.operand_types))


def _reference(child: Child) -> str:
    return f"self.{child.name}" if is_identifier(child.name) else f"self.get_submodule({quoted(child.name)})"


def _shared_label(definition: Definition) -> str:
    """What to call the class: the block, or the group's label, without the number where groups differ by that."""
    labels = list(definition.labels)
    stem = re.sub(r"\d+", "", labels[0]).strip("_")
    return stem if len(labels) > 1 and stem else labels[0]
