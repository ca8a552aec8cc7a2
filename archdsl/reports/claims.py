"""`archdsl report claims`: the published figures that the spec carries, and what holds of them."""

from __future__ import annotations

from archdsl.reports.layers import title
from archdsl.reports.options import Options
from archdsl.reports.subject import ClaimResult, Subject
from archdsl.reports.table import Column, Row, Table, row, text
from archdsl.source import counted
from archdsl.source.styled import Piece

COLUMNS = (
    Column("status", ""),
    Column("claim", "claim", wraps=True),
    Column("computed", "computed", wraps=True),
    Column("source", "source", wraps=True),
)
STATUS = {
    (True, False): ("ok", "ok"),
    (False, False): ("fails", "error"),
    (True, True): ("disputed", "warning"),
    (False, True): ("fails", "error"),
}
"""By `holds` and `disputed`: the word and its style. A dispute fails where the figure turns out to be right."""


def report(subject: Subject, options: Options) -> list[Table]:
    """One row a claim, in the order of the spec."""
    claims = subject.claims
    if not claims:
        return [Table("claims", (), (), title=title(subject), notes=((Piece("the spec makes no claims"),),))]
    failed = sum(not claim.holds for claim in claims)
    count = counted(len(claims), "claim")
    verdict = f"{failed} {'fails' if failed == 1 else 'fail'}" if failed else "all hold"
    head = title(subject, f"{count}: {verdict}")
    return [Table("claims", COLUMNS, tuple(map(_row, claims)), (), head)]


def _row(claim: ClaimResult) -> Row:
    word, style = STATUS[claim.holds, claim.disputed]
    written = f"dispute {claim.text}" if claim.disputed else claim.text
    return row(text(word, style), written, claim.shown, claim.source)
