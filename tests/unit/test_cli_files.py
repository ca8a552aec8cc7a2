"""Files that cannot be read, and outputs that cannot be written: one diagnostic, exit code 2, and nothing half done."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.source import FileProblem, files, read_spec, write_whole
from archdsl.source.render import visible
from tests.support.cli import ROOT, Cli, environment, process

GOOD = "network A {\n  input image: [3, 8, 8]\n  conv(4, 3x3)\n}\n"
COMMANDS = [["check"], ["report", "summary"], ["compile"], ["draw", "--format", "dot"]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)
    return Cli(capsys)


def unreadable(name: str) -> str:
    """Makes a file of the current folder that cannot be read as a spec; its path."""
    path = Path("case.arch")
    match name:
        case "missing":
            return "nowhere/case.arch"
        case "dangling":
            path.symlink_to("nowhere")
        case "loop":
            path.symlink_to(path)
        case "latin-1":
            path.write_bytes("# größe\n".encode("latin-1") + GOOD.encode())
        case "utf-16":
            path.write_text(GOOD, "utf-16")
        case "binary":
            path.write_bytes(bytes(range(256)))
        case "truncated":
            path.write_bytes(GOOD.encode() + b"# \xe2\x82")
        case "large":
            path.write_bytes(b"#" * (files.SIZE_LIMIT + 1))
        case "below a file":
            path.write_text(GOOD)
            return "case.arch/other.arch"
        case "too long a name":
            return "a" * 300 + ".arch"
        case "a name with a NUL":
            return "a\0b.arch"
    return str(path)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "error[unreadable-file]: cannot read `nowhere/case.arch`: no such file or directory"),
        ("dangling", "error[unreadable-file]: cannot read `case.arch`: no such file or directory"),
        ("loop", "error[unreadable-file]: cannot read `case.arch`: too many levels of symbolic links"),
        ("latin-1", "error[not-text]: `case.arch` is not UTF-8: byte 0xf6 at line 1, column 5"),
        ("utf-16", "error[not-text]: `case.arch` is not text: byte 3 is NUL"),
        ("binary", "error[not-text]: `case.arch` is not text: byte 0 is NUL"),
        ("truncated", "error[not-text]: `case.arch` is not UTF-8: byte 0xe2 at line 5, column 3"),
        ("large", "error[unreadable-file]: cannot read `case.arch`: larger than 4 MiB"),
        ("below a file", "error[unreadable-file]: cannot read `case.arch/other.arch`: not a directory"),
        ("too long a name", "file name too long"),
        ("a name with a NUL", "its name holds a NUL byte"),
    ],
)
def test_a_file_that_cannot_be_read(cli: Cli, command: list[str], name: str, words: str) -> None:
    done = cli(*command, unreadable(name))
    assert done.code == 2 and done.out == ""
    assert words in done.err and done.err.count("error[") == 1


def test_a_file_that_cannot_be_read_is_told_to_programs_too(cli: Cli) -> None:
    done = cli("check", "--format", "json", unreadable("binary"))
    (found,) = json.loads(done.out)["diagnostics"]
    assert done.code == 2 and found["code"] == "not-text"


def test_a_link_that_leads_nowhere_says_so(cli: Cli) -> None:
    assert "and that is not there" in cli("check", unreadable("dangling")).err


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_a_folder_is_no_spec(cli: Cli, command: list[str]) -> None:
    Path("case.arch").mkdir()
    done = cli(*command, "case.arch")
    assert done.code == 2 and done.out == "" and "`case.arch` is a folder" in done.err


def test_a_file_of_somebody_else(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says to others than root."""

    def forbid(path: Path, *arguments: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    written(GOOD)
    monkeypatch.setattr(Path, "open", forbid)
    done = cli("check", "case.arch")
    assert done.code == 2 and "cannot read `case.arch`: permission denied" in done.err


def test_the_files_that_can_be_read_are_checked_all_the_same(cli: Cli) -> None:
    Path("a.arch").write_text(GOOD)
    Path("b.arch").write_bytes(b"\xff")
    Path("c.arch").write_text(GOOD.replace("conv", "cnv"))
    done = cli("check", "a.arch", "b.arch", "nowhere.arch", "c.arch")
    assert done.code == 2
    assert "a.arch" in done.out and "c.arch" in done.out and "all hold" not in done.out
    assert all(
        words in done.err for words in ("`b.arch` is not UTF-8", "cannot read `nowhere.arch`", "error[unknown-name]")
    )


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "\ufeff"])
def test_an_empty_file_declares_nothing(cli: Cli, text: str) -> None:
    Path("case.arch").write_text(text)
    done = cli("check", "case.arch")
    assert done.code == 1 and "error[empty-file]: `case.arch` declares nothing" in done.err


def test_line_ends_and_byte_order_marks_of_other_systems(cli: Cli) -> None:
    """Columns and lines are those that an editor shows."""
    wanted = cli("check", written(GOOD.replace("conv", "cnv"))).err
    for data in (GOOD.replace("\n", "\r\n"), GOOD.replace("\n", "\r"), "\ufeff" + GOOD):
        assert cli("check", written(data.replace("conv", "cnv"))).err == wanted
        assert cli("check", written(data)).code == 0


def written(text: str) -> Path:
    path = Path("case.arch")
    path.write_bytes(text.encode("utf-8"))
    return path


def test_standard_input_is_a_file_too(tmp_path: Path) -> None:
    done = process("check", "/dev/stdin", stdin=GOOD, cwd=tmp_path)
    assert done.code == 0 and done.out.startswith("/dev/stdin  A")


@pytest.mark.parametrize(
    "command",
    [
        "check -",
        "report summary -",
        "report all - --format json",
        "compile -",
        "draw -",
        "fit - --memory 24GiB",
        "verify -",
        "run - --device cpu",
        "diff - case.arch",
        "diff case.arch -",
        "explain macs -",
        "plot cost -",
    ],
)
def test_a_dash_is_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """It is told what a file is told, but for the name of the file and what was measured."""

    def told(command: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(importing.encode())))
        done = cli(*command.split())
        shown = re.sub("<stdin>|&lt;stdin&gt;", "named.arch", done.out)
        return done.code, re.sub(r"\d+\.\d+ m?s|textLength=\S+", "", shown)

    Path("part.arch").write_text("block part(n) { conv(n, 3x3) }\n")
    importing = 'import part from "part.arch"\nnetwork A {\n  input image: [3, 8, 8]\n  part(4)\n}\n'
    Path("named.arch").write_text(importing)
    written(GOOD)
    named = " ".join("named.arch" if word == "-" else word for word in command.split())
    assert told(command) == told(named) and told(command)[0] == 0


def test_a_network_of_standard_input(tmp_path: Path) -> None:
    two = GOOD + GOOD.replace("network A", "network B").replace("conv(4", "conv(5")
    assert process("report", "summary", "-:B", stdin=two, cwd=tmp_path).out.startswith(
        "B   image [3, 8, 8] -> out [5, 6, 6]"
    )
    done = process("compile", "-", stdin=two, cwd=tmp_path)
    assert done.code == 2 and "`<stdin>` has 2 networks: name one, as -:A (A, B)" in done.err
    assert process("check", "-", stdin="network A {", cwd=tmp_path).err.startswith("error[unclosed]")
    assert "--> <stdin>:1:" in process("check", "-", stdin="network A {", cwd=tmp_path).err


def test_standard_input_is_no_file_to_be_mended(tmp_path: Path) -> None:
    done = process("check", "--fix", "-", stdin=GOOD, cwd=tmp_path)
    assert done.code == 2 and "`--fix` rewrites files, and `-` is standard input" in done.err
    closed = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m archdsl check - <&-'], env=environment(), capture_output=True
    )
    assert (closed.returncode, closed.stderr) == (
        2,
        b"error[unreadable-file]: cannot read standard input: it is closed\n\n",
    )


def test_file_names_that_are_no_text(tmp_path: Path) -> None:
    """Bytes of a file name that are not UTF-8 reach Python as lone surrogates, and the terminal escaped."""
    name = os.fsencode(tmp_path) + b"/n\xff.arch"
    Path(os.fsdecode(name)).write_text(GOOD)
    bad = os.fsencode(tmp_path) + b"/b\xff.arch"
    Path(os.fsdecode(bad)).write_text(GOOD.replace("conv", "cnv"))
    for arguments in (
        ["check"],
        ["check", "--format", "json"],
        ["report", "summary"],
        ["report", "all", "--format", "json"],
    ):
        assert process(*arguments, os.fsdecode(name)).code == 0
        done = process(*arguments, os.fsdecode(bad))
        assert done.code == 1 and "Traceback" not in done.err
    assert process("check", os.fsdecode(tmp_path)).code == 1
    done = process("compile", os.fsdecode(name), "-o", os.fsdecode(name) + ".py")
    assert done.code == 0 and "Traceback" not in done.err


# Outputs

OUTPUTS = [
    ["report", "summary", "case.arch"],
    ["report", "summary", "case.arch", "--format", "json"],
    ["report", "summary", "case.arch", "--format", "csv"],
    ["report", "summary", "case.arch", "--format", "markdown"],
    ["compile", "case.arch"],
    ["draw", "case.arch", "--format", "dot"],
]


def listing() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*"))


@pytest.mark.parametrize("command", OUTPUTS)
@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("folder", "is a directory"),
        (".", "is a directory"),
        ("/", "is a directory"),
        ("nowhere/out", "no such file or directory"),
        ("case.arch/out", "not a directory"),
        ("loop", "not a usable name"),
        ("a" * 300, "file name too long"),
        ("a\0b", "not a usable name"),
    ],
)
def test_an_output_that_cannot_be_written(cli: Cli, command: list[str], output: str, words: str) -> None:
    written(GOOD)
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    before = listing()
    done = cli(*command, "-o", output)
    assert done.code == 2 and done.out == ""
    assert f"error[unwritable-output]: cannot write `{visible(output)}`: {words}" in done.err
    assert listing() == before


@pytest.mark.parametrize("command", OUTPUTS)
def test_an_output_is_replaced_whole(cli: Cli, command: list[str]) -> None:
    written(GOOD)
    Path("out").write_bytes(b"\xff" * 1_000_000)
    Path("out").chmod(0o640)
    assert cli(*command, "-o", "out").code == 0
    fresh = Path("out").read_bytes()
    assert cli(*command, "-o", "out2").code == 0
    assert fresh == Path("out2").read_bytes() and fresh
    assert Path("out").stat().st_mode & 0o777 == 0o640
    assert listing() == ["case.arch", "out", "out2"]


@pytest.mark.parametrize("command", OUTPUTS)
@pytest.mark.parametrize("text", ["network A {", GOOD.replace("conv", "cnv"), ""])
def test_a_spec_that_fails_leaves_the_output_as_it_was(cli: Cli, command: list[str], text: str) -> None:
    written(text)
    Path("out").write_bytes(b"before")
    assert cli(*command, "-o", "out").code in (1, 2)
    assert Path("out").read_bytes() == b"before"
    assert listing() == ["case.arch", "out"]


@pytest.mark.parametrize("failing", ["write_bytes", "replace"])
def test_a_disk_that_is_full_leaves_the_output_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failing: str
) -> None:
    def fail(path: Path, *arguments: object) -> None:
        if failing == "write_bytes":
            with path.open("wb") as file:
                file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    Path("out").write_bytes(b"before")
    monkeypatch.setattr(Path, failing, fail)
    with pytest.raises(FileProblem, match="no space left on device"):
        write_whole("out", "after")
    assert Path("out").read_bytes() == b"before"
    assert listing() == ["out"]


def test_an_output_that_may_not_be_written(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the folder may be, so that the file could be replaced."""
    written(GOOD)
    Path("out").write_bytes(b"before")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    done = cli("compile", "case.arch", "-o", "out")
    assert done.code == 2 and "permission denied" in done.err
    assert Path("out").read_bytes() == b"before"


@pytest.mark.parametrize("target", ["target", "folder/target"])
def test_a_link_stays_a_link(cli: Cli, target: str) -> None:
    written(GOOD)
    Path("folder").mkdir()
    Path("out").symlink_to(target)
    for _ in range(2):
        assert cli("compile", "case.arch", "-o", "out").code == 0
    assert Path("out").is_symlink() and "class A" in Path(target).read_text("utf-8")
    assert listing() == sorted(["case.arch", "folder", "out", target])


def test_an_output_may_be_a_device(tmp_path: Path) -> None:
    (tmp_path / "case.arch").write_text(GOOD)
    done = process("compile", "case.arch", "-o", "/dev/stderr", cwd=tmp_path)
    assert done.code == 0 and "class A" in done.err


@pytest.mark.parametrize(
    "command",
    [
        "check case.arch",
        "report summary case.arch",
        "report all case.arch --format json",
        "compile case.arch",
        "draw case.arch",
        "draw case.arch --format png",
        "fit case.arch --memory 24GiB",
        "diff case.arch mlp",
        "fmt --diff untidy.arch",
        "explain",
        "check --help",
        "--help",
    ],
)
@pytest.mark.parametrize(
    ("output", "words"), [(">/dev/full", "no space left on device"), (">&-", "it is closed")], ids=["full", "closed"]
)
def test_a_standard_output_that_cannot_be_written(tmp_path: Path, command: str, output: str, words: str) -> None:
    (tmp_path / "case.arch").write_text(GOOD)
    (tmp_path / "untidy.arch").write_text(GOOD.replace("  ", " "))
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m archdsl {command} {output}', sys.executable],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (2, f"archdsl: cannot write to standard output: {words}\n")


@pytest.mark.parametrize(("streams", "code"), [("2>&-", 0), (">&- 2>&-", 2), (">/dev/full 2>/dev/full", 2)])
def test_a_standard_error_that_cannot_be_written(streams: str, code: int) -> None:
    done = subprocess.run(["sh", "-c", f'"$0" -m archdsl check mlp {streams}', sys.executable], env=environment())
    assert done.returncode == code


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_a_dash_is_standard_output(cli: Cli, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "case.arch").write_text(GOOD)
    assert cli(*command, "case.arch", "-o", "-").out == cli(*command, "case.arch").out
    assert [path.name for path in tmp_path.iterdir()] == ["case.arch"]


def test_an_import_that_leads_in_a_circle(cli: Cli) -> None:
    Path("loop.arch").symlink_to("loop.arch")
    done = cli("check", written(f'import a from "loop.arch"\nimport b from "{"b" * 300}"\n{GOOD}'))
    assert done.code == 1 and done.err.count("error[unusable-import]: cannot read") == 2


def test_the_text_of_a_file_is_read_once_and_with_one_kind_of_line_end(tmp_path: Path) -> None:
    path = tmp_path / "case.arch"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert read_spec(path).text == "a\nb\nc\n"


def test_bundled_specs_are_found_from_anywhere(cli: Cli) -> None:
    assert cli("check", "mlp").out.startswith(f"{ROOT}/specs/mlp.arch")


@pytest.mark.parametrize("command", [("check",), ("verify",), ("report", "summary"), ("plot", "cost")])
def test_a_network_whose_text_is_broken_may_be_named(cli: Cli, tmp_path: Path, command: tuple[str, ...]) -> None:
    file = tmp_path / "broken.arch"
    file.write_text("network A {\n  input x: [3, 8, 8]\n  conv(8, 3x3\n}\n", "utf-8")
    done = cli(*command, f"{file}:A")
    assert done.code == 1 and "`)` is missing before this" in done.err, done


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("check lenet", 0, ""),
        ("check -", 2, "archdsl: there is no current folder any more"),
        ("check a.arch", 2, "error[unreadable-file]: cannot read `a.arch`"),
    ],
)
def test_a_current_folder_that_was_deleted(tmp_path: Path, command: str, code: int, words: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", f'rmdir ../gone; "$0" -m archdsl {command}', sys.executable],
        cwd=gone,
        env=environment(),
        input=GOOD,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code and words in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert "standard output" not in done.stderr


@pytest.mark.parametrize("command", [["compile"], ["draw"], ["report", "summary"]])
def test_an_output_replaces_no_spec(cli: Cli, tmp_path: Path, command: list[str]) -> None:
    """Neither what is read, by whatever name, nor what it imports."""
    (tmp_path / "n.arch").write_text('import width from "w.arch"\nnetwork N { input x: [3]; linear(width) }')
    (tmp_path / "w.arch").write_text("let width = 7")
    (tmp_path / "link.txt").symlink_to(tmp_path / "n.arch")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    for output, kind in (("n.arch", "a spec"), ("w.arch", "a spec"), ("link.txt", "what is read")):
        done = cli(*command, "n.arch", "-o", output, *(["--format", "dot"] if command == ["draw"] else []))
        assert (done.code, done.out) == (2, "")
        assert f"`--output {output}` would replace {kind}: give another name" in done.err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("option", ["-o", "--init"])
def test_an_option_without_a_name(cli: Cli, option: str) -> None:
    done = cli("compile", "vgg16", option, "")
    assert (done.code, done.out) == (2, "") and "the name is empty" in done.err
