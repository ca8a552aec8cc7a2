"""Random specs: the text, the graph, the analyses, the compiled module and PyTorch agree. `__main__.py` runs campaigns."""

from __future__ import annotations

from itertools import count

import pytest
import torch

from archdsl.analyses.memory import TrainingSettings
from archdsl.backends.pytorch import emit
from archdsl.ir import Saved
from tests.differential.agree import SETTINGS, disagreement, wrong_peaks
from tests.differential.coverage import ATTRIBUTES, FORMS, Coverage
from tests.differential.growing import network_of
from tests.differential.operators import OPERATORS
from tests.differential.shrink import shrunk
from tests.differential.writer import random_spec

torch.set_num_threads(1)
BATCH = 20
"""Specs that a test compares."""


@pytest.mark.parametrize("first", range(0, 120, BATCH))
def test_random_specs_agree_with_pytorch(first: int) -> None:
    for seed in range(first, first + BATCH):
        text = random_spec(seed)
        problem = disagreement(text)
        assert problem is None, f"seed {seed}: {problem.what}: {problem.detail}\n{text}"


def test_random_specs_hold_together_and_use_the_language() -> None:
    texts = [random_spec(seed) for seed in range(90)]
    assert [random_spec(seed) for seed in range(3)] == texts[:3]
    coverage = Coverage()
    for text in texts:
        coverage.add(text)
    assert len(coverage.operators) > 0.7 * len(OPERATORS)
    assert len(coverage.attributes) > 0.5 * len(ATTRIBUTES)
    assert FORMS - coverage.forms.keys() <= {"Import", "Imported", "SourceNote", "Allow"}
    assert len(coverage.prelude) > 4 and coverage.forms["Chain"] == len(texts)


FOUND = {
    "an output for training that inference has too": """
        input image: [4, 8, 8]
        relu as t
        training { t -> output aux }
        conv(2, 1)
    """,
    "the smaller of two, only one of which learns": """
        input image: [8, 8, 8]
        minimum { | conv(8, 3, pad=1) | leaky_relu }
    """,
    "the product of three, only one of which learns": """
        input image: [4, 5, 5]
        multiply { | conv(4, 1) | sigmoid | relu }
    """,
    "one part": "input image: [4, 6]; conv(4, 1); split(1) -> relu",
    "sizes of a value that is not read": """
        input image: [3, 8, 8]
        reduce_sum([2]) as t
        bn -> concat(t) -> conv(3, 1) -> crop(like=t)
    """,
    "a norm of what does not learn": "input image: [3, 5]; rms_norm",
    "a value that another is only to be like": """
        input image: [8, 9, 7]
        argmax(axis=0) -> embedding(2000, 3) -> leaky_relu as t
        in -> upsample(like=t) -> leaky_relu
    """,
    "a product of rows, one factor of which learns": """
        input image: [2, 4, 4, 4]
        einsum("a b c d, a b c d -> b") { | elu | prelu }
    """,
    "a product of turned maps of open sizes": """
        input image: [8, H, W]
        expect shape(image) == [8, 7, 4] with H = 7, W = 4
        relu as t5
        t5 -> permute([0, 2, 1]) as t6
        einsum("a x y, a y z -> a x z") { | t5 | t6 }
    """,
    "pixels of channels of an open size": "input image: [4, H, W]; permute([1, 2, 0]) -> pixel_shuffle(2)",
    "windows over rows of an open size that stand as channels": """
        input image: [4, H, W]
        permute([1, 2, 0]) -> adaptive_avgpool(3) -> permute([2, 0, 1])
    """,
    "rows of an open size that stand as channels, as many as another has": """
        input image: [1, H, W]
        permute([1, 2, 0]) -> upsample(like=image)
    """,
    "more columns than there are pixels": "input image: [8, 8, 8]; sigmoid -> unfold(2)",
    "a volume with fewer maps": "input image: [2, 4, 4, 4]; conv_transpose(1, 1) -> rms_norm(-4)",
    "a small layer with a spectral norm": """
        input image: [2, 3, 3]
        conv_transpose(3, 1, parametrization=spectral_norm) -> flatten -> linear(4, parametrization=spectral_norm)
    """,
    "a single number": "input image: [6]; reduce_sum(-1); reshape([-1])",
    "a sum of open sizes that is simpler the other way round": """
        input image: [3, H, W]
        for i in [1, 2, 3] { depthwise(4, 4, pad=same) }
        maximum { | dropout | bn }
    """,
}
"""Specs that random ones were made small to, and that did not agree once."""


@pytest.mark.parametrize("case", FOUND)
def test_what_was_found_stays_mended(case: str) -> None:
    text = f"network Net {{\n{FOUND[case].replace('t -> output aux', 'output aux = t -> identity')}\n}}\n"
    assert network_of(text) is not None
    assert disagreement(text) is None


STEPS = {
    "a value that nobody reads": "input image: [9]; ln; sin as t; exp; in; multiply(t)",
    "a number added in the end": "input image: [1, 7, 4]; conv(6, 1); shift(0.1)",
    "a map in lower precision beside one that is not": "input image: [4, 10]; maximum { | conv(4, 1) | dropout }",
    "a gate in lower precision": """
        input image: [4, 6, 6]
        bn -> sigmoid as t
        multiply { | t | avgpool(global) -> conv(4, 1) -> sigmoid } as u
        add { | u | conv(4, 1) } -> relu -> conv(2, 1)
    """,
    "a dense layer of tokens in lower precision beside others": """
        input image: [9, 16]
        linear(16) as u
        weight: parameter([1, 9, 16]) as w
        add { | u | w } as t
        add { | t | ln -> linear(64) -> gelu -> linear(16) } -> ln -> select(0) -> linear(3)
    """,
    "parts of unlike precision": "input image: [4, 6, 6]; bn -> sigmoid as t; concat { | t | conv(4, 1) } -> conv(4, 1)",
    "one number, repeated, before a product": """
        input image: [4, 6]
        weight: parameter([6, 3]) as w
        matmul { | linear(6) | w }
    """,
    "a value that is detached": "input image: [3, 8, 8]; subsample(2) -> relu; detach -> conv(2, 1)",
    "a block of which one result is read": "input image: [6, 8, 8]; conv(2, 1) -> relu; image -> conv(2, 1)",
    "attention in lower precision": "input image: [3, 7, 4]; linear(4) as t; sdpa { | t | t | t }",
    "a norm of lengths in lower precision": "input image: [3, 6, 6]; conv(4, 3x3, pad=1, parametrization=weight_norm)",
    "what a CPU's autocast runs in float32": """
        input image: [1, 8, 8]
        maxpool(3) as t
        conv(1, 3, pad=1)
        unpool(of=t)
    """,
}
"""Specs whose steps took other bytes once."""


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: f"{s.optimizer} {s.precision}")
@pytest.mark.parametrize("case", STEPS)
def test_steps_take_what_was_foretold(case: str, settings: TrainingSettings) -> None:
    network = network_of(f"network Net {{\n{STEPS[case]}\n}}\n")
    assert network is not None
    assert wrong_peaks(network, 2, settings) == ""


def test_a_class_without_children_has_its_numbers() -> None:
    text = """
block b(n) { in -> pad(n) as y; concat { | y | y -> relu } }
network Net { input image: [2, 4, 6]; b(1) -> b(2) -> b(1) -> b(3) -> conv(2, 1x1) }
"""
    assert disagreement(text) is None


@pytest.mark.parametrize("pool", ["maxpool(3, 2, pad=same)", "avgpool(3, 2, pad=same, count_pad=false)"])
def test_a_class_is_told_the_padding_that_sizes_decide(pool: str) -> None:
    text = f"""
block b(n, grow = true) {{ if grow {{ up: conv(n, 1) }}; add {{ | {pool} | conv(n, 3, 2, pad=same) }}; relu }}
network Net {{ input image: [2, 15, 15]; b(4) -> b(4) -> b(4, false) -> b(4) }}
"""
    assert disagreement(text) is None
    network = network_of(text)
    assert network is not None
    source = emit(network)
    assert source.count("class B(") == 1 and "padding=self.padding, ceil_mode=True" in source


def test_a_wrong_fact_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATORS["sigmoid"], "saved", lambda self, operands, results: Saved())
    large = (text for text in map(random_spec, count()) if "sigmoid" in text and len(text.splitlines()) > 25)
    text = next(text for text in large if _keeps_too_little(text))
    small = shrunk(text, _keeps_too_little)
    assert "sigmoid" in small and len(small.splitlines()) < len(text.splitlines()) // 2


def _keeps_too_little(text: str) -> bool:
    problem = disagreement(text)
    return problem is not None and problem.what == "saved for backward"
