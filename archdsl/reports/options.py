"""What a reader may ask of a report."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, NamedTuple

from archdsl.analyses.memory import arithmetic_of
from archdsl.analyses.options import Accepts, Natural, OptionProblem, Positive
from archdsl.analyses.roofline import DEVICES

FOR_ONE = {"formulas": "memory", "unit": "receptive-field", "effective": "receptive-field"}
"""Options that one report has; `all` has them too."""
NOT_IN = {"unit": ("csv", "json", "html"), "effective": ("json", "html")}
"""Options of which some formats tell nothing: a unit is told in a sentence, and documents with all facts are of all units."""
Unit = Annotated[tuple[str, tuple[int, ...]], Accepts("a path and indices, as ('features.30', (3, 3))")]


class Options(NamedTuple):
    """Each report heeds the options that concern it."""

    depth: Natural | None = None
    """How many levels of scopes are opened; each report has its own default."""
    full: bool = False
    """Every operator in a row of its own."""
    sort: str | None = None
    """A column to sort the layers by, the largest first."""
    top: Positive | None = None
    """How many rows to show."""
    formulas: bool = False
    """Memory: the lectures' table, with the working of every figure."""
    unit: Unit | None = None
    """Receptive field: a path and the indices of one of its units."""

    @property
    def is_flat(self) -> bool:
        """Whether layers stand alone, outside their scopes."""
        return self.sort is not None or self.top is not None


def check_asked(
    report: str,
    given: Collection[str],
    format: str,
    on: str | None = None,
    precision: str = "float32",
    *,
    is_training: bool = False,
) -> None:
    """Raises `OptionProblem` for an option of another report, or one that the format tells nothing of, for a device that a
    report does not tell of, for a training step that nothing is told of, and for a precision likewise."""
    for option, name in FOR_ONE.items():
        if option in given and report not in (name, "all"):
            raise OptionProblem(option, f"is for the report `{name}`")
        if option in given and format in NOT_IN.get(option, ()):
            told = [known for known in ("text", "csv", "markdown", "latex") if known not in NOT_IN[option]]
            raise OptionProblem(option, f"is not told in {format}, only in {', '.join(told[:-1])} and {told[-1]}")
    if is_training and report not in ("flops", "memory", "formulas", "all") and format not in ("json", "html"):
        raise OptionProblem("training", "is for the reports `flops`, `memory` and `formulas`")
    if on is None:
        if precision == "float32" or is_training:
            return
        if report not in ("memory", "formulas", "all") and format not in ("json", "html"):
            said = "is for the reports `memory` and `formulas`; on a device `flops` has it too"
            raise OptionProblem("precision", said, "on" if report == "flops" else "")
        arithmetic_of(precision)
        return
    if report not in ("flops", "memory", "all"):
        raise OptionProblem("on", "is for the reports `flops` and, of a training step, `memory`")
    if report == "memory" and DEVICES[on].capability is None:
        gpus = (name for name, device in DEVICES.items() if device.capability is not None)
        raise OptionProblem("on", f"is a GPU for the report `memory`: {', '.join(gpus)}")
    if report == "memory" and not is_training:
        raise OptionProblem("on", "is about a training step for the report `memory`", "training")
