"""The poster of volumes: which layers are boxes, how large they are drawn, and that words and faces keep apart."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from archdsl import load
from archdsl.analyses.cost import cost
from archdsl.backends.drawing import Look, Refusal, draw, drawing
from archdsl.backends.drawing.content.model import Poster
from archdsl.backends.drawing.places.layout import layout
from archdsl.backends.drawing.places.metrics import width
from archdsl.backends.drawing.places.scene import Caption, Solid
from archdsl.ir import Network
from tests.support.drawings import graph

SVG = "{http://www.w3.org/2000/svg}"
NETWORKS = ["vgg16.arch", "alexnet.arch:AlexNet", "lenet.arch:LeNet5", "zfnet.arch:ZFNet", "resnet.arch:ResNet50"]


def poster_of(network: Network) -> Poster:
    body = drawing(network, cost(network), Look(style="volumes")).body
    assert isinstance(body, Poster)
    return body


def test_vgg16_is_its_poster() -> None:
    """Simonyan & Zisserman 2015, Table 1, D: 2, 2, 3, 3 and 3 convolutions, each time pooled, then three dense layers."""
    stacks = poster_of(graph("vgg16.arch")).stacks
    assert [(s.text, s.output, len(s.volumes), len(s.pooled)) for s in stacks] == [
        ("image", "3×224×224", 1, 0),
        ("2 × conv 3×3", "64×224×224", 2, 1),
        ("2 × conv 3×3", "128×112×112", 2, 1),
        ("3 × conv 3×3", "256×56×56", 3, 1),
        ("3 × conv 3×3", "512×28×28", 3, 1),
        ("3 × conv 3×3", "512×14×14", 3, 1),
        ("linear", "4096", 1, 0),
        ("linear", "4096", 1, 0),
        ("linear", "1000", 1, 0),
    ]
    assert [(v.channels, v.size) for v in stacks[5].pooled] == [(512, 7)]


def test_a_resnet_is_drawn_by_its_stages() -> None:
    stacks = poster_of(graph("resnet.arch:ResNet50")).stacks
    assert [s.text for s in stacks if "bottleneck" in s.text] == [f"{n} × bottleneck" for n in (3, 4, 6, 3)]


@pytest.mark.parametrize("name", NETWORKS)
def test_boxes_grow_with_the_roots_of_their_sizes_and_captions_keep_apart(name: str) -> None:
    network = graph(name)
    sheet = layout(drawing(network, cost(network), Look(style="volumes")))
    solids = [s for s in sheet.shapes if isinstance(s, Solid)]
    tallest = max(s.height for s in solids if s.volume.size)
    largest = max(s.volume.size for s in solids)
    for solid in solids:
        if solid.volume.size:
            assert solid.height == pytest.approx(tallest * (solid.volume.size / largest) ** 0.5)
        assert solid.left >= 0 and solid.left + solid.width + solid.depth[0] <= sheet.width
    captions = [s for s in sheet.shapes if isinstance(s, Caption)]
    ends = [(s.left - half, s.left + half) for s in captions for half in [_half(s)]]
    assert all(before[1] < after[0] for before, after in pairwise(ends))
    assert ends[0][0] >= 0 and ends[-1][1] <= sheet.width


def _half(caption: Caption) -> float:
    return max(width(caption.text, 10, True), width(caption.output, 9)) / 2


def test_a_poster_says_where_it_leaves_layers_out() -> None:
    for name, is_all in (("alexnet.arch:AlexNet", False), ("zfnet.arch:ZFNet", True)):
        network = graph(name)
        footer = drawing(network, cost(network), Look(style="volumes")).footer
        assert ("of parallel ways the longest is drawn" not in footer) == is_all


def test_a_box_is_three_faces_under_the_path_of_its_layer() -> None:
    network = graph("vgg16.arch")
    root = ElementTree.fromstring(draw(network, cost(network), Look(style="volumes")))
    (group,) = (g for g in root.iter(f"{SVG}g") if g.get("id") == "features.0")
    assert [e.tag.removeprefix(SVG) for e in group] == ["title", "polygon", "polygon", "rect"]
    assert group.findtext(f"{SVG}title") == "features.0, features.1"


def test_what_is_no_poster_is_refused_with_words() -> None:
    network = graph("pyramidnet.arch:PyramidNet110_48")
    with pytest.raises(Refusal, match="55 volumes in a row, more than 40; `--style overview`"):
        draw(network, cost(network), Look(style="volumes"))
    with pytest.raises(Refusal, match="a picture and no graph"):
        draw(network, cost(network), Look("dot", style="volumes"))


def test_channels_may_come_last(tmp_path: Path) -> None:
    """After `permute` a map is as high as its first sizes and as thick as its last."""
    spec = tmp_path / "n.arch"
    spec.write_text(
        "network N {\n  input x: [3, 32, 32]\n  conv(64, 4x4, stride=4)\n  permute([1, 2, 0])\n  linear(128)\n  output y\n}\n"
    )
    network = load(spec).graph
    poster = drawing(network, cost(network), Look(style="volumes")).body
    assert isinstance(poster, Poster)
    volumes = [(s.volumes[0].size, s.volumes[0].channels) for s in poster.stacks]
    assert volumes == [(32, 3), (8, 64), (8, 128)]
