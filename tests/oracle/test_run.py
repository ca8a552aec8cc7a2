"""`archdsl run` and modules in memory: what is printed is what PyTorch does, and no text of a spec is ever run."""

from __future__ import annotations

import builtins
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from archdsl import SpecError, load
from archdsl.analyses.memory import MIXED, PLAIN
from archdsl.backends.pytorch import OPTIMIZERS, PRECISIONS, Setting, Trial
from archdsl.backends.pytorch.running.build import execute
from archdsl.pipeline import open_spec
from tests.support.cli import Cli
from tests.unit.test_cli import terminal

torch.set_num_threads(1)

SPEC = """\
network Small {
  input image: [3, 12, 12]
  conv1: conv(8, 3x3, pad=1) -> bn1: bn -> relu
  maxpool(2x2) as maps
  flatten
  fc: linear(5)
  output logits
  training { maps -> flatten -> head: linear(7); output aux }
}
network Plain { input image: [3, 8, 8]; relu; output y }
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.arch").write_text(SPEC)
    return Path("small.arch")


def trial(path: Path, **settings: object) -> Trial:
    network = open_spec(path).check("Small").network
    assert network is not None
    return Trial(network, Setting(device="cpu", **settings))  # type: ignore[arg-type]


def rows(text: str) -> dict[str, list[str]]:
    """The cells of a printed table by the first of their row."""
    lines = (re.split(r"  +", line.strip()) for line in text.splitlines())
    return {first: rest for first, *rest in lines if rest}


def test_a_pass_is_compared_with_what_was_predicted(cli: Cli, spec: Path) -> None:
    """By hand: 224 of the convolution, 16 of the norm, 288 * 5 + 5 of the last layer."""
    done = cli("run", "small.arch:Small", "--batch", "3", "--device", "cpu")
    found = rows(done.out)
    assert (done.code, done.err) == (0, "")
    assert found["params"] == ["1_685", "1_685", "same"]
    assert found["logits"] == ["[5]", "[5]", "same"] and "aux" not in found
    assert found["inference peak"][-1] == "same"
    assert re.search(r"^1 pass: [\d.]+ s, [\d.]+ samples a second$", done.out, re.MULTILINE)


HEADS = """
block head(n) { conv1: conv(n, 1x1) -> bn1: bn -> flatten -> linear(n) }
network Small {
  input image: [3, 12, 12]
  training { first: head(4); output aux }
  shared both = head(5)
  image -> both as scores
  image -> both
  output logits
  training { scores -> linear(2); output more }
  scores
  output map
}
"""


def test_the_module_holds_the_parts_for_training_in_inference(cli: Cli, spec: Path) -> None:
    """Outputs for training come last, wherever they stand in the spec."""
    spec.write_text(HEADS)
    module = trial(spec, train=False).module
    held = sum(t.nbytes for t in (*module.parameters(), *module.buffers()))
    idle = [module.get_submodule("first"), module.get_submodule("0")]
    of_parts = sum(t.nbytes for part in idle for t in (*part.parameters(), *part.buffers()))
    memory = open_spec(spec).check("Small").facts.memory
    assert (memory.parameters + memory.buffers, memory.for_training) == (held, of_parts)
    found = rows(cli("run", spec, "--device", "cpu").out)
    assert found["inference peak"][-1] == "same" and found["logits"][-1] == "same"
    assert "of it parts for training" in cli("report", "memory", spec).out
    found = rows(cli("run", spec, "--device", "cpu", "--train").out)
    assert [found[name] for name in ("logits", "map", "aux", "more")] == [
        [f"[{n}]", f"[{n}]", "same"] for n in (5, 5, 4, 2)
    ]


def test_training_has_its_own_parts_and_figures(cli: Cli, spec: Path) -> None:
    done = cli("run", "small.arch:Small", "--batch", "3", "--device", "cpu", "--train", "--steps", "3")
    found = rows(done.out)
    assert found["params"] == ["3_708", "3_708", "same"] and found["aux"] == ["[7]", "[7]", "same"]
    assert found["kept for backward"][-1] == "same"
    assert [line[:3] for line in done.err.splitlines()] == ["1/3", "2/3", "3/3"]
    assert re.search(r"^3 steps: .* loss [\d.]+ to [\d.]+$", done.out, re.MULTILINE)


@pytest.mark.parametrize("classes", [5, 1])
@pytest.mark.parametrize(
    "options", [("adam",), ("sgd", "--checkpoint", "layer*"), ("adamw", "--precision", "bfloat16")]
)
def test_the_peak_of_training_is_the_real_one(cli: Cli, spec: Path, options: tuple[str, ...], classes: int) -> None:
    """By the squared error of a single number, which has no classes."""
    spec.write_text(
        "network Net {\n  input image: [3, 16, 16]\n  conv(8, 3x3)\n"
        '  for i in 1..3 { "layer{i}": { conv(8, 3x3, pad=1) -> bn -> relu } }\n'
        f"  flatten -> fc: linear({classes})\n}}\n"
    )
    before = ["run", "small.arch", "--batch", "4", "--device", "cpu", "--train", "--format", "json", "--optimizer"]
    done = cli(*before, *options)
    data = json.loads(done.out)
    figures = {figure["name"]: figure for figure in data["figures"]}
    peak = figures["training peak"]
    assert data["schema"] == "archdsl.run/1" and peak["predicted"] == peak["measured"] > 0
    kept = figures["kept for backward"]
    assert kept["predicted"] == kept["measured"] > 0
    assert [step["number"] for step in data["steps"]] == [1] and data["setting"]["optimizer"] == options[0]


@pytest.mark.parametrize(
    "options",
    [
        ("--freeze", "layer1"),
        ("--freeze", "layer*.1", "--freeze", "layer2.0.weight", "--precision", "bfloat16"),
        ("--freeze-up-to", "layer1", "--optimizer", "adam"),
        ("--freeze-up-to", "layer1.0", "--checkpoint", "layer*", "--precision", "bf16-mixed"),
        ("--freeze-all-but", "fc", "--freeze-all-but", "layer3"),
        ("--freeze", "layer2.1", "--checkpoint", "layer2"),
    ],
)
def test_the_peak_of_training_a_part_is_the_real_one(cli: Cli, spec: Path, options: tuple[str, ...]) -> None:
    spec.write_text(
        "network Net {\n  input image: [3, 8, 8]\n  conv(4, 3x3)\n"
        '  for i in 1..3 { "layer{i}": { conv(4, 3x3, pad=1) -> bn -> relu } }\n'
        "  flatten -> fc: linear(5)\n}\n"
    )
    done = cli("run", spec, "--batch", "3", "--device", "cpu", "--train", "--format", "json", *options)
    figures = {figure["name"]: figure for figure in json.loads(done.out)["figures"]}
    assert 0 < figures["trained"]["measured"] < figures["params"]["measured"]
    for name in ("kept for backward", "training peak"):
        assert figures[name]["status"] == "exact" and figures[name]["predicted"] == figures[name]["measured"] > 0


def test_what_is_kept_for_several_outputs_of_which_a_part_is_trained(cli: Cli, spec: Path) -> None:
    for frozen in ("conv1", "fc", "head"):
        done = cli("run", "small.arch:Small", "--batch", "3", "--device", "cpu", "--train", "--freeze", frozen)
        assert rows(done.out)["kept for backward"][-1] == "same"


@pytest.mark.parametrize("options", [(), ("--train",), ("--train", "--freeze", "0")])
def test_an_estimate_is_called_one_as_in_the_report(cli: Cli, spec: Path, options: tuple[str, ...]) -> None:
    """Whether a weight is cast before it is put together or after that is not known."""
    spec.write_text("network R { input x: [6]; linear(8, parametrization=weight_norm) -> linear(4); output y }")
    asked = ("small.arch", "--batch", "64", "--precision", "bf16-mixed", *options)
    memory = json.loads(cli("report", "memory", *asked, "--autocast", "cpu", "--format", "json").out)["memory"]
    data = json.loads(cli("run", *asked, "--device", "cpu", "--format", "json").out)
    figure = data["figures"][-1]
    told = memory["training"] or {**memory, "status": memory["figures"][5]["status"]}
    assert figure["status"] == told["status"] == "estimate" and figure["estimated_for"] == told["estimated_for"]
    assert [f["status"] for f in data["figures"][:2]] == ["exact", None if "--freeze" in options else "exact"]
    shown = rows(cli("run", *asked, "--device", "cpu").out)[figure["name"]][-1]
    assert re.fullmatch(r"estimated for `linear`, (same|\+[\d_]+ B \(\+[\d.]+%\))", shown)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_the_peak_of_inference_in_half_precision_is_the_real_one(cli: Cli, spec: Path, precision: str) -> None:
    spec.write_text(
        "network Net {\n  input image: [3, 16, 16]\n  conv(8, 3x3) -> bn -> relu\n  flatten -> linear(5)\n}\n"
    )
    done = cli("run", "small.arch", "--batch", "4", "--device", "cpu", "--precision", precision)
    assert rows(done.out)["inference peak"][-1] == "same"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "a training peak is predicted for the loss of one output, and this is the sum over 2"),
        (("--precision", "float64"), "bytes are predicted for float32, bfloat16 and float16, with autocast too"),
    ],
)
def test_what_is_not_predicted_says_why(cli: Cli, spec: Path, options: tuple[str, ...], why: str) -> None:
    done = cli("run", "small.arch:Small", "--device", "cpu", "--train", *options)
    assert rows(done.out)["training peak"][0] == "-" and why in done.out.splitlines()


def test_an_error_without_words_is_told_by_its_type(cli: Cli, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("archdsl.backends.pytorch.running.trial.activation_peak", fail)
    done = cli("run", "small.arch:Small", "--device", "cpu")
    assert (done.code, done.err) == (2, "archdsl: `Small` cannot be run: AssertionError\n")


def test_a_difference_is_shown(cli: Cli, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.backends.pytorch.running.trial.activation_peak", lambda *_: 0)
    done = cli("run", "small.arch:Small", "--device", "cpu")
    assert re.fullmatch(r"-[\d_]+ B \(-[\d.]+%\)", rows(done.out)["inference peak"][-1])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_train(spec: Path, optimizer: str) -> None:
    found = trial(spec, train=True, batch=4, optimizer=optimizer)
    before = {name: p.detach().clone() for name, p in found.module.named_parameters()}
    losses = [step.loss for step in found.steps(2)]
    assert all(loss is not None and 0 < loss < 50 for loss in losses)
    assert not any(torch.equal(p, before[name]) for name, p in found.module.named_parameters())


@pytest.mark.parametrize("precision", PRECISIONS)
def test_precisions(cli: Cli, spec: Path, precision: str) -> None:
    """A mixed precision keeps the weights in float32, and computes what autocast lowers in the other type."""
    found = trial(spec, precision=precision)
    type = getattr(torch, MIXED.get(precision, precision))
    fc: Any = found.module.fc
    assert fc.weight.dtype == (torch.float32 if precision in MIXED else type)
    seen: list[torch.dtype] = []
    fc.register_forward_hook(lambda _module, _inputs, output: seen.append(output.dtype))
    list(found.steps(1))
    assert seen == [type]
    done = cli("run", "small.arch:Small", "--precision", precision, "--train", "--device", "cpu")
    kept = rows(done.out)["kept for backward"]
    assert kept[-1] == "same" if precision in {*PLAIN, *MIXED} else kept[0] == "-"


def test_memory_format_and_dtype(spec: Path) -> None:
    module: Any = load(f"{spec}:Small").to_torch("cpu", torch.float64, torch.channels_last)
    assert module.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert module.conv1.weight.dtype == torch.float64 and module.training
    laid = trial(spec, memory_format="channels_last")
    assert laid.inputs[0].is_contiguous(memory_format=torch.channels_last) and laid.measure().params == 1_685


def test_buffers_that_are_no_weights_count(cli: Cli, spec: Path) -> None:
    """A constant that the `state_dict` leaves out takes memory all the same."""
    spec.write_text(
        "network Net {\n  input image: [3, 8, 8]\n"
        '  add { | conv(4, 1x1) | grid: constant([4, 8, 8], "i + 0.5 * j", persistent=false) }\n}\n'
    )
    assert rows(cli("run", spec, "--device", "cpu").out)["inference peak"][-1] == "same"


def test_sizes_that_are_open_are_named(cli: Cli, spec: Path) -> None:
    spec.write_text("network Net {\n  input image: [3, H, W]\n  conv(4, 3x3)\n}\n")
    done = cli("run", spec, "--device", "cpu", "--set", "H=9", "--set", "W=7")
    assert "inference, N = 1, H = 9, W = 7, float32, on cpu" in done.out
    assert rows(done.out)["out"] == ["[4, 7, 5]", "[4, 7, 5]", "same"]


@pytest.mark.parametrize("command", [["run"], ["compile", "--weights", "a.pth"], ["verify"]])
def test_pytorch_is_asked_for(cli: Cli, spec: Path, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = cli(*command, "small.arch:Small")
    assert (done.code, done.out) == (2, "") and "pip install archdsl[torch]" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("small.arch:Small", "--device", "nonsense"), "PyTorch has no device `nonsense` here"),
        (("small.arch:Plain", "--train"), "`Plain` cannot be run: it has no parameter to train"),
        (("small.arch:Small", "--steps", "0"), "`0` is no whole number of at least 1"),
    ],
)
def test_what_cannot_be_run(cli: Cli, spec: Path, arguments: tuple[str, ...], words: str) -> None:
    done = cli("run", *arguments)
    assert (done.code, done.out) == (2, "") and words in done.err and "Traceback" not in done.err


def test_a_terminal_shows_a_bar_while_it_runs() -> None:
    shown = terminal("run", "mlp", "--device", "cpu", "--steps", "3")
    assert "3/3" in shown and "━" in shown
    assert "params" in shown and "inference peak" in shown


PAYLOADS = (
    "mark()",
    "{mark()}",
    r"\"); mark() #",
    "'); mark() #",
    r"\"\"\"\nmark()\n\"\"\"",
    r"\\\nmark()",
    r"\\\"); mark() #",
    "ok\u2028mark()",
    "\u202emark()",
)
"""Code that would call `mark`, as strings of the language say it."""


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("place", ["label", "group", "block", "source", "doc", "argument", "setting"])
def test_no_text_of_a_spec_is_run(spec: Path, payload: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a spec may have a text of its own."""
    marks: list[int] = []
    monkeypatch.setattr(builtins, "mark", lambda: marks.append(1), raising=False)
    text = {
        "label": f'"{payload}": conv(2, 3x3)',
        "group": f'"{payload}": {{ conv(2, 3x3) -> relu }}',
        "block": f'"{payload}": unit("a")',
        "source": f'conv(2, 3x3)\n  output y\n  source "{payload}"',
        "doc": "conv(2, 3x3)",
        "argument": f'unit("{payload}")',
        "setting": "label: unit(name)",
    }[place]
    doc = payload.replace("\\n", "\n## ").replace("\\", "")
    spec.write_text(
        f'## {doc if place == "doc" else ""}\nnetwork Net(name = "a") {{\n  input image: [3, 8, 8]\n  {text}\n}}\n'
        'block unit(name) {\n  conv(2, 3x3)\n  if name == "b" { relu }\n}\n',
        "utf-8",
    )
    settings: dict[str, Any] = {"name": payload} if place == "setting" else {}
    try:
        module = load(spec, **settings).to_torch("cpu")
    except SpecError as refused:
        wanted = "unknown-name" if payload == "{mark()}" else "bad-label"
        assert [problem.code for problem in refused.problems] == [wanted]
        assert place in ("label", "group", "block") or wanted == "unknown-name"
    else:
        assert module(torch.zeros(1, 3, 8, 8)).shape == (1, 2, 6, 6)
    assert not marks


def test_a_file_that_does_not_run_is_not_found_half_made_later() -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            execute("made = 1\nmade / 0\n", "Net")
