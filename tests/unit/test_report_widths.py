"""No line of a report is wider than asked, for any network of specs/ and for hostile names."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.analyses.memory import TrainingSettings
from archdsl.pipeline import open_spec, subject_for, subject_of
from archdsl.reports import REPORTS, Table, asked, fit_table, otherwise_table, render_text, report
from archdsl.reports.table import Column, arrange, row
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
        assert not [line for columns in (60, 80) for line in too_wide(tables, columns)], name


@pytest.mark.parametrize("network", ["resnet.arch:ResNet50", "vnet.arch:VNet"])
def test_what_options_tell_fits_a_narrow_terminal(network: str) -> None:
    file, _, name = network.partition(":")
    checked = open_spec(SPECS / file).check(name)
    step = TrainingSettings(optimizer="adamw")
    found = checked.facts.fit(step, 64 * 2**30)
    others = checked.facts.fit_otherwise(found, step)

    def shown(
        name: str, *, training: TrainingSettings | None = None, on: str | None = None, **options: bool
    ) -> list[Table]:
        wanted = asked(name, "text", options, training=training, on=on)
        return report(name, subject_for(checked, wanted), wanted.options)

    tables = [
        *shown("memory", training=step),
        *shown("flops", training=step, on="h200"),
        *shown("memory", formulas=True),
        *shown("params", full=True),
        fit_table(name, found, step),
        *otherwise_table(step, others, sum(checked.facts.step_macs(step))),
    ]
    assert not too_wide(tables, 60)


def test_numbers_are_broken_last() -> None:
    """Shapes are broken between their sizes before, and headings between their words."""
    columns = (Column("layer", "layer"), Column("input", "input", "shape"), Column("output", "output", "shape"))
    wide = (*columns, Column("n", "first centre", "count"), Column("m", "MACs", "count"))
    table = Table("t", wide, (row("layer1.conv", (512, 28, 28), (512, 14, 14), 1_512_448, -208_222_800),))
    assert plain(render_text([table], 45)) == (
        "layer   input output     first         MACs\n"
        "                        centre\n"
        "───────────────────────────────────────────\n"
        "layer1. [512, [512,  1_512_448 -208_222_800\n"
        "conv    28,   14,\n"
        "        28]   14]\n"
    )


def test_numbers_in_a_column_of_texts_are_broken_last() -> None:
    columns = (Column("status", ""), Column("claim", "claim", wraps=True), Column("computed", "computed", wraps=True))
    table = Table("t", columns, (row("ok", "macs(features) ~ 15.3G", "15_470_264_320"),))
    assert plain(render_text([table], 31)) == (
        "   claim         computed\n───────────────────────────────\nok macs(features 15_470_264_320\n   ) ~ 15.3G\n"
    )


def test_a_column_that_is_sorted_by_stays() -> None:
    columns = (
        Column("layer", "layer"),
        Column("a", "a", "count", optional=True),
        Column("b", "b", "count", optional=True),
    )
    table = Table("t", columns, (row("x" * 20, 1, 1), row("y" * 20, 2, 2)))
    assert plain(render_text([table], 24)).split()[:2] == ["layer", "a"]
    assert plain(render_text([arrange(table, "b", None)], 24)).split()[:2] == ["layer", "b"]


@pytest.mark.parametrize("network", ["allconv.arch:StridedCNN_A", "ciresan.arch:CiresanN4Dense", "fcn.arch:FCN8s"])
def test_formulas_fit_a_terminal(network: str) -> None:
    file, _, name = network.partition(":")
    subject = subject_of(open_spec(SPECS / file).check(name), formulas=True)
    assert not [line for columns in (80, 120) for line in too_wide(report("formulas", subject), columns)]


@pytest.mark.parametrize("word", ["x" * 300, "a_b." * 80, "層" * 120, "https://example.org/" + "y/" * 100])
def test_words_longer_than_a_line_are_broken(word: str) -> None:
    columns = (Column("layer", "layer"), Column("words", "words", wraps=True), Column("n", "n", "count"))
    table = Table("t", columns, (row(word, "short", 5), row("short", word, 123_456_789)))
    for limit in (40, 60, 80, 120):
        lines = plain(render_text([table], limit)).splitlines()
        assert all(width(line) <= limit for line in lines)
        assert "123_456_789" in "".join(lines)
        assert "".join(lines).count(word[0]) >= 2 * word.count(word[0])
