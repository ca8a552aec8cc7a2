"""Groups and calls of blocks: inlined, or as modules that equal instances share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from archdsl.elaborate import kinds
from archdsl.elaborate.arguments import make_op
from archdsl.elaborate.body import Body
from archdsl.elaborate.declared import operations, parameters
from archdsl.elaborate.links import Links
from archdsl.elaborate.names import Current, Frame
from archdsl.elaborate.place import Place
from archdsl.elaborate.problems import Fault, Reporter, Silence
from archdsl.elaborate.scope import Scope
from archdsl.elaborate.values import Layer, Poison, SharedInstance, Tensors, kind_of, show, show_call, with_tensors
from archdsl.ir import Builder, Domain, Module, Op, Origin, Value
from archdsl.source import Edit, Label, Span, nearest
from archdsl.syntax import tree


class Blocks:
    """Makes the modules of groups, blocks and shared instances."""

    def __init__(self, instances: dict[Any, Module | None], reporter: Reporter, domain: Domain | None = None) -> None:
        self.instances = instances
        self.reporter = reporter
        self.domain = domain
        self._open: set[Any] = set()
        """The instances that are being elaborated."""
        self._spoilt: dict[Any, Module | None] = {}
        """Those in which a mistake was found, which are of use to find more in this network alone."""

    def spend_on_sizes(self, span: Span) -> None:
        """Pays for what was worked out about open sizes since it was last paid. Raises `Fault`."""
        if self.domain is not None:
            self.reporter.spend_work(span, self.domain.work)
            self.domain.work = 0

    def body(self, frame: Frame, scope: Scope, place: Place) -> Body:
        """A body whose statements this build runs."""
        raise NotImplementedError

    @contextmanager
    def group(self, body: Links, label: tree.Label, doc: str) -> Iterator[Body]:
        """A body inside a labelled group of the given one."""
        place = body.place
        name = body.take(label)
        builder = place.builder.group(name, place.origin(label.span, name, doc), doc=doc)
        try:
            yield self.body(body.frame, Scope(body.scope), Place(builder, place.training or place.within_training))
        finally:
            place.builder.close(name, builder, place.training)

    def call_block(
        self, body: Links, layer: Layer, operands: tuple[Value, ...], label: tree.Label | None, span: Span, doc: str
    ) -> Current:
        """Calls a block: inlined, or as a module made once for equal arguments and types. Raises `Fault`."""
        syntax = layer.definition.syntax
        if isinstance(syntax, tree.Block) and syntax.inline:
            if label is None:
                return self._inline(body, layer, operands, span)
            with self.group(body, label, doc) as inside:
                return self._inline(inside, layer, operands, span)
        place = body.place
        name = place.number(span) if label is None else body.take(label)
        module, tensors = self._instance(layer, operands, span, name)
        self.reporter.spend_operators(span, max(1, len(operands) + len(tensors)))
        return place.builder.call(name, module, operands + tensors, place.origin(span, name, doc), place.training)

    def _inline(self, body: Links, layer: Layer, operands: tuple[Value, ...], span: Span) -> Current:
        definition = layer.definition
        place = body.place
        frame = Frame(definition.scope, operands)
        frame.body = definition.syntax.body
        inside = self.body(frame, Scope(), place)
        before = place.frames, place.condition
        self.reporter.enter(show_call(layer), span, operands)
        place.frames = (*place.frames, body.inline_frame(layer, span))
        place.condition = ""
        try:
            self.bind_parameters(layer, inside, span)
            result = inside.run(definition.syntax.body.statements, operands)
        finally:
            place.frames, place.condition = before
            self.reporter.leave()
        return frame.returned if frame.has_returned else result

    def _instance(
        self, layer: Layer, operands: tuple[Value, ...], span: Span, name: str
    ) -> tuple[Module, tuple[Value, ...]]:
        """The module of a call, elaborated at its first use, and the operands that come from tensor parameters."""
        tensors = layer.tensors
        key = (layer.key, tuple((v.type, v.channels) for v in operands))
        if key not in self.instances:
            self._open.add(key)
            self.instances[key] = None  # what a mistake leaves behind: later uses are silent
            failures = self.reporter.failures
            try:
                made = self._elaborate(layer, operands, span, name)
            finally:
                self._open.discard(key)
            known = self.instances if self.reporter.failures == failures else self._spoilt
            known[key] = made
        elif key in self._open:
            raise Fault(
                kinds.BUDGET_EXCEEDED,
                f"`{show_call(layer)}` calls itself with the same arguments",
                span,
                "this would never end",
                helps=("call it on a smaller argument, and stop: `if c > 1 { ... }`",),
            )
        module = self.instances[key] or self._spoilt.get(key)
        if module is None:
            raise Silence
        return module, tensors

    def _elaborate(self, layer: Layer, operands: tuple[Value, ...], span: Span, name: str) -> Module | None:
        definition = layer.definition
        syntax = definition.syntax
        text = show_call(layer, tensors=False)
        builder = Builder("block", definition.name, Origin(syntax.name.span), text=text, doc=syntax.doc)
        given = ((n, g.value) for n, g in layer.arguments.items())
        builder.module.arguments = tuple((n, show(value)) for n, value in given if not isinstance(value, Tensors))
        entry = tuple(builder.input(v.type, v.channels) for v in operands)
        frame = Frame(definition.scope, entry)
        frame.body = syntax.body
        body = self.body(frame, Scope(), Place(builder))
        self.reporter.enter(f"{name}: {show_call(layer)}", span, operands)
        try:
            self.bind_parameters(layer, body, span)
            builder.module.parameters = parameters(syntax, body.scope)
            builder.module.operations = operations(definition)
            result = body.run(syntax.body.statements, entry)
        finally:
            self.reporter.leave()
        if frame.has_returned:
            result = frame.returned
        if result is None or isinstance(result, Poison):
            return None
        for value in result:
            builder.output(value)
        return builder.module

    def bind_parameters(self, layer: Layer, body: Links, span: Span) -> None:
        """Sets a block's or network's parameters in its scope. Raises `Fault`."""
        definition = layer.definition
        given = layer.given
        is_block = isinstance(definition.syntax, tree.Block) and not definition.syntax.inline
        for parameter in definition.syntax.parameters:
            name = parameter.name.text
            is_given = name in given
            if is_given:
                value, where = given[name].value, given[name].span
            elif parameter.default is not None:
                value, where = body.value(parameter.default), parameter.default.span
            else:
                raise Fault(
                    kinds.MISSING_ARGUMENT,
                    f"`{definition.name}` needs `{name}`",
                    span,
                    f"`{name}` is missing",
                    labels=(Label(parameter.span, "declared here, without a default"),),
                )
            _check_kind(parameter, value, where)
            if is_block and is_given:
                value = with_tensors(value, name, body.place.builder.enter)
            body.scope.names[name] = value

    def shared_instance(
        self, body: Links, shared: SharedInstance, layer: Layer | None, operands: tuple[Value, ...], span: Span
    ) -> Module | Op:
        """What a shared element becomes for the given operands: a module or an operator. Raises `Fault`.

        Args:
            layer: what is shared, with the tensors of this use; None for a group or a merge.
        """
        link = shared.element.link
        if layer is not None and layer.op is not None:
            return make_op(layer, link.span)
        if layer is not None:
            return self._instance(layer, operands, span, shared.name)[0]
        builder = Builder("group", shared.name, Origin(shared.element.span))
        entry = tuple(builder.input(v.type, v.channels) for v in operands)
        inside = self.body(Frame(body.frame.outer, entry, around=body.frame), Scope(shared.scope), Place(builder))
        if not isinstance(link, tree.Body):
            chain = tree.Chain(link.span, [tree.Element(link.span, None, link, [])], None, "")
            result = inside.run([chain], entry)
        else:
            result = inside.run(link.statements, entry)
        if result is None or isinstance(result, Poison):
            raise Silence
        for value in result:
            builder.output(value)
        return builder.module


_KINDS: dict[str, Callable[[Any], bool]] = {
    "layer": lambda value: isinstance(value, Layer),
    "tensor": lambda value: isinstance(value, Tensors),
    "datum": lambda value: not isinstance(value, Layer | Tensors),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "list": lambda value: isinstance(value, tuple),
    "window": lambda value: isinstance(value, tuple | int) and not isinstance(value, bool),
    "float": lambda value: not isinstance(value, bool | str | tuple | Layer | Tensors),
}
"""What a parameter takes, by what stands after its colon; `datum` where nothing does."""


def _check_kind(parameter: tree.Parameter, value: Any, span: Span) -> None:
    """Raises `Fault` where a parameter is given something of another kind."""
    annotation = parameter.kind.text if parameter.kind is not None else "datum"
    if annotation not in _KINDS:
        assert parameter.kind is not None
        raise Fault.misnamed(
            kinds.KIND_MISMATCH,
            f"`{annotation}` is no kind of parameter",
            parameter.kind.span,
            nearest(annotation, _KINDS),
            helps=("parameters are `layer`, `tensor`, `int`, `float`, `bool`, `string`, `window` or `list`",),
        )
    if _KINDS[annotation](value):
        return
    name, declared = parameter.name.text, Label(parameter.span, "declared here")
    if parameter.kind is None:
        meant = "layer" if isinstance(value, Layer) else "tensor"
        end = Span(parameter.name.span.source, parameter.name.span.end, parameter.name.span.end)
        raise Fault(
            kinds.KIND_MISMATCH,
            f"`{name}` is declared for numbers and other data, not for {kind_of(value)}",
            span,
            kind_of(value),
            labels=(declared,),
            helps=(f"declare it as `{name}: {meant}`",),
            edit=Edit(end, f": {meant}"),
        )
    raise Fault(
        kinds.KIND_MISMATCH,
        f"`{name}` takes {'an' if annotation == 'int' else 'a'} {annotation}, not {kind_of(value)}",
        span,
        kind_of(value),
        labels=(declared,),
    )
