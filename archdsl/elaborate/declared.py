"""What the graph holds of a block's declaration, as data: its parameters, and what it asks and works out of them.

Backends write that where several instances of a block are one definition. What hangs on anything but parameters and sizes
of the input, the variable of a loop for example, is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

from archdsl.elaborate.expressions import holes
from archdsl.elaborate.scope import Scope
from archdsl.elaborate.values import Definition, Layer, simplify
from archdsl.ir import NAMED_SIZES, SIGNS, Datum, Operation, Parameter
from archdsl.syntax import tree

CONDITIONS = ("==", "!=", "<", "<=", ">", ">=", "and", "or", "not")

DEEPEST = 8
"""Operations inside each other: what is deeper is no condition that a person reads, and `let` doubles with each line."""
MOST = 256
"""Operations of one declaration: they are a hint for who writes code, and each instance holds them."""
LONGEST = 4096
"""Nodes of the tree that are read for them, in a block and in those that it inlines."""

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
    """The conditions and the arithmetic of a block, and then of those that it inlines: at most `MOST`, each once."""
    if definition.operations is None:
        found: dict[str, Operation] = {}
        for operation in _operations(definition):
            found.setdefault(repr(operation), operation)  # Python holds `x == 1` and `x == true` equal
            if len(found) == MOST:
                break
        definition.operations = tuple(found.values())
    return definition.operations


def _operations(definition: Definition) -> Iterator[Operation]:
    """Those of a block, then of the blocks that it inlines and of what these inline, once for equal arguments."""
    own: Names = {p.name.text: Operation("parameter", (p.name.text,)) for p in definition.syntax.parameters}
    waiting = deque([(definition, own)])
    known = set()
    room = LONGEST
    while waiting:
        block, names = waiting.popleft()
        calls = []
        for syntax in islice(_walk(block.syntax.body), room):
            room -= 1
            if isinstance(syntax, tree.Call):
                calls.append(syntax)
            elif isinstance(syntax, tree.Let):
                names[syntax.name.text] = _named(_operation(syntax.value, names))
            elif (operation := _asked(syntax, names)) is not None:
                yield operation
        for call in calls:
            layer = block.scope.lookup(call.callee.text)
            inner = layer.target if isinstance(layer, Layer) else None
            if isinstance(inner, Definition) and isinstance(inner.syntax, tree.Block) and inner.syntax.inline:
                bound = _bound(call, inner.syntax, names)
                key = (id(inner), repr(bound))
                if key not in known:
                    known.add(key)
                    waiting.append((inner, bound))


def _walk(syntax: tree.Syntax) -> Iterator[tree.Syntax]:
    """A node of the tree and everything below it, in the holes of a string too."""
    for node in tree.walk(syntax):
        yield node
        for hole in holes(node) if isinstance(node, tree.String) else ():
            yield from tree.walk(hole)


def _asked(syntax: tree.Syntax, names: Names) -> Operation | None:
    """The condition or the arithmetic that stands here; None where none does."""
    asked: tree.Expression | None = None
    if isinstance(syntax, tree.If | tree.ArmIf | tree.Conditional):
        asked = syntax.condition
    elif isinstance(syntax, tree.Argument):
        asked = syntax.value if _is_condition(syntax.value) else None
    elif isinstance(syntax, tree.Binary):
        asked = None if _is_condition(syntax) else syntax
    return None if asked is None else _operation(asked, names)


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
        case tree.Index(base=tree.Attribute(base=tree.In(), name=word), index=tree.Number(unit="", value=axis)):
            is_axis = word.text == "shape" and axis.denominator == 1
            return Operation("input", (int(axis),)) if is_axis else None
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
    """The parameters of a block that is inlined, in those of the one around it; its defaults in its own so far."""
    declared = [p.name.text for p in block.parameters]
    given = dict(zip(declared, (a.value for a in call.arguments if a.name is None), strict=False))
    given |= {a.name.text: a.value for a in call.arguments if a.name is not None}
    bound: Names = {}
    for parameter in block.parameters:
        name = parameter.name.text
        value, known = (given[name], names) if name in given else (parameter.default, bound)
        bound[name] = None if value is None else _named(_operation(value, known))
    return bound


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
