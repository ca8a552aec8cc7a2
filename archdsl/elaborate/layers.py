"""Layers applied to their operands: an operator becomes a node, a block a call, a shared instance one more use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import zip_longest
from typing import Any, NamedTuple

from archdsl.elaborate import kinds
from archdsl.elaborate.arguments import make_op, tensor_arguments
from archdsl.elaborate.expressions import fill_holes, holes
from archdsl.elaborate.names import Current, Names
from archdsl.elaborate.open_sizes import SAY_SIZES, open_hole, open_question
from archdsl.elaborate.problems import Fault
from archdsl.elaborate.shrinking import shrinking
from archdsl.elaborate.tensors import check_extent
from archdsl.elaborate.values import Definition, Layer, SharedInstance, kind_of, show, show_call
from archdsl.ir import CallFrame, LongFormula, Misfit, Module, Op, OpenSize, Size, TensorType, Value, show_shape
from archdsl.source import Diagnostic, Edit, Kind, Label, Span
from archdsl.syntax import tree


class Asked(NamedTuple):
    """What asked something of open sizes: an operator where it is used."""

    operator: str
    span: Span


class Layers(Names):
    """Applies layers at a place."""

    def apply(
        self,
        layer: Layer,
        operands: tuple[Value, ...],
        label: tree.Label | None,
        span: Span,
        doc: str = "",
        arms: tuple[Label, ...] = (),
    ) -> Current:
        """Applies a layer to its operands; the results. Raises `Fault`."""
        if isinstance(layer.target, SharedInstance):
            return self._apply_shared(layer.target, layer, operands, label, span)
        if isinstance(layer.target, Definition):
            return self.build.call_block(self, layer, operands, label, span, doc)
        if self.build.domain is not None:
            self.build.domain.context = Asked(layer.name, span)
        op = make_op(layer, span)
        if op.needs_label and label is None:
            raise Fault(kinds.NEEDS_LABEL, f"`{op.name}` needs a label", span, helps=(f"as `name: {op.name}(...)`",))
        is_one = op.operands is None and op.is_itself_of_one and len(operands) == 1
        if label is None and (op.name == "identity" or is_one):
            return operands
        if op.tensor_attributes:
            operands += self._tensors_of(layer)
        self.build.reporter.spend_operators(span, max(1, len(operands)))
        return self._apply_op(op, self._op_name(op, label, span), operands, layer, span, doc, arms)

    def _tensors_of(self, layer: Layer) -> tuple[Value, ...]:
        """The tensors among the arguments of a layer, as it reads them. Raises `Fault`."""
        if layer.op is None:
            return layer.tensors
        return tuple(self._tensor_operand(layer.op, value, where) for value, where in tensor_arguments(layer))

    def _tensor_operand(self, op: type[Op], value: Value, span: Span) -> Value:
        """What an operator reads of a tensor that is its attribute: the tensor, or the switches of its max-pool."""
        if not op.reads_switches:
            return value
        try:
            switches = self.place.builder.switches(value)
        except Misfit as misfit:
            raise Fault(kinds.NO_SWITCHES, misfit.message, span, helps=(misfit.help,) if misfit.help else ()) from None
        if switches is None:
            needed = f"`{op.name}` needs the result of a max-pool of the same block"
            passed = ("declare this one as `inline block`, which is part of its caller",)
            if self.frame.is_network:
                passed = (f"name one: `maxpool(2x2) as small`, and further down `{op.name}(of=small)`",)
            is_passed = value.producer is None or self.frame.is_network
            raise Fault(kinds.NO_SWITCHES, needed, span, "this is none", helps=passed if is_passed else ())
        return switches

    def _op_name(self, op: Op, label: tree.Label | None, span: Span) -> str:
        if label is not None:
            return self.take(label)
        return self.place.number(span) if op.numbered else self.place.report_name(op.name, span)

    def _apply_op(
        self,
        op: Op,
        name: str,
        operands: tuple[Value, ...],
        layer: Layer,
        span: Span,
        doc: str = "",
        arms: tuple[Label, ...] = (),
    ) -> Current:
        with _worded(op, layer, operands, span, arms):
            results = self.place.builder.apply(
                name, op, operands, self.place.origin(span, name, doc), self.place.training
            )
        for result in results:
            check_extent(
                op.name, result.type.shape, span, "check the factor, the padding or the turns that it grows by"
            )
        return results

    def _apply_shared(
        self, shared: SharedInstance, use: Layer, operands: tuple[Value, ...], label: tree.Label | None, span: Span
    ) -> Current:
        if label is not None:
            gap = Span(label.span.source, label.span.start, span.start)
            raise Fault(
                kinds.MISPLACED_STATEMENT,
                "a shared instance has its own name: its uses take no label",
                label.span,
                helps=("leave the label out",),
                edit=Edit(gap, ""),
            )
        if self.place is not shared.place:
            raise Fault(
                kinds.UNSUPPORTED,
                f"`{shared.name}` is used in another scope than the one that declares it",
                span,
                helps=("declare it in the scope that uses it",),
            )
        if self.build.domain is not None:
            self.build.domain.context = Asked(shared.name, span)
        layer = shared.used(use)
        entering = operands + (() if layer is None else self._tensors_of(layer))
        types = tuple(v.type for v in entering)
        if not shared.is_named:
            shared.is_named = True
            group = f'`"turn{{i}}": {{ shared {shared.name} = ... }}`'
            again = f"declare it before the loop: one for all turns; or, for one in each, in a group: {group}"
            self.place.take(shared.name, shared.element.span, again)
        key = types, tuple(use.arguments)
        if key not in shared.modules:
            shared.modules[key] = self._instance_for(shared, layer, operands, types, span)
        instance: Module | Op = shared.modules[key]
        origin, builder = self.place.origin(span, shared.name), self.place.builder
        if isinstance(instance, Module):
            results: Current = builder.call(shared.name, instance, entering, origin, self.place.training)
            return results
        assert isinstance(instance, Op)
        return self._apply_op(instance, shared.name, entering, Layer(type(instance)), span)

    def _instance_for(
        self,
        shared: SharedInstance,
        layer: Layer | None,
        operands: tuple[Value, ...],
        types: tuple[TensorType, ...],
        span: Span,
    ) -> Module | Op:
        """What a shared instance is for values of new types: the same weights and the same code. Raises `Fault`."""
        made = self.build.shared_instance(self, shared, layer, operands, span)
        if isinstance(made, Op):
            with _worded(made, Layer(type(made)), operands, span):
                made.infer(*types)
        if not shared.modules:
            return made
        (before, _), first = next(iter(shared.modules.items()))
        if shared.ways is None:
            shared.state = _state(first, before)
        same_state = _state(made, types) == shared.state
        if same_state:
            common = _codes(first, before) if shared.ways is None else shared.ways
            ways = [a & b for a, b in zip_longest(_codes(made, types), common, fillvalue=frozenset[Any]())]
            if all(ways):
                shared.ways = ways
                return made
        raise Fault(
            kinds.SHARED_MISMATCH,
            f"`{shared.name}` is one module, and {_shapes(types)} would run through other code than {_shapes(before)}"
            if same_state
            else f"`{shared.name}` is shared, and {_shapes(types)} wants other weights than {_shapes(before)}",
            span,
            labels=(Label(shared.element.span, "declared here"),),
            helps=(_one_code(made),) if same_state else (),
        )

    def take(self, label: tree.Label) -> str:
        """The name that a label gives to a child of this place. Raises `Fault`."""
        try:
            return self.place.take(self.label_text(label), label.span)
        except Fault as fault:
            raise self._in_loop(fault, label) from None

    def _in_loop(self, fault: Fault, label: tree.Label) -> Fault:
        """A label that every turn of a loop takes again: with the loop's variable in it, it is another each time."""
        found = fault.diagnostic
        is_again = found.kind is kinds.DUPLICATE_PATH and not found.labels and not self.place.frames
        if not is_again:
            return fault
        if label.is_string:
            return self._again_with_holes(found, label)
        written = self.with_turn(label)
        if not written:
            return fault
        return Fault(
            found.kind,
            f"every turn of the loop makes a child called `{label.text}`",
            label.span,
            helps=(f"put the variable into the label: `{written}: ...`",),
            edit=Edit(label.span, written),
        )

    def _again_with_holes(self, found: Diagnostic, label: tree.Label) -> Fault:
        """A label that has a variable of some loop in it, and is the same in all turns of another."""
        named = {name.text for hole in holes(label) for name in tree.walk(hole) if isinstance(name, tree.Name)}
        around = self.frame.loops_around(label.span)
        idle = [loop for loop in around if not (isinstance(loop, tree.For) and named & {n.text for n in loop.names})]
        helps: tuple[str, ...] = ("its variables have the same values in several turns: put one into it that differs",)
        if idle:
            which = "inner " if len(around) > 1 and idle[-1] is around[-1] else "outer " if len(around) > 1 else ""
            index = next(name for name in ("i", "j", "k", "turn") if self.scope.lookup(name) is None)
            written = f'for {index} in 0..<n {{ "{label.text}_{{{index}}}": ... }}'
            helps = (
                f"the turns of the {which}loop all make it: count them and put the number into the label too: `{written}`",
            )
        return Fault(found.kind, found.message, label.span, "the second", helps=helps)

    def with_turn(self, label: tree.Label) -> str:
        """A label with the variable of the loop that it stands in; empty where there is none, as in a `repeat`."""
        inmost = next(reversed(self.frame.loops_around(label.span)), None)
        return f'"{label.text}{{{inmost.names[0].text}}}"' if isinstance(inmost, tree.For) else ""

    def label_text(self, label: tree.Label) -> str:
        """The text of a label with its holes filled. Raises `Fault`."""
        if not label.is_string:
            return label.text

        def written(hole: tree.Expression) -> str:
            value = self.value(hole)
            if isinstance(value, Size):
                raise open_hole("label", value, hole.span)
            if isinstance(value, bool) or not isinstance(value, int | str):
                what = show(value) if isinstance(value, Fraction) else kind_of(value)
                raise Fault(kinds.BAD_LABEL, f"a hole holds a whole number or a string, not {what}", label.span)
            return str(value)

        return fill_holes(label.text, label.span, written, kinds.BAD_LABEL)

    def inline_frame(self, layer: Layer, span: Span) -> CallFrame:
        arguments = tuple((name, show(given.value)) for name, given in layer.arguments.items())
        return CallFrame(show_call(layer), span, layer.name, arguments, self.place.condition)


@contextmanager
def _worded(
    op: Op, layer: Layer, operands: tuple[Value, ...], span: Span, arms: tuple[Label, ...] = ()
) -> Iterator[None]:
    """Words what an operator says of its operands at the place where it is used. Raises `Fault`."""
    try:
        yield
    except LongFormula as formula:
        raise Fault(
            kinds.BUDGET_EXCEEDED, str(formula), span, "a size of its result is too long", helps=(SAY_SIZES,)
        ) from None
    except OpenSize as open_size:
        raise open_question(f"`{op.name}` needs a size that is open: {open_size}", span) from None
    except Misfit as misfit:
        if op.operands is None and not arms:
            misfit.notes += (f"joined are {', '.join(show_shape(v.type.shape) for v in operands[:8])}",)
        if op.operands is None:
            misfit.help = _of_one_layer(operands) or misfit.help
        if (fault := _with_input_channels(misfit, layer, operands)) is not None:
            raise fault from None
        if misfit.code == "window-too-large" and operands:
            misfit.notes += shrinking(operands[0])
        raise _misfit(misfit, layer, span, arms) from None


def _of_one_layer(operands: tuple[Value, ...]) -> str | None:
    """What helps where a merge joins a sequence and a state that one layer gives."""
    for node in dict.fromkeys(v.producer for v in operands):
        if node is not None and len({*node.results} & {*operands}) > 1 and len({v.type for v in node.results}) > 1:
            return (
                f"`{node.operator.name}` gives {len(node.results)} values, which are all joined: name them, `as p, q`"
            )
    return None


def _state(instance: Module | Op, types: tuple[Any, ...]) -> Any:
    """The names and shapes of an instance's weights."""
    if isinstance(instance, Module):
        return [
            (node.name, _state(node.operator, node.operand_types)) for node in instance.instances()
        ]  # fmt: skip
    return instance.state(*types)


def _one_code(instance: Module | Op) -> str:
    """What gives a shared instance the same code for maps of all sizes.

    Pools round up by themselves; convolutions are padded.
    """
    operators = [node.operator for node in instance.nodes] if isinstance(instance, Module) else [instance]
    if any(isinstance(op, Op) and op.category != "pool" and op.attributes.get("round") == "ceil" for op in operators):
        return "leave out `round=ceil`, which pads as the size of the map asks for"
    return "give its paddings and sizes as numbers, which are the same for both"


def _codes(instance: Module | Op, types: tuple[Any, ...]) -> Iterator[frozenset[Any]]:
    """What an instance runs: each of its operators in the ways that PyTorch has for it, and what each of them reads.

    Whether one accumulates in place depends on the types, too, but is decided for all uses together.
    """
    if isinstance(instance, Op):
        yield frozenset(lowering.code for lowering in instance.pytorch(*types).ways)
        return
    order = {id(value): number for number, value in enumerate(_values(instance))}
    for node in instance.nodes:
        yield frozenset({(node.name, *(order[id(v)] for v in node.operands))})
        yield from _codes(node.operator, node.operand_types)
    yield frozenset({tuple(order[id(value)] for value in instance.outputs)})


def _values(module: Module) -> Iterator[Value]:
    yield from module.inputs
    for node in module.nodes:
        yield from node.results


def _shapes(types: tuple[TensorType, ...]) -> str:
    return " and ".join(show_shape(t.shape) for t in types)


def _tensor_attribute(misfit: Misfit, layer: Layer) -> str:
    """The attribute that is the operand at fault, if it is one."""
    assert layer.op is not None
    given = [name for name in layer.op.tensor_attributes if name in layer.given]
    return given[misfit.operand - 1] if misfit.operand and given else ""


def _with_input_channels(misfit: Misfit, layer: Layer, operands: tuple[Value, ...]) -> Fault | None:
    """`conv(3, 64, 3)`, as PyTorch has it: what was meant for the channels is a window that fits nowhere."""
    given = layer.arguments
    if misfit.code != "window-too-large" or layer.order[:3] != (None, None, None) or next(iter(given)) != "channels":
        return None
    first, second, third = list(given.values())[:3]
    if first.value != operands[0].type.channels or not isinstance(second.value, int):
        return None
    gap = Span(first.span.source, first.span.start, second.span.start)
    return Fault(
        kinds.WINDOW_TOO_LARGE,
        f"`{layer.name}` takes no input channels, so that {second.span.text} is the size of its window",
        second.span,
        labels=(Label(first.span, "the output channels, by position"),),
        helps=(f"write `{layer.name}({second.span.text}, {third.span.text})`: input channels are read off the input",),
        edit=Edit(gap, ""),
    )


def _misfit(misfit: Misfit, layer: Layer, span: Span, arms: tuple[Label, ...]) -> Fault:
    """Words an operator's complaint at the place where it was used."""
    kind: Kind = kinds.MISFITS[misfit.code]
    helps = (misfit.help,) if misfit.help else ()
    given = layer.given.get(misfit.attribute or _tensor_attribute(misfit, layer))
    if arms and misfit.attribute is None:
        return Fault(kind, misfit.message, span, misfit.label or "", labels=arms, notes=misfit.notes, helps=helps)
    where = given.span if given is not None else span
    edit = Edit(where, misfit.instead) if misfit.instead is not None and given is not None else None
    return Fault(kind, misfit.message, where, misfit.label or "", notes=misfit.notes, helps=helps, edit=edit)
