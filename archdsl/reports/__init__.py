"""Facts -> tables, and tables -> text, CSV, Markdown and LaTeX; facts -> JSON.

A report is a file here with a function `report(subject, options)` that returns tables as data. The formats know tables
only. The JSON document (`json`) holds all facts whatever the report, and the HTML page (`html`) is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from archdsl.analyses.options import OptionProblem
from archdsl.reports.difference import compare, difference_data
from archdsl.reports.fit import fit_data, fit_table, otherwise_table
from archdsl.reports.measured import Measurement, measured
from archdsl.reports.options import FORMATS, REPORTS, Asked, Options, asked
from archdsl.reports.receptive_field import check_effective, effective_table
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Row, Table, arrange
from archdsl.reports.text import render_text
from archdsl.reports.weights import weights_json, weights_table
from archdsl.reports.working import FIGURES, explain
from archdsl.source import Diagnostic

__all__ = [
    "FIGURES",
    "FORMATS",
    "REPORTS",
    "Asked",
    "Cell",
    "Column",
    "Measurement",
    "Options",
    "Row",
    "Subject",
    "Table",
    "asked",
    "check_effective",
    "compare",
    "difference_data",
    "effective_table",
    "explain",
    "fit_data",
    "fit_table",
    "measured",
    "otherwise_table",
    "render_json",
    "render_text",
    "report",
    "weights_json",
    "weights_table",
]


def report(name: str, subject: Subject, options: Options | None = None) -> list[Table]:
    """The tables of a report; `all` is every other report in turn.

    Raises `OptionProblem` for a column to sort by that no table has, and for a unit that is not there.
    """
    options = options or Options()
    names = REPORTS[:-1] if name == "all" else (name,)
    tables = [table for each in names for table in _tables(each, subject, options)]
    if options.sort is not None and not any(table.has(options.sort) for table in tables):
        columns = dict.fromkeys(str(column) for table in tables for column in table.sortable)
        raise OptionProblem("sort", f"is no {options.sort!r}: the columns of `{name}` are {', '.join(columns)}")
    return [arrange(table, options.sort, options.top) for table in tables]


def _tables(name: str, subject: Subject, options: Options) -> list[Table]:
    module = import_module(f"archdsl.reports.{name.replace('-', '_')}")
    tables: list[Table] = module.report(subject, options)
    return tables


def render_json(subjects: Sequence[Subject], broken: Sequence[tuple[str, Sequence[Diagnostic]]] = ()) -> str:
    """The report document of one network, or a list of those of several; of broken files the diagnostics."""
    from archdsl.reports.json.document import render

    return render(subjects, broken)
