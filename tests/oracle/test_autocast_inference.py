"""Inference under a CPU's autocast, against real passes: no tolerance."""

from __future__ import annotations

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import Arithmetic, Precision
from archdsl.ir import Network
from tests.oracle.test_ops_torch import case_of, lines
from tests.oracle.test_training_memory import SAMPLE, derived, network, written
from tests.support.live import under_autocast

torch.set_num_threads(1)
SPECS = (*SAMPLE[1:], "resnet:ResNet18", "efficientnet:EfficientNetB0", "convnext:ConvNeXtTiny", "vit:ViT_B32")
ESTIMATES = {
    "attention",
    "cast",
    "clip_boxes",
    "conv_transpose",
    "einsum",
    "gru",
    "linear",
    "lstm",
    "matmul",
    "rbf",
    "rnn",
    "sdpa",
}
"""The operators some use of which, on values in float32, is an estimate."""
OF_LOWER = {"add", "avgpool", "choose", "lrn", "maxpool", "multiply"}
"""Those besides on values in lower precision."""


def check(net: Network, batch: int, precision: Precision) -> tuple[str, ...]:
    """Holds the peak, and what is kept for backward, against PyTorch's where they are called exact; for which operators the
    peak is an estimate."""
    arithmetic = Arithmetic(precision, "cpu")
    memory = Facts(net, batch).memory_at(batch, arithmetic)
    peak, kept = under_autocast(net, batch, arithmetic.dtype)
    unsure = memory.estimated_for("peak")
    assert unsure or memory.activation_peak == peak
    assert memory.estimated_for("saved_for_backward") or memory.saved.bytes == kept
    assert memory.inference.floor <= memory.activation_peak
    return unsure


@pytest.mark.parametrize(("batch", "precision"), [(1, "fp16-mixed"), (2, "bf16-mixed")])
@pytest.mark.parametrize("name", SPECS)
def test_networks_hold_what_they_really_do(name: str, batch: int, precision: Precision) -> None:
    assert not check(network(name), batch, precision)


def alone(line: str, *, is_lower: bool = False) -> Network | None:
    """A use of an operator; None where specs make none, a merge of one value."""
    operator, types = case_of(line)
    return None if operator.operands is None and len(types) == 1 else derived(line, is_lower=is_lower)


@pytest.mark.parametrize("line", [*lines()][1::6])
@pytest.mark.parametrize("is_lower", [False, True])
def test_operators_hold_what_they_really_do(line: str, is_lower: bool) -> None:
    net = alone(line, is_lower=is_lower)
    if net is not None:
        check(net, 3, "bf16-mixed")


@pytest.mark.parametrize(("is_lower", "names"), [(False, ESTIMATES), (True, ESTIMATES | OF_LOWER)])
def test_no_others_are_estimates(is_lower: bool, names: set[str]) -> None:
    nets = [net for line in lines() if (net := alone(line, is_lower=is_lower)) is not None]
    memory = [Facts(net, 2).memory_at(2, Arithmetic("bf16-mixed", "cpu")) for net in nets]
    assert {name for each in memory for name in each.estimated_for("peak")} == names


STEPWISE = {
    "weights that are cast once for all calls": "input x: [6]\nshared a = { linear(6) -> relu }\nrepeat 5 { a }",
    "learned values": "input x: [4, 6]\nadd { | identity | p: parameter([4, 6]) } -> linear(3)",
    "a map read twice": "input x: [3, 9, 9]\nconv(4, 3) -> bn as y\n"
    "concat { | conv(4, 3, pad=1) | y } -> dropout -> maxpool(2x2)",
    "heads of one kernel": "input x: [6, 8]\nln -> attention(2) -> linear(5) -> attention(5)",
    "shapes in the type of a map": "input x: [8, 3, 1]\nlinear(1) -> anchors(2, 1, 1)",
    "a norm of values in lower precision": "input x: [6, 8]\nlinear(8) -> rms_norm -> linear(4)",
    "the same along channels, and of float32": "input x: [5, 8, 8]\nrms_norm -> conv(8, 3) -> rms_norm(axis=0) -> conv(4, 1)",
    "a map and places in lower precision": "input x: [3, 6, 6]\ninput g: [6, 6, 2]\ng -> linear(2) as places\n"
    "x -> conv(4, 1) -> grid_sample(grid=places) -> conv(2, 1)",
    "what trains alone": "input x: [6]\nlinear(6) as y\ntraining { linear(3); output aux }\ny -> linear(2)",
}


@pytest.mark.parametrize("precision", ["bf16-mixed", "fp16-mixed"])
@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("case", STEPWISE)
def test_casts_live_as_long_as_they_really_do(case: str, batch: int, precision: Precision) -> None:
    assert {*check(written(STEPWISE[case]), batch, precision)} <= {"attention"}


LOOPS = {
    "a row": "input x: [8, 6]\nlinear(6)\nrepeat 280 { add { | ln -> linear(6) | identity } }\nlinear(3)",
    "rows in rows": "input x: [4, 6]\nlinear(6) as y\nrepeat 300 { add { | linear(6) | y } -> ln\n"
    "repeat 20 { linear(6) -> gelu } }\nlinear(2)",
    "what the next turn reads": "input x: [8, 6]\nrepeat 280 { concat(axis=1) { | linear(1) | identity } -> linear(6) }",
}


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("loop", LOOPS)
def test_the_last_turn_of_a_row_has_what_all_have_cast(loop: str, batch: int) -> None:
    """As if each turn were written out."""
    folded, arithmetic = Facts(written(LOOPS[loop])), Arithmetic("bf16-mixed", "cpu")
    assert not folded.is_unfolded
    found, whole = (facts.memory_at(batch, arithmetic) for facts in (folded, folded.unfolded()))
    assert (found.activation_peak, found.inference.floor) == (whole.activation_peak, whole.inference.floor)
    assert found.saved.bytes == whole.saved.bytes
    assert found.at is not None and whole.at is not None and found.at.layer == whole.at.layer
    assert sum(block.bytes for block in found.at.live) == sum(block.bytes for block in whole.at.live)
