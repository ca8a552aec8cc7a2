"""Operators: everything that is known of one, as methods of `Op`, whose bases are its chapters and are named nowhere else."""

from archdsl.ir.op.misfit import Misfit
from archdsl.ir.op.op import Autocast, KernelPrecision, Op
from archdsl.ir.op.signature import Category, Examples, Types
from archdsl.ir.op.state import State

__all__ = ["Autocast", "Category", "Examples", "KernelPrecision", "Misfit", "Op", "State", "Types"]
