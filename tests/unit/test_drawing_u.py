"""Encoder-decoders as two arms: what stands where follows from the graph, and what has no arms is refused with words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archdsl import load
from archdsl.analyses.cost import cost
from archdsl.backends.drawing import Look, Refusal, draw, drawing
from archdsl.backends.drawing.content.model import Arms, Body, Card
from archdsl.backends.drawing.places.layout import layout
from archdsl.backends.drawing.places.scene import Box
from archdsl.ir import Network

SPECS = Path(__file__).parents[2] / "specs"

FPN = """
network FPN {
  input image: [3, 64, 64]
  conv(8, 3x3, stride=2, pad=1) as c2
  conv(16, 3x3, stride=2, pad=1) as c3
  conv(32, 3x3, stride=2, pad=1)
  lateral: conv(8, 1x1) as p4
  add { | p4 -> upsample(2, mode=nearest) | c3 -> lateral3: conv(8, 1x1) } as p3
  add { | p3 -> upsample(2, mode=nearest) | c2 -> lateral2: conv(8, 1x1) } as p2
  p2 -> out2: conv(8, 3x3, pad=1)
  output fine
  p3 -> out3: conv(8, 3x3, pad=1)
  output middle
  output coarse = p4
}
"""


def network_of(text: str, folder: Path) -> Network:
    (folder / "a.arch").write_text(text, "utf-8")
    return load(folder / "a.arch").graph


def arms_of(network: Network) -> Arms:
    body = drawing(network, cost(network), Look(style="u")).body
    assert isinstance(body, Arms)
    return body


def names(card: Card) -> list[str]:
    return [row.name for row in card.rows]


def test_unet_is_the_figure_of_its_paper() -> None:
    """Ronneberger et al. 2015, Figure 1: four levels, a bottom, a skip at each level; the right arm read upwards."""
    arms = arms_of(load(f"{SPECS}/unet.arch:UNet").graph)
    assert arms.levels == 5
    assert [(r.level, names(r.card)[0]) for r in arms.left] == [(n, f"down{n}.0") for n in range(4)]
    assert [r.level for r in arms.right] == [3, 2, 1, 0]
    assert [names(r.card) for r in arms.bottom] == [["bottom.0", "bottom.2"]]
    assert names(arms.right[0].card) == ["merge3.2", "merge3.0", "concat", "up3"]
    crossing = {s.text.strip(): (s.card and [r.output for r in s.card.rows]) for s in arms.skips}
    assert crossing == {
        "512×64×64": ["512×56×56"],
        "256×136×136": ["256×104×104"],
        "128×280×280": ["128×200×200"],
        "64×568×568": ["64×392×392"],
    }


@pytest.mark.parametrize("sizes", [{"H": 572, "W": 572}, {"H": 204, "W": 220}])
def test_sizes_do_not_change_the_arms(sizes: dict[str, Any]) -> None:
    arms = arms_of(load(f"{SPECS}/unet.arch:UNet", **sizes).graph)
    assert (arms.levels, len(arms.left), len(arms.right), len(arms.skips), len(arms.lanes)) == (5, 4, 4, 4, 0)


@pytest.mark.parametrize(
    ("name", "levels", "skips"),
    [
        ("vnet.arch:VNet", 5, 4),
        ("fcn.arch:FCN8s", 6, 2),
        ("fcn.arch:FCN32s", 6, 0),
        ("deconvnet.arch:DeconvNet", 7, 5),
        ("autoencoder.arch:Autoencoder", 4, 0),
        ("autoencoder.arch:ConvAutoencoder", 3, 0),
    ],
)
def test_levels_and_skips(name: str, levels: int, skips: int) -> None:
    arms = arms_of(load(f"{SPECS}/{name}").graph)
    assert (arms.levels, len(arms.skips)) == (levels, skips)


@pytest.mark.parametrize("name", ["unet.arch:UNet", "vnet.arch:VNet", "deconvnet.arch:DeconvNet", "fcn.arch:FCN8s"])
def test_skips_are_level_and_nothing_overlaps(name: str) -> None:
    network = load(f"{SPECS}/{name}").graph
    sheet = layout(drawing(network, cost(network), Look(style="u")))
    skips = [line for line in sheet.lines if line.is_skip and not line.tail.startswith("fork")]
    assert skips and all(len({round(y, 2) for _, y in line.points}) == 1 for line in skips)
    boxes = [s for s in sheet.shapes if isinstance(s, Box)]
    for index, box in enumerate(boxes):
        assert box.left >= 0 and box.left + box.width <= sheet.width
        for other in boxes[index + 1 :]:
            beside = box.left + box.width <= other.left or other.left + other.width <= box.left
            assert beside or box.top + box.height <= other.top or other.top + other.height <= box.top


def test_outputs_on_the_way_up_stand_beside_the_arm(tmp_path: Path) -> None:
    arms = arms_of(network_of(FPN, tmp_path))
    assert arms.exit.name == "fine"
    assert [(e.terminal.name, e.card and names(e.card)) for e in arms.ends] == [("middle", ["out3"]), ("coarse", None)]
    assert [s.card and names(s.card) for s in arms.skips] == [["lateral3"], ["lateral2"]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "conv(4, 3x3, stride=2, pad=1) -> avgpool(global) -> flatten -> linear(10)",
            "its maps get smaller to the end",
        ),
        ("conv(4, 3x3, pad=1) -> relu", "its maps keep their size"),
        (
            "conv(4, 2x2, stride=2) -> conv(4, 2x2, stride=2) -> up: conv_transpose(4, 2x2, stride=2) "
            "-> again: conv(4, 2x2, stride=2) -> conv_transpose(4, 2x2, stride=2)",
            "its maps shrink again at `again`",
        ),
        (
            "conv(4, 2x2, stride=2) -> up: conv_transpose(4, 2x2, stride=2) -> conv(4, 4x4, stride=4) "
            "-> conv_transpose(4, 2x2, stride=2)",
            "its maps grow at `up`, before they are smallest",
        ),
    ],
)
def test_what_has_no_arms_is_refused_with_words(text: str, reason: str, tmp_path: Path) -> None:
    network = network_of(f"network A {{\n  input image: [3, 16, 16]\n  {text}\n  output y\n}}\n", tmp_path)
    with pytest.raises(Refusal) as caught:
        draw(network, cost(network), Look(style="u"))
    assert reason in str(caught.value) and "--style overview" in str(caught.value)


@pytest.mark.parametrize("name", ["unet.arch:UNet", "vnet.arch:VNet", "deconvnet.arch:DeconvNet"])
def test_an_encoder_decoder_is_found_by_itself(name: str) -> None:
    network = load(f"{SPECS}/{name}").graph
    assert isinstance(drawing(network, cost(network)).body, Arms)
    assert isinstance(drawing(network, cost(network), Look(across=True)).body, Body)


@pytest.mark.parametrize(
    "name", ["autoencoder.arch:Autoencoder", "resnet.arch:ResNet18", "faster_rcnn.arch:FasterRCNN"]
)
def test_networks_that_keep_nothing_for_the_way_up_are_drawn_as_others(name: str) -> None:
    network = load(f"{SPECS}/{name}").graph
    assert isinstance(drawing(network, cost(network)).body, Body)
