"""A network as lints read it: each distinct module once, so that a block called a million times costs no more than one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice

from archdsl.analyses import Facts
from archdsl.ir import Module, Node, Op, TensorType, Value
from archdsl.lints.subject.text import Text
from archdsl.prelude import is_prelude
from archdsl.source import Span
from archdsl.syntax import tree


class Scope:
    """A call of a module, and the calls around it; the network's own body is called by nobody."""

    __slots__ = ("call", "module", "outer")

    def __init__(self, module: Module, call: Node | None = None, outer: Scope | None = None) -> None:
        self.module = module
        self.call = call
        self.outer = outer

    @property
    def path(self) -> str:
        """What stands before the names of its nodes: `layer1.0.`."""
        return "" if self.call is None or self.outer is None else f"{self.outer.path}{self.call.name}."


class Use:
    """An operator where it is applied."""

    __slots__ = ("node", "op", "scope")

    def __init__(self, node: Node, op: Op, scope: Scope) -> None:
        self.node = node
        self.op = op
        self.scope = scope

    @property
    def path(self) -> str:
        return self.scope.path + self.node.name

    @property
    def span(self) -> Span:
        """Where it is written; of an operator in the prelude, where the spec calls that."""
        span, scope = self.node.origin.span, self.scope
        while is_prelude(span.source) and scope.call is not None and scope.outer is not None:
            span, scope = scope.call.origin.span, scope.outer
        return span

    @property
    def operand(self) -> TensorType:
        """The type of the first operand."""
        return self.node.operands[0].type

    @property
    def result(self) -> TensorType:
        """The type of the first result."""
        return self.node.results[0].type


class Graph:
    """A network with the text of its file. Of the calls of one module the first stands for all."""

    def __init__(self, facts: Facts, text: Text) -> None:
        self.facts = facts
        self.network = facts.network
        self.text = text
        self.scopes: list[Scope] = []
        """Each distinct module, as it is called first; the network's body at the head."""
        self.uses: list[Use] = []
        """Each operator of each of them."""
        self.calls: dict[Module, list[Scope]] = {}
        """The calls of each module, one for each place in the modules that call it."""
        self._readers: dict[Value, list[tuple[Node, int]]] = {}
        self._read: dict[Value, bool] = {}
        self._known: dict[Value, tuple[Node | None, ...]] = {}
        self._enter(Scope(facts.network.body))

    def _enter(self, first: Scope) -> None:
        self.scopes.append(first)
        for scope in self.scopes:  # grows while it is walked
            for node in scope.module.nodes:
                for index, value in enumerate(node.operands):
                    self._readers.setdefault(value, []).append((node, index))
                if not isinstance(node.operator, Module):
                    self.uses.append(Use(node, node.operator, scope))
                    continue
                calls = self.calls.setdefault(node.operator, [])
                calls.append(Scope(node.operator, node, scope))
                if len(calls) == 1:
                    self.scopes.append(calls[0])

    def origin(self, value: Value, scope: Scope) -> tuple[Value, Scope]:
        """Where a value comes from: the result of an operator or an input of the network, with its scope."""
        while True:
            node = value.producer
            if node is not None and isinstance(node.operator, Module):
                scope = Scope(node.operator, node, scope)
                value = node.operator.outputs[value.index]
            elif node is None and scope.call is not None and scope.outer is not None:
                value = scope.call.operands[scope.module.inputs.index(value)]
                scope = scope.outer
            else:
                return value, scope

    def maker(self, value: Value, scope: Scope) -> Use | None:
        """The operator that a value comes from; None for an input of the network."""
        value, scope = self.origin(value, scope)
        node = value.producer
        if node is None:
            return None
        assert isinstance(node.operator, Op)
        return Use(node, node.operator, scope)

    def name(self, value: Value, scope: Scope) -> str:
        """The path of the operator that a value comes from, or the name of the input that it is."""
        value, scope = self.origin(value, scope)
        if value.producer is not None:
            return scope.path + value.producer.name
        return self.network.inputs[self.network.body.inputs.index(value)]

    def is_read(self, value: Value) -> bool:
        """Whether any operator reads a value, in its module or in a block that it enters, or a block gives it back."""
        known = self._read.get(value)
        if known is None:
            known = self._read[value] = any(self._reads(node, index) for node, index in self._readers.get(value, ()))
        return known

    def _reads(self, node: Node, index: int) -> bool:
        """Whether a node reads its operand of that number."""
        if not isinstance(node.operator, Module):
            return True
        inside = node.operator.inputs[index]
        return inside in node.operator.outputs or self.is_read(inside)

    def only_reader(self, value: Value, module: Module) -> Node | None:
        """The operator that alone reads a value of a module, through groups and calls of blocks.

        None where there are several or none, and where the value is a result of its block or of the network.
        """
        readers = self._first_readers(value, module)
        return readers[0] if len(readers) == 1 else None

    def _first_readers(self, value: Value, module: Module) -> tuple[Node | None, ...]:
        """Up to two of the operators that read a value; None stands for whoever reads the results of a block."""
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = tuple(islice(self._all_readers(value, module), 2))
        return known

    def _all_readers(self, value: Value, module: Module) -> Iterator[Node | None]:
        for node, index in self._readers.get(value, ()):
            if isinstance(node.operator, Module):
                yield from self._first_readers(node.operator.inputs[index], node.operator)
            else:
                yield node
        for index, output in enumerate(module.outputs):
            if output is value:
                calls = self.calls.get(module, ())
                call = calls[0] if module.kind == "group" and len(calls) == 1 else None
                if call is None or call.call is None or call.outer is None:
                    yield None
                else:
                    yield from self._first_readers(call.call.results[index], call.outer.module)

    @cached_property
    def inputs(self) -> dict[str, Span]:
        """Where the inputs are declared; where the network is, if its file does not tell."""
        around = self.network.body.origin.span
        syntax = self.text.networks.get(self.network.name)
        found = dict.fromkeys(self.network.inputs, around)
        if syntax is not None:
            found |= {s.name.text: s.name.span for s in syntax.body.statements if isinstance(s, tree.Input)}
        return found

    @cached_property
    def outputs(self) -> dict[str, Span]:
        """Where the outputs are declared; where the network is, for the last value of a network without any."""
        around = self.network.body.origin.span
        syntax = self.text.networks.get(self.network.name)
        found = {output.name: around for output in self.network.outputs}
        if syntax is not None:
            found |= {s.name.text: s.name.span for s in tree.walk(syntax.body) if isinstance(s, tree.Output)}
        return found
