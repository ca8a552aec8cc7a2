"""The pages of tests/cases can fail: whatever a comment gets wrong, and whatever it leaves out, is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cases import Case, cases, disagreements

BODY = "input image: [3, 8, 8]\n"


def found(text: str, folder: Path, page: str = "page.md", **files: str) -> list[str]:
    return disagreements(Case(Path(page), "", 1, text, {f"{name}.arch": file for name, file in files.items()}), folder)


@pytest.mark.parametrize(
    "text",
    [
        "conv(4, 3x3)  #: [4, 6, 6]",
        "for c in 1..2 { conv(c, 1x1) }  #: [1, 8, 8]; [2, 8, 8]",
        "relu -> tanh  #@ 0, 1",
        "foo  #! 1 unknown-name",
        "foo\n#! 1 unknown-name: no layer, block or value is called `foo`",
        "where 1 == 1",
    ],
)
def test_what_is_so_is_accepted(text: str, tmp_path: Path) -> None:
    assert found(f"{BODY}{text}\n", tmp_path) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("conv(4, 3x3)  #: [4, 6, 7]", "case.arch:2: wanted [4, 6, 7], found [4, 6, 6]"),
        ("conv(4, 3x3) -> relu  #: [3, 8, 8]", "case.arch:2: wanted [3, 8, 8], found [4, 6, 6]"),
        ("for c in 1..2 { conv(c, 1x1) }  #: [2, 8, 8]", "case.arch:2: wanted [2, 8, 8], found [1, 8, 8]; [2, 8, 8]"),
        ("let c = 3  #: [3, 8, 8]", "case.arch:2: wanted [3, 8, 8], found nothing"),
        ("a: relu  #@ 0", "case.arch:2: wanted 0, found a"),
        ("foo", "case.arch:2: found 1 unknown-name"),
        ("relu  #! 1 unknown-name", "case.arch:2: wanted 1 unknown-name"),
        ("foo  #! 2 unknown-name", "case.arch:2: wanted 2 unknown-name"),
        ("foo  #! 1 unknown-names", "case.arch:2: wanted 1 unknown-names"),
        ("foo  #! 1 unknown-name: bar", "case.arch:2: wanted 1 unknown-name: bar"),
        ("expect params == 1", "case.arch:2: found 8 claim-fails"),
        ("where 1 == 2", "case.arch:2: found 1 constraint-fails"),
    ],
)
def test_what_is_not_so_is_found(text: str, words: str, tmp_path: Path) -> None:
    assert any(line.startswith(words) for line in found(f"{BODY}{text}\n", tmp_path))


def test_warnings_have_to_be_named_on_the_pages_of_lints_alone(tmp_path: Path) -> None:
    text = "input image: [1, 7, 7]\nfirst: conv(1, 3x3, stride=3)\n"
    assert found(text, tmp_path) == []
    assert any("unread-rows" in line for line in found(text, tmp_path, "lints/page.md"))


def test_comments_of_imported_files_are_read(tmp_path: Path) -> None:
    text = 'import c from "parts.arch"\nnetwork A { input image: [3, 8, 8]; conv(c, 1x1) }\n'
    assert found(text, tmp_path, parts="let c = 3") == []
    assert found(text, tmp_path, parts="let c = 1 / 0  #! 9 bad-arithmetic") == []
    assert found(text, tmp_path, parts="let c = 3  #! 9 bad-arithmetic") == ["parts.arch:1: wanted 9 bad-arithmetic"]


def test_a_comment_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="COLUMN CODE"):
        found(f"{BODY}relu  #! unknown-name\n", tmp_path)


def test_programs_of_a_page(tmp_path: Path) -> None:
    """Headings, files of a section and its subsections, and comments that look like headings."""
    fence = "```"
    page = tmp_path / "page.md"
    page.write_text(
        f"# One\n\n{fence}arch file=a.arch\nlet c = 3\n{fence}\n\n## Below\n\n{fence}arch\n# no heading\nfirst\n{fence}\n\n"
        f"{fence}python\nno program\n{fence}\n\n# Two\n\n{fence}arch\nsecond\n{fence}\n"
    )
    first, second = cases(page)
    assert (first.heading, first.line, first.text, first.files) == (
        "Below",
        10,
        "# no heading\nfirst\n",
        {"a.arch": "let c = 3\n"},
    )
    assert (second.heading, second.text, second.files) == ("Two", "second\n", {})
