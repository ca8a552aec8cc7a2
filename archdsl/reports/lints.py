"""`archdsl report lints`: what is legal in the spec and still likely a mistake, or worth knowing."""

from __future__ import annotations

from archdsl.reports.layers import title
from archdsl.reports.options import Options
from archdsl.reports.subject import Subject
from archdsl.reports.table import Column, Row, Table, row, text
from archdsl.source import Diagnostic, counted
from archdsl.source.styled import Piece

COLUMNS = (
    Column("severity", ""),
    Column("code", "lint"),
    Column("place", "place"),
    Column("message", "", wraps=True),
    Column("help", "", wraps=True, optional=True),
)
STYLES = {"error": "error", "warning": "warning", "info": "note"}


def report(subject: Subject, options: Options) -> list[Table]:
    """One row a finding, in the order of the text. Claims have a report of their own."""
    claims = [claim.problem for claim in subject.claims]
    found = sorted((d for d in subject.diagnostics if d not in claims), key=lambda d: d.sort_key)
    if not found:
        return [Table("lints", (), (), title=title(subject), notes=((Piece("the lints find nothing"),),))]
    count = counted(len(found), "finding")
    more = (Piece("`archdsl explain CODE` has more · `archdsl check` shows the text", "dim"),)
    return [Table("lints", COLUMNS, tuple(map(_row, found)), (), title(subject, count), (more,))]


def _row(found: Diagnostic) -> Row:
    place = ""
    if found.primary is not None:
        line, column, *_ = found.primary.span.positions
        place = f"{found.primary.span.source.path}:{line}:{column}"
    severity = text(found.severity, STYLES[found.severity])
    return row(severity, found.code, place, found.message, "; ".join(found.helps))
