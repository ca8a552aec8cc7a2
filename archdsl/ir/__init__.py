"""Layer 1: the typed graph. It knows no text, no particular operator and no backend.

`print_network`, `read_network` and `through` are imported when asked for: checking a spec needs none of them.
"""

from typing import TYPE_CHECKING, Any

from archdsl.ir.build import Builder
from archdsl.ir.extent import (
    LISTED_LIMIT,
    Extent,
    TooManyOperators,
    check_listed,
    check_unfolded,
    is_listed,
    modules,
    unrolled,
)
from archdsl.ir.flatten import Flat, Layer, flatten
from archdsl.ir.graph import (
    CallFrame,
    Datum,
    Module,
    Network,
    Node,
    Origin,
    Output,
    Parameter,
    Repeat,
    Value,
    parts,
    split_name,
    turns_beside,
)
from archdsl.ir.op import Autocast, Category, Examples, KernelPrecision, Misfit, Op, State, Types
from archdsl.ir.op.attributes import Attribute, AttributeProblem, folded, show_attribute
from archdsl.ir.op.backward import Derivative, Gradient, Incoming, together
from archdsl.ir.op.lowering import Call, Code, Expression, Helper, Literal, Lowering
from archdsl.ir.op.multiply_adds import MultiplyAdds
from archdsl.ir.op.reach import SPATIAL_AXES, WHOLE, Axes, Border, Parts, Reach, Rows, Step
from archdsl.ir.op.saved import RESULT, Extra, Kernel, Reader, Saved, Wanted, number
from archdsl.ir.operations import NAMED_SIZES, SIGNS, Operation, are_equal
from archdsl.ir.reserved import MODULE_ATTRIBUTES
from archdsl.ir.retyped import Retyped, single, trained
from archdsl.ir.rewrite import Copier, Rewritten, empty_copy, is_unchanged, rewrite
from archdsl.ir.sizes.conditions import Compound, Condition, Relation, at_least, both, denied, either, equal, symbols_of
from archdsl.ir.sizes.domain import Assumed, Domain
from archdsl.ir.sizes.formulas import Terms, value_of
from archdsl.ir.sizes.size import (
    LARGEST_SIZE,
    LongFormula,
    OpenSize,
    Size,
    added,
    agree,
    always_agree,
    at_example,
    is_open,
    open_size,
    operand_text,
)
from archdsl.ir.sizes.values import Values
from archdsl.ir.types import ITEM_SIZE, Places, Shape, TensorType, show_shape
from archdsl.ir.unfold import is_unfolded, stands_for, unfold, written

if TYPE_CHECKING:
    from archdsl.ir.printer import print_network
    from archdsl.ir.reader import GraphTextError, read_network
    from archdsl.ir.sizes.interpolation import through

__all__ = [
    "ITEM_SIZE",
    "LARGEST_SIZE",
    "LISTED_LIMIT",
    "MODULE_ATTRIBUTES",
    "NAMED_SIZES",
    "RESULT",
    "SIGNS",
    "SPATIAL_AXES",
    "WHOLE",
    "Assumed",
    "Attribute",
    "AttributeProblem",
    "Autocast",
    "Axes",
    "Border",
    "Builder",
    "Call",
    "CallFrame",
    "Category",
    "Code",
    "Compound",
    "Condition",
    "Copier",
    "Datum",
    "Derivative",
    "Domain",
    "Examples",
    "Expression",
    "Extent",
    "Extra",
    "Flat",
    "Gradient",
    "GraphTextError",
    "Helper",
    "Incoming",
    "Kernel",
    "KernelPrecision",
    "Layer",
    "Literal",
    "LongFormula",
    "Lowering",
    "Misfit",
    "Module",
    "MultiplyAdds",
    "Network",
    "Node",
    "Op",
    "OpenSize",
    "Operation",
    "Origin",
    "Output",
    "Parameter",
    "Parts",
    "Places",
    "Reach",
    "Reader",
    "Relation",
    "Repeat",
    "Retyped",
    "Rewritten",
    "Rows",
    "Saved",
    "Shape",
    "Size",
    "State",
    "Step",
    "TensorType",
    "Terms",
    "TooManyOperators",
    "Types",
    "Value",
    "Values",
    "Wanted",
    "added",
    "agree",
    "always_agree",
    "are_equal",
    "at_example",
    "at_least",
    "both",
    "check_listed",
    "check_unfolded",
    "denied",
    "either",
    "empty_copy",
    "equal",
    "flatten",
    "folded",
    "is_listed",
    "is_open",
    "is_unchanged",
    "is_unfolded",
    "modules",
    "number",
    "open_size",
    "operand_text",
    "parts",
    "print_network",
    "read_network",
    "rewrite",
    "show_attribute",
    "show_shape",
    "single",
    "split_name",
    "stands_for",
    "symbols_of",
    "through",
    "together",
    "trained",
    "turns_beside",
    "unfold",
    "unrolled",
    "value_of",
    "written",
]


def __getattr__(name: str) -> Any:
    if name == "print_network":
        from archdsl.ir.printer import print_network

        return print_network
    if name == "through":
        from archdsl.ir.sizes.interpolation import through

        return through
    if name in ("GraphTextError", "read_network"):
        from archdsl.ir import reader

        return getattr(reader, name)
    raise AttributeError(f"module 'archdsl.ir' has no attribute {name!r}")
