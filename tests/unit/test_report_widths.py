"""No line of a report is wider than asked, for any network of specs/ and for hostile names."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.pipeline import open_spec, subject_of
from archdsl.reports import REPORTS, Table, render_text, report
from archdsl.reports.table import Column, row
from archdsl.source.styled import plain, width

SPECS = Path(__file__).parents[2] / "specs"
TELLING = [name for name in REPORTS if name not in ("all", "formulas")]
"""`all` is the others; formulas take long, and those of small networks have a test of their own."""


def too_wide(tables: list[Table], columns: int) -> list[str]:
    return [line for line in plain(render_text(tables, columns)).splitlines() if width(line) > columns]


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.arch")), ids=lambda path: path.stem)
def test_reports_fit_a_terminal(path: Path) -> None:
    """Of each file the network with the longest name, which is as long as any in its tables."""
    spec = open_spec(path)
    subject = subject_of(spec.check(max(spec.networks, key=len)), hints=True)
    for name in TELLING:
        tables = report(name, subject)
        assert not [line for columns in (80, 120) for line in too_wide(tables, columns)], name


@pytest.mark.parametrize("network", ["allconv.arch:StridedCNN_A", "ciresan.arch:CiresanN4Dense", "fcn.arch:FCN8s"])
def test_formulas_fit_a_terminal(network: str) -> None:
    file, _, name = network.partition(":")
    subject = subject_of(open_spec(SPECS / file).check(name), formulas=True)
    assert not [line for columns in (80, 120) for line in too_wide(report("formulas", subject), columns)]


@pytest.mark.parametrize("word", ["x" * 300, "a_b." * 80, "層" * 120, "https://example.org/" + "y/" * 100])
def test_words_longer_than_a_line_are_broken(word: str) -> None:
    columns = (Column("layer", "layer"), Column("words", "words", wraps=True), Column("n", "n", "count"))
    table = Table("t", columns, (row(word, "short", 5), row("short", word, 123_456_789)))
    for limit in (60, 80, 120):
        lines = plain(render_text([table], limit)).splitlines()
        assert all(width(line) <= limit for line in lines)
        assert "123_456_789" in "".join(lines)
        assert "".join(lines).count(word[0]) >= 2 * word.count(word[0])
