"""Arguments -> attributes of operators and parameters of blocks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from archdsl.elaborate.corrections import advice, correction, takes
from archdsl.elaborate.kinds import (
    ATTRIBUTE_VALUE,
    KIND_MISMATCH,
    MISSING_ARGUMENT,
    REPEATED_ARGUMENT,
    TOO_MANY_ARGUMENTS,
    UNKNOWN_ARGUMENT,
    UNKNOWN_NAME,
)
from archdsl.elaborate.problems import Fault
from archdsl.elaborate.values import Function, Given, Layer, SharedInstance, Tensors, kind_of, show
from archdsl.ir import AttributeProblem, Op, Value
from archdsl.source import Edit, Label, Span, nearest
from archdsl.syntax import tree

Evaluated = list[tuple[tree.Argument, Any]]


def bind(layer: Layer, evaluated: Evaluated) -> tuple[Layer, tuple[Value, ...]]:
    """The layer with more arguments bound, and the tensors among them that a merge takes as operands. Raises `Fault`."""
    bound = dict(layer.arguments)
    order = list(layer.order)
    tensors: list[Value] = []
    allowed = _allowed(layer)
    positions = [name for name in _positional(layer, allowed) if name not in bound]
    for argument, value in evaluated:
        if argument.name is None and isinstance(value, Tensors) and layer.op is not None:
            if layer.is_merge:
                tensors += value.values
                continue
            taken = _free_tensor(layer.op, bound)
            if taken is None:
                raise _no_tensor(layer, argument, value)
            bound[taken] = Given(value, argument.value.span)
            order.append(taken)
            continue
        name = _argument_name(layer, argument, value, positions, allowed)
        if name in bound:
            first = (Label(bound[name].span, "given here first"),)
            raise Fault(REPEATED_ARGUMENT, f"`{name}` of `{layer.name}` is given twice", argument.span, labels=first)
        bound[name] = Given(value.name if isinstance(value, Function) else value, argument.value.span)
        order.append(None if argument.name is None else name)
    return Layer(layer.target, bound, layer.defaults, tuple(order)), tuple(tensors)


def misread_word(fault: Fault, layer: Layer, call: tree.Call | tree.Default) -> Fault:
    """An unknown name as an argument that is a word of the callee: an attribute without its value, or one of its choices."""
    found = fault.diagnostic
    if found.kind is not UNKNOWN_NAME or found.primary is None:
        return fault
    argument = next((a for a in call.arguments if a.value.span == found.primary.span), None)
    if argument is None or not isinstance(argument.value, tree.Name):
        return fault
    word = argument.value.text
    if argument.name is None and word in _allowed(layer):
        message, is_flag = f"`{word}` of `{layer.name}` is given with its value", _is_flag(layer, word)
        edit = Edit(argument.span, f"{word}=true") if is_flag else None
        return Fault(
            UNKNOWN_NAME, message, argument.span, helps=(f"write `{word}={'true' if is_flag else '...'}`",), edit=edit
        )
    field = layer.op.fields().get(argument.name.text) if layer.op is not None and argument.name is not None else None
    if field is not None and field.accepts.choices and not found.helps and found.edit is None:
        return Fault(
            UNKNOWN_NAME, found.message, argument.value.span, helps=(f"`{field.name}` is {field.accepts.words}",)
        )
    return fault


def _is_flag(layer: Layer, name: str) -> bool:
    if layer.op is not None:
        return name in layer.op.fields() and isinstance(layer.op.fields()[name].default, bool)
    defaults = {p.name.text: p.default for p in layer.definition.syntax.parameters}
    return isinstance(defaults.get(name), tree.Boolean)


def _free_tensor(op: type[Op], bound: dict[str, Given]) -> str | None:
    """The attribute that a tensor given by position is for: the first free one that takes a tensor."""
    return next((name for name in op.tensor_attributes if name not in bound), None)


def _no_tensor(layer: Layer, argument: tree.Argument, value: Tensors) -> Fault:
    known = layer.op.tensor_attributes if layer.op is not None else ()
    if known:
        names = " and ".join(f"`{name}`" for name in known)
        message = f"`{layer.name}` takes {names} as a tensor beside the value before it, and this is one more"
        return Fault(KIND_MISMATCH, message, argument.value.span, kind_of(value))
    return Fault(
        KIND_MISMATCH,
        f"`{layer.name}` takes no tensor as an argument: it works on the value before it",
        argument.value.span,
        kind_of(value),
        helps=(f"write `{argument.value.span.text} -> {layer.name}`",),
    )


def _argument_name(
    layer: Layer, argument: tree.Argument, value: Any, positions: list[str], allowed: tuple[str, ...]
) -> str:
    if argument.name is None:
        if not positions:
            raise _too_many(layer, argument, value, allowed)
        return positions.pop(0)
    name = argument.name.text
    if name not in allowed:
        raise unknown_argument(layer, name, argument.name.span, allowed)
    if name in positions:
        positions.remove(name)
    return name


def _too_many(layer: Layer, argument: tree.Argument, value: Any, allowed: tuple[str, ...]) -> Fault:
    """An argument by position where none is left; the next attribute in order is most likely meant."""
    most = len(_positional(layer, allowed))
    free = [name for name in allowed[most:] if name not in layer.arguments]
    if isinstance(value, Layer) and layer.is_merge:
        return Fault(
            TOO_MANY_ARGUMENTS,
            f"`{layer.name}` takes tensors by position, and `{value.name}` is a layer",
            argument.span,
            helps=(f"make it an arm: `{layer.name} {{ | identity | {argument.span.text} }}`",),
        )
    fields = layer.op.fields() if layer.op is not None else {}
    fitting = [name for name in free if name in fields and takes(fields[name], value)]
    named = f"{fitting[0]}={argument.span.text}" if fitting else ""
    tensors = layer.op.tensor_attributes if layer.op is not None and not fields else ()
    tensor = f"`{tensors[0]}` is a tensor: `{layer.name}({tensors[0]}=...)`" if tensors else ""
    known = f"by name it takes {', '.join(f'`{name}`' for name in free)}" if free else tensor
    help = f"write `{named}`" if len(fitting) == 1 else known
    count = f"{most or 'no'} argument{'s' if most != 1 else ''}"
    return Fault(
        TOO_MANY_ARGUMENTS,
        f"`{layer.name}` takes {count}{' by position' if free else ''}, and this is one more",
        argument.span,
        helps=(help,) if help else (),
        edit=Edit(argument.span, named) if named else None,
    )


def _of_shared(layer: Layer, shared: Layer | None, name: str, span: Span) -> Fault | None:
    """A tensor for a shared operator: a block takes those of each use."""
    if shared is None or shared.op is None or name not in shared.op.tensor_attributes:
        return None
    block = f"block NAME({name}: tensor) {{ {shared.op.name}(..., {name}={name}) }}"
    return Fault(
        UNKNOWN_ARGUMENT,
        f"`{layer.name}` is one `{shared.op.name}`, whose attributes are those of its declaration",
        span,
        helps=(f"share a block that takes a tensor at each use: `{block}`",),
    )


def unknown_argument(layer: Layer, name: str, span: Span, allowed: tuple[str, ...]) -> Fault:
    what = "parameter" if layer.op is None else "attribute"
    if isinstance(layer.target, SharedInstance) and (fault := _of_shared(layer, layer.target.layer, name, span)):
        return fault
    close = nearest(name, allowed)
    return Fault.misnamed(
        UNKNOWN_ARGUMENT,
        f"`{layer.name}` has no {what} `{name}`",
        span,
        close,
        helps=(
            f"it has {', '.join(f'`{a}`' for a in allowed)}" if allowed else "it takes none",
            *filter(None, (layer.op.elsewhere if layer.op is not None and not close else "",)),
        ),
    )


def _allowed(layer: Layer) -> tuple[str, ...]:
    if layer.op is not None:
        return (*layer.op.fields(), *layer.op.tensor_attributes)
    if isinstance(layer.target, SharedInstance):
        return layer.target.open_tensors
    return tuple(p.name.text for p in layer.definition.syntax.parameters)


def _positional(layer: Layer, allowed: tuple[str, ...]) -> tuple[str, ...]:
    return allowed if layer.op is None else allowed[: layer.op.positional]


def tensor_arguments(layer: Layer) -> tuple[tuple[Value, Span], ...]:
    """The tensors given as attributes of an operator, in the order it declares them. Raises `Fault`."""
    assert layer.op is not None
    bound = layer.given
    given = [bound[name] for name in layer.op.tensor_attributes if name in bound]
    for argument in given:
        if not isinstance(argument.value, Tensors) or len(argument.value.values) != 1:
            raise Fault(
                KIND_MISMATCH,
                f"expected a tensor, found {kind_of(argument.value)}",
                argument.span,
                kind_of(argument.value),
            )
    return tuple((argument.value.values[0], argument.span) for argument in given)


def make_op(layer: Layer, span: Span) -> Op:
    """The operator with all its attributes checked. Raises `Fault`, naming the first attribute at fault."""
    op = layer.op
    assert op is not None
    fields = op.fields()
    given = {name: argument for name, argument in layer.given.items() if name in fields}
    for name, argument in given.items():
        if isinstance(argument.value, Layer | Tensors):
            raise _kind_fault(op, name, argument)
    try:
        return op(**{name: argument.value for name, argument in given.items()})
    except AttributeProblem as problem:
        raise _attribute_fault(op, given, problem, span) from None


def _attribute_fault(op: type[Op], given: dict[str, Given], problem: AttributeProblem, span: Span) -> Fault:
    name = problem.name
    if problem.is_missing:
        fields = ", ".join(op.fields())
        return Fault(
            MISSING_ARGUMENT,
            f"`{op.name}` needs `{name}`: {op.fields()[name].description}",
            span,
            f"`{name}` is missing",
            helps=(f"its attributes are {fields}",),
        )
    argument = given[name]
    shown, text = show(argument.value), argument.span.text
    meant = correction(op.fields()[name], argument.value, text)
    helps = (
        (f"write `{meant}`",)
        if meant
        else _without_rest(argument.value) or advice(op.fields()[name], argument.value, text)
    )
    if (swapped := _swapped(op, given, name)) is not None:
        return swapped
    return Fault(
        ATTRIBUTE_VALUE,
        f"`{name}` of `{op.name}` must be {problem.words}, not {shown}",
        argument.span,
        f"= {shown}" if shown != text else "",
        helps=helps,
        edit=Edit(argument.span, meant) if meant else None,
    )


def _without_rest(value: Any) -> tuple[str, ...]:
    """For sizes of which one is no whole number: the division that gives one."""
    part = next((n for n in value if isinstance(n, Fraction)), None) if isinstance(value, tuple) else None
    if part is None:
        return ()
    top, bottom = part.numerator, part.denominator
    return (f"a size is a whole number: `//` divides without the rest, `{top} // {bottom}` is {top // bottom}",)


def _swapped(op: type[Op], given: dict[str, Given], name: str) -> Fault | None:
    """`conv(3x3, 8)`: the first two arguments, each in the place of the other."""
    first, second, *_ = [*op.fields(), "", ""]
    if name != first or op.positional < 2 or second not in given or given[second].span.start < given[name].span.end:
        return None
    one, other = given[first], given[second]
    try:
        op.fields()[first].checked(other.value)
        op.fields()[second].checked(one.value)
    except AttributeProblem:
        return None
    written = f"{other.span.text}, {one.span.text}"
    return Fault(
        ATTRIBUTE_VALUE,
        f"`{first}` of `{op.name}` comes first, then `{second}`",
        one.span,
        helps=(f"write `{op.name}({written})`",),
        edit=Edit(Span(one.span.source, one.span.start, other.span.end), written),
    )


def _kind_fault(op: type[Op], name: str, argument: Given) -> Fault:
    """A layer or tensor for an attribute."""
    attribute = op.fields()[name]
    meant = correction(attribute, argument.value, argument.span.text)
    is_next = not meant and isinstance(argument.value, Layer) and not argument.value.is_merge
    return Fault(
        KIND_MISMATCH,
        f"`{name}` of `{op.name}` must be {attribute.accepts.words}, not {kind_of(argument.value)}",
        argument.span,
        f"did you mean `{meant}`?" if meant else kind_of(argument.value),
        helps=(f"layers follow one another: `{op.name}(...) -> {argument.span.text}`",) if is_next else (),
        edit=Edit(argument.span, meant) if meant else None,
    )
