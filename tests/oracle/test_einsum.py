"""Random products by letters: what `torch.einsum` permutes, sums, copies and multiplies takes the bytes that archdsl says."""

from __future__ import annotations

from math import prod
from pathlib import Path
from random import Random

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.backends.pytorch import build
from archdsl.backends.pytorch.running.allocations import composed
from archdsl.ir import Network
from archdsl.pipeline import open_source
from archdsl.source import Source
from tests.support.live import activation_peak, saved_bytes
from tests.support.steps import inputs, measured, predicted

torch.set_num_threads(1)

SIZES = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 6, "f": 2, "g": 3, "h": 2}
TAILS = ("linear(3)", "relu", "relu -> linear(3)", "flatten -> linear(3)", "scale(2) -> linear(3)")
PLAIN = TrainingSettings(loss="mse")


def shape(letters: list[str], sizes: dict[str, int]) -> str:
    return str([sizes[c] for c in letters])


def factor(random: Random, name: str, letters: list[str], sizes: dict[str, int]) -> str:
    """A value with these axes: in order, permuted, or learned."""
    kind = random.random()
    if kind > 0.85:
        return f"p{name}: parameter({shape(letters, sizes)}, std=1) as {name}\n"
    stored = list(letters)
    if kind > 0.5:
        random.shuffle(stored)
    order = [stored.index(c) for c in letters]
    width = prod(sizes[c] for c in letters)
    return f"x -> linear({width}) -> reshape({shape(stored, sizes)}) -> permute({order}) as {name}\n"


def contraction(seed: int) -> Network | None:
    """None where both factors are learned, or where a size of 1 makes the layout another one for a single sample."""
    random = Random(seed)
    pool = random.sample(list(SIZES), len(SIZES))
    parts = [[pool.pop() for _ in range(random.choice(counts))] for counts in ([0, 1, 2],) * 4]
    (shared, lefts, rights, summed), rest = parts, pool
    alone = [[c] if random.random() < 0.25 else [] for c in rest[:2]] + [[], []]
    left, right = [*shared, *lefts, *summed, *alone[0]], [*shared, *rights, *summed, *alone[1]]
    result = [*shared, *lefts, *rights]
    for letters in (left, right, result):
        random.shuffle(letters)
    if not left or not right or not result:
        return None
    sizes = SIZES if random.random() < 0.8 else {**SIZES, random.choice(left): 1}
    equation = f"{' '.join(left)}, {' '.join(right)} -> {' '.join(result)}"
    body = factor(random, "l", left, sizes) + factor(random, "r", right, sizes)
    body += f'einsum("{equation}") {{ | l | r }}\npermute({random.sample(range(len(result)), len(result))})\n'
    text = f"network N {{\ninput x: [7]\n{body}{random.choice(TAILS)}\n}}"
    net = open_source(Source("net.arch", text), Path()).check("N").network
    assert net is not None
    is_learned = not net.outputs[0].value.type.batched
    return None if is_learned or Facts(net).training(PLAIN).status != "exact" else net


SEEDS = [seed for seed in range(40) if contraction(seed) is not None]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_contraction_takes_what_it_really_does(seed: int) -> None:
    net = contraction(seed)
    assert net is not None
    for batch in (1, 3):
        memory, module = Facts(net, batch).memory, build(net)
        assert activation_peak(module, *inputs(net, batch)) == memory.activation_peak
        assert saved_bytes(module, *inputs(net, batch)) == memory.saved.bytes
        assert predicted(net, batch, PLAIN) == measured(net, batch, PLAIN)


@pytest.mark.parametrize(
    ("made", "other"), [("", "x"), ("q: parameter([32, 32, 8], std=1) as q", 'einsum("i m, i o m -> o m") { | x | q }')]
)
@pytest.mark.parametrize("batch", [1, 3])
def test_gradients_meet_after_those_of_weights(made: str, other: str, batch: int) -> None:
    """What was permuted last is handed on first, so a weight has its gradient before a value that is read twice has its sum."""
    text = f"""network N {{
        input a: [2, 64]
        conv(32, 1) -> linear(8) as x
        p: parameter([32, 32, 8], std=1) as p
        {made}
        einsum("i m, i o m -> o m") {{ | x | p }} as y
        subtract {{ | y | {other} }}
    }}"""
    net = open_source(Source("net.arch", text), Path()).check("N").network
    assert net is not None
    assert predicted(net, batch, PLAIN) == measured(net, batch, PLAIN)


def test_most_are_exact() -> None:
    assert len(SEEDS) >= 30


def test_it_is_no_kernel() -> None:
    """What is made inside of it counts, though TorchScript has an overload that autograd never sees."""
    assert composed("aten::einsum") == "always"
    assert composed("aten::bmm") == "never"
