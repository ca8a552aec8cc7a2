"""What autocast does to an operator."""

from __future__ import annotations

from archdsl.ir import Op

UNSURE_OF_CASTS = {
    "attention",
    "cast",
    "einsum",
    "fold",
    "grid_sample",
    "gru",
    "locally_connected",
    "lrn",
    "lstm",
    "matmul",
}
UNSURE_OF_CASTS |= {"prelu", "rbf", "rms_norm", "sdpa", "subsample", "unfold"}
"""Operators of several kernels, for the most part: which of these autocast casts is not known to the byte."""


class Cast(Op):
    """A tensor in another precision."""

    name = "cast"
