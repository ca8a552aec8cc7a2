"""Any table in any format."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from markdown_it import MarkdownIt

from archdsl.analyses import Facts
from archdsl.reports import Cell, Column, Row, Subject, Table, render_text, report
from archdsl.reports.csv import render_csv
from archdsl.reports.latex import render_latex
from archdsl.reports.markdown import render_markdown
from archdsl.reports.numbers import bar, rounded
from archdsl.source import binary, short, total
from archdsl.source.styled import Piece, plain
from tests.support.networks import vgg16

COLUMNS = (
    Column("name", "name"),
    Column("what", "", wraps=True),
    Column("size", "size", "bytes"),
    Column("share", "share", "share", optional=True),
    Column("bar", "", "bar", optional=True),
)


def row(name: str, what: str, size: int, share: float, indent: int = 0) -> Row:
    return Row((Cell(name), Cell(what), Cell(size), Cell(share), Cell(share)), indent)


TABLE = Table(
    "sizes",
    COLUMNS,
    (row("a", "one thing", 1 << 20, 0.25), row("bb", "another · and more", 3 << 20, 0.75, indent=1)),
    (Row((Cell("total"), Cell(None), Cell(4 << 20), Cell(1.0), Cell(None))),),
    (Piece("Sizes", "title"),),
    ((Piece("a note"),),),
)


def text(columns: int | None, table: Table = TABLE, ascii: bool = False) -> str:
    return plain(render_text([table], columns, ascii))


def test_text_has_one_header_two_rules_and_no_boxes() -> None:
    assert text(None).splitlines() == [
        "Sizes",
        "",
        "name                           size   share",
        "─" * 54,
        "a      one thing           1.00 MiB   25.0%  ███",
        "  bb   another · and more  3.00 MiB   75.0%  █████████",
        "─" * 54,
        "total                      4.00 MiB  100.0%",
        "a note",
    ]


def test_columns_leave_whole_from_the_right_and_then_text_wraps() -> None:
    def head(columns: int) -> list[str]:
        return text(columns).splitlines()[2].split()

    assert head(53) == ["name", "size", "share"] and "█" not in text(53)
    assert head(40) == ["name", "size"] and "25.0%" not in text(40)
    narrow = text(27).splitlines()
    assert "  bb  another    3.00 MiB" in narrow
    assert "      · and more" in narrow
    assert all(len(line) <= 27 for line in narrow)


def test_nothing_is_cut_short() -> None:
    long = TABLE._replace(rows=(row("q" * 50, "k" * 50, 1, 0.5),))
    for columns in (40, 140):
        assert text(columns, long).count("q") == text(columns, long).count("k") == 50


def test_numbers_stay_with_their_units_and_signs_with_their_words() -> None:
    columns = (Column("a", "a"), Column("b", "b", wraps=True))
    table = Table("t", columns, (Row((Cell("x"), Cell("12 KiB + 3 KiB + 4 KiB = 19 KiB"))),), is_list=True)
    assert text(11, table) == "x  12 KiB\n   + 3 KiB\n   + 4 KiB\n   = 19 KiB\n"


def test_wide_characters_are_two_columns() -> None:
    table = Table("t", COLUMNS[:1] + COLUMNS[2:3], (Row((Cell("層"), Cell(1))), Row((Cell("ab"), Cell(1)))))
    assert plain(render_text([table])).splitlines()[2:] == ["層     1 B", "ab     1 B"]


def test_ascii() -> None:
    found = text(None, ascii=True)
    assert found.isascii() and "####" in found and "-----" in found and "another + and more" in found


def test_styles_repeat_what_the_words_say() -> None:
    lines = render_text([TABLE])
    styles = {piece.style for line in lines for piece in line if piece.style}
    assert styles == {"title", "header", "rule", "bar"}


def test_tables_stand_side_by_side_only_where_one_may() -> None:
    beside = TABLE._replace(title=(), beside=True)
    wide = plain(render_text([TABLE, beside], 120)).splitlines()
    assert wide[2].count("name") == 2 and len(wide) == 10
    assert len(plain(render_text([TABLE, TABLE], 120)).splitlines()) == 9 + 1 + 9
    assert len(plain(render_text([TABLE, beside], 80)).splitlines()) == 9 + 1 + 7


def test_csv_has_the_values_themselves() -> None:
    found = list(csv.reader(io.StringIO(render_csv([TABLE]))))
    assert found == [
        ["name", "what", "size", "share"],
        ["a", "one thing", "1048576", "0.25"],
        ["bb", "another · and more", "3145728", "0.75"],
    ]


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "-1+1", "+1", "\t=1"])
def test_csv_holds_no_formulas(text: str) -> None:
    """OWASP, CSV Injection: a cell that begins so is worked out by a spreadsheet, unless `'` stands before it."""
    rows = (Row((Cell(text), Cell(-1))), Row((Cell("-"), Cell(1))))
    table = Table("a", (Column("a", "a"), Column("b", "b", "count")), rows)
    assert list(csv.reader(io.StringIO(render_csv([table]))))[1:] == [[f"'{text}", "-1"], ["-", "1"]]


def test_csv_names_layers_in_full() -> None:
    tables = report("summary", Subject(Facts(vgg16())))
    found = list(csv.DictReader(io.StringIO(render_csv(tables))))
    assert found[0]["layer"] == "features" and found[1]["layer"] == "features.0"
    assert (found[1]["params"], found[1]["macs"], found[1]["output"]) == ("1792", "86704128", "[64, 224, 224]")
    assert all(line["output"] for line in found if line["layer"] not in ("features", "classifier"))


def test_markdown() -> None:
    assert (
        render_markdown([TABLE])
        == """\
## Sizes

| name | what | size | share |
| --- | --- | ---: | ---: |
| a | one thing | 1.00 MiB | 25.0% |
| bb | another · and more | 3.00 MiB | 75.0% |
| **total** |  | **4.00 MiB** | **100.0%** |

a note
"""
    )


def test_markdown_of_hostile_text_is_text() -> None:
    """A Markdown reader finds the text itself in every place, and no markup."""
    bad = "<script>|`x`|[a](b)|![i](b)|*c*|_d_|&lt;|~e~|[r]: f\n# g"
    table = Table("t", COLUMNS[:1], (Row((Cell(bad),)),), title=(Piece(bad),), notes=((Piece(bad),),))
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(render_markdown([table]))
    shown = html.escape(bad.replace("\n", "\\n"), quote=False)
    assert page.count(f">{shown}</") == 3
    assert set(re.findall(r"<(\w+)", page)) == {"h2", "table", "thead", "tbody", "tr", "th", "td", "p"}


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (999, "999"),
        (1_000, "1.00K"),
        (9_994, "9.99K"),
        (9_996, "10.0K"),
        (99_960, "100K"),
        (999_499, "999K"),
        (999_500, "1.00M"),
        (15_470_264_320, "15.5G"),
        (10**15, "1.00P"),
        (10**21, "1000000P"),
    ],
)
def test_three_significant_digits(number: int, expected: str) -> None:
    assert short(number) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(4096, "4_096"), (25_088, "25K"), (802_816, "803K"), (3_211_264, "3.2M"), (15_237_608, "15.2M"), (10**9, "1.00G")],
)
def test_lectures_round(number: int, expected: str) -> None:
    assert rounded(number) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (4000, "3.9 KiB"),
        (16_384, "16.0 KiB"),
        (100_352, "0.10 MiB"),
        (12_845_056, "12.25 MiB"),
        (60_950_432, "58.1 MiB"),
        (553_430_176, "527.8 MiB"),
        (4 * 553_430_176, "2.06 GiB"),
        (1023 * 2**20, "1023.0 MiB"),
        (2**30 - 1, "1.00 GiB"),
        (1023 * 2**30, "1023.00 GiB"),
        (2**40 - 1, "1.00 TiB"),
    ],
)
def test_bytes_are_powers_of_1024(number: int, expected: str) -> None:
    assert binary(number) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (999_999, "999_999"),
        (10**6, "1.00M"),
        (999_994_999, "999.99M"),
        (999_999_999, "1.00G"),
        (10**12 - 1, "1.00T"),
        (10**15, "1000.00T"),
    ],
)
def test_totals_have_a_unit_for_each_thousand(number: int, expected: str) -> None:
    assert total(number) == expected


def test_bars_have_eighths_and_show_what_is_there_at_all() -> None:
    assert bar(1.0) == "█" * 12 and bar(0.0) == "" and bar(1e-9) == "▏"
    assert bar(0.766) == "█████████▏" and bar(0.518) == "██████▏"
    assert bar(0.5, ascii=True) == "######" and bar(1e-9, ascii=True) == "#"


def latex_rows(text: str) -> list[list[str]]:
    return [re.split(r" & ", line.removesuffix(r" \\")) for line in text.splitlines() if line.endswith(r" \\")]


def test_latex_has_booktabs_rules_and_digits_in_groups() -> None:
    found = render_latex(report("summary", Subject(Facts(vgg16()))))
    rules = re.findall(r"\\(\w+)rule", found)
    assert rules == ["top", "mid", "mid", "bottom"]
    head, first, second, *_, total = latex_rows(found)
    assert (head[0], first[0], second[0]) == ("layer", "features", r"\quad 0")
    assert (second[1], second[3]) == (r"conv 3x3, 64 $\cdot$ relu", r"1\,792")
    assert total[3] == r"138\,357\,544"
    assert {len(row) for row in latex_rows(found)} == {len(head)}


def test_latex_takes_text_of_a_spec_for_text() -> None:
    hostile = "\\input{x} $%&#_{}~^ -- --- -> \n\\end{table}"
    table = Table("t", COLUMNS[:1], (Row((Cell(hostile),)),), title=(Piece(hostile),), notes=((Piece(hostile),),))
    found = render_latex([table])
    assert found.count(r"\end{table}") == 1 and r"\input" not in found
    plain_braces = re.sub(r"\\[{}]", "", found)
    assert plain_braces.count("{") == plain_braces.count("}")
    means = (
        r"\textbackslash{}input\{x\} \$\%\&\#\_\{\}\textasciitilde{}\textasciicircum{} -{}- -{}-{}- $\to$ "
        r"\textbackslash{}n\textbackslash{}end\{table\}"
    )
    assert found.count(means) == 3
