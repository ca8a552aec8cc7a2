"""What is opened, by which figure rows are shaded, and which way cards run; every network of specs/ as a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations, count, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from archdsl import load
from archdsl.analyses.cost import cost
from archdsl.backends.drawing import Drawing, Look, Refusal, Theme, draw, drawing
from archdsl.backends.drawing.content.model import (
    ENTRY,
    KINDS,
    Body,
    Card,
    Group,
    Item,
    Parallel,
    Row,
    Stairs,
    Terminal,
)
from archdsl.backends.drawing.marks.palette import SHADES, palette, row_fill, row_texts
from archdsl.backends.drawing.places.across import place_across
from archdsl.backends.drawing.places.layout import layout
from archdsl.backends.drawing.places.scene import Box, Outline, lines_of
from archdsl.pipeline import open_spec
from archdsl.source import short
from tests.support.drawings import SPECS, graph, shapes


def drawn(name: str, **asked: Any) -> Drawing:
    return drawing(graph(name), cost(graph(name)), Look(**asked))


def groups(body: Body) -> Iterator[Group]:
    for item in (step.item for step in body.steps):
        yield from _groups(item)


def _groups(item: Item) -> Iterator[Group]:
    if isinstance(item, Group):
        yield item
        yield from groups(item.body)
    elif isinstance(item, Parallel):
        for arm in item.arms:
            yield from groups(Body(arm.steps))


def body_of(picture: Drawing) -> Body:
    assert isinstance(picture.body, Body)
    return picture.body


def rows(picture: Drawing) -> list[Row]:
    """The rows of the network itself, cards alone."""
    return cards(body_of(picture))


def cards(body: Body) -> list[Row]:
    return [r for s in body.steps if isinstance(s.item, Card) for r in s.item.rows]


def rows_in_groups(picture: Drawing) -> list[Row]:
    return [r for group in groups(body_of(picture)) for r in cards(group.body)]


# --- what is opened --------------------------------------------------------------------------------------------------


def test_one_call_is_opened_in_place() -> None:
    picture = drawn("googlenet.arch:GoogLeNet", expand=("inception3a",))
    (opened,) = groups(body_of(picture))
    assert (opened.path, opened.call) == ("inception3a", "inception(64, 96, 128, 16, 32, 32)")
    # Szegedy et al. 2015, Table 1: 159K parameters, which count no biases, and 128M operations
    assert opened.note == "164K params · 128M MACs"
    assert [d.note for d in picture.definitions] == ["used 8 times · drawn once"]


def test_equal_calls_in_a_row_are_opened_together() -> None:
    picture = drawn("resnet.arch:ResNet50", expand=("layer2.2",))
    opened = [g for g in groups(body_of(picture)) if g.repeat > 1]
    assert [(g.path, g.repeat) for g in opened] == [("layer2.1", 3)]
    assert [d.note.split(" · ")[0] for d in picture.definitions] == ["used 13 times"]


def test_calls_are_opened_to_a_depth() -> None:
    none, one = (drawn("vit.arch:ViT_B16", style="overview", depth=depth) for depth in (0, 1))
    assert [g.title for g in groups(body_of(none))] == []
    assert [g.title for g in groups(body_of(one))] == ["encoder"]
    all = drawn("vit.arch:ViT_B16", style="overview", depth=9)
    expanded = drawn("vit.arch:ViT_B16", style="expanded")
    assert all.definitions == () and [g.title for g in groups(body_of(all))] == [
        g.title for g in groups(body_of(expanded))
    ]


def test_calls_that_read_the_same_beside_are_opened_together() -> None:
    """Each of the six layers of a decoder reads the one before, and the memory that all read."""
    picture = drawn("../tests/data/outside/transformer.arch:Transformer", style="expanded")
    (layers,) = [g for g in groups(body_of(picture)) if g.call.startswith("decoder_layer")]
    # Vaswani et al. 2017, base: 512 wide, 2048 within; three norms, two attentions and two dense layers in each of six
    params = 6 * (2 * (4 * 512 * 512 + 4 * 512) + 2 * 512 * 2048 + 2048 + 512 + 3 * 2 * 512)
    assert (layers.repeat, layers.note.split(" ")[0]) == (6, short(params))


def test_inputs_that_a_block_reads_stand_one_after_another() -> None:
    """Nothing joins them, so there is no arm beside the first; lanes lead to where the block reads them."""
    body = body_of(drawn("../tests/data/outside/gcn.arch:GCN", style="expanded"))
    assert not any(isinstance(step.item, Parallel) for step in body.steps)
    assert [s.item.name for s in body.steps if isinstance(s.item, Terminal)] == ["x", "adjacency", "scores"]
    assert {lane.text for lane in body.lanes} == {"x", "adjacency"}


def test_a_group_that_is_too_wide_is_a_row_that_can_be_opened() -> None:
    picture = drawn("faster_rcnn.arch:FasterRCNN", style="overview")
    assert "rpn" not in [g.title for g in groups(body_of(picture))]
    assert [r.params for r in rows(picture) if r.path == "rpn"] == ["594K"]  # torchvision's rpn.head has 593_935
    assert "`--expand rpn` opens what is folded there" in picture.footer
    opened = drawn("faster_rcnn.arch:FasterRCNN", style="overview", expand=("rpn",))
    assert "rpn" in [g.title for g in groups(body_of(opened))]


def test_a_path_that_is_no_call_is_refused() -> None:
    with pytest.raises(Refusal, match=r"no block is called at `layer2\.9`; did you mean `layer2\.3`\?"):
        drawn("resnet.arch:ResNet50", expand=("layer2.9",))


# --- shades ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shading", "path", "most", "words"),
    [
        ("macs", "features.2", 1_849_688_064, "1.85G MACs"),  # 64 * 64 * 9 * 224^2, as five others
        ("params", "classifier.0", 102_764_544, "103M params"),  # 25088 * 4096 + 4096
        ("memory", "features.0", 2 * 4 * 64 * 224 * 224, "24.5 MiB of results"),  # of the convolution and of its relu
    ],
)
def test_rows_are_shaded_by_a_figure(shading: str, path: str, most: int, words: str) -> None:
    picture = drawn("vgg16.arch", shading=shading)
    assert picture.most == most and picture.footer == (f"a row has at most {words}",)
    strongest = [r.path for g in groups(body_of(picture)) for s in g.body.steps if isinstance(s.item, Card)
               for r in s.item.rows if r.shade == most]  # fmt: skip
    assert path in strongest
    svg = draw(graph("vgg16.arch"), cost(graph("vgg16.arch")), Look(shading=shading)).decode()  # type: ignore[arg-type]
    assert "f-shade-5" in svg and "share of the row that has most" in svg and "f-conv-row" not in svg
    assert "f-activation-text" not in svg


def luminance(colour: str) -> float:
    """Of WCAG 2."""
    values = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return sum(share * v for share, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["light", "dark", "mono"])
@pytest.mark.parametrize("shade", [None, *range(SHADES)])
def test_texts_of_rows_are_read_on_their_colours(theme: Theme, shade: int | None) -> None:
    """4.5:1, for all that a row says."""
    colours = palette(theme)
    for kind in KINDS:
        row = Row("0", "0", "0", kind, "", (), "", None, False, "", 0, shade=shade)
        fill = luminance(colours[row_fill(row, SHADES)])
        for token in ("ink", *row_texts(row, SHADES)):
            low, high = sorted((luminance(colours[token]), fill))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (kind, token)


# --- from left to right ----------------------------------------------------------------------------------------------


ACROSS = ["vgg16.arch", "alexnet.arch:AlexNet", "googlenet.arch:GoogLeNet", "unet.arch:UNet", "vit.arch:ViT_B16"]


@pytest.mark.parametrize("name", ACROSS)
def test_cards_run_from_left_to_right(name: str) -> None:
    sheet = layout(drawn(name, across=True), is_across=True)
    boxes = [s for s in shapes(sheet.shapes) if isinstance(s, Box)]
    for index, box in enumerate(boxes):
        right, bottom = box.left + box.width, box.top + box.height
        assert box.left >= 0 and right <= sheet.width and bottom <= sheet.foot
        for other in boxes[index + 1 :]:
            beside = right <= other.left or other.left + other.width <= box.left
            assert beside or bottom <= other.top or other.top + other.height <= box.top
    for line in sheet.lines:
        assert all(0 <= x <= sheet.width and 0 <= y <= sheet.foot for x, y in line.points)
        assert all(abs(a[0] - b[0]) < 0.01 or abs(a[1] - b[1]) < 0.01 for a, b in pairwise(line.points))


def test_a_slide_is_wide_where_a_page_is_high() -> None:
    page, slide = (layout(drawn("vgg16.arch"), is_across=across) for across in (False, True))
    assert page.height > page.width and slide.width > 1.5 * slide.height


@pytest.mark.parametrize(("name", "skips"), [("unet.arch:UNet", 8), ("nasnet.arch:NASNetALarge", 18)])
def test_a_slide_with_skips_is_no_ribbon(name: str, skips: int) -> None:
    """U-Net keeps four maps, each on its way into a crop and around that; a cell of NASNet reads the two before it."""
    body = body_of(drawn(name, across=True))
    scene = place_across(body, count(1))
    assert 0.5 < (scene.left + scene.right) / scene.height < 3
    lines = list(lines_of(scene))
    assert sum(line.is_skip for line in lines) >= skips
    assert all(a == c or b == d for line in lines for (a, b), (c, d) in pairwise(line.points))


def test_skips_of_what_enters_an_outline_are_drawn_from_left_to_right(tmp_path: Path) -> None:
    text = """network N {
  input x: [4, 8, 8]
  a: conv(4, 3x3, pad=1) as early
  g: {
    conv(4, 3x3, pad=1) as middle
    conv(4, 3x3, pad=1)
    add { | conv(4, 3x3, pad=1) | early }
    conv(4, 3x3, pad=1)
    concat { | conv(4, 3x3, pad=1) | middle | early }
  }
  output y
}
"""
    spec = tmp_path / "n.arch"
    spec.write_text(text)
    network = load(str(spec)).graph
    picture = drawing(network, cost(network), Look(style="expanded"))
    (group,) = groups(body_of(picture))
    assert any(lane.source.key == ENTRY for lane in group.body.lanes)
    for is_across in (False, True):
        assert sum(line.is_skip for line in layout(picture, is_across=is_across).lines) == 3


def test_norms_and_activations_have_rows_of_their_own() -> None:
    fused, apart = (rows(drawn("lenet.arch:LeNet5", fuses=fuses)) for fuses in (True, False))
    assert not any(row.kind == "activation" for row in fused)
    assert [row.text for row in apart if row.kind != "activation"] == [row.text for row in fused]
    assert sum(row.kind == "activation" for row in apart) == sum(w.kind == "activation" for r in fused for w in r.words)


@pytest.mark.parametrize(
    "name", ["nasnet.arch:NASNetALarge", "pnasnet.arch:PNASNet5Large", "amoebanet.arch:AmoebaNetA_4_50"]
)
def test_what_a_cell_calls_again_and_again_is_a_row(name: str) -> None:
    sheet = layout(drawn(name, style="overview"))
    assert sheet.width < 2200
    outlines = [s.group for s in sheet.shapes if isinstance(s, Outline)]
    assert sum(g.title.startswith("separable(") for g in outlines if g.kind == "definition") == 1
    assert not any("comb_iter" in g.title for g in outlines)


@pytest.mark.parametrize("name", ["nasnet.arch:NASNetALarge", "resnet.arch:ResNet50", "lambda.arch:LambdaResNet50"])
def test_definitions_lie_beside_each_other_on_a_page(name: str) -> None:
    sheet = layout(drawn(name, style="overview"))
    assert 0.9 < sheet.width / sheet.height < 2.2 or 1600 < sheet.width < 2000
    found = [s for s in sheet.shapes if isinstance(s, Outline) and s.group.kind == "definition"]
    for a, b in combinations(found, 2):
        beside = a.left + a.width <= b.left or b.left + b.width <= a.left
        assert beside or a.top + a.height <= b.top or b.top + b.height <= a.top


def test_styles_with_a_direction_of_their_own_say_so() -> None:
    network = graph("unet.arch:UNet")
    with pytest.raises(Refusal, match="the style `u` has a direction of its own"):
        draw(network, cost(network), Look(style="u", across=True))


# --- calls that differ in rates ---------------------------------------------------------------------------------------


def test_blocks_that_are_dropped_at_unlike_rates_are_one() -> None:
    """Liu et al. 2022, Table 9: 3, 3, 9 and 3 blocks."""
    picture = drawn("convnext.arch:ConvNeXtTiny")
    found = [(r.text, [w.text for w in r.words]) for r in rows_in_groups(picture) if "cn_block" in r.text]
    assert found == [("cn_block", [f"×{n}"]) for n in (3, 3, 9, 3)]
    assert [(d.title, d.note) for d in picture.definitions] == [("cn_block", "used 18 times · drawn once")]


def test_arguments_that_change_no_shape_are_left_out() -> None:
    picture = drawn("efficientnet.arch:EfficientNetB0")
    assert [r.text for r in rows_in_groups(picture) if "mbconv" in r.text][:3] == [
        "mbconv(1, 16, 3, 1)",
        "mbconv(6, 24, 3, 2)",
        "mbconv(6, 24, 3, 1)",
    ]
    found = [d.title for d in picture.definitions if "mbconv" in d.title]  # which read as the calls do
    assert found == ["mbconv(1, 16, 3, 1)", "mbconv(6, channels, window, stride)", "mbconv(6, channels, window, 1)"]


# --- what is said of all instances ------------------------------------------------------------------------------------


def test_a_window_goes_by_the_name_of_its_parameter(tmp_path: Path) -> None:
    text = """block sep(channels, window) { depthwise(window, pad=same) -> conv(channels, 1x1) }
block both(channels, window) { add { | sep(channels, window) | sep(channels, window) } }
network N {
  input x: [16, 33, 33]
  both(16, 3x3) -> both(16, 5x5) -> both(32, 7x5)
}
"""
    (tmp_path / "n.arch").write_text(text)
    network = load(str(tmp_path / "n.arch")).graph
    picture = draw(network, cost(network), Look(style="overview")).decode()
    assert ">depthwise window<" in picture and "…" not in picture


def test_an_output_without_a_shape_has_a_name(tmp_path: Path) -> None:
    """75, 38, 19 and 10 rows: no instance halves them alike, so the definition cannot say what leaves it."""
    text = """block down(c) { conv(c, 3x3, stride=2, pad=1) -> relu -> conv(c, 3x3, pad=1) }
network N {
  input x: [3, 75, 75]
  down(8) -> down(16) -> down(32)
}
"""
    (tmp_path / "n.arch").write_text(text)
    network = load(str(tmp_path / "n.arch")).graph
    (definition,) = drawing(network, cost(network), Look(style="overview")).definitions
    output = definition.body.steps[-1].item
    assert isinstance(output, Terminal) and (output.name, output.output) == ("out", "")


@pytest.mark.parametrize("style", ["expanded", "overview"])
def test_what_only_training_has_is_named_below(style: str) -> None:
    """Szegedy et al. 2015, section 5: two classifiers beside GoogLeNet, which inference leaves out."""
    assert (
        "without what only training has: auxiliary1, auxiliary2"
        in drawn("googlenet.arch:GoogLeNet", style=style).footer
    )
    assert not any("training" in line for line in drawn("resnet.arch:ResNet50", style=style).footer)


# --- states that grow ------------------------------------------------------------------------------------------------


def test_a_dense_block_is_a_row() -> None:
    """Huang et al. 2017, Table 1: 6, 12, 24 and 16 layers of growth 32, halved between."""
    picture = drawn("densenet.arch:DenseNet121")
    (features,) = groups(body_of(picture))
    found = [r for s in features.body.steps if isinstance(s.item, Card) for r in s.item.rows if "dense" in r.text]
    assert [(r.name, r.words[0].text, r.output) for r in found] == [
        ("denseblock1", "64 + 6·32", "256×56×56"),
        ("denseblock2", "128 + 12·32", "512×28×28"),
        ("denseblock3", "256 + 24·32", "1024×14×14"),
        ("denseblock4", "512 + 16·32", "1024×7×7"),
    ]
    assert (picture.definitions[0].title, picture.definitions[0].note) == (
        "dense_layer(32)",
        "used 58 times · drawn once",
    )
    # torchvision's denseblock1 has 335_040 parameters, denseblock4 2_158_080, norm5 2_048
    assert [r.params for r in found] == ["335K", "920K", "2.84M", "2.16M"]
    assert any("join k maps" in line for line in picture.footer)


def test_what_else_reads_a_layer_keeps_its_concatenations(tmp_path: Path) -> None:
    text = """network A {
      input image: [4, 8, 8]
      conv(4, 3x3, pad=1) as a
      concat { | image | a } -> conv(4, 3x3, pad=1) as b
      concat { | image | a | b } as c
      output c
      output kept = a
    }"""
    (tmp_path / "a.arch").write_text(text, "utf-8")
    network = load(tmp_path / "a.arch").graph
    assert "concat" in draw(network, cost(network), Look("dot")).decode()


# --- all networks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.arch")), ids=lambda path: path.stem)
def test_every_network_is_drawn(path: Path) -> None:
    spec = open_spec(path)
    for name in spec.networks:
        network = spec.check(name).network
        assert network is not None
        ElementTree.fromstring(draw(network, cost(network)))


# --- branches of an `if` ----------------------------------------------------------------------------------------------


def test_the_branches_of_an_if_stand_in_one_card() -> None:
    """He et al. 2016: the identity where shapes agree, else a projection (option B). One drawing for all 16 units."""
    (definition,) = drawn("resnet.arch:ResNet50", style="overview").definitions
    assert (definition.title, definition.note) == ("bottleneck(width, stride)", "used 16 times · drawn once")
    fork = next(s.item for s in definition.body.steps if isinstance(s.item, Parallel))
    main, shortcut = (arm.steps[0].item for arm in fork.arms)
    assert isinstance(main, Card) and isinstance(shortcut, Card)
    assert shortcut.heading == "shortcut(4·width, stride)"
    assert [(row.caption, row.text) for row in shortcut.rows] == [
        ("condition", "if stride ≠ 1 or C ≠ 4·width"),
        ("", "conv 1×1, 4·width"),
        ("condition", "else"),
        ("identity", "identity"),
    ]
    assert [row.output for row in main.rows][-1] == "4·width×H/stride×W/stride"


def test_a_condition_speaks_of_what_stands_in_the_definition(tmp_path: Path) -> None:
    """A branch of an inlined block has its names; one around its call, with the same words, those of the definition."""
    text = """inline block shortcut(channels, step) { if step != 1 or channels != in.channels { conv(channels, 1x1, step) } }
inline block project(channels, step) { conv(channels, 1x1, step) }
block inside(width, stride) { add { | conv(4 * width, 3x3, stride, pad=1) | shortcut(4 * width, stride) } }
block around(channels, step) {
  add { | conv(4 * channels, 3x3, step, pad=1) | if step > 1 or 4 * channels != in.channels { project(4 * channels, step) } }
}
network N {
  input x: [16, 32, 32]
  inside(8, 1) -> inside(8, 1) -> inside(16, 2)
  around(16, 1) -> around(32, 2) -> around(64, 2)
}
"""
    (tmp_path / "n.arch").write_text(text)
    network = load(str(tmp_path / "n.arch")).graph
    picture = draw(network, cost(network), Look(style="overview")).decode()
    assert re.findall(r">(if [^<]*)<", picture) == ["if stride ≠ 1 or 4·width ≠ C", "if step &gt; 1 or 4·channels ≠ C"]


def test_two_ways_of_an_if_are_told_apart(tmp_path: Path) -> None:
    text = """block unit(wide) {
  add {
    | conv(8, 3x3, pad=1) -> conv(8, 3x3, pad=1) -> conv(8, 1x1)
    | if wide { conv(8, 5x5, pad=2) } else { conv(8, 1x1) }
  }
}
network N {
  input x: [8, 8, 8]
  unit(true)
  unit(false)
  unit(true)
  output y
}
"""
    spec = tmp_path / "n.arch"
    spec.write_text(text)
    network = load(str(spec)).graph
    (definition,) = drawing(network, cost(network), Look(style="overview")).definitions
    fork = next(s.item for s in definition.body.steps if isinstance(s.item, Parallel))
    card = fork.arms[1].steps[0].item
    assert isinstance(card, Card)
    assert [row.text for row in card.rows] == ["if wide", "conv 5×5, 8", "else", "conv 1×1, 8"]
    for theme in ("light", "dark"):
        assert "if wide" in draw(network, cost(network), Look("svg", style="overview", theme=theme)).decode()
    assert "if wide" in draw(network, cost(network), Look("mermaid", style="overview")).decode()


# --- states that grow -------------------------------------------------------------------------------------------------


def test_a_dense_block_is_a_staircase() -> None:
    """Huang et al. 2017, Table 1: the first block of DenseNet-121 takes 64 maps and adds 32 six times."""
    *_, group = drawn("densenet.arch:DenseNet121", style="overview").definitions
    (step,) = group.body.steps
    assert group.title == "denseblock1, channel by channel" and isinstance(step.item, Stairs)
    assert group.note.endswith("6 rows instead of 21 crossing edges")
    assert [(s.name, s.reads, s.adds) for s in step.item.layers] == [
        (f"denselayer{i + 1}", 64 + 32 * i, 32) for i in range(6)
    ]


def test_a_long_staircase_is_cut() -> None:
    *_, group = drawn("densenet.arch:DenseNetCifarBC250_24", style="overview").definitions
    (step,) = group.body.steps
    assert isinstance(step.item, Stairs)
    assert len(step.item.layers) + step.item.left_out == 41  # (250 - 4) / 3 / 2: two convolutions to a layer
    assert len(step.item.layers) < 12 and step.item.layers[-1].reads == 48 + 40 * 24


# --- skips ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["nasnet.arch:NASNetALarge", "amoebanet.arch:AmoebaNetA_6_190", "faster_rcnn.arch:FasterRCNN"]
)
def test_skips_lead_around_what_stands_beside_their_ends(name: str) -> None:
    sheet = layout(drawn(name, style="overview"))
    boxes = [s for s in shapes(sheet.shapes) if isinstance(s, Box)]
    for line in sheet.lines:
        for (x1, y1), (x2, y2) in pairwise(line.points) if line.is_skip else ():
            left, right = sorted((x1, x2))
            crossed = {b.name for b in boxes if b.left < right and b.left + b.width > left and abs(y1 - y2) < 0.01}
            crossed = {b.name for b in boxes if b.name in crossed and b.top < y1 < b.top + b.height}
            assert crossed <= {line.tail, line.head}, (line, crossed)


def test_equal_groups_in_a_row_are_one(tmp_path: Path) -> None:
    """A thousand labelled groups that differ in the numbers of their labels alone; `last` has another name."""
    block = "block u { add { | conv(4, 3x3, pad=1) | in } }"
    group = "{ u -> conv(4, 1x1) -> u }"
    lines = [f"  s{i}: {group}" for i in range(1000)]
    spec = tmp_path / "n.arch"
    spec.write_text(
        "\n".join([block, "network N {", "  input x: [4, 8, 8]", *lines, f"  last: {group}", "  output y", "}\n"])
    )
    network = load(str(spec)).graph
    picture = drawing(network, cost(network))
    assert [(g.title, g.repeat) for g in groups(body_of(picture))] == [("s0 … s999", 1000), ("last", 1)]
    assert (
        "$\\neq$"
        in draw(
            graph("resnet.arch:ResNet50"), cost(graph("resnet.arch:ResNet50")), Look("tikz", style="overview")
        ).decode()
    )


def test_definitions_of_one_block_that_would_be_called_alike_say_by_which_argument_they_differ() -> None:
    found = [d.title for d in drawn("vnet.arch:VNet").definitions if d.title.startswith("stage")]
    assert sorted(found) == ["stage(channels, 1)", "stage(channels, 2)", "stage(channels, 3)"]
