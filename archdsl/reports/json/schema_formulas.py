"""The part of the published schema that `report formulas` fills."""

from __future__ import annotations

from typing import TypedDict

from archdsl.reports.json.schema_parts import Size


class Power(TypedDict):
    """The terms of the multiply-adds that are products of so many sizes."""

    degree: int
    macs: Size
    operators: tuple[str, ...]
    """The operators that they come from."""


class LargestOf(TypedDict):
    """Bytes as the largest of some sums `fixed + per_sample * N`, for N of two or more."""

    sums: tuple[tuple[Size, Size], ...]
    """Of each sum `fixed` and `per_sample`."""
    parameters: dict[str, int]
    """Values that it holds for, of parameters and sizes that it has no formula of."""
    least: dict[str, int]
    """Values that it holds from on, of parameters that count turns."""
    is_proved: bool
    """Whether no other sum is ever larger; else they were compared at some sizes only."""


class Formulas(TypedDict):
    """Totals as formulas of the batch N, of open sizes, and of parameters that are whole numbers."""

    parameters: dict[str, int]
    """What stands in formulas, with the values that it has in all other figures."""
    counts: dict[str, tuple[int, ...]]
    """Those that count turns, with the values that the network was built at: a formula is the polynomial through its figures
    there."""
    fits: tuple[str, ...]
    """What values of them fit: `features % 12 == 0`."""
    params: Size
    macs: Size
    powers: tuple[Power, ...]
    """The terms of `macs`, highest degree first; none where it is a number."""
    activations: Size
    saved_for_backward: LargestOf | None
    """Null where it is no formula."""
    inference_peak: LargestOf | None
    training_peak: LargestOf | None
    """By the settings of `--train`, or PyTorch's defaults."""
