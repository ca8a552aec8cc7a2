"""archdsl refuses what PyTorch refuses, and takes what PyTorch takes but for what docs/explanation/refusals.md lists."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
import torch

from tests.differential.refusals import DIRECT, MERGES, Verdict, verdict

torch.set_num_threads(1)
PAGE = Path(__file__).parents[2] / "docs/explanation/refusals.md"
CALLS = 5000

STRICTER = {
    "Integers": r"reads float values, not int64",
    "Unlike types": r"hold different types of numbers",
    "Unlike numbers of axes": r"have \d+ ax[ie]s and \d+ ax[ie]s|have unlike numbers of axes|has no two axes",
    "Axes beside the batch": r"makes \d+ axes out of \d+",
    "Images": r"`pixel_(un)?shuffle` needs an image",
    "Rows that are not there": r"`slice` asks for more",
    "Unequal parts": r"does not split into \d+ equal parts",
    "A single value in a group": r"needs more than one value in a group",
    "Dilations": r"dilation: must be a size of at least 1",
    "Probabilities": r"dropout: must be a number from 0 to 1",
}
"""The headings of the page, and what archdsl says where PyTorch says nothing."""
PADDED = r"RuntimeError: input image .* smaller than kernel size"
"""The one thing that PyTorch refuses and compiled code does all the same: it pads a small volume before it is pooled."""


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    random = Random(0)
    return [verdict(random) for _ in range(CALLS)]


def test_archdsl_takes_nothing_else_that_pytorch_refuses(verdicts: list[Verdict]) -> None:
    assert [v for v in verdicts if v.failed and not v.refused and not re.search(PADDED, v.failed)] == []


def test_what_archdsl_alone_refuses_is_documented(verdicts: list[Verdict]) -> None:
    stricter = [v for v in verdicts if v.refused and not v.failed]
    known = re.compile("|".join(STRICTER.values()))
    assert [v for v in stricter if not known.search(v.refused)] == []
    found = {heading for heading, pattern in STRICTER.items() if any(re.search(pattern, v.refused) for v in stricter)}
    assert len(found) > len(STRICTER) // 2


def test_the_page_has_a_row_for_each() -> None:
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(STRICTER)


def test_right_and_wrong_calls_of_every_operator_were_compared(verdicts: list[Verdict]) -> None:
    names: dict[str, set[str]] = {"taken": set(), "refused by both": set()}
    for v in verdicts:
        name = v.call.partition("(")[0]
        if not v.failed and not v.refused:
            names["taken"].add(name)
        elif v.failed and v.refused:
            names["refused by both"].add(name)
    assert names["taken"] == {*DIRECT, *MERGES}
    assert {*DIRECT, *MERGES} - names["refused by both"] <= {"dropout"}
