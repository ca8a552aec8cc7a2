"""`archdsl fmt`: the form that the pages in tests/format show, and nothing else than form changes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.ir import print_network
from archdsl.pipeline import open_source
from archdsl.source import Source
from archdsl.syntax import parse, tree
from archdsl.syntax.format import format_source
from archdsl.syntax.lexer import tokenize
from tests.support.cli import ROOT, Cli, process
from tests.support.pages import blocks
from tests.support.random_specs import END, plain, random_spec, scattered

SPECS = sorted((ROOT / "specs").glob("*.arch"))
PAGES = sorted(path for path in (ROOT / "tests" / "format").glob("*.md") if path.stem != "README")
COMMENT = re.compile(r"#[^\n]*")
RANDOM = settings(max_examples=200, derandomize=True, deadline=None, database=None)
MESSY = "network A{input image:[3,8,8]\nconv(4,3x3)->relu}  # why\n"
NEAT = "network A {\n  input image: [3, 8, 8]\n  conv(4, 3x3) -> relu\n}  # why\n"


def formatted(text: str) -> str:
    after, problems = format_source(Source("case.arch", text))
    assert after is not None, problems
    return after


def meaning(text: str) -> tuple[Any, ...]:
    """The tree with its doc comments, without places."""
    file, problems = parse(Source("case.arch", text))
    assert not problems
    return file.doc, _plain(file.items)


def _plain(value: Any) -> Any:
    if isinstance(value, tree.Syntax):
        return type(value).__name__, *(_plain(getattr(value, field)) for field in value.fields)
    return tuple(map(_plain, value)) if isinstance(value, list) else value


def comments(text: str) -> tuple[list[str], list[str]]:
    """The comments and the doc comments, in order. (A doc comment may pass another one: it stays with its statement.)"""
    found: list[str] = []
    end = 0
    for start, after in [*((t.start, t.end) for t in tokenize(Source("case.arch", text)).tokens), (len(text), 0)]:
        found += [comment.rstrip() for comment in COMMENT.findall(text, end, start)]
        end = after
    return [c for c in found if not c.startswith("##")], [c for c in found if c.startswith("##")]


def assert_sound(text: str) -> None:
    """Formatting keeps what a spec means and all comments, and a second time changes nothing."""
    after = formatted(text)
    assert meaning(after) == meaning(text)
    assert comments(after) == comments(text)
    assert formatted(after) == after
    assert after.endswith("\n") and not re.search(r"[ \t]\n|\n\n\n|\A\n|\n\n\Z", after)


# The form


def pairs() -> Iterator[tuple[str, list[str]]]:
    """The blocks of each section of the pages: before and after, or the one that stays."""
    for page in PAGES:
        text = page.read_text("utf-8")
        headings: dict[str, list[str]] = {}
        lines = text.splitlines()
        for block in blocks(text):
            heading = next(line for line in reversed(lines[: block.line - 2]) if re.match(r"## [A-Z`]", line))
            headings.setdefault(heading[3:], []).append(block.text)
        for heading, found in headings.items():
            yield f"{page.stem}: {heading}", found


@pytest.mark.parametrize("texts", [pytest.param(texts, id=name) for name, texts in pairs()])
def test_a_spec_becomes_what_the_page_shows(texts: list[str]) -> None:
    assert len(texts) <= 2
    assert formatted(texts[0]) == texts[-1]
    assert_sound(texts[0])


# The meaning


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_a_bundled_spec_laid_out_anyhow_makes_the_same_graphs(path: Path) -> None:
    source = Source(str(path), path.read_text("utf-8"))
    assert_sound(source.text)
    messy = scattered(Random(path.name), spelled(source), comments=False)
    assert graphs(Source(str(path), formatted(messy))) == graphs(Source(str(path), messy))


def spelled(source: Source) -> list[str]:
    """The tokens of a spec as text, a label together with its colon."""
    found: list[str] = []
    for token in tokenize(source).tokens:
        if token.type == "COLON":
            found[-1] += ":"
        else:
            found.append(END if token.type == "SEP" else token.text)
    return found


def graphs(source: Source) -> list[str]:
    """All networks of a spec as text, without what is of the text: places, and the words of conditions."""
    spec = open_source(source, ROOT / "specs")
    networks = [spec.check(name).network for name in spec.networks]
    assert None not in networks
    return [
        re.sub(r' at \d+:\d+:\d+| under "(?:[^"\\]|\\.)*"', "", print_network(network))
        for network in networks
        if network is not None
    ]


@RANDOM
@given(seed=st.integers(0, 10**9))
def test_random_specs_keep_their_meaning_and_comments(seed: int) -> None:
    random = Random(seed)
    tokens = random_spec(random)
    assert_sound(plain(tokens))
    assert_sound(scattered(random, tokens, comments=True))


# The command


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)
    return Cli(capsys)


def test_files_are_rewritten_and_named(cli: Cli, tmp_path: Path) -> None:
    Path("folder/inner").mkdir(parents=True)
    messy, neat = Path("folder/inner/messy.arch"), Path("folder/neat.arch")
    messy.write_text(MESSY)
    neat.write_text(NEAT)
    messy.chmod(0o640)
    done = cli("fmt", "folder")
    assert (done.code, done.out, done.err) == (0, "folder/inner/messy.arch\n", "1 of 2 files rewritten\n")
    assert messy.read_text() == neat.read_text() == NEAT
    assert messy.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["messy.arch", "neat.arch"]


def test_a_file_in_form_is_not_written(cli: Cli) -> None:
    path = Path("neat.arch")
    path.write_text(NEAT)
    path.chmod(0o444)
    before = path.stat()
    assert cli("fmt", path).code == 0
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize(("text", "code"), [(MESSY, 1), (NEAT, 0)])
def test_check_writes_nothing(cli: Cli, text: str, code: int) -> None:
    path = Path("case.arch")
    path.write_text(text)
    done = cli("fmt", "--check", path)
    assert (done.code, path.read_text()) == (code, text)
    assert done.out == ("case.arch\n" if code else "")


def test_diff_writes_nothing_and_is_a_patch(cli: Cli) -> None:
    path = Path("case.arch")
    path.write_text(MESSY)
    done = cli("fmt", "--diff", path)
    assert done.code == 0 and path.read_text() == MESSY
    removed = [line[1:] for line in done.out.splitlines()[3:] if line[0] == "-"]
    added = [line[1:] for line in done.out.splitlines()[3:] if line[0] == "+"]
    assert removed == MESSY.splitlines() and added == NEAT.splitlines()
    assert cli("fmt", "--check", "--diff", path).code == 1


def test_standard_input() -> None:
    assert process("fmt", "-", stdin=MESSY) == (0, NEAT, "")
    assert process("fmt", "-", "--check", stdin=MESSY).code == 1
    assert process("fmt", "-", "other.arch", stdin=MESSY).code == 2


def test_line_ends_of_windows_stay(cli: Cli) -> None:
    path = Path("case.arch")
    path.write_bytes(MESSY.replace("\n", "\r\n").encode())
    assert cli("fmt", path).code == 0
    assert path.read_bytes() == NEAT.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    "text",
    ["network A {", "network A { relu ) }", "conv(4k)", 'let a = "x', "# nothing\n", "let a = 1\n\x07", "{" * 101],
)
def test_a_file_with_errors_is_left_as_it_is(cli: Cli, text: str) -> None:
    bad, good = Path("bad.arch"), Path("good.arch")
    bad.write_text(text)
    good.write_text(MESSY)
    done = cli("fmt", bad, good)
    assert done.code == 1 and "error[" in done.err and "bad.arch" in done.err
    assert (bad.read_text(), good.read_text()) == (text, NEAT)
    done = process("fmt", "-", stdin=text)
    assert done.code == 1 and done.out == "" and "error[" in done.err


@pytest.mark.parametrize("data", [b"\xff\xfe", b"let a = 1\x00"])
def test_a_file_that_is_no_text(cli: Cli, data: bytes) -> None:
    path = Path("case.arch")
    path.write_bytes(data)
    done = cli("fmt", path)
    assert done.code == 2 and "error[not-text]" in done.err and path.read_bytes() == data


def test_a_file_that_cannot_be_written(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("case.arch")
    path.write_text(MESSY)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    done = cli("fmt", path)
    assert done.code == 2 and "error[unwritable-output]" in done.err and path.read_text() == MESSY
    assert cli("fmt", "nowhere.arch").code == 2
