"""`archdsl check --fix`: edits are applied, what they mend is gone, and all else stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.cli import main
from archdsl.fix import mend, mend_text
from archdsl.pipeline import open_spec
from archdsl.source import Edit, Source, Span
from archdsl.source.edits import applied, as_read, compatible
from tests.unit.test_lints import found_in, network

UNREAD = "conv(4, 4x4, stride=4)"
EDITS = [
    ("unknown-name", network("conv(4, 3x3) -> maxpol(2x2)"), network("conv(4, 3x3) -> maxpool(2x2)")),
    ("unknown-name", network("relu as skip", "relu -> add(skipp)"), network("relu as skip", "relu -> add(skip)")),
    (
        "unknown-name",
        "block unit(width) { conv(widht, 3x3) }\n" + network("unit(4)"),
        "block unit(width) { conv(width, 3x3) }\n" + network("unit(4)"),
    ),
    ("unknown-argument", network("conv(4, 3x3, strid=2)"), network("conv(4, 3x3, stride=2)")),
    (
        "unknown-argument",
        "block unit(width) { conv(width, 3x3) }\n" + network("unit(widht=4)"),
        "block unit(width) { conv(width, 3x3) }\n" + network("unit(width=4)"),
    ),
    ("bias-before-norm", network("conv(4, 3x3) -> bn"), network("conv(4, 3x3, bias=false) -> bn")),
    (
        "bias-before-norm",
        network("conv1: conv(4, 3x3)", "  -> bn1: bn"),
        network("conv1: conv(4, 3x3, bias=false)", "  -> bn1: bn"),
    ),
    (
        "bias-before-norm",
        network("conv(4, window=3x3,) -> bn", "linear(8, bias=true) -> tanh"),
        network("conv(4, window=3x3, bias=false) -> bn", "linear(8, bias=true) -> tanh"),
    ),
    ("unused-tap", network("relu as y -> tanh"), network("relu -> tanh")),
    ("unused-tap", network("split(3) as a, b, c", "b -> relu"), network("split(3) as _, b, _", "b -> relu")),
    ("unused-tap", network("repeat 2 { relu6 as ys[]  # six", "}"), network("repeat 2 { relu6  # six", "}")),
    ("unused-tap", network("{ relu6 -> tanh", "} as y"), network("{ relu6 -> tanh", "}")),
    ("unknown-code", network(f'{UNREAD} allow unread-row "why"'), network(f'{UNREAD} allow unread-rows "why"')),
    ("unused-allow", network('relu allow unread-rows "why"  # still'), network("relu  # still")),
    ("unused-allow", network('allow unread-rows "why"', "relu"), network("relu")),
    ("unused-allow", network('allow unread-rows "why"; relu'), network("relu")),
    ("unused-allow", network('relu; allow unread-rows "why"; tanh'), network("relu;; tanh")),
    ("unused-allow", 'allow unused-block "why"\n' + network("relu"), network("relu")),
]


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode("utf-8"))
    return path


def codes(path: Path) -> list[str]:
    return [d.code for d in found_in(open_spec(path))]


@pytest.mark.parametrize(("code", "before", "after"), EDITS)
def test_an_edit_mends_what_it_comes_with(code: str, before: str, after: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.arch", before)
    assert code in codes(path)
    mended = mend(str(path), None)
    assert (mended.before, mended.after) == (before, after)
    assert path.read_text("utf-8") == before
    mended.write()
    assert code not in codes(path)
    assert not mend(str(path), None).done


def test_one_mistake_may_hide_another(tmp_path: Path) -> None:
    path = write(tmp_path / "a.arch", network("conv(4, 3x3, strid=2) as y -> bn", "maxpol(2x2)"))
    mended = mend(str(path), None)
    assert mended.after == network("conv(4, 3x3, stride=2, bias=false) -> bn", "maxpool(2x2)")
    assert [d.code for d in mended.done] == ["unknown-argument", "unknown-name", "unused-tap", "bias-before-norm"]


def test_a_warning_is_not_mended_at_the_price_of_an_error(tmp_path: Path) -> None:
    """The bias is part of a claim; the tap is not, and goes."""
    path = write(tmp_path / "a.arch", network("conv(4, 3x3) -> bn as y", "expect params == 120"))
    mended = mend(str(path), None)
    assert mended.after == network("conv(4, 3x3) -> bn", "expect params == 120")
    assert [d.code for d in mended.done] == ["unused-tap"]


def test_line_ends_and_mark_stay(tmp_path: Path) -> None:
    before = network("relu as one", "maxpol(2x2)", "relu as two").replace("\n", "\r\n").replace("9]\r\n", "9]\n")
    path = write(tmp_path / "a.arch", "\ufeff" + before)
    mend(str(path), None).write()
    expected = before.replace(" as one", "").replace("maxpol", "maxpool").replace(" as two", "")
    assert path.read_bytes() == ("\ufeff" + expected).encode("utf-8")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_is_put_in_has_the_line_ends_of_the_file(end: str, tmp_path: Path) -> None:
    path = tmp_path / "a.arch"
    path.write_bytes(end.join(["network A {", "  input x: [8]", "  a: {", "    relu", "}", ""]).encode())
    mend(str(path), None).write()
    assert (
        path.read_bytes() == end.join(["network A {", "  input x: [8]", "  a: {", "    relu", "  }", "}", ""]).encode()
    )


def test_imported_files_are_left_alone(tmp_path: Path) -> None:
    parts = write(tmp_path / "parts.arch", "block unit { conv(4, 3x3) -> bn; maxpol(2x2) }\n")
    path = write(tmp_path / "a.arch", f'import unit from "parts.arch"\n{network("unit")}')
    mended = mend(str(path), None)
    mended.write()
    assert not mended.done and "maxpol" in parts.read_text("utf-8")


def edit(source: Source, start: int, end: int, replacement: str) -> Edit:
    return Edit(Span(source, start, end), replacement)


def test_edits_never_overlap() -> None:
    source = Source("a.arch", "0123456789")
    edits = [edit(source, *e) for e in ((2, 5, "x"), (4, 6, "y"), (2, 5, "x"), (5, 5, "+"), (5, 7, "-"), (8, 9, ""))]
    kept = compatible(edits)
    assert [(e.span.start, e.span.end) for e in kept] == [(2, 5), (5, 5), (8, 9)]
    assert applied(source.text, kept) == "01x+5679"


@pytest.mark.parametrize("raw", ["a\r\nb\r\nc", "\ufeffa\r\nb\nc", "a\rb\r\nc", "a\nb\nc", "\r\n\r\na\r\nb c"])
def test_places_count_as_specs_are_read(raw: str) -> None:
    source = Source("a.arch", as_read(raw))
    at = source.text.index("b")
    after = applied(raw, [edit(source, 0, 0, "+"), edit(source, at, at + 1, "xyz")])
    assert as_read(after) == "+" + source.text.replace("b", "xyz")
    assert after.count("\r\n") == raw.count("\r\n") and after.startswith("\ufeff") == raw.startswith("\ufeff")


# The command line


def test_it_writes_says_what_it_did_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.arch", network("conv(4, 3x3) -> maxpol(2x2)", "conv(4, 2x2, stride=2)"))
    assert main(["check", str(path), "--fix"]) == 0
    printed, errors = capsys.readouterr()
    assert path.read_text("utf-8") == network("conv(4, 3x3) -> maxpool(2x2)", "conv(4, 2x2, stride=2)")
    assert errors.startswith(f"fixed {path}:3:19  unknown-name: `maxpol` becomes `maxpool`\n")
    assert "warning[unread-rows]" in errors and printed.endswith("1 network, 0 claims: 2 warnings\n")
    assert main(["check", str(path), "--fix", "--strict"]) == 1
    assert "fixed" not in capsys.readouterr().err


def test_blanks_that_are_put_in_or_taken_out_are_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.arch", network("conv(4, 3x3)", "as y", "relu -> add(y)"))
    assert main(["check", str(path), "--fix"]) == 0
    assert capsys.readouterr().err.startswith(f"fixed {path}:3:15  syntax-error: a line break is taken out\n")


def test_a_mend_of_two_claims_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both variants of the template have fewer parameters than the figure that it disputes."""
    template = network("conv(c, 3x3)", "dispute params <= 500").replace("network A", "network T(c)")
    path = write(tmp_path / "a.arch", template + "\nnetwork A = T(4)\nnetwork B = T(8)\n")
    assert main(["check", str(path), "--fix"]) == 0
    assert capsys.readouterr().err == f"fixed {path}:4:3  claim-fails: `dispute` becomes `expect`\n"


def test_a_diff_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = network("conv(4, 3x3) -> maxpol(2x2)")
    path = write(tmp_path / "a.arch", before)
    assert main(["check", str(path), "--fix", "--diff"]) == 1
    printed, errors = capsys.readouterr()
    assert path.read_text("utf-8") == before and errors == ""
    assert printed.splitlines() == [
        f"--- a/{path}",
        f"+++ b/{path}",
        "@@ -1,4 +1,4 @@",
        " network A {",
        "   input image: [3, 9, 9]",
        "-  conv(4, 3x3) -> maxpol(2x2)",
        "+  conv(4, 3x3) -> maxpool(2x2)",
        " }",
        "\\ No newline at end of file",
    ]
    main(["check", str(path), "--fix"])
    capsys.readouterr()
    assert main(["check", str(path), "--fix", "--diff"]) == 0
    assert capsys.readouterr().out == ""


def test_a_diff_without_fix_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.arch", network("relu"))
    assert main(["check", str(path), "--diff"]) == 2
    assert "--fix" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.arch", network("relu as y"))

    def fail(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert main(["check", str(path), "--fix"]) == 2
    assert "no space left" in capsys.readouterr().err
    assert path.read_text("utf-8") == network("relu as y") and list(tmp_path.iterdir()) == [path]


def test_fixes_come_before_the_formats_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.arch", network("conv(8, 9x9) -> maxpol(1x1)"))
    assert main(["check", str(path), "--fix", "--format", "github"]) == 0
    printed, errors = capsys.readouterr()
    assert printed == "" and errors.startswith("fixed ")


def test_a_folder_is_mended_file_by_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    paths = [write(folder / f"{name}.arch", network("relu as y")) for name in "ab"]
    assert main(["check", str(folder), "--fix"]) == 0
    assert [path.read_text("utf-8") for path in paths] == [network("relu")] * 2
    assert capsys.readouterr().err.count("fixed ") == 2


def test_diagnostics_without_an_edit_change_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.arch", network("conv(4, 99x99)"))
    mended = mend(str(path), None)
    assert mended.after == mended.before and not mended.done and mended.diff() == ""


def test_a_text_is_mended_without_a_file(tmp_path: Path) -> None:
    """As an editor has it, imports and all."""
    write(tmp_path / "parts.arch", "let n = 4")
    text = 'import n from "parts.arch"\n' + network("conv(n, 3x3) -> maxpol(2x2)")
    mended = mend_text(str(tmp_path / "a.arch"), text, tmp_path)
    assert mended.after == text.replace("maxpol", "maxpool") and not (tmp_path / "a.arch").exists()
