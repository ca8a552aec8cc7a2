"""What a reader may ask of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from archdsl.analyses.memory import TrainingSettings, arithmetic_of, check_autocast
from archdsl.analyses.options import Accepts, Natural, OptionProblem, Positive, check_known, options_of
from archdsl.analyses.roofline import DEVICES, GPU_MEMORY
from archdsl.reports.csv import render_csv
from archdsl.reports.latex import render_latex
from archdsl.reports.markdown import render_markdown
from archdsl.reports.table import Table, natural

REPORTS = ("summary", "shapes", "params", "flops", "memory", "receptive-field", "formulas", "claims", "lints", "all")

FORMATS: dict[str, Callable[[Sequence[Table]], str]] = {
    "csv": render_csv,
    "markdown": render_markdown,
    "latex": render_latex,
}
"""What tables are written as, beside text."""
FOR_ONE = {"formulas": "memory", "unit": "receptive-field", "effective": "receptive-field"}
"""Options that one report has; `all` has them too."""
DOCUMENTS = ("json", "html")
"""Formats with all facts, which no option arranges otherwise."""
NOT_IN = {
    **dict.fromkeys(("depth", "full", "sort", "top", "formulas", "effective"), DOCUMENTS),
    "unit": ("csv", *DOCUMENTS),
}
"""Options that some formats do not heed: a unit is told in a sentence."""
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
    effective: str | None = None
    """Receptive field: a path, of whose middle unit is measured what it really sees, by PyTorch."""

    @property
    def is_flat(self) -> bool:
        """Whether layers stand alone, outside their scopes."""
        return self.sort is not None or self.top is not None


class Asked(NamedTuple):
    """A report of a network as someone asks for it. `asked` makes one that can be told."""

    report: str
    format: str
    options: Options
    training: TrainingSettings | None = None
    """Of the step that memory, and the time on a device, are told of."""
    on: str | None = None
    """A device."""
    precision: str = "float32"
    """Of the time on it, and of memory in inference."""
    autocast: str = "cuda"


def asked(report: str, format: str, options: Mapping[str, Any], **more: Any) -> Asked:
    """A report with its options, checked; `more` is what else `Asked` has, settings already checked.

    Raises `ValueError` for a report, format, device or option that there is not; `OptionProblem` for a value that an option
    does not take, an option of another report, or one that the format does not heed, for a device that a report does not
    tell of, for a training step that nothing is told of, and for a precision likewise.
    """
    check_known("report", [report], REPORTS)
    check_known("format", [format], ("text", "html", *FORMATS, "json"))
    found = Asked(report, format, options_of(Options, options), **more)
    if found.on is not None:
        check_known("device", [found.on], DEVICES)
    _check_options(found)
    _check_device(found)
    return found


def _check_options(asked: Asked) -> None:
    if asked.options.sort == "":
        raise OptionProblem("sort", "is empty: name a column")
    for option, value in asked.options._asdict().items():
        if value is None or value is False:
            continue
        if option in FOR_ONE and asked.report not in (FOR_ONE[option], "all"):
            raise OptionProblem(option, f"is for the report `{FOR_ONE[option]}`")
        if asked.format in NOT_IN[option]:
            heeding = [known for known in ("text", *FORMATS) if known not in NOT_IN[option]]
            raise OptionProblem(option, f"is not heeded in {asked.format}, only in {natural(heeding)}")


def _check_device(asked: Asked) -> None:
    """Also of what step, and in what precision."""
    report, format, _, training, on, precision, autocast = asked
    if training is None:
        check_autocast(precision, None if autocast == "cuda" else autocast)
    has_memory = report in ("memory", "formulas", "all") or format in ("json", "html")
    if training is not None and report != "flops" and not has_memory:
        raise OptionProblem("training", "is for the reports `flops`, `memory` and `formulas`")
    if on is None and training is None and precision != "float32":
        if not has_memory:
            said = "is for the reports `memory` and `formulas`; on a device `flops` has it too"
            raise OptionProblem("precision", said, "on" if report == "flops" else "")
        arithmetic_of(precision, autocast)
    if on is not None and report not in ("flops", "memory", "all"):
        raise OptionProblem("on", "is for the reports `flops` and, of a training step, `memory`")
    if on is not None and report == "memory" and on not in GPU_MEMORY:
        raise OptionProblem("on", f"is a GPU for the report `memory`: {', '.join(GPU_MEMORY)}")
    if on is not None and report == "memory" and training is None:
        raise OptionProblem("on", "is about a training step for the report `memory`", "training")
