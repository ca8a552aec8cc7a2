"""What the graph holds of a block's declaration, as data: its parameters, and what it asks and works out of them.

Backends write that where several instances of a block are one definition. What hangs on anything but parameters and sizes
of the input, the variable of a loop for example, is left out.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from archdsl.elaborate.scope import Scope
from archdsl.elaborate.values import Definition, Layer, simplify
from archdsl.ir import NAMED_SIZES, SIGNS, Datum, Operation, Parameter
from archdsl.syntax import tree

CONDITIONS = ("==", "!=", "<", "<=", ">", ">=", "and", "or", "not")

DEEPEST = 8
"""Operations inside each other: what is deeper is no condition that a person reads, and `let` doubles with each line."""

Names = dict[str, Operation | None]
"""What names stand for in a declaration; None where that is not told."""


def parameters(syntax: tree.Block | tree.Network, scope: Scope) -> tuple[Parameter, ...]:
    """The parameters that were bound to data, with those of their defaults that are constants."""
    names = [parameter.name.text for parameter in syntax.parameters]
    values = [_datum(scope.names[name]) for name in names]
    defaults = [_constant(parameter.default) for parameter in syntax.parameters]
    found = zip(names, values, defaults, strict=True)
    return tuple(Parameter(name, value, default) for name, value, default in found if value is not None)


def operations(definition: Definition) -> tuple[Operation, ...]:
    """The conditions and the arithmetic of a block, and then of those that it inlines."""
    if definition.operations is None:
        block = definition.syntax
        names: Names = {p.name.text: Operation("parameter", (p.name.text,)) for p in block.parameters}
        found, calls = _operations(block, names)
        for call in calls:
            layer = definition.scope.lookup(call.callee.text)
            inner = layer.target.syntax if isinstance(layer, Layer) and isinstance(layer.target, Definition) else None
            if isinstance(inner, tree.Block) and inner.inline:
                found += _operations(inner, _bound(call, inner, names))[0]
        definition.operations = tuple(dict.fromkeys(found))
    return definition.operations


def _operations(block: tree.Block | tree.Network, names: Names) -> tuple[list[Operation], list[tree.Call]]:
    """Those of a declaration alone, and the calls in it; `names` learns what `let` binds in it."""
    found, calls = [], []
    for syntax in tree.walk(block.body):
        asked: tree.Expression | None = None
        if isinstance(syntax, tree.Call):
            calls.append(syntax)
        elif isinstance(syntax, tree.Let):
            names[syntax.name.text] = _named(_operation(syntax.value, names))
        elif isinstance(syntax, tree.If | tree.ArmIf | tree.Conditional):
            asked = syntax.condition
        elif isinstance(syntax, tree.Argument):
            asked = syntax.value if _is_condition(syntax.value) else None
        elif isinstance(syntax, tree.Binary):
            asked = None if _is_condition(syntax) else syntax
        operation = None if asked is None else _operation(asked, names)
        if operation is not None:
            found.append(operation)
    return found, calls


def _is_condition(expression: tree.Expression) -> bool:
    return isinstance(expression, tree.Binary | tree.Unary) and expression.operator in CONDITIONS


def _operation(expression: tree.Expression, names: Names, room: int = DEEPEST) -> Operation | None:
    """An expression as data; None where it is of something else than parameters and sizes of the input, or too deep."""
    if room == 0:
        return None
    match expression:
        case tree.Name():
            known = names.get(expression.text)
            return known if known is not None and _depth(known) <= room else None
        case tree.Attribute(base=tree.In()) if expression.name.text in NAMED_SIZES:
            return Operation("input", (expression.name.text,))
        case tree.Unary(operator="not"):
            sides = [expression.operand]
        case tree.Binary() if expression.operator in SIGNS:
            sides = [expression.left, expression.right]
        case _:
            value = _constant(expression)
            return None if value is None or isinstance(value, float) else Operation("value", (value,))
    operands = tuple(_operation(side, names, room - 1) for side in sides)
    return None if None in operands else Operation(expression.operator, operands)


def _depth(operation: Operation) -> int:
    return 1 + max((_depth(o) for o in operation.operands if isinstance(o, Operation)), default=0)


def _named(operation: Operation | None) -> Operation | None:
    return None if operation is None else Operation("let", (operation,))


def _bound(call: tree.Call, block: tree.Block, names: Names) -> Names:
    """The parameters of a block that is inlined, in those of the one around it."""
    declared = [p.name.text for p in block.parameters]
    given = {p.name.text: p.default for p in block.parameters if p.default is not None}
    given |= dict(zip(declared, (a.value for a in call.arguments if a.name is None), strict=False))
    given |= {a.name.text: a.value for a in call.arguments if a.name is not None}
    return {name: _named(_operation(value, names)) for name, value in given.items()}


def _constant(expression: tree.Expression | None) -> Datum | None:
    """What a literal says; None for all other expressions."""
    match expression:
        case tree.Number(unit=""):
            return _datum(simplify(expression.value))
        case tree.Window():
            return expression.sizes
        case tree.String() if "{" not in expression.text:
            return expression.text
        case tree.Boolean():
            return expression.value
    return None


def _datum(value: Any) -> Datum | None:
    """The value as plain data; None for layers and tensors."""
    if isinstance(value, tuple):
        items = tuple(map(_datum, value))
        return None if None in items else items  # type: ignore[return-value]
    if isinstance(value, Fraction):
        return float(value)
    return value if isinstance(value, bool | int | float | str) else None
