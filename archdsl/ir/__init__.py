"""Layer 1: the typed graph. It knows no text, no particular operator and no backend."""

from archdsl.ir.build import Builder
from archdsl.ir.flatten import Flat, Layer, flatten, modules
from archdsl.ir.graph import CallFrame, Module, Network, Node, Origin, Output, Value
from archdsl.ir.lowering import Call, Expression, Helper, Lowering
from archdsl.ir.op import Category, Extra, Misfit, Op, Reach, Saved, State, Step
from archdsl.ir.types import ITEM_SIZE, Shape, TensorType, show_shape

__all__ = [
    "ITEM_SIZE",
    "Builder",
    "Call",
    "CallFrame",
    "Category",
    "Expression",
    "Extra",
    "Flat",
    "Helper",
    "Layer",
    "Lowering",
    "Misfit",
    "Module",
    "Network",
    "Node",
    "Op",
    "Origin",
    "Output",
    "Reach",
    "Saved",
    "Shape",
    "State",
    "Step",
    "TensorType",
    "Value",
    "flatten",
    "modules",
    "show_shape",
]
