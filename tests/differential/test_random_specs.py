"""Random specs: the text, the graph, the analyses, the compiled module and PyTorch agree. `__main__.py` runs campaigns."""

from __future__ import annotations

import pytest
import torch

from archdsl.ir import flatten
from tests.differential.agree import disagreement
from tests.differential.operators import OPERATORS
from tests.differential.statements import network_of
from tests.differential.writer import random_spec

torch.set_num_threads(1)
SEEDS = range(200)
BATCH = 20
"""Specs that a test compares."""


@pytest.mark.parametrize("first", SEEDS[::BATCH])
def test_random_specs_agree_with_pytorch(first: int) -> None:
    for seed in range(first, first + BATCH):
        text = random_spec(seed)
        problem = disagreement(text)
        assert problem is None, f"seed {seed}: {problem.what}: {problem.detail}\n{text}"


def test_random_specs_hold_together_and_use_the_language() -> None:
    texts = [random_spec(seed) for seed in range(40)]
    networks = [network_of(text) for text in texts]
    assert None not in networks
    assert all(random_spec(seed) == text for seed, text in enumerate(texts[:5]))
    used = {layer.op.name for network in networks if network for layer in flatten(network, training=True).layers}
    assert len(used) > len(OPERATORS) // 2
    whole = "\n".join(texts)
    for word in (
        "block ",
        "inline block ",
        "default ",
        "repeat ",
        "for ",
        "if ",
        "else ",
        "shared ",
        "training ",
        "return ",
        "[]",
    ):
        assert word in whole, word
