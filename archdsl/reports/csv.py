"""Tables -> CSV: the values themselves, exact and without signs for the eye."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from archdsl.reports.table import Table, Value

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet works out."""


def render_csv(tables: Sequence[Table]) -> str:
    """Every table with a header row; several are parted by an empty line. Bars and totals are left out."""
    return "\n".join(_one(table) for table in tables if table.columns)


def _one(table: Table) -> str:
    kept = [i for i, column in enumerate(table.columns) if column.kind != "bar"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns[i].key for i in kept)
    writer.writerows([_value(row.cells[i].value) for i in kept] for row in table.rows)
    return out.getvalue()


def _value(value: Value) -> Value:
    """A text that a spreadsheet would take for a formula stands behind `'` (OWASP, CSV Injection)."""
    if isinstance(value, str) and value[1:] and value.startswith(FORMULA):
        return f"'{value}"
    return "x".join(map(str, value)) if isinstance(value, tuple) else value
