"""`archdsl verify` finds what is wrong: facts of operators are made false, and the difference is told and made small."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.backends.pytorch.verify import Verified, spec_text, verify
from archdsl.backends.pytorch.verify.observe import Subject
from archdsl.backends.pytorch.verify.support import fields
from archdsl.ir import Lowering, Network, Op, Saved, State, TensorType, Types, flatten
from archdsl.ops import find
from archdsl.pipeline import open_source
from archdsl.source import Source
from tests.support.cli import Cli
from tests.support.random_networks import random_network

torch.set_num_threads(1)


@pytest.fixture
def archdsl(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


SPEC = """
block unit(width) {
  add {
    | conv1: conv(width, 3x3, pad=1) -> bn1: bn -> relu -> conv2: conv(width, 3x3, pad=1)
    | { conv(width, 1x1) }
  }
  relu
}

network Net {
  input image: [3, 12, 12]
  first: unit(4)
  second: unit(8)
  pool: maxpool(3x3, stride=1, pad=1)
  flatten
  fc1: linear(6) -> dropout(0.5)
  fc2: linear(5)
}
"""


def network_of(text: str) -> Network:
    spec = open_source(Source("test.arch", text), Path())
    (name,) = spec.networks
    checked = spec.check(name)
    assert checked.network is not None, [p.message for p in (*spec.problems, *checked.problems)]
    return checked.network


def found(network: Network, **options: Any) -> dict[str, Verified]:
    """The checks with differences, by name."""
    return {check.name: check for check in verify(network, **options) if check.differences}


def kind(name: str) -> type[Op]:
    found = find(name)
    assert found is not None
    return found


Wrong = Callable[[pytest.MonkeyPatch], None]


def wrong_macs(patch: pytest.MonkeyPatch) -> None:
    right = kind("linear").macs
    patch.setattr(kind("linear"), "macs", lambda self, a, b: right(self, a, b) + 1)


def wrong_shape(patch: pytest.MonkeyPatch) -> None:
    def infer(self: Op, *operands: TensorType) -> Types:
        x = operands[0]
        return (x.with_shape((x.channels, *(n // 2 + 1 for n in x.sizes))),)

    patch.setattr(kind("maxpool"), "infer", infer)


def wrong_state(patch: pytest.MonkeyPatch) -> None:
    right = kind("bn").state

    def state(self: Op, *operands: TensorType) -> tuple[State, ...]:
        weight, bias, *rest = right(self, *operands)
        return (bias, weight, *rest)

    patch.setattr(kind("bn"), "state", state)


def wrong_saved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(kind("dropout"), "saved", lambda self, operands, results: Saved())


def wrong_scratch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(kind("maxpool"), "scratch", lambda self, operands, results: ())


def wrong_reach(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(kind("conv"), "reach", lambda self, *operands: "pointwise")


def wrong_code(patch: pytest.MonkeyPatch) -> None:
    right = kind("conv").pytorch

    def pytorch(self: Op, *operands: TensorType) -> Lowering:
        lowering = right(self, *operands)
        assert lowering.module is not None
        return lowering._replace(module=lowering.module._replace(args=(7, *lowering.module.args[1:])))

    patch.setattr(kind("conv"), "pytorch", pytorch)


CASES: dict[str, tuple[Wrong, str, str, str]] = {
    "macs": (wrong_macs, "meta", "FLOPs", "input x0: [1152] | x0 -> fc1: linear(6) as v1 | output out0 = v1"),
    "infer": (
        wrong_shape,
        "meta",
        "shapes",
        "input x0: [8, 12, 12] | x0 -> pool: maxpool(3x3, 1, pad=1) as v1 | output out0 = v1",
    ),
    "state": (wrong_state, "meta", "parameters", "input x0: [4, 12, 12] | x0 -> bn1: bn as v1 | output out0 = v1"),
    "saved": (
        wrong_saved,
        "meta",
        "saved for backward",
        "input x0: [1152] | x0 -> fc1: linear(6) as v1 | v1 -> 1: dropout as v2 | output out0 = v2",
    ),
    "scratch": (
        wrong_scratch,
        "cpu",
        "inference peak",
        "input x0: [8, 12, 12] | x0 -> pool: maxpool(3x3, 1, pad=1) as v1 | output out0 = v1",
    ),
    "reach": (
        wrong_reach,
        "cpu",
        "receptive fields",
        "input x0: [3, 12, 12] | x0 -> conv1: conv(4, 3x3, pad=1) as v1 | output out0 = v1",
    ),
    "pytorch": (
        wrong_code,
        "meta",
        "shapes",
        "input x0: [3, 12, 12] | x0 -> conv1: conv(4, 3x3, pad=1) as v1 | output out0 = v1",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_fact_is_found_and_shown_with_the_smallest_spec(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, device, name, smallest = CASES[case]
    right = network_of(SPEC)
    assert found(right, device=device, with_fields=device == "cpu") == {}
    wrong(monkeypatch)
    network = network_of(SPEC) if case in ("infer", "state") else right
    check = found(network, device=device, with_fields=device == "cpu")[name]
    lines = [line.strip() for line in check.spec.splitlines()]
    assert (lines[0], " | ".join(lines[1:-1])) == ("network Difference {", smallest)


@pytest.mark.parametrize("seed", range(12))
def test_the_spec_that_is_shown_is_the_network(seed: int) -> None:
    """A random graph written as a spec and read again runs the same operators at the same types."""
    network = random_network(seed)
    again = network_of(spec_text(network))
    said, read = (
        Counter((x.op, x.operand_types) for x in flatten(n).layers if x.op.name != "identity") for n in (network, again)
    )
    assert read == said
    assert found(again) == {}


def test_a_network_that_pytorch_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_code(monkeypatch)
    check = found(network_of(SPEC))["FLOPs"]
    assert "RuntimeError" in check.differences[0].found
    assert "conv1: conv" in check.spec and "fc" not in check.spec


@pytest.mark.parametrize(
    ("layers", "other"),
    [
        ("lstm(4)", "lstm"),
        ("gru(4, bidirectional=true)", "gru"),
        ("attention(2)", "attention"),
        ("training { attention(2); output side }; linear(3)", "attention"),
        ("linear(16) -> reshape([2, 5, 8]) as x; x -> sdpa(x, x)", "sdpa"),
        ("gru(4)", ""),
        ("linear(3)", ""),
    ],
)
def test_what_runs_in_other_steps_on_meta_is_not_compared_there(layers: str, other: str) -> None:
    """It keeps other bytes there than on a CPU, of which the bytes are told."""
    network = network_of(f"network Net {{ input x0: [5, 8]; {layers} }}")
    kept = [Subject(network, device, 2).saved_bytes() for device in ("meta", "cpu")]
    assert (kept[0] != kept[1]) == bool(other)
    gaps = {check.name: check.outcome.gap for check in verify(network)}
    assert gaps["saved for backward"] == (
        f"on the meta device PyTorch runs `{other}` in other steps; --device cpu measures it" if other else ""
    )
    assert found(network) == {} == found(network, device="cpu")


@pytest.mark.parametrize("kind", ["cpu", "meta"])
def test_a_device_with_its_number_is_of_its_kind(kind: str) -> None:
    network = network_of("network Net { input x0: [8, 16]; attention(4) }")
    alone, numbered = (list(verify(network, device=device, with_fields=True)) for device in (kind, f"{kind}:0"))
    assert numbered == alone and not any(check.differences for check in alone)


def test_the_checks_leave_the_module_that_they_share_as_it_was() -> None:
    network = network_of(SPEC)
    subject = Subject(network, "cpu", 2)
    before = {name: tensor.clone() for name, tensor in subject.module.state_dict().items()}
    assert fields(Facts(network), subject, 2).compared != "0 units"
    after = subject.module.state_dict()
    assert subject.module.training
    assert all(
        torch.equal(after[name], tensor) and after[name].dtype == tensor.dtype for name, tensor in before.items()
    )


def test_the_state_that_is_compared_is_the_one_that_weights_are_fitted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its order too: what a module owns itself stands before what its parts own, whatever runs first."""
    network = network_of("network Net { input x: [5]; linear(3) as y; p: parameter([3]) -> add(y) }")
    assert found(network) == {}
    monkeypatch.setattr("archdsl.analyses.weights.stored._place", lambda node: 0)
    (difference,) = found(network)["parameters"].differences
    assert difference.said != difference.found


def test_what_makes_a_weight_anew_is_no_module_of_the_spec() -> None:
    text = """network Net {
      input image: [3, 12, 12]
      conv(4, 3x3, parametrization=weight_norm) -> relu -> conv_transpose(4, 2x2, 2, parametrization=spectral_norm)
      flatten -> linear(5, parametrization=weight_norm)
    }"""
    assert not found(network_of(text), device="cpu")


OVERWRITTEN = "conv(4, 7x7, pad=3) as wide\nx\nnear: { conv(4, 3x3, pad=1) -> bn } -> add(wide) -> conv(4, 1x1)"
UNBATCHED = """
table: constant([1, 7, 7, 2], "i + 0.5 * j + k + m")
linear(8) -> reshape([49, 8]) -> reduce_mean(0) -> reshape([8, 1, 1]) as bias
x -> conv(8, 1x1) as y
add { | y | bias }
"""


@pytest.mark.parametrize("body", [OVERWRITTEN, UNBATCHED], ids=["overwritten", "unbatched"])
def test_fields_are_those_of_maps_as_their_module_gave_them(body: str) -> None:
    """`x += wide` changes the tensor that `near` gave; a value without a batch axis is no map of a sample."""
    network = network_of(f"network A {{\ninput x: [3, 16, 16]\n{body}\n}}")
    (check,) = (c for c in verify(network, with_fields=True) if c.name == "receptive fields")
    assert check.outcome.compared != "0 units" and not check.differences


def test_the_command_tells_differences(archdsl: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "net.arch"
    file.write_text(SPEC)
    done = archdsl("verify", str(file), "--device", "cpu", "--fields")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "1 network: no difference"
    wrong_macs(monkeypatch)
    done = archdsl("verify", str(file))
    assert done.code == 1
    assert "fails FLOPs" in done.out and "x0 -> fc1: linear(6) as v1" in done.out
    data = json.loads(archdsl("verify", str(tmp_path), "--format", "json").out)
    differences = {c["name"]: [d["path"] for d in c["differences"]] for c in data["networks"][0]["checks"]}
    assert differences == {
        "shapes": [],
        "parameters": [],
        "FLOPs": ["", "fc1", "fc2"],
        "saved for backward": [],
        "inference peak": [],
    }


def test_the_command_refuses_what_is_not_there(archdsl: Cli, tmp_path: Path) -> None:
    file = tmp_path / "net.arch"
    file.write_text(SPEC.replace("conv(width, 1x1)", "conv(width, 2x2)"))
    assert archdsl("verify", str(file)).code == 1
    assert archdsl("verify", str(tmp_path / "none.arch")).code == 2
    file.write_text(SPEC)
    for command, device in product(("verify", "run"), ("abacus", "hpu", "privateuseone", "cpu:")):
        done = archdsl(command, str(file), "--device", device)
        assert (done.code, done.err) == (2, f"archdsl: PyTorch has no device `{device}` here\n")
