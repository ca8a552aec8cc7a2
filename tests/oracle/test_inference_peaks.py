"""Operators of several steps in inference: the peak is that of the largest step, which depends on the batch. No tolerance."""

from __future__ import annotations

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.backends.pytorch import build
from tests.oracle.test_training_memory import written
from tests.support.live import activation_peak

torch.set_num_threads(1)

HEADS = "input q: [5, 2, 4]\ninput k: [7, 2, 4]\nq -> permute([1, 0, 2]) as a\nk -> permute([1, 0, 2]) as b\n"
NETWORKS = {
    "three values, the first product is larger": "input x: [2, 9]\ninput y: [9, 8]\ninput z: [1, 2]\n"
    'einsum("a b, b c, d a -> d b") { | x | y | z }',
    "three values, one of them learned": "input y: [9, 5]\ninput z: [9]\nw: parameter([5, 9]) as w\n"
    'einsum("a b, b c, d -> a d") { | w | y | z }',
    "four values": "input x: [5, 5]\ninput y: [2, 5]\ninput z: [2, 1]\nw: parameter([1, 5]) as w\n"
    'x -> permute([1, 0]) as a\ny -> permute([1, 0]) as b\neinsum("a b, b c, c d, d a -> b") { | a | b | z | w }',
    "a sum over one channel": "input x: [1, 1]\nlrn(3)",
    "a sum over many channels": "input x: [2, 4]\nlrn(9)",
    "attention to one token": "input x: [1, 12]\ninput m: [1, 12]\nx -> attention(3, kv=m)",
    "attention to more tokens": "input x: [2, 12]\ninput m: [9, 12]\nx -> attention(3, kv=m)",
    "attention to the same tokens": "input x: [2, 12]\nlinear(12) as z\nz -> attention(2, kv=z)",
    "a bias of permuted heads": f"{HEADS}bias: parameter([2, 5, 7]) as c\nsdpa {{ | a | b | b | c }}",
    "a mask of permuted heads": f'{HEADS}m: constant([2, 5, 7], "i + j >= k") as c\nsdpa {{ | a | b | b | c }}',
    "wide values": f"{HEADS}input v: [2, 7, 9]\nsdpa {{ | a -> scale(2) | b | v }}",
    "a weight over its norm beside a padded volume": "input x: [2, 2, 2, 2]\n"
    "conv(5, 4, pad=same, parametrization=spectral_norm)",
    "a weight over its norm, and its result cut": "input x: [2, 3, 3]\n"
    "conv_transpose(5, 4x4, pad=same, parametrization=spectral_norm)",
    "a weight of lengths and directions, and much cut": "input x: [2, 3, 3]\n"
    "conv_transpose(5, 4x4, stride=2, pad=[[0, 1], [0, 1]], parametrization=weight_norm)",
    "a weight over its norm, a matrix as it is": "input x: [4, 4]\nconv_transpose(6, 1, parametrization=spectral_norm)",
    "standardized weights of one pixel": "input x: [2, 4, 4]\nconv(3, 4, standardize=true)",
    "a pool of permuted rows": "input x: [12, 3]\npermute([1, 0]) -> maxpool(3, 2)",
}


@pytest.mark.parametrize("batch", [1, 2, 9])
@pytest.mark.parametrize("name", NETWORKS)
def test_peaks_of_operators_of_several_steps_are_the_real_ones(name: str, batch: int) -> None:
    net = written(NETWORKS[name])
    given = [torch.randn(batch, *type.shape) for type in net.input_types]
    assert Facts(net, batch).memory.activation_peak == activation_peak(build(net), *given)


def test_small_volumes_of_transposed_convolutions_are_an_estimate() -> None:
    """Without oneDNN the result is made in a storage of the operand's size, as it is here for a single sample."""
    net = written("input x: [2, 4, 4, 4]\nconv_transpose(1, 1)")
    facts = Facts(net).memory
    assert facts.figure("peak").status == "estimate" and facts.inference.estimated_for == ("conv_transpose",)
    real = activation_peak(build(net), torch.randn(1, 2, 4, 4, 4))
    assert (facts.activation_peak, real) == (4 * 64, 2 * 4 * 64)
    assert Facts(written("input x: [2, 4, 4, 4]\nconv_transpose(2, 1)")).memory.figure("peak").status == "exact"
