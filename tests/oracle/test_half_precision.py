"""Inference all in bfloat16 or float16, against real passes on a CPU: no tolerance."""

from __future__ import annotations

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import Arithmetic, FloatType
from archdsl.backends.pytorch import build
from archdsl.ir import Network
from tests.oracle.test_ops_torch import case_of, lines
from tests.oracle.test_training_memory import SAMPLE, derived, network, written
from tests.support.live import activation_peak, in_half, in_type, saved_bytes
from tests.support.steps import inputs

torch.set_num_threads(1)
SPECS = (*SAMPLE, "resnet:ResNet18", "efficientnet:EfficientNetB0", "mobilenet_v2:MobileNetV2")


def told(net: Network, batch: int, dtype: FloatType) -> tuple[int, int]:
    memory = Facts(net, batch).memory_at(batch, Arithmetic(dtype))
    return memory.parameters + memory.buffers, memory.activation_peak


def check(net: Network, batch: int, dtype: FloatType) -> None:
    """What inference holds, and what a pass in training keeps, where they are called exact."""
    memory = Facts(net, batch).memory_at(batch, Arithmetic(dtype))
    assert memory.figure("peak").status == "exact" and not memory.inference.refused
    assert told(net, batch, dtype) == in_half(net, batch, dtype)
    given = in_type(inputs(net, batch), dtype)
    assert memory.inputs == sum(x.nbytes for x in given)
    assert memory.saved.bytes == saved_bytes(build(net).to(getattr(torch, dtype)), *given)


@pytest.mark.parametrize(("batch", "dtype"), [(1, "float16"), (2, "bfloat16")])
@pytest.mark.parametrize("name", SPECS)
def test_networks_hold_what_they_really_do(name: str, batch: int, dtype: FloatType) -> None:
    net = network(name)
    assert told(net, batch, dtype) == in_half(net, batch, dtype)


@pytest.mark.parametrize("line", [*lines()][::3])
def test_operators_hold_what_they_really_do(line: str) -> None:
    net, (operator, types) = derived(line), case_of(line)
    if net is None or (operator.operands is None and len(types) == 1):  # of one value specs make no merge
        return
    passes: tuple[tuple[int, FloatType], ...] = ((1, "bfloat16"), (3, "float16"))
    for batch, dtype in passes:
        if Facts(net, batch).memory_at(batch, Arithmetic(dtype)).figure("peak").status == "exact":
            check(net, batch, dtype)


STEPWISE = {
    "a norm in float32": "input x: [5, 8]\nrms_norm",
    "the same along channels": "input x: [8, 4, 4]\nconv(6, 1) -> rms_norm(axis=0)",
    "boxes": "input x: [9, 4]\ninput s: [9]\nx -> nms(4, 0.5, scores=s)",
    "few boxes of which many are wanted": "input x: [9, 4]\ninput s: [9]\nx -> nms(12, 0.5, scores=s)",
    "lengths of weights in float32": "input x: [4]\nlinear(3, parametrization=weight_norm)",
    "a sum of few channels": "input x: [9, 4, 4]\nconv(2, 1, bias=false, parametrization=weight_norm)",
    "numbers that stay int64": "input x: [3, 8, 8]\nbn -> maxpool(2x2, 2)",
    "heads": "input x: [6, 8]\nattention(2, causal=true) -> ln",
    "a mask": 'input x: [6, 8]\nm: constant([1, 6, 6], "j >= k") as c\nx -> reshape([1, 6, 8]) as q\nsdpa { | q | q | q | c }',
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("case", STEPWISE)
def test_what_runs_in_several_steps_is_followed(case: str, batch: int, dtype: FloatType) -> None:
    net = written(STEPWISE[case])
    assert told(net, batch, dtype) == in_half(net, batch, dtype)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_lengths_of_many_rows_are_more_than_a_small_result(dtype: FloatType) -> None:
    """A transposed convolution normalizes the rows of what it reads."""
    net = written("input x: [64, 1, 1]\nconv_transpose(1, 1, parametrization=weight_norm)")
    assert told(net, 1, dtype) == in_half(net, 1, dtype)


@pytest.mark.parametrize("layer", ["lrn(3)", "reshape([2, 2, 4, 4]) -> avgpool(2x2x2)"])
def test_what_a_cpu_does_not_run_is_an_estimate(layer: str) -> None:
    net = written(f"input x: [4, 4, 4]\n{layer}")
    name = "avgpool" if "avgpool" in layer else "lrn"
    assert Facts(net).memory_at(1, Arithmetic("bfloat16")).estimated_for("peak") == (name,)
    assert Facts(net).memory_at(1, Arithmetic("bfloat16")).figure("parameters").status == "exact"
    with pytest.raises(RuntimeError, match="not implemented for 'BFloat16'"):
        in_half(net, 1, "bfloat16")


def test_a_number_beyond_the_precision_is_refused() -> None:
    net = written('input x: [4, 4]\nm: constant([4, 4], "i >= j") as m\nblock: { x -> masked_fill(m, -1e9) }')
    found = Facts(net).memory_at(1, Arithmetic("float16")).inference.refused
    assert found == {"block.masked_fill": "-1e+09 is beyond float16, which ends at 65504"}
    with pytest.raises(RuntimeError, match="without overflow"):
        in_half(net, 1, "float16")
    assert not Facts(net).memory_at(1, Arithmetic("bfloat16")).inference.refused
    assert told(net, 1, "bfloat16") == in_half(net, 1, "bfloat16")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_largest_sum_of_lifetimes_is_the_peak(dtype: FloatType) -> None:
    net = network("mobilenet_v3:MobileNetV3Small")
    facts = Facts(net, 3)
    alive = [
        sum(
            found.size.at(3) for found in facts.lifetimes(Arithmetic(dtype)) if found.made <= moment.step <= found.freed
        )
        for moment in facts.inference(3, Arithmetic(dtype)).moments
    ]
    real = activation_peak(build(net).to(getattr(torch, dtype)), *in_type(inputs(net, 3), dtype))
    assert max(alive) == real
