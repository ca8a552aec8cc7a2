"""`--precision` of a network that only infers: text, JSON, formulas, limits, plots, Python, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from archdsl.api import load
from tests.support.cli import ROOT, Cli

SCHEMA = json.loads((ROOT / "docs/reference/report.schema.json").read_text("utf-8"))
TEXT = "network A { input image: [3, 8, 8]; conv(4, 3x3) -> bn }"
STATE = 4 * 27 + 4 + 2 * 4
"""Weights and biases, scale and shift."""
STATISTICS = 2 * 4


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.arch"
    path.write_text(TEXT)
    return path


def peak(item: int) -> int:
    """By hand: the convolution's map of 4 by 6 by 6 and the norm's of it; the number of batches is an int64."""
    return item * (STATE + STATISTICS + 3 * 64 + 2 * 4 * 36) + 8


@pytest.mark.parametrize(("precision", "item"), [("float32", 4), ("bfloat16", 2), ("float16", 2)])
def test_figures_are_of_the_precision(cli: Cli, spec: Path, precision: str, item: int) -> None:
    asked = (spec, "--precision", precision)
    out = cli("report", "memory", *asked, "--width", "200").out
    assert out.startswith(f"A   N = 1, {precision}\n")
    assert f"= {peak(item)} bytes" in out.replace("_", "")
    assert ("all in" in out) == (item == 2) and (item == 4 or f"all in {precision}" in out)
    document = json.loads(cli("report", "summary", *asked, "--format", "json").out)
    jsonschema.validate(document, SCHEMA)
    memory, figures = document["memory"], {f["name"]: f["bytes"] for f in document["memory"]["figures"]}
    assert (memory["precision"], memory["estimated_for"], memory["refused"]) == (precision, [], [])
    assert memory["peak"] == figures["peak"] == peak(item)
    assert (memory["parameters"], memory["buffers"]) == (item * STATE, item * STATISTICS + 8)
    assert max(moment["bytes"] for moment in memory["timeline"]) == figures["activation_peak"] == item * 2 * 4 * 36
    assert {tuple(s["bytes"].values()) for s in memory["storages"]} == {(item * 144, 0, item * 144)}
    assert [layer["bytes"] for layer in document["layers"]] == [item * 144, item * 144]
    assert figures["activations"] == 4 * (3 * 64 + 4 * 36)  # lectures count four bytes
    formulas = cli("report", "formulas", *asked, "--width", "200").out
    assert f"{item * (STATE + STATISTICS) + 8} + {item * (3 * 64 + 2 * 4 * 36)}*N" in formulas.replace("_", "")
    assert load(str(spec)).memory(precision=precision) == load(str(spec)).memory("peak", 1, precision) == peak(item)
    assert load(str(spec)).report("memory", precision=precision) == cli("report", "memory", *asked).out
    assert cli("check", *asked, "--max-memory", str(peak(item))).code == 0
    over = cli("check", *asked, "--max-memory", str(peak(item) - 1))
    assert over.code == 1 and f"N = 1, {precision}" in over.err


CASTS = 2 * (4 * 27 + 4)
"""Of weights and biases, held to the end of the pass."""
AT_CONVOLUTION = CASTS + 2 * 3 * 64 + 2 * 4 * 36
"""With the image and the convolution's map, both in lower precision."""
UNDER_AUTOCAST = 4 * (STATE + STATISTICS + 3 * 64) + 8 + AT_CONVOLUTION


@pytest.mark.parametrize("precision", ["bf16-mixed", "fp16-mixed"])
def test_autocast_casts_weights_for_the_whole_pass(cli: Cli, spec: Path, precision: str) -> None:
    asked = (spec, "--precision", precision, "--autocast", "cpu")
    out = cli("report", "memory", *asked, "--width", "200").out
    assert out.startswith(f"A   N = 1, float32, {precision} by a CPU's autocast\n")
    assert f"= {UNDER_AUTOCAST} bytes" in out.replace("_", "") and "estimated" not in out
    assert "its cast weight 216 B" in out
    document = json.loads(cli("report", "summary", *asked, "--format", "json").out)
    jsonschema.validate(document, SCHEMA)
    memory, figures = document["memory"], {f["name"]: f["bytes"] for f in document["memory"]["figures"]}
    assert (memory["precision"], memory["autocast"], memory["estimated_for"]) == (precision, "cpu", [])
    assert memory["peak"] == UNDER_AUTOCAST and memory["parameters"] == 4 * STATE
    assert max(moment["bytes"] for moment in memory["timeline"]) == figures["activation_peak"] == AT_CONVOLUTION
    assert {s["what"] for s in memory["storages"]} == {"output", "cast", "cast weight", "cast bias"}
    assert [layer["bytes"] for layer in document["layers"]] == [2 * 144, 2 * 144]
    net = load(str(spec))
    assert net.memory(precision=precision, autocast="cpu") == UNDER_AUTOCAST
    assert net.report("memory", precision=precision, autocast="cpu") == cli("report", "memory", *asked).out
    assert cli("check", *asked, "--max-memory", str(UNDER_AUTOCAST)).code == 0
    over = cli("check", *asked, "--max-memory", str(UNDER_AUTOCAST - 1))
    assert over.code == 1 and f"N = 1, {precision} by a CPU's autocast" in over.err
    assert cli("report", "all", *asked, "--format", "html").code == 0


def test_formulas_under_autocast_are_those_of_larger_batches(cli: Cli, spec: Path) -> None:
    asked = (spec, "--precision", "bf16-mixed", "--autocast", "cpu", "--width", "200")
    fixed = 4 * (STATE + STATISTICS) + 8 + CASTS
    assert f"{fixed} + {UNDER_AUTOCAST - fixed}*N" in cli("report", "formulas", *asked).out.replace("_", "")


def test_that_of_cuda_is_an_estimate(cli: Cli, spec: Path) -> None:
    out = cli("report", "memory", spec, "--precision", "bf16-mixed", "--width", "200").out
    assert "N = 1, float32, bf16-mixed\n" in out and "estimated for CUDA's autocast" in out
    memory = json.loads(cli("report", "memory", spec, "--precision", "bf16-mixed", "--format", "json").out)["memory"]
    assert memory["estimated_for"] == ["CUDA's autocast"]
    status = {figure["name"]: figure["status"] for figure in memory["figures"]}
    assert (status["parameters"], status["peak"], status["saved_for_backward"]) == ("exact", "estimate", "estimate")


def test_beside_a_step_inference_is_in_its_precision(cli: Cli, spec: Path) -> None:
    def told(precision: str) -> str:
        out = cli("report", "memory", spec, "--train", "--batch", "2", "--precision", precision, "--width", "200").out
        return out.replace("_", "")

    def bytes_of(item: int) -> str:
        return f"= {item * (STATE + STATISTICS + 2 * (3 * 64 + 2 * 4 * 36)) + 8} bytes"

    assert bytes_of(2) in told("bfloat16") and "all in bfloat16" in told("bfloat16")
    assert bytes_of(4) in told("float32") and "all in" not in told("float32")
    inputs, casts = 4 * 3 * 64, AT_CONVOLUTION - CASTS
    assert f"= {UNDER_AUTOCAST + inputs + casts} bytes" in told("bf16-mixed")
    page = cli("report", "memory", spec, "--precision", "float16", "--format", "html").out
    assert '"precision":"float16"' in page.replace(" ", "") and '"precision":"float32"' not in page.replace(" ", "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "report memory {} --autocast cpu",
            "`--autocast` says whose, of a mixed precision: add `--precision bf16-mixed`",
        ),
        ("check {} --max-memory 1GiB --precision bfloat16 --autocast cuda", "`--autocast` says whose"),
        ("check {} --precision bfloat16", "`--precision` says which memory is limited: add `--max-memory`"),
        ("report memory {} --precision tf32", "`--precision tf32` goes with `--on`; of memory it is float32"),
        ("report summary {} --precision bfloat16", "`--precision` is for the reports `memory` and `formulas`"),
        ("report flops {} --precision bfloat16", "on a device `flops` has it too: add `--on`"),
    ],
)
def test_a_precision_that_nothing_is_told_of_is_refused(cli: Cli, spec: Path, line: str, words: str) -> None:
    done = cli(*line.format(spec).split())
    assert done.code == 2 and words in done.err and not done.out


def test_python_refuses_the_same(spec: Path) -> None:
    net = load(str(spec))
    with pytest.raises(ValueError, match="`precision` is no 'float64': float32, bfloat16, float16"):
        net.memory(precision="float64")
    with pytest.raises(ValueError, match="`autocast` is no 'xla': cuda, cpu"):
        net.memory(precision="bf16-mixed", autocast="xla")
    assert "bf16-mixed" in net.report("memory", training={"precision": "bf16-mixed"})


def test_what_is_not_known_or_not_run_is_named(cli: Cli, spec: Path) -> None:
    spec.write_text(
        'network A { input x: [4, 4]; m: constant([4, 4], "i >= j") as m; x -> masked_fill(m, -1e9) -> lstm(3) }'
    )
    asked = ("report", "memory", spec, "--precision", "float16")
    out = cli(*asked, "--width", "200").out
    assert "estimated for `lstm`, parameters" in out
    assert "PyTorch refuses this pass: masked_fill: -1e+09 is beyond float16, which ends at 65504" in out
    memory = json.loads(cli(*asked, "--format", "json").out)["memory"]
    assert (memory["estimated_for"], memory["refused"]) == (["lstm"], ["masked_fill"])
    status = {figure["name"]: figure["status"] for figure in memory["figures"]}
    assert (status["parameters"], status["peak"], status["floor"]) == ("exact", "estimate", "estimate")
    assert "estimated" not in cli("report", "memory", spec).out
