"""What names stand for at a place in a body."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

from archdsl.elaborate import kinds
from archdsl.elaborate.arguments import bind
from archdsl.elaborate.expressions import evaluate
from archdsl.elaborate.place import Place
from archdsl.elaborate.problems import Fault, Reporter, Silence
from archdsl.elaborate.scope import Scope, builtin, builtin_names
from archdsl.elaborate.values import Given, Layer, Poison, SharedInstance, Tensors, kind_of
from archdsl.ir import Module, Op, Output, Value
from archdsl.source import Edit, Label, Span, nearest
from archdsl.syntax import tree

Current = tuple[Value, ...] | None | Poison
"""The current value, or values, of a body: None where a network has not begun, POISON after a mistake."""


class Frame:
    """What belongs to one run of a block's body: its input, its taps, the names around its declaration."""

    def __init__(self, outer: Scope, entry: Current, *, is_network: bool = False) -> None:
        self.outer = outer
        self.entry = entry
        self.is_network = is_network
        self.taps: dict[str, Any] = {}
        self.sites: dict[str, tree.Syntax] = {}
        self.returned: Current = None
        self.has_returned = False
        self.outputs: list[Output] = []
        self.body: tree.Body | None = None


class Building(Protocol):
    """What bodies ask of the network that is being built; bodies are `Any` here, since they are defined above this."""

    reporter: Reporter

    def allow(self, allows: list[tree.Allow], span: Span) -> None: ...

    def input(self, statement: tree.Input, body: Any) -> Value: ...

    def note(self, statement: tree.Claim | tree.SourceNote, body: Any) -> None: ...

    def group(self, body: Any, label: tree.Label, doc: str) -> AbstractContextManager[Any]: ...

    def call_block(
        self, body: Any, layer: Layer, operands: tuple[Value, ...], label: tree.Label | None, span: Span, doc: str
    ) -> Current: ...

    def shared_instance(
        self, body: Any, shared: SharedInstance, operands: tuple[Value, ...], span: Span
    ) -> Module | Op: ...


class Names:
    """The names known at one place: those of its braces, the block's taps, the file's, the built-in ones."""

    def __init__(self, build: Building, frame: Frame, scope: Scope, place: Place) -> None:
        self.build = build
        self.frame = frame
        self.scope = scope
        self.place = place

    def name(self, text: str, span: Span) -> Any:
        """What a name stands for. Raises `Fault` with a suggestion, or `Silence` for what was spoiled before."""
        found = self.scope.lookup(text)
        if found is None:
            found = self.frame.taps.get(text)
        if found is None:
            found = self.frame.outer.lookup(text)
        if found is None:
            found = builtin(text)
        if found is None:
            raise self._unknown(text, span)
        if isinstance(found, Poison):
            raise Silence
        if isinstance(found, Layer) and not found.arguments:
            return Layer(found.target, None, self._defaults(found))
        return found

    def _defaults(self, layer: Layer) -> dict[str, Given]:
        return {**self.frame.outer.defaults_of(layer.target), **layer.defaults, **self.scope.defaults_of(layer.target)}

    def _unknown(self, text: str, span: Span) -> Fault:
        if self.frame.body is not None and (site := tap_site(self.frame.body, text)) is not None:
            return Fault(
                kinds.USED_BEFORE_MADE,
                f"`{text}` is not made yet where it is used",
                span,
                "used here",
                labels=(Label(site, "made here"),),
            )
        known = self.scope.visible() | set(self.frame.taps) | self.frame.outer.visible() | builtin_names()
        close = nearest(text, known)
        return Fault(
            kinds.UNKNOWN_NAME,
            f"no layer, block or value is called `{text}`",
            span,
            f"did you mean `{close}`?" if close else "",
            edit=Edit(span, close) if close else None,
        )

    def block_input(self, span: Span) -> Tensors:
        entry = self.frame.entry
        if isinstance(entry, Poison):
            raise Silence
        if entry is None:
            raise Fault(kinds.NO_CURRENT_VALUE, "`in` is a network's only input, and there is not just one", span)
        return Tensors(entry, is_list=len(entry) > 1)

    def callee(self, text: str, span: Span) -> Any:
        return self.name(text, span)

    def call(self, callee: Any, call: tree.Call) -> Layer:
        """A layer with arguments bound. Raises `Fault`."""
        if not isinstance(callee, Layer):
            raise Fault(
                kinds.KIND_MISMATCH, f"`{call.callee.text}` is {kind_of(callee)}, it cannot be called", call.callee.span
            )
        layer, tensors = bind(callee, [(a, self.value(a.value)) for a in call.arguments])
        if tensors:
            raise Fault(
                kinds.KIND_MISMATCH, f"`{callee.name}` with tensors is a link of a chain, not an argument", call.span
            )
        return layer

    def spend(self, steps: int, span: Span) -> None:
        """Pays for what an expression costs. Raises `Fault`."""
        self.build.reporter.spend_steps(span, steps)

    def value(self, expression: tree.Expression) -> Any:
        return evaluate(expression, self)

    def inner(self) -> Self:
        """The same place inside a further pair of braces."""
        return type(self)(self.build, self.frame, Scope(self.scope), self.place)


def taps(syntax: Any) -> Iterable[tree.Tap]:
    return (node for node in walk(syntax) if isinstance(node, tree.Tap))


def tap_site(body: tree.Body, name: str) -> Span | None:
    return next((tap.span for tap in taps(body) if tap.name == name), None)


def branches(body: tree.Body) -> Iterable[tree.If]:
    return (node for node in walk(body) if isinstance(node, tree.If))


def holds(outer: tree.Syntax, inner: tree.Syntax) -> bool:
    return outer.span.start <= inner.span.start and inner.span.end <= outer.span.end


def walk(syntax: Any) -> Iterable[tree.Syntax]:
    """A node of the tree and everything below it."""
    if isinstance(syntax, tree.Syntax):
        yield syntax
        for field in syntax.fields:
            yield from walk(getattr(syntax, field))
    elif isinstance(syntax, list):
        for item in syntax:
            yield from walk(item)
