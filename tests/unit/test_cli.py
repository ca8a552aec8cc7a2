"""The commands: what they are given, what they print where, and their exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from archdsl.cli import COMMANDS
from archdsl.cli.targets import size
from archdsl.pipeline import diagnostic_kinds
from archdsl.reports import REPORTS
from tests.support.cli import ROOT, Cli, environment, process

SCHEMA = json.loads((ROOT / "docs/reference/report.schema.json").read_text("utf-8"))
GOOD = "network A(n = 4) {\n  input image: [3, 8, 8]\n  conv(n, 3x3)\n  output y\n  expect params == 28 * n\n}\n"
WARNS = "network A {\n  input image: [1, 7, 7]\n  conv(1, 3x3, stride=3)\n}\n"
CLAIM_FAILS = GOOD.replace("28 * n", "28 * n + 1")
BROKEN = GOOD.replace("conv", "cnv")
SEVERAL = GOOD + "network B = A(5)\n"
TEMPLATE = "network T(n) { input image: [3, 8, 8]; conv(n, 3x3) }\n"
ESCAPE = "\x1b["


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and the path of a spec in it."""
    monkeypatch.chdir(tmp_path)
    return Path("case.arch")


# Help


def test_help_names_every_command(cli: Cli) -> None:
    done = cli("--help")
    assert done.code == 0
    assert all(f"  {name} " in done.out and help in " ".join(done.out.split()) for name, help in COMMANDS.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_shows_how_it_is_used(cli: Cli, command: str) -> None:
    done = cli(command, "--help")
    assert done.code == 0 and done.err == ""
    assert f"archdsl {command}" in done.out and "example" in done.out
    assert max(map(len, done.out.splitlines())) <= 128


def test_without_a_command_the_help_is_shown(cli: Cli) -> None:
    done = cli()
    assert done.code == 2 and "usage: archdsl" in done.out + done.err


def test_version(cli: Cli) -> None:
    done = cli("--version")
    assert done.code == 0 and re.fullmatch(r"archdsl \d+\.\d+\.\d+\n", done.out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("chek a.arch", "archdsl: there is no command `chek`; did you mean `check`?"),
        ("summary vgg16", "archdsl: there is no command `summary`; did you mean `archdsl report summary`?"),
        ("--verson", "archdsl: `--verson` is no option; did you mean `--version`?"),
        ("check", "archdsl check: FILE is missing"),
        ("check --nonsense vgg16", "archdsl check: `--nonsense` is no option"),
        ("check vgg16 --strickt", "archdsl check: `--strickt` is no option; did you mean `--strict`?"),
        ("check vgg16 --format yaml", "archdsl check: `--format yaml`: choose text, json, github, sarif"),
        ("check vgg16 --color sometimes", "archdsl check: `--color sometimes`: choose auto, always, never"),
        (
            "check vgg61",
            "archdsl: there is no file `vgg61`, and no bundled spec or network of that name: did you mean `vgg16`?",
        ),
        (
            "diff vgg16 nosuch",
            "bundled are alexnet, alexnet_ablations, allconv, amoebanet, autoencoder, ciresan, convnet, convnext, ...",
        ),
        ("fit vgg16 --memory 8GiB --freeze *bias", "`*bias`: `*` matches no dot; did you mean `*.*.bias`?"),
        ("check lenet.arch", "error[unreadable-file]: cannot read `lenet.arch`: no such file or directory"),
        ("check specs", "archdsl: there is no *.arch file in `specs`"),
        ("report vgg16", "archdsl report: there is no report `vgg16`; there are summary, "),
        ("report vgg16 summary", ", as in `archdsl report summary vgg16`"),
        ("report sumary vgg16", "archdsl report: there is no report `sumary`; did you mean `summary`?"),
        ("report receptive vgg16", "archdsl report: there is no report `receptive`; did you mean `receptive-field`?"),
        ("report layers vgg16", "archdsl report: there is no report `layers`; did you mean `archdsl report summary`?"),
        ("report flops vgg16 --gpu h200", "archdsl report: `--gpu` is no option; did you mean `--on`?"),
        ("report summary vgg16 --width 0", "archdsl report: `--width`: `0` is no whole number of at least 1"),
        ("report summary vgg16 --top -1", "archdsl report: `--top`: `-1` is no whole number of at least 1"),
        (
            "report memory vgg16 --sort none",
            "`--sort` is no 'none': the columns of `memory` are layer, operation, output, bytes (memory), alive, kept",
        ),
        ("report memory vgg16 --batch 1099511627777", "is too large: at most 1_099_511_627_776"),
        ("check vgg16 --max-memory 1", "archdsl: `--max-memory 1` is 1 byte: write a unit, as 2GiB"),
        ("check vgg16 --max-params 5X", "`--max-params 5X`: there is no such unit; write an amount, as 5M or 5_000"),
        ("check vgg16 --max-params=", "archdsl: `--max-params `: there is no value; write an amount, as 5M or 5_000"),
        ("fit vgg16 --memory -1GiB", "archdsl: `--memory -1GiB`: write an amount, as 24GiB"),
        ("compile :A", "archdsl: `:A` names no file: write FILE or FILE:NETWORK"),
        ("check vgg16 --root nowhere", "archdsl: `--root nowhere` is no folder"),
        ("report summary vgg16 --train", "archdsl: `--train` is for the reports `flops`, `memory` and `formulas`"),
        ("draw vgg16 --format svg -o x.pdf", "archdsl: `--format svg` and `x.pdf` are two formats: leave one out"),
        ("check vgg16 --max-params 5MB", "archdsl: `--max-params 5MB` is a number of bytes: write a count, as 5M"),
        ("check vgg16 --max-params 5,000", "the digits of a number are grouped by `_`, not by `,`; write `5_000`"),
        ("check vgg16 --max-params abc", "archdsl: `--max-params abc`: write an amount, as 5M or 5_000"),
        ("check vgg16 --max-macs 5G-", "write an amount, as 600M or 5_000"),
        ("check vgg16 --max-params 5M5", "digits and letters touch; write an amount, as 5M or 5_000"),
        ("check vgg16 --max-memory 2", "archdsl: `--max-memory 2` is 2 bytes: write a unit, as 2GiB"),
        ("check vgg16 --max-flops 5G", "`--max-flops` is no option; did you mean `--max-macs`?"),
        ("report summary", "archdsl report: FILE is missing"),
        ("report summary vgg16 vgg", "archdsl report: `vgg` is one argument too many"),
        ("report summary vgg16 --batch 0", "archdsl report: `--batch`: `0` is no whole number of at least 1"),
        ("report summary vgg16 --batch many", "archdsl report: `--batch`: `many` is no whole number of at least 1"),
        ("report summary vgg16 --batch", "archdsl report: `--batch`: expected one argument"),
        ("report summary vgg16 --depth x", "archdsl report: `--depth`: "),
        (
            "report summary vgg16 --optimzer adam",
            "archdsl report: `--optimzer` is no option; did you mean `--optimizer`?",
        ),
        ("report summary vgg:VGG_X", "archdsl: `"),
        ("report summary vgg:vgg_aa", "has no network `vgg_aa`; did you mean `VGG_A`?"),
        ("report shapes vgg", "networks: name one, as "),
        ("report summary vgg:VGG_A --set clases=5", "`VGG_A` has no parameter `clases`: did you mean `classes`?"),
        ("report summary vgg:VGG_A --set classes", "archdsl: `--set classes`: write NAME=VALUE, as `--set classes=10`"),
        (
            "report summary vgg:VGG_A --set classes=ten",
            "the value is a number, true, false, a window, a list or a string",
        ),
        ("report summary vgg16 --input 3x", "archdsl: `--input 3x`: write the sizes without the batch, as "),
        ("report summary vgg16 --input img=3x224x224", "`VGG16` has no input `img`: did you mean `image`?"),
        ("report summary siamese --input 1x32x32", "inputs: say which, as `--input "),
        ("diff vgg16", "archdsl diff: AFTER is missing"),
        ("fit vgg16", "archdsl fit: one of the arguments --memory --on is required"),
        ("fit vgg16 --memory 24gib", "`24gib` is no number: digits and letters touch; write `24GiB`"),
        ("fit vgg16 --memory 1e300GiB", "archdsl: `--memory 1e300GiB`: a number of more than 512 bits"),
        ("fit vgg16 --memory 24", "archdsl: `--memory 24` is 24 bytes: write a unit, as 24GiB"),
        ("draw vgg16 --theme pink", "archdsl draw: `--theme pink`: choose "),
        ("explain shape-mismach", "; did you mean `shape-mismatch`?"),
    ],
)
def test_wrong_use_is_2_and_says_what_was_meant(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    done = cli(*arguments.split())
    assert done.code == 2 and done.out == ""
    assert said in done.err and "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 3


def test_a_file_without_a_name_is_none(cli: Cli) -> None:
    for command in (["check"], ["compile"], ["report", "summary"]):
        done = cli(*command, "")
        assert done.code == 2 and "names no file" in done.err


def test_any_memory_has_a_largest_batch(cli: Cli, tmp_path: Path) -> None:
    """A row of a `linear(3)` on three numbers takes some dozens of bytes: 10^9 TiB have room for more than 10^18."""
    spec = tmp_path / "case.arch"
    spec.write_text("network A { input x: [3]; linear(3) }\n")
    found = json.loads(cli("fit", spec, "--memory", "999999999TiB", "--format", "json").out)
    assert 10**18 < found["certain"]["batch"] <= found["likely"]["batch"] < 10**21


@pytest.mark.parametrize(
    ("file", "network"),
    [
        ("resnet50", "ResNet50"),
        ("vgg:vgg_a", "VGG_A"),
        (f"{ROOT}/specs/resnet.arch:RESNET50", "ResNet50"),
        ("UNet", "UNet"),
        ("unet", "UNet"),
        ("VGG16", "VGG16"),
    ],
)
def test_a_network_is_found_in_upper_and_lower_case(cli: Cli, file: str, network: str) -> None:
    done = cli("report", "params", file)
    assert done.code == 0 and done.out.split()[0] == network


def test_names_that_differ_in_case_alone_are_told_apart(cli: Cli, spec: Path) -> None:
    spec.write_text(GOOD + GOOD.replace("network A", "network a"))
    assert cli("report", "params", "case.arch:a").out.split()[0] == "a"
    spec.write_text(GOOD.replace("network A", "network Ab") + GOOD.replace("network A", "network aB"))
    done = cli("report", "params", "case.arch:AB")
    assert done.code == 2 and "has no network `AB`; did you mean" in done.err


def test_a_file_beside_is_offered(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lenet.arch").write_text(GOOD)
    done = cli("check", "lennet.arch")
    assert done.code == 2 and "= help: did you mean `lenet.arch`?" in done.err


# check


@pytest.mark.parametrize(
    ("text", "plain", "strict"), [(GOOD, 0, 0), (WARNS, 0, 1), (CLAIM_FAILS, 1, 1), (BROKEN, 1, 1), (TEMPLATE, 0, 0)]
)
def test_check_exit_codes(cli: Cli, spec: Path, text: str, plain: int, strict: int) -> None:
    spec.write_text(text)
    assert cli("check", spec).code == plain
    assert cli("check", spec, "--strict").code == strict


def test_a_claim_that_fails_in_two_variants_is_told_of_both(cli: Cli, spec: Path) -> None:
    """Beside them a network with an error of its own, which is none of the claims that fail."""
    template = GOOD.replace("A(n = 4)", "T(n)").replace("28 * n", "5")
    spec.write_text(f"{template}network A = T(4)\nnetwork B = T(8)\n{BROKEN.replace('network A', 'network C')}")
    done = cli("check", spec)
    assert done.code == 1
    assert "3 networks, 2 claims: 0 hold, 2 fail, 1 network does not hold together, 1 error\n" in done.out
    assert "computed 112\n" in done.err and "computed 224\n" in done.err
    told = [line for line in cli("check", spec, "--format", "github").out.splitlines() if "claim-fails" in line]
    assert [("computed 112" in line, "computed 224" in line) for line in told] == [(True, False), (False, True)]
    alike = f"{template}network A = T(4)\nnetwork B = T(4)\n"
    spec.write_text(alike)
    done = cli("check", spec)
    assert "2 networks, 2 claims: 0 hold, 2 fail\n" in done.out and done.err.count("claim does not hold") == 1


def test_results_on_stdout_diagnostics_on_stderr(cli: Cli, spec: Path) -> None:
    spec.write_text(CLAIM_FAILS)
    done = cli("check", spec)
    assert done.out == (
        "case.arch  A  112 params  3_888 MACs  1 weight layer\n"
        "fails params == 28 * n + 1   112\n"
        "1 network, 1 claim: 0 hold, 1 fails\n"
    )
    assert done.err.startswith(
        "error[claim-fails]: claim does not hold: `params == 28 * n + 1`\n  --> case.arch:5:10\n"
    )


@pytest.mark.parametrize("text", [BROKEN, CLAIM_FAILS, "network A {", "foo", "", "# nothing", "network A { }"])
def test_a_spec_that_fails_never_holds(cli: Cli, spec: Path, text: str) -> None:
    spec.write_text(text)
    done = cli("check", spec)
    assert done.code == 1
    assert "error[" in done.err
    assert "all hold" not in done.out


def test_check_of_a_folder_takes_all_below_it(cli: Cli, spec: Path) -> None:
    Path("sub").mkdir()
    for name, text in {"a.arch": GOOD, "sub/b.arch": CLAIM_FAILS, "sub/c.arch": BROKEN, "other.txt": "x"}.items():
        Path(name).write_text(text)
    done = cli("check", ".")
    assert done.code == 1
    assert [" ".join(line.split()) for line in done.out.splitlines()] == [
        "a.arch A 112 params 1 claim ok",
        "b.arch A 112 params 1 claim 1 fails",
        "c.arch A 0 claims 1 error",
        "3 files, 3 networks, 2 claims: 1 holds, 1 fails, 1 network does not hold together, 1 error",
    ]


def test_a_network_that_cannot_be_read_is_counted(cli: Cli, spec: Path) -> None:
    spec.write_text(GOOD + "\nnetwork B {\n  input x: [8]\n  relu as as y\n}\nblock c { relu as as y }\n")
    done = cli("check", spec)
    assert done.code == 1
    *_, broken, totals = done.out.splitlines()
    assert broken.split(maxsplit=1)[1] == "B  does not hold together"
    assert totals.startswith("2 networks, 1 claim: all hold, 1 network does not hold together, ")


def test_a_folder_is_the_root_of_imports_of_what_is_below(cli: Cli, spec: Path) -> None:
    Path("sub").mkdir()
    Path("parts.arch").write_text("let n = 4")
    Path("sub/a.arch").write_text('import n from "../parts.arch"\nnetwork A { input x: [3, 8, 8]; conv(n, 1x1) }')
    for command in (("check",), ("verify",), ("plot", "cost")):
        assert cli(*command, ".").code == 0
        assert cli(*command, "sub/a.arch").code == 1
        assert cli(*command, "sub/a.arch", ".").code == 0
    assert cli("check", "sub/a.arch", "--root", ".").code == 0
    assert cli("report", "summary", "sub/a.arch").code == 1
    assert cli("report", "summary", "sub/a.arch", "--root", ".").code == 0


def test_the_bundled_specs_hold(cli: Cli) -> None:
    """One of the small ones; tests/oracle/test_specs.py takes all."""
    assert cli("check", "mlp", "convnet", "--strict").code == 0


# FILE


def test_file_by_path_name_and_network(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    by_path = cli("report", "params", "specs/vgg16.arch")
    assert by_path.code == 0 and "138_357_544" in by_path.out
    assert cli("report", "params", "vgg16") == by_path
    assert cli("report", "params", "VGG16") == by_path
    assert cli("report", "params", "vgg16:VGG16") == by_path
    assert cli("report", "params", "specs/vgg16.arch:VGG16") == by_path
    monkeypatch.chdir(tmp_path)
    assert cli("report", "params", "vgg16").out == by_path.out


def test_of_several_networks_one_is_named(cli: Cli, spec: Path) -> None:
    spec.write_text(SEVERAL)
    done = cli("report", "params", spec)
    assert done.code == 2 and "2 networks: name one, as case.arch:A (A, B)" in done.err
    assert "140" in cli("report", "params", "case.arch:B").out
    summary = cli("report", "summary", spec)
    assert summary.code == 0 and "112" in summary.out and "140" in summary.out
    assert cli("check", "case.arch:B").out.startswith("case.arch  B")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "case.arch:Bb"], "`case.arch` has no network `Bb`"),
        (["report", "params", "case.arch:aa"], "`case.arch` has no network `aa`"),
        (["report", "params", "vgg61"], "did you mean `vgg16`?"),
        (["report", "params", "VGG61"], "did you mean `VGG16`?"),
        (["report", "params", "nothing_like_it"], "no bundled spec or network of that name"),
        (["report", "params", "vgg16:VGG61"], "did you mean `VGG16`?"),
        (["report", "params", "."], "is a folder: name one of its specs"),
        (["compile", "case.arch"], "name one, as case.arch:A"),
        (["draw", "case.arch"], "name one, as case.arch:A"),
        (["check", "empty"], "there is no *.arch file in `empty`"),
        (["report", "params", "template.arch"], "only the template T"),
        (["explain", "shape-mismtch"], "did you mean `shape-mismatch`?"),
        (["report", "params", "good.arch", "--set", "m=3"], "`A` has no parameter `m`"),
        (["report", "params", "good.arch", "--set", "n"], "write NAME=VALUE"),
        (["report", "params", "good.arch", "--set", "n="], "`--set n=`"),
        (["report", "params", "good.arch", "--set", "n=relu"], "the value is a number, true, false"),
        (["report", "params", "good.arch", "--set", "n=1 +"], "expected a value"),
        (["report", "params", "good.arch", "--set", "1=n"], "write NAME=VALUE"),
        (["report", "params", "good.arch", "--input", "3xx8"], "write the sizes without the batch"),
        (["report", "params", "good.arch", "--input", "0x8x8"], "write the sizes without the batch"),
        (["report", "params", "good.arch", "--input", "0x8x8"], "a size is a whole number of at least 1, not 0"),
        (
            ["report", "params", "good.arch", "--input", "1099511627777"],
            "a size is at most 1_099_511_627_776, not 1_099_",
        ),
        (["report", "params", "good.arch", "--input", "3x" + "9" * 5000], "write the sizes without the batch"),
        (["report", "params", "good.arch", "--sort", "nothing"], "nothing"),
        (["report", "receptive-field", "good.arch", "--unit", "3,3"], "--unit"),
        (["report", "receptive-field", "good.arch", "--unit", "0:a,b"], "write PATH:ROW,COLUMN"),
        (["report", "receptive-field", "good.arch", "--unit", "nowhere:1,1"], "nowhere"),
        (["report", "receptive-field", "good.arch", "--unit", "0:99,99"], "99"),
        (["draw", "good.arch", "-o", "picture.xyz"], "`.xyz` is no format"),
    ],
)
def test_what_is_not_there_is_2(cli: Cli, spec: Path, arguments: list[str], words: str) -> None:
    spec.write_text(SEVERAL)
    Path("good.arch").write_text(GOOD)
    Path("template.arch").write_text(TEMPLATE)
    Path("empty").mkdir()
    done = cli(*arguments)
    assert done.code == 2 and done.out == ""
    assert done.err.startswith("archdsl: ") and words in done.err


# Settings


def figures(cli: Cli, *arguments: str | Path) -> dict[str, int]:
    done = cli("report", "summary", *arguments, "--format", "json")
    assert done.code == 0, done.err
    totals: dict[str, int] = json.loads(done.out)["totals"]
    return totals


def test_parameters_are_set(cli: Cli, spec: Path) -> None:
    spec.write_text(GOOD)
    assert figures(cli, spec)["params"] == 112
    assert figures(cli, spec, "--set", "n=10")["params"] == 280
    assert figures(cli, spec, "--set", "n=1_0")["params"] == 280
    assert figures(cli, spec, "--set", "n=3", "--set", "n=10")["params"] == 280


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("k", "3x1"),
        ("k", "[3, 1]"),
        ("flag", "false"),
        ("rate", "0.25"),
        ("rate", "1/4"),
        ("name", '"b"'),
        ("axis", "-1"),
    ],
)
def test_settings_of_every_kind(cli: Cli, spec: Path, parameter: str, value: str) -> None:
    wanted = {
        "k": "k == [3, 1]",
        "flag": "not flag",
        "rate": "rate == 1/4",
        "name": 'name == "b"',
        "axis": "axis == -1",
    }
    spec.write_text(
        'network A(k = 3, flag = true, rate = 0.5, name = "a", axis = 0) {\n'
        f"  input image: [3, 8, 8]\n  relu\n  where {wanted[parameter]}\n}}\n"
    )
    assert cli("report", "summary", spec).code == 1
    assert cli("report", "summary", spec, "--set", f"{parameter}={value}").code == 0


def test_the_input_is_set(cli: Cli, spec: Path) -> None:
    spec.write_text(GOOD)
    at_eight = figures(cli, spec)["macs"]
    assert at_eight == 4 * 27 * 6 * 6
    for shape in ("3x16x16", "[3,16,16]", "image=3x16x16"):
        assert figures(cli, spec, "--input", shape)["macs"] == 4 * 27 * 14 * 14


def test_an_input_that_does_not_fit_is_an_error_of_the_spec(cli: Cli, spec: Path) -> None:
    spec.write_text(GOOD)
    done = cli("report", "summary", spec, "--input", "3x2x2")
    assert done.code == 1 and "error[window-too-large]" in done.err


def test_an_input_with_another_number_of_axes_leaves_no_size_without_a_value(cli: Cli, spec: Path) -> None:
    spec.write_text("network A {\n  input image: [1, H, W]\n  where W % 8 == 0\n  conv(4, 3x3)\n}\n")
    done = cli("report", "summary", spec, "--input", "64x64")
    assert done.code == 1 and done.err.count("error[") == 1
    assert "error[wrong-rank]" in done.err and "[64, 64] from outside: 2 against 3" in done.err


def test_a_limit_holds_for_a_training_step(cli: Cli, spec: Path) -> None:
    """What the report says is the peak of a step is within the limit, and a byte less is not."""
    spec.write_text(GOOD)
    step = ("--train", "--optimizer", "adam", "--loss", "none", "--batch", "8")
    peak = json.loads(cli("report", "memory", spec, *step, "--format", "json").out)["memory"]["peak"]
    assert cli("check", spec, *step, "--max-memory", str(peak)).code == 0
    done = cli("check", spec, *step, "--max-memory", str(peak - 1), "--format", "sarif")
    assert done.code == 1
    (found,) = [r["message"]["text"] for r in json.loads(done.out)["runs"][0]["results"] if r["level"] == "error"]
    assert "memory(peak) <=" in found
    assert "state of adam" in cli("check", spec, *step, "--max-memory", "1KiB").err
    assert cli("check", spec, "--max-memory", "1KiB", "--optimizer", "adam").code == 2  # of which step?
    assert cli("check", spec, "--train").code == 2


def test_a_step_is_told_with_its_settings(cli: Cli, spec: Path) -> None:
    """All that is not as usual stands beside the figures; what reads numbers and gives scores is a network of float32."""
    spec.write_text("network A { input tokens: int64 [5]; embedding(9, 4); body: { linear(3) } }")
    options = ("--optimizer", "adamw", "--precision", "bf16-mixed", "--autocast", "cpu", "--accumulate", "2")
    step = (*options, "--weight-decay", "--loss", "mse", "--checkpoint", "body", "--freeze", "0")
    told = "adamw (%s) with weight decay, bf16-mixed by a CPU's autocast, mse, '0' frozen, 'body' checkpointed"
    out = cli("report", "memory", spec, "--train", *step, "--width", "200").out
    assert f"with {told % 'for-loop'}, N in each of 2 passes of a step\n" in out
    assert out.startswith("A   N = 1, float32, bf16-mixed by a CPU's autocast\n")
    fitted = cli("fit", spec, "--memory", "1GiB", *step).out
    assert fitted.startswith(f"A   {told % 'foreach'}, N in each of 2 passes of a step, 1.00 GiB\n")
    data = json.loads(cli("fit", spec, "--memory", "1GiB", *step, "--format", "json").out)["settings"]
    assert (data["frozen"], data["checkpointed"], len(data)) == (["0"], ["body"], 10)  # JSON keeps its keys


@pytest.mark.parametrize("turns", [20, 1_000_000])
def test_over_a_limit_layers_that_are_alike_are_one(cli: Cli, spec: Path, turns: int) -> None:
    """Convolutions of 64 * 64 * 9 weights and 64 biases; a layer that is shared has them once, and computes twice."""
    loop = f"repeat {turns} {{ conv(64, 3x3, pad=1) -> relu }}"
    spec.write_text(
        f"network A {{ input x: [64, 4, 4]; {loop}; conv(1, 1x1); flatten; shared s = linear(16); s -> s }}"
    )
    own, rest = turns * (64 * 64 * 9 + 64), 65 + 17 * 16
    share = f"{100 * own / (own + rest):.1f}%"
    err = cli("check", spec, "--max-params", "1").err
    assert f"cost most: 0 and {turns - 1:_} alike {own:_} ({share}), s {17 * 16} (" in err
    assert " s 512 (" in cli("check", spec, "--max-macs", "1").err


def test_limits_fail_a_check(cli: Cli, spec: Path) -> None:
    """A convolution of 4 * 27 weights and 4 biases, on 6x6 places."""
    spec.write_text(GOOD)
    assert cli("check", spec, "--max-params", "112", "--max-macs", "3_888", "--max-memory", "1KiB").code == 1
    assert cli("check", spec, "--max-params", "112", "--max-macs", "3_888", "--max-memory", "2KiB").code == 0
    found = json.loads(cli("check", spec, "--max-params", "111", "--format", "json").out)["diagnostics"]
    assert [d["labels"][0]["text"] for d in found if d["code"] == "claim-fails"] == ["computed 112, 0.9% too much"]
    done = cli("check", spec, "--max-params", "111", "--max-macs", "3.8k")
    assert done.code == 1 and "2 errors" in done.out
    assert (
        "params <= 111" in done.err
        and "computed 112, 0.9% too much" in done.err
        and "cost most: 0 112 (100.0%)" in done.err
    )
    assert "macs <= 3.8k" in done.err and "computed 3_888" in done.err
    assert cli("check", spec, "--max-macs", "much").code == 2 and cli("check", spec, "--max-macs", "0.5").code == 2
    sarif = json.loads(cli("check", spec, "--max-params", "1", "--format", "sarif").out)
    assert "claim-fails" in [r["ruleId"] for r in sarif["runs"][0]["results"]]


def test_a_limit_is_exceeded_at_sizes(cli: Cli, spec: Path) -> None:
    """A convolution of 4 * 27 weights on 10x14 places of 12x16."""
    spec.write_text(
        GOOD.replace("[3, 8, 8]", "[3, H, W]").replace("}", "  expect shape == [4, 10, 14] with H=12, W=16\n}")
    )
    done = cli("check", spec, "--max-macs", "15_119")
    assert (
        "`A` is over the limit at H = 12, W = 16: `macs <= 15_119`" in done.err and "computed 15_120, 1 too" in done.err
    )


def test_limits_want_a_network(cli: Cli, spec: Path) -> None:
    """Templates alone hold no limit; beside a network they are what it may be made of."""
    spec.write_text(TEMPLATE)
    done = cli("check", spec)
    assert (done.code, done.out) == (0, "0 networks, 1 template, 0 claims\n")
    for format in ("text", "json", "sarif"):
        done = cli("check", spec, "--max-params", "1", "--format", format)
        assert done.code == 2 and "there is no network to hold against the limits, only templates" in done.err
    other = spec.with_name("other.arch")
    other.write_text(GOOD)
    assert cli("check", spec, other, "--max-params", "112").code == 0
    assert cli("check", spec, other, "--max-params", "111").code == 1
    spec.write_text("network A {")
    assert cli("check", spec, "--max-params", "111").code == 1


def test_names_of_any_length_are_cut(cli: Cli, spec: Path) -> None:
    for text in (f"{'a' * 100_000}: conv(4, 3x3)", f"conv(4, 3x3) -> {'b' * 100_000}", f"conv({'c' * 100_000})"):
        spec.write_text(
            f"block {'d' * 100_000}() {{ {text} }}\nnetwork A {{ input x: [3, 8, 8]; {'d' * 100_000}; {text} }}"
        )
        done = cli("check", spec)
        assert done.code == 1 and len(done.err) < 20_000, text[:20]


def test_by_how_little_a_limit_is_exceeded(cli: Cli, spec: Path) -> None:
    """28 * 100 parameters; they, 192 inputs and 3_600 results of 4 bytes each."""
    spec.write_text(GOOD.replace("n = 4", "n = 100"))
    assert "computed 2_800, 1 too many" in cli("check", spec, "--max-params", "2_799").err
    assert "computed 26_368 = 25.8 KiB, 1 byte too much" in cli("check", spec, "--max-memory", "26_367").err
    assert "computed 26_368 = 25.8 KiB, 20 bytes too much" in cli("check", spec, "--max-memory", "26_348").err


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ("23.7GiB", 25_447_681_228),
        ("1.3GiB", 1_395_864_371),
        ("0.7MiB", 734_003),
        ("1.0245kB", 1_024),
        ("1e-1GB", 10**8),
    ],
)
def test_a_fraction_of_a_unit_is_rounded_down_to_bytes(given: str, held: int) -> None:
    """23.7 * 2^30 = 25_447_681_228.8, 1.3 * 2^30 = 1_395_864_371.2, 0.7 * 2^20 = 734_003.2."""
    assert size("--memory", given, "24GiB") == held


def test_limits_in_fractions_of_units(cli: Cli, spec: Path) -> None:
    """An option and a claim agree: 1.75 KiB are 1_792 bytes, 4 * (112 weights + 192 inputs + 144 results)."""
    spec.write_text(GOOD)
    for amount, holds in (("1.75KiB", True), ("1.7499KiB", False), ("1.792kB", True), ("1.7919kB", False)):
        assert cli("check", spec, "--max-memory", amount).code == (not holds)
        claim = spec.with_name("claim.arch")
        claim.write_text(GOOD.replace("}", f"  expect memory(peak) <= {amount}\n}}"))
        assert cli("check", claim).code == (not holds)


def test_symbols_are_set(cli: Cli, spec: Path) -> None:
    spec.write_text("network A { input image: [3, H, W]; conv(4, 3x3) }")
    done = cli("report", "summary", spec)
    assert done.code == 0 and "H >= 3, W >= 3: 108*H*W - 216*H - 216*W + 432 MACs" in done.out
    assert "at H = 8, W = 8" not in cli("check", spec).out
    assert figures(cli, spec, "--set", "H=8", "--set", "W=8")["macs"] == 4 * 27 * 36
    assert figures(cli, spec, "--input", "3x8x8")["macs"] == 4 * 27 * 36


def test_symbols_are_the_sizes_of_an_input_that_is_set(cli: Cli, spec: Path) -> None:
    spec.write_text("network A {\n  input image: [3, H, W]\n  where H % 4 == 0\n  conv(W, 3x3)\n}")
    assert figures(cli, spec, "--input", "3x8x6")["params"] == 28 * 6
    done = cli("report", "params", spec, "--input", "3x6x8")
    assert done.code == 1 and "error[constraint-fails]: the constraint `H % 4 == 0` does not hold" in done.err
    spec.write_text("network A {\n  input image: [3, H, H]\n  relu\n}")
    done = cli("report", "params", spec, "--input", "3x6x8")
    assert done.code == 1 and "error[constraint-fails]: `H` is 6 and 8" in done.err


def test_the_batch_is_set(cli: Cli, spec: Path) -> None:
    spec.write_text(GOOD)
    one, eight = (
        json.loads(cli("report", "memory", spec, "--format", "json", "--batch", n).out)["memory"] for n in ("1", "8")
    )
    assert eight["inputs"] == 8 * one["inputs"] == 8 * 3 * 8 * 8 * 4
    assert eight["parameters"] == one["parameters"] == 112 * 4


# Reports, data, pictures


@pytest.mark.parametrize("report", REPORTS)
def test_every_report_is_text_and_data(cli: Cli, spec: Path, report: str) -> None:
    spec.write_text(GOOD)
    for format in ("text", "csv", "markdown", "json"):
        done = cli("report", report, spec, "--format", format)
        assert done.code == 0 and done.err == "" and done.out
        assert ESCAPE not in done.out


@pytest.mark.parametrize("text", [GOOD, WARNS, CLAIM_FAILS, BROKEN, SEVERAL, TEMPLATE, "network A {", ""])
def test_check_as_json_follows_the_schema(cli: Cli, spec: Path, text: str) -> None:
    spec.write_text(text)
    done = cli("check", spec, "--format", "json")
    assert done.code == cli("check", spec).code
    for document in documents(done.out):
        jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize("network", ["vgg16", "AlexNet", "LeNet5", "mlp"])
def test_reports_as_json_follow_the_schema(cli: Cli, network: str) -> None:
    done = cli("report", "all", network, "--format", "json")
    assert done.code == 0
    jsonschema.validate(json.loads(done.out), SCHEMA)


def documents(text: str) -> list[object]:
    """One document, or a list of them."""
    parsed = json.loads(text)
    return parsed if isinstance(parsed, list) else [parsed]


def test_compile_writes_source(cli: Cli, spec: Path) -> None:
    spec.write_text(GOOD)
    done = cli("compile", spec)
    assert done.code == 0 and done.err == ""
    compile(done.out, "generated.py", "exec")
    written = cli("compile", spec, "-o", "a.py")
    assert written.code == 0 and written.out.startswith("a.py  A  ")
    assert Path("a.py").read_text("utf-8") == done.out


def test_draw_writes_dot(cli: Cli, spec: Path) -> None:
    spec.write_text(GOOD)
    done = cli("draw", spec, "--format", "dot")
    assert done.code == 0 and done.out.startswith("digraph")
    assert cli("draw", spec, "-o", "a.dot").code == 0
    assert Path("a.dot").read_text("utf-8") == done.out


CHECKPOINTED = """\
network Net {
  input image: [3, 8, 8]
  features: { conv(8, 3x3) -> relu -> conv(8, 3x3) -> relu }
  repeat 2 { unit(8) }
}
block unit(width) { add { | conv(width, 1x1) -> bn | in } }
"""


def test_checkpointing_is_written_into_the_source(cli: Cli, spec: Path) -> None:
    spec.write_text(CHECKPOINTED)
    source = cli("compile", spec, "--checkpoint", "features.*", "--checkpoint", "0").out
    compile(source, "generated.py", "exec")
    calls = ('recomputed(self["0"], x)', 'recomputed(self["2"], x)')
    assert all(source.count(call) == count for call, count in zip(calls, (2, 1), strict=True))
    assert source.count("recomputed(") == 4 and "recomputed" not in cli("compile", spec).out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--checkpoint", "layer1"], "archdsl: nothing that has weights is called `layer1`"),
        (["--checkpoint", "features.1"], "archdsl: nothing that has weights is called `features.1`"),
        (["--checkpoint", "features", "--inference"], "`--checkpoint` is about training"),
        (["--checkpoint", "features", "--emit", "graph"], "`--checkpoint` is about PyTorch source"),
    ],
)
def test_checkpointing_that_cannot_be_written(cli: Cli, spec: Path, options: list[str], words: str) -> None:
    spec.write_text(CHECKPOINTED)
    done = cli("compile", spec, *options)
    assert (done.code, done.out) == (2, "") and words in done.err


@pytest.mark.parametrize("command", [["report", "summary"], ["compile"], ["draw", "--format", "dot"]])
@pytest.mark.parametrize("text", [BROKEN, "network A {"])
def test_commands_on_a_broken_spec_print_its_errors(cli: Cli, spec: Path, command: list[str], text: str) -> None:
    spec.write_text(text)
    done = cli(*command, spec)
    assert done.code == 1 and done.out == "" and "error[" in done.err


def test_explain_knows_every_kind(cli: Cli) -> None:
    listed = cli("explain")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()] == list(diagnostic_kinds())
    for code, kind in diagnostic_kinds().items():
        done = cli("explain", code)
        assert done.code == 0 and done.out.startswith(f"{kind.severity}[{code}]")
        assert len(done.out.split()) > 5


# Colours and characters


def test_colours_are_asked_for(cli: Cli, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    spec.write_text(CLAIM_FAILS)
    plain = cli("check", spec)
    assert ESCAPE not in plain.out + plain.err
    colored = cli("check", spec, "--color", "always")
    assert ESCAPE in colored.out and ESCAPE in colored.err
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert cli("check", spec) == colored
    assert cli("check", spec, "--color", "never") == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert cli("check", spec) == plain
    assert cli("check", spec, "--color", "always") == colored


def test_colours_only_repeat_what_the_words_say(cli: Cli, spec: Path) -> None:
    spec.write_text(CLAIM_FAILS + WARNS.replace("A", "B"))
    plain, colored = cli("check", spec), cli("check", spec, "--color", "always")
    for with_colours, without in zip(colored, plain, strict=True):
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(with_colours))
        assert [line.rstrip() for line in text.splitlines()] == str(without).splitlines()


def terminal(*arguments: str, **changes: str) -> str:
    """What a command prints on a terminal."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "archdsl", *arguments]
    with subprocess.Popen(
        command, stdout=slave, stderr=slave, cwd=ROOT, env=environment(TERM="xterm", **changes)
    ) as running:
        os.close(slave)
        shown = b""
        while select.select([master], [], [], 60)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:  # the other end is closed
                break
        running.wait(60)
    os.close(master)
    return shown.decode("utf-8")


def test_a_terminal_gets_colours_and_its_width() -> None:
    shown = terminal("report", "summary", "vgg16", COLUMNS="80")
    assert ESCAPE in shown
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in shown.splitlines()) <= 80
    assert ESCAPE not in terminal("check", "mlp", NO_COLOR="1")


def test_a_pipe_gets_plain_text() -> None:
    done = process("report", "summary", "vgg16")
    assert done.code == 0 and ESCAPE not in done.out
    assert any("█" in line or len(line) > 80 for line in done.out.splitlines())


def test_only_ascii_when_asked_or_when_the_locale_has_no_more() -> None:
    asked = process("report", "summary", "vgg16", "--ascii")
    by_locale = process("report", "summary", "vgg16", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert asked.out.isascii() and asked == by_locale


def test_characters_that_the_locale_lacks_are_escaped(spec: Path) -> None:
    spec.write_text(
        GOOD.replace("conv(n", "größe: conv(n").replace("output y", 'output y\n  source "日本"\n  mäx'), "utf-8"
    )
    for arguments in (["check"], ["check", "--color", "always"], ["report", "summary"], ["check", "--format", "json"]):
        done = process(*arguments, spec, cwd=Path.cwd(), LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        assert done.code == 1 and "Traceback" not in done.err
        assert (done.out + done.err).isascii()


@pytest.mark.parametrize(
    "arguments",
    [["report", "all", "vgg16"], ["compile", "vgg16"], ["explain"], ["report", "all", "vgg16", "--format", "json"]],
)
def test_a_reader_that_has_seen_enough(arguments: list[str]) -> None:
    """`archdsl ... | head -1`."""
    command = [sys.executable, "-u", "-m", "archdsl", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment()
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 0
