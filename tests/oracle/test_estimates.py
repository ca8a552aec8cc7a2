"""Which operators' bytes are an estimate: tests that hold what is exact against PyTorch leave these out, and no others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.memory import Arithmetic, TrainingSettings
from archdsl.analyses.weights import weights_as_written
from archdsl.ir import Network
from tests.oracle.test_checkpointing import LINES, with_part
from tests.oracle.test_ops_torch import case_of, lines
from tests.oracle.test_training_memory import MIXED, derived

PLAIN = TrainingSettings(loss="mse")
WITHOUT_GRADIENTS = {
    "anchors",
    "argmax",
    "compare",
    "constant",
    "detach",
    "embedding",
    "nms",
    "parameter",
    "roi_align",
    "unpool",
}
"""No gradient of an operand goes through them, or they take what the tests have no inputs for."""
IN_HALF = {"avgpool", "cast", "conv_transpose", "lrn", "lstm"}
MIXED_STEPS = {
    "attention",
    "cast",
    "clip_boxes",
    "conv_transpose",
    "crop",
    "dropout",
    "einsum",
    "expand",
    "gru",
    "linear",
    "lstm",
    "rbf",
    "rnn",
    "sdpa",
    "upsample",
}
OF_LOWER = {"add", "avgpool", "choose", "lrn", "maxpool", "multiply"}
"""Besides, on values in lower precision."""
LAST = {"attention", "avgpool", "conv_transpose", "locally_connected", "rbf", "subsample", "tanh"}
"""As the last operator of a part that runs twice."""


def alone(*, is_lower: bool = False) -> Iterator[tuple[str, Network]]:
    """Uses of operators with gradients, by their names; of one value specs make no merge."""
    for line in lines():
        operator, types = case_of(line)
        net = derived(line, is_lower=is_lower)
        if net is not None and (operator.operands is not None or len(types) > 1):
            yield operator.name, net


def estimated(settings: TrainingSettings, *, is_lower: bool = False) -> set[str]:
    nets = alone(is_lower=is_lower)
    return {name for name, net in nets if Facts(net, 3).training(settings).status == "estimate"}


def test_every_other_operator_is_derived() -> None:
    assert {case_of(line)[0].name for line in lines()} - {name for name, _ in alone()} == WITHOUT_GRADIENTS


def test_inference_in_half_precision() -> None:
    memory = [(name, Facts(net, 3).memory_at(3, Arithmetic("bfloat16"))) for name, net in alone()]
    assert {name for name, found in memory if found.figure("peak").status == "estimate"} == IN_HALF


def test_steps_in_one_type() -> None:
    """Of transposed convolutions that are small it depends on the kernel."""
    assert estimated(PLAIN) == {"conv_transpose"}
    assert estimated(PLAIN._replace(precision="bfloat16")) == IN_HALF


@pytest.mark.parametrize(("is_lower", "names"), [(False, MIXED_STEPS), (True, MIXED_STEPS | OF_LOWER)])
def test_steps_under_autocast(is_lower: bool, names: set[str]) -> None:
    assert estimated(MIXED, is_lower=is_lower) == names


def test_steps_with_frozen_weights() -> None:
    """The operator's first, while what comes before is trained: one kernel may make the gradients of weights and bias."""
    found = set()
    for name, net in alone():
        own = tuple(key for key in weights_as_written(net) if key.startswith("layer."))
        if own and Facts(net, 3).training(PLAIN._replace(freeze=own[:1])).status == "estimate":
            found.add(name)
    assert found == {"conv", "conv_transpose", "locally_connected", "subsample"}


@pytest.mark.parametrize(("is_last", "names"), [(False, {"conv_transpose", "locally_connected"}), (True, LAST)])
def test_parts_that_run_twice(is_last: bool, names: set[str]) -> None:
    nets = [(case_of(line)[0].name, with_part(line, is_last=is_last)) for line in LINES]
    steps = [(name, Facts(net, 3).training(PLAIN._replace(checkpoint=("part",)))) for name, net in nets if net]
    assert {name for name, step in steps if step.status == "estimate"} == names
