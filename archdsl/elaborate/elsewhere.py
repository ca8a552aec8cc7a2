"""Calls as PyTorch and Keras write them, in the words of this language."""

from __future__ import annotations

import re
from typing import NamedTuple

from archdsl.elaborate.corrections import takes
from archdsl.elaborate.kinds import KIND_MISMATCH, TOO_MANY_ARGUMENTS, UNKNOWN_ARGUMENT, UNKNOWN_NAME
from archdsl.elaborate.problems import Fault
from archdsl.elaborate.scope import known_elsewhere
from archdsl.elaborate.theirs import ADVICE, AXES, DROPPED, FUNCTIONS, NAMES, OURS, POSITIONS, READ_OFF, REASONS
from archdsl.ir import AttributeProblem
from archdsl.ops import find
from archdsl.source import Edit, Kind, Span
from archdsl.syntax import tree


class Written(NamedTuple):
    """A call in the words of this language, and why some of its arguments are gone."""

    text: str
    reasons: tuple[str, ...]


class _Call:
    """The parts of a call that is being written anew."""

    def __init__(self, name: str) -> None:
        op = find(name)
        self.name = name
        self.fields = _fields(name)
        self.positional = self.fields[: op.positional] if op is not None else ()
        self.parts: list[str] = []
        self.reasons: list[str] = []
        self.given: set[str] = set()
        self.activation = ""
        self.in_order = True

    def takes(self, arguments: list[tree.Argument], order: tuple[str, ...]) -> bool:
        """Adds arguments, those by position in this order; whether all of them could be said."""
        for index, argument in enumerate(arguments):
            given = argument.name
            target = _target(given.text, self) if given is not None else order[index] if index < len(order) else None
            if target is None or not _give(self, target, argument):
                return False
        return True

    @property
    def lacks(self) -> bool:
        """Whether an attribute without a default was not given."""
        op = find(self.name)
        return op is not None and any(a.is_required and n not in self.given for n, a in op.fields().items())

    def drop(self, reason: str) -> None:
        self.reasons += [reason] if reason not in self.reasons else []

    def give(self, name: str, text: str, *, named: bool) -> None:
        at = len(self.parts)
        self.given.add(name)
        self.in_order = self.in_order and not named and at < len(self.positional) and self.positional[at] == name
        self.parts.append(text if self.in_order else f"{name}={text}")

    @property
    def text(self) -> str:
        inside = ", ".join(self.parts)
        return (f"{self.name}({inside})" if inside else self.name) + self.activation


def written(name: str, theirs: str, arguments: list[tree.Argument]) -> Written | None:
    """A call of `theirs`, which is `name` here, with its arguments in our words; None where they cannot be told."""
    if theirs.casefold().startswith("global"):
        return Written(f"{name}(global)", ())
    if "Pooling" in theirs and not arguments:
        return Written(f"{name}(2)", ("a pool's window has no default",))
    for order in (_order(theirs, is_ours=theirs == name), None):
        call = _Call(name)
        if call.takes(arguments, call.positional if order is None else order) and not call.lacks:
            return Written(call.text, tuple(call.reasons))
    return None


def _order(theirs: str, *, is_ours: bool) -> tuple[str, ...] | None:
    found = OURS.get(theirs) if is_ours else POSITIONS.get(re.sub(r"[123](?=[dD]$)", ".", theirs))
    return tuple(found.split()) if found is not None else None


def _target(name: str, call: _Call) -> str | None:
    """What an argument by name is called here; None where that is not known."""
    if name in ("activation", "act"):
        return "activation"
    if name in call.fields:
        return name
    if name in REASONS:
        return name
    if name in AXES and (AXES[name] in call.fields or "axes" in call.fields):
        return name
    ours = NAMES.get(name)
    return ours if ours in call.fields else None


def _give(call: _Call, target: str, argument: tree.Argument) -> bool:
    """Adds an argument to a call; whether it could be said."""
    value = argument.value
    text = value.span.text
    if target == DROPPED or REASONS.get(target) == READ_OFF:
        call.drop("sizes of the input are not given: they are read off the input")
    elif target in REASONS:
        call.drop(REASONS[target])
    elif target in call.given:
        return False
    elif target == "activation":
        word = value.text if isinstance(value, tree.Name | tree.String) else ""
        call.drop("an activation is a layer of its own")
        call.activation = f" -> {word}"
        return find(word) is not None
    elif target in AXES:
        call.drop("axes are counted without the batch")
        if not (isinstance(value, tree.Number) and value.value >= 1):
            return False
        call.give(_axis(target, call.fields), str(value.value - 1), named=True)
    elif target in call.fields:
        if not _fits(call.name, target, value):
            return False
        call.give(target, {"True": "true", "False": "false"}.get(text, text), named=argument.name is not None)
    else:
        return False
    return True


def _fits(name: str, target: str, value: tree.Expression) -> bool:
    """Whether an attribute takes what is written, as far as the text alone tells: a layer is none."""
    op, whole = find(name), _whole(value)
    if op is None:
        return True
    if isinstance(value, tree.Name) and find(value.text) is not None:
        return bool(op.fields()[target].accepts.choices)
    number = whole if whole is not None or not isinstance(value, tree.Number | tree.Boolean) else value.value
    return number is None or takes(op.fields()[target], number)


def reworded(fault: Fault, call: tree.Call | tree.Default) -> Fault:
    """A fault of a call that was written as in another framework, with the call as it is written here."""
    found, callee, arguments = fault.diagnostic, call.callee, call.arguments
    assert found.primary is not None
    at = found.primary.span
    span = Span(callee.span.source, callee.span.start, call.span.end)
    if found.kind is UNKNOWN_NAME and at == callee.span:
        return _unknown_callee(fault, callee, arguments, span)
    if found.kind is KIND_MISMATCH and arguments and at.source is span.source:
        return _given_tensors(fault, callee, arguments, span)
    name = next((a.name for a in arguments if a.value.span == at), None)
    if found.kind is UNKNOWN_NAME and name is not None and name.text in ADVICE and find(callee.text) is not None:
        message = f"`{callee.text}` has no attribute `{name.text}`"
        return Fault(UNKNOWN_ARGUMENT, message, name.span, helps=(ADVICE[name.text],))
    if found.kind not in (UNKNOWN_ARGUMENT, TOO_MANY_ARGUMENTS) or not any(at in _places(a) for a in arguments):
        return fault
    if found.kind is TOO_MANY_ARGUMENTS:
        meant = (
            _grouped(callee, arguments)
            or _activated(callee, arguments)
            or _nested(callee, arguments)
            or _listed(callee, arguments)
            or _of_numbers(callee, arguments)
        )
        if meant is not None:
            return _mended(found.kind, meant.reasons[0], at, (), meant, span)
    given = next((a.name.text for a in arguments if a.name is not None and a.name.span == at), "")
    ours = written(callee.text, callee.text, arguments) if find(callee.text) is not None else None
    if ours is not None:
        return _mended(found.kind, _about(callee.text, given, ours), at, (), ours, span)
    if given == "dim" and find(callee.text) is not None:
        return Fault(found.kind, _about(callee.text, given, None), at, helps=("`dim=1` is `axis=0`",))
    if given in ADVICE:
        return Fault(found.kind, found.message, at, helps=(ADVICE[given],))
    op = find(callee.text)
    if op is not None and NAMES.get(given) in op.fields():
        return Fault(found.kind, _about(callee.text, given, None), at)
    return fault


def _nested(callee: tree.Word, arguments: list[tree.Argument]) -> Written | None:
    """`relu(conv(64, 3x3))`: a layer that is applied to another one."""
    op, first = find(callee.text), arguments[0]
    inner = first.value.callee if isinstance(first.value, tree.Call) else first.value
    if op is None or op.operands != 1 or len(arguments) > 1 or not isinstance(inner, tree.Word | tree.Name):
        return None
    if find(inner.text) is None:
        return None
    reason = f"layers follow one another with `->`: `{callee.text}` takes none in parentheses"
    return Written(f"{first.span.text} -> {callee.text}", (reason,))


def _activated(callee: tree.Word, arguments: list[tree.Argument]) -> Written | None:
    """`linear(10, softmax)`: the layer that follows, as the last argument."""
    *rest, last = arguments
    op = find(last.value.text) if isinstance(last.value, tree.Name) and last.name is None else None
    ours = written(callee.text, callee.text, rest) if rest and op is not None and op.operands == 1 else None
    if ours is None:
        return None
    reason = f"`{callee.text}` takes no activation: that is a layer of its own"
    return Written(f"{ours.text} -> {last.value.span.text}", (reason,))


def _listed(callee: tree.Word, arguments: list[tree.Argument]) -> Written | None:
    """`permute(0, 2, 1)`: the items of the one list that an operator takes."""
    op = find(callee.text)
    values = [a.value for a in arguments]
    if op is None or op.positional != 1 or not op.fields() or any(a.name is not None for a in arguments):
        return None
    numbers = tuple(_whole(value) for value in values)
    name, attribute = next(iter(op.fields().items()))
    try:
        attribute.checked(numbers)
    except AttributeProblem:
        return None
    inside = ", ".join(value.span.text for value in values)
    return Written(f"{callee.text}([{inside}])", (f"`{name}` of `{callee.text}` is one list",))


def _grouped(callee: tree.Word, arguments: list[tree.Argument]) -> Written | None:
    """`linear(1,000)`: digits grouped by commas."""
    text = arguments[0].span._replace(end=arguments[-1].span.end).text
    if not re.fullmatch(r"\d{1,3}(,\d{3})+", text):
        return None
    return Written(f"{callee.text}({text.replace(',', '_')})", ("digits are grouped by `_`, not by commas",))


def _of_numbers(callee: tree.Word, arguments: list[tree.Argument]) -> Written | None:
    """`sqrt(64)`: the function of a number, where the layer of that name stands."""
    power = {"sqrt": "0.5", "square": "2"}.get(callee.text)
    if power is None or len(arguments) > 1:
        return None
    text = arguments[0].span.text
    base = text if text.isalnum() else f"({text})"
    return Written(f"{base} ^ {power}", (f"`{callee.text}` is a layer; of numbers it is a power",))


def _whole(value: tree.Expression) -> int | None:
    """The whole number that is written; None for anything else."""
    sign = 1
    if isinstance(value, tree.Unary) and value.operator == "-":
        value, sign = value.operand, -1
    return sign * int(value.value) if isinstance(value, tree.Number) and value.value.denominator == 1 else None


def _unknown_callee(fault: Fault, callee: tree.Word, arguments: list[tree.Argument], span: Span) -> Fault:
    """A call of what has another name here."""
    name, edit = callee.text, fault.diagnostic.edit
    if name in FUNCTIONS:
        return _function(name, arguments, span)
    known = known_elsewhere(name) or (edit.replacement if edit is not None and not name.islower() else "")
    ours = written(known, name, arguments) if find(known) is not None else None
    if ours is None:
        return fault
    return _mended(UNKNOWN_NAME, f"`{name}` is called `{known}` here", callee.span, ours.reasons, ours, span)


def _given_tensors(fault: Fault, callee: tree.Word, arguments: list[tree.Argument], span: Span) -> Fault:
    """Tensors between the parentheses: a list of them for a merge, or one for a layer."""
    found, first = fault.diagnostic, arguments[0]
    assert found.primary is not None
    op = find(callee.text)
    if op is None or first.name is not None or not first.span.start <= found.primary.span.start < first.span.end:
        return fault
    if op.operands is None and isinstance(first.value, tree.List):
        ours = written(callee.text, callee.text, arguments[1:])
        arms = "".join(f" | {item.span.text}" for item in first.value.items)
        text = f"{ours.text if ours is not None else callee.text} {{{arms} }}"
        message = f"`{callee.text}` takes its values as arms, not as a list"
        return _mended(found.kind, message, first.span, (), Written(text, ()), span)
    rest = _without_batch(callee.text, arguments[1:])
    if op.operands == 1 and rest is not None and found.primary.span == first.span:
        ours = Written(f"{first.span.text} -> {callee.text}{rest}", ())
        return _mended(
            found.kind, f"`{callee.text}` is applied with `->`, not by calling it", first.span, (), ours, span
        )
    return fault


def _without_batch(name: str, arguments: list[tree.Argument]) -> str | None:
    """The axes among a function's arguments, counted without the batch, in parentheses; None where there is more."""
    if not arguments:
        return ""
    axis = arguments[0].value
    if len(arguments) > 1 or name not in ("flatten", "softmax", "log_softmax") or not isinstance(axis, tree.Number):
        return None
    return None if axis.value < 1 else "" if name == "flatten" and axis.value == 1 else f"({axis.value - 1})"


def _mended(kind: Kind, message: str, at: Span, notes: tuple[str, ...], ours: Written, span: Span) -> Fault:
    return Fault(kind, message, at, notes=notes, helps=(f"write `{ours.text}`",), edit=Edit(span, ours.text))


def _function(name: str, arguments: list[tree.Argument], span: Span) -> Fault:
    """A function of Python."""
    texts = [argument.value.span.text for argument in arguments]
    if name != "range":
        message, ours = f"`{name}` is called `{FUNCTIONS[name]}` here", f"{FUNCTIONS[name]}({', '.join(texts)})"
    else:
        first, last, *step = texts if len(texts) > 1 else ["0", *texts, *([""] * (not texts))]
        message, ours = "a range is written with dots", f"{first}..<{last}" + (f" by {step[0]}" if step else "")
    return Fault(UNKNOWN_NAME, message, span, helps=(f"write `{ours}`",), edit=Edit(span, ours))


def _places(argument: tree.Argument) -> tuple[Span, ...]:
    return (argument.span,) if argument.name is None else (argument.span, argument.name.span)


def _fields(name: str) -> tuple[str, ...]:
    op = find(name)
    return tuple(op.fields()) if op is not None else ()


def _axis(given: str, fields: tuple[str, ...]) -> str:
    """What an axis is called by an operator: `axes` where it takes several."""
    return AXES[given] if AXES[given] in fields or "axes" not in fields else "axes"


def _about(name: str, given: str, ours: Written | None) -> str:
    """What is wrong with an argument that has another name here, or none."""
    if given in AXES:
        return (
            f"`{name}` has no attribute `{given}`: it is called `{_axis(given, _fields(name))}` here, "
            "and axes are counted without the batch"
        )
    if given in NAMES:
        return f"`{name}` has no attribute `{given}`: it is called `{NAMES[given]}` here"
    if given and ours is not None:
        return f"`{name}` has no attribute `{given}`: {REASONS.get(given) or ours.reasons[0]}"
    return f"`{name}` takes no size of its input: {READ_OFF}"
