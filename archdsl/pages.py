"""Reports of networks in every format, and pictures with their foot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.ir import is_listed, modules, unrolled
from archdsl.pipeline import Checked, subject_for, subject_of
from archdsl.source import counted, first_line

if TYPE_CHECKING:
    from archdsl.analyses.memory import TrainingSettings
    from archdsl.backends.drawing import Look
    from archdsl.reports import Asked, Subject, Table

MOST_ON_PAGE = 10_000
"""Operators, with all turns of loops, that a page shows one by one."""
MOST_DRAWN = 2_000
"""Operators and calls, each block once, of which the picture of a page is made."""
MOST_OF_PICTURE = 100_000
"""Characters of that picture."""


def report_of(networks: Sequence[Checked], asked: Asked) -> str | list[Table]:
    """A report as a document, or as the tables that are to be laid out as text; as HTML of the first network alone.

    Raises `OptionProblem` for a column, a unit or a layer that is not there, and for a precision that the device does not
    have; `PathError` and `TooManyOperators` as the figures do.
    """
    from archdsl.analyses.memory import arithmetic_of, settings_in
    from archdsl.reports import FORMATS, render_json, report

    if asked.format == "html":
        return html_of(networks[0], asked.training or settings_in(arithmetic_of(asked.precision, asked.autocast)))
    subjects = [subject_for(checked, asked) for checked in networks]
    if asked.format == "json":
        return render_json(subjects)
    tables = [table for subject in subjects for table in report(asked.report, subject, asked.options)]
    if asked.options.effective is not None:
        tables += [_effective(subject, asked.options.effective) for subject in subjects]
    return FORMATS[asked.format](tables) if asked.format in FORMATS else tables


def _effective(subject: Subject, path: str) -> Table:
    """The effective field of a layer, measured. Raises `OptionProblem`."""
    from archdsl.analyses.options import OptionProblem
    from archdsl.backends.pytorch import effective_field
    from archdsl.reports import check_effective, effective_table

    check_effective(subject, path)
    try:
        found = effective_field(subject.facts.network, path)
    except (RuntimeError, ValueError) as error:
        raise OptionProblem("effective", f"cannot be measured: {first_line(error)}") from None
    return effective_table(subject, path, found)


def html_of(checked: Checked, settings: TrainingSettings | None = None, *, is_cell: bool = False) -> str:
    """The report as an HTML page, or as a cell of a notebook, with a training step by its settings or by PyTorch's defaults.

    The page of a network that is too large to be shown layer by layer has a picture and tables alone. Raises
    `TooManyOperators` for a cell of one, and for blocks that are called too often.
    """
    from archdsl.analyses.memory import TrainingSettings
    from archdsl.backends.drawing import Look, drawing, plain
    from archdsl.reports.html import folded, fragment, page

    settings = settings or TrainingSettings()
    training = settings if is_listed(checked.facts.network) else None
    subject = subject_of(checked, training, hints=True)._replace(
        precision=settings.precision, autocast=settings.autocast
    )
    operators = unrolled(checked.facts.network)
    if not is_cell and operators > MOST_ON_PAGE:
        count = f"{checked.facts.network.name} has {operators:_} operators with all turns of its loops"
        note = f"{count}: a page shows at most {MOST_ON_PAGE:_} one by one, and this one sums up those that are alike."
        return folded(subject, note, _picture(checked))
    facts = checked.facts.unfolded()
    subject = subject._replace(facts=facts)
    if subject.for_all is not None:
        formulas = subject.for_all._replace(facts=subject.for_all.facts.unfolded())
        subject = subject._replace(for_all=formulas)
    diagram = plain(drawing(facts.network, facts.cost, Look(style="expanded")))
    return (fragment if is_cell else page)(subject, diagram, _picture(checked))


def _picture(checked: Checked) -> str | None:
    """The drawing for readers without scripts, unless it is too large for a page."""
    if sum(len(module.nodes) for module in modules(checked.facts.network)) > MOST_DRAWN:
        return None
    found = picture_of(checked).decode()
    return found[found.index("<svg") :] if len(found) <= MOST_OF_PICTURE else None


def picture_of(checked: Checked, look: Look | None = None) -> bytes:
    """The picture of a network with its foot.

    Raises `Refusal` where it would be too large, and `RenderError` where Graphviz is missing.
    """
    from archdsl.backends.drawing import Look, draw

    return draw(checked.facts.network, checked.facts.cost, look or Look(), footer_of(checked))


def footer_of(checked: Checked) -> tuple[str, ...]:
    """The foot of a picture: the sources, the file, and whether its claims hold."""
    verdicts = checked.verdicts
    failing = sum(not v.holds for v in verdicts)
    holding = "its claim holds" if len(verdicts) == 1 else f"all {len(verdicts)} claims hold"
    said = f"{failing} of {counted(len(verdicts), 'claim')} fail{'s' if failing == 1 else ''}" if failing else holding
    file = Path(checked.program.source.path).name
    return (*checked.facts.network.sources, file, *((said,) if verdicts else ()))
