"""Turns of a loop that one stands for, in generated code: it computes what all turns do, and names their weights alike."""

from __future__ import annotations

import pytest
import torch

from archdsl.backends.pytorch import build, emit
from tests.unit.test_turns import BLOCKS, BODIES, checked

INLINE = """
inline block unit { add { | conv(4, 1x1, bias=false) -> bn -> relu -> conv(8, 3x3) -> bn | in }
  relu }
inline block before { add { | in -> bn -> relu -> conv(8, 3x3) | in } }
inline block doubled { add { | in -> conv(8, 3x3) -> relu | in -> conv(8, 1x1) -> tanh } }
"""
MORE = {
    "inline units": "repeat 30 { unit }\nconv(2, 1x1)",
    "inline units that end with a sum": "repeat 30 { before }\nrelu",
    "inline units in loops": "repeat 15 { repeat 12 { unit }\nconv(8, 1x1) }",
    "two loops in a row": "repeat 12 { unit }\nrepeat 14 { res }\nrepeat 13 { res }\nrepeat 16 { doubled }",
    "a group in a loop": "repeat 15 { conv(8, 1x1) -> bn -> relu\nconv(8, 3x3) }\nlast: { repeat 14 { repeat 13 { res } } }",
}


@pytest.mark.parametrize("name", [*BODIES, *MORE])
def test_the_code_of_rows_computes_what_all_turns_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head = BLOCKS.replace("network A", f"{INLINE}network A")
    text = f"{head}{(BODIES | MORE)[name]}\n}}\n"
    whole, short = (checked(text, monkeypatch, fewest).network for fewest in (10**9, 1))
    assert whole is not None and short is not None
    torch.manual_seed(1)
    models = [build(network).eval() for network in (whole, short)]
    state = models[0].state_dict()
    assert [*state] == [*models[1].state_dict()]
    models[1].load_state_dict(state)
    image = torch.rand(2, 8, 16, 16)
    with torch.no_grad():
        expected, found = (model(image) for model in models)
    assert torch.equal(expected, found)
    assert len(emit(short).splitlines()) < 64, "turns that are written out"
