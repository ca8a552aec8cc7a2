"""Pictures: what is drawn, where it stands, that it is safe, and that nothing about rendering can hurt the caller."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

from archdsl.analyses.cost import cost
from archdsl.backends.drawing import Drawing, Look, Refusal, RenderError, draw, drawing
from archdsl.backends.drawing.content.model import Arms, Bar, Body, Card, Group, Item, Merge, Parallel, Poster, Row
from archdsl.backends.drawing.content.structure import ENTRY, Fork, structure
from archdsl.backends.drawing.graphviz.dot import to_dot as sheet_to_dot
from archdsl.backends.drawing.graphviz.raster import to_background
from archdsl.backends.drawing.graphviz.renderer import render
from archdsl.backends.drawing.marks.painter import paint
from archdsl.backends.drawing.marks.palette import DARK, LIGHT
from archdsl.backends.drawing.places.layout import layout
from archdsl.backends.drawing.places.metrics import width
from archdsl.backends.drawing.places.scene import Box, Line, Outline
from archdsl.ir import Module, Network, Parameter, TensorType, Value
from archdsl.pipeline import open_spec
from tests.support.again import printed
from tests.support.build import Body as Building
from tests.support.build import block, end, finish, image, network, op, sequence
from tests.support.drawings import shapes
from tests.support.golden import assert_golden
from tests.support.networks import alexnet_two_gpus, lenet5, resnet, vgg16

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def drawn(network: Network, style: str = "auto", footer: tuple[str, ...] = ()) -> Drawing:
    return drawing(network, cost(network), Look(style=style), footer)  # type: ignore[arg-type]


def to_dot(picture: Drawing) -> str:
    return sheet_to_dot(layout(picture))


def background(network: Network) -> str:
    """What Graphviz draws PNG and PDF of."""
    return to_background(paint(layout(drawn(network))), "light")


def vgg16_spec() -> Network:
    found = open_spec(ROOT / "specs/vgg16.arch").check("VGG16").network
    assert found is not None
    return found


def items(body: Body | Arms | Poster) -> Iterator[Item]:
    """Every item of a body, whatever it stands in."""
    assert isinstance(body, Body)
    for step in body.steps:
        yield from _items(step.item)


def _items(item: Item) -> Iterator[Item]:
    yield item
    if isinstance(item, Group):
        yield from items(item.body)
    elif isinstance(item, Parallel):
        for arm in item.arms:
            yield from items(Body(arm.steps))
        if item.join is not None:
            yield from _items(item.join)


def rows(body: Body | Arms | Poster) -> list[Row]:
    return [row for item in items(body) if isinstance(item, Card) for row in item.rows]


def words(row: Row) -> str:
    return " ".join(w.text for w in row.words)


# --- what is drawn ---------------------------------------------------------------------------------------------------


def test_a_run_is_one_card_and_what_follows_a_layer_is_a_word_on_its_row() -> None:
    conv = [op("conv", 8, 3, pad=1), op("bn"), op("relu")]
    (_, card, _) = items(
        drawn(sequence(*conv, op("maxpool", 2), op("dropout", 0.5), op("flatten"), input=image(3, 8))).body
    )
    assert isinstance(card, Card)
    assert [(r.name, r.text, words(r)) for r in card.rows] == [
        ("0", "conv 3×3, 8", "bn relu"),
        ("3", "maxpool 2×2", "dropout ↓2"),
        ("5", "flatten", ""),
    ]


def test_a_norm_that_follows_nothing_has_a_row() -> None:
    layers = [op("bn"), op("relu"), op("conv", 8, 3)]
    assert [(r.text, words(r)) for r in rows(drawn(sequence(*layers, input=image(3, 8))).body)] == [
        ("bn", "relu"),
        ("conv 3×3, 8", ""),
    ]


def test_outputs_are_shown_where_the_shape_changes() -> None:
    same = op("conv", 3, 3, pad=1)
    found = rows(drawn(sequence(same, op("conv", 8, 3, 2, pad=1), input=image(3, 8))).body)
    assert [(r.is_change, r.output) for r in found] == [(False, "3×8×8"), (True, "8×4×4")]


def test_vgg16_has_the_rows_of_its_table() -> None:
    picture = drawn(vgg16_spec())
    groups = [i for i in items(picture.body) if isinstance(i, Group)]
    assert [(g.title, g.note) for g in groups] == [
        ("features", "14.7M params · 15.3G MACs"),
        ("classifier", "124M params · 124M MACs"),
    ]
    headings = [i.heading for i in items(groups[0].body) if isinstance(i, Card)]
    assert headings == [
        "stage(64, [3, 3])",
        "stage(128, [3, 3])",
        "stage(256, [3, 3, 3])",
        "stage(512, [3, 3, 3])",
        "stage(512, [3, 3, 3])",
    ]
    found = rows(picture.body)
    weighted = [(r.path, r.params) for r in found if r.params]
    assert weighted[:3] == [("features.0", "1.79K"), ("features.2", "36.9K"), ("features.5", "73.9K")]
    assert weighted[-3:] == [("classifier.0", "103M"), ("classifier.3", "16.8M"), ("classifier.6", "4.10M")]
    # Simonyan & Zisserman 2015, configuration D
    assert sum(r.macs for r in found) == 15_470_264_320
    assert picture.subtitle == "138.36M params · 15.47G MACs · 16 weight layers"


def test_lenet_is_one_card() -> None:
    (_, card, _) = items(drawn(lenet5()).body)
    assert isinstance(card, Card) and [r.name for r in card.rows][:4] == ["c1", "s2", "c3", "s4"]
    assert words(card.rows[1]) == "tanh ↓2"


def test_two_gpus_stand_side_by_side() -> None:
    first, second = (i for i in items(drawn(alexnet_two_gpus()).body) if isinstance(i, Parallel))
    for parallel, labels in ((first, ["gpu0", "gpu1"]), (second, ["gpu0_late", "gpu1_late"])):
        cards = [arm.steps[0].item for arm in parallel.arms]
        assert [c.heading for c in cards if isinstance(c, Card)] == labels
        assert isinstance(parallel.join, Bar) and parallel.join.parts == (128, 128)
    assert [arm.results for arm in second.arms] == [(0,), (1,)]
    (split,) = (i for i in items(drawn(alexnet_two_gpus()).body) if isinstance(i, Bar) and i.is_split)
    assert split.parts == (192, 192)


def test_arms_within_arms_have_lines_from_the_parts_of_a_split_that_they_read(tmp_path: Path) -> None:
    """A cell of an LSTM: four gates, of which three meet before the fourth."""
    (tmp_path / "cell.arch").write_text(
        "block cell(h: tensor, c: tensor) {\n  concat { | in | h } -> linear(20) -> split(4) as i, f, o, g\n"
        "  add { | multiply { | f -> sigmoid | c } | multiply { | i -> sigmoid | g -> tanh } } as new\n"
        "  multiply { | o -> sigmoid | new -> tanh } as out\n  return out, new\n}\n"
        "network Cell { input x: [4]; input h: [5]; input c: [5]; x -> cell(h, c) as y, last; output y = y }\n"
    )
    found = open_spec(tmp_path / "cell.arch").check("Cell").network
    assert found is not None
    sheet = layout(drawn(found, "expanded"))
    (split,) = (s for s in shapes(sheet.shapes) if isinstance(s, Box) and isinstance(s.item, Bar) and s.item.is_split)
    assert len({line.points[0] for line in sheet.lines if line.tail == split.name}) == 4


def bottleneck(width: int, stride: int, channels: int, size: int) -> Module:
    """He et al. 2015, Figure 5, with the parameters as its spec would bind them."""
    body, (x,) = block("bottleneck", TensorType((channels, size, size)))
    y = body.chain(x, ("conv1", op("conv", width, 1, bias=False)), ("bn1", op("bn")), op("relu"))
    y = body.chain(y, ("conv2", op("conv", width, 3, stride, pad=1, bias=False)), ("bn2", op("bn")), op("relu"))
    y = body.chain(y, ("conv3", op("conv", 4 * width, 1, bias=False)), ("bn3", op("bn")))
    if stride != 1 or channels != 4 * width:
        x = body.group("downsample", x, op("conv", 4 * width, 1, stride, bias=False), op("bn"))
    module = end(body, body.chain(body.one(op("add"), y, x), op("relu")))
    module.text = f"bottleneck({width}, stride={stride})" if stride != 1 else f"bottleneck({width})"
    module.arguments = (("width", str(width)), *([("stride", str(stride))] if stride != 1 else []))
    module.parameters = (Parameter("width", width), Parameter("stride", stride, default=1))
    return module


def bottlenecks(depths: tuple[int, ...] = (3, 4, 6, 3)) -> Network:
    body, (x,) = network("ResNet", image(3, 224))
    x = body.chain(x, ("conv1", op("conv", 64, 7, 2, pad=3, bias=False)), ("bn1", op("bn")), op("relu"))
    x = body.one(op("maxpool", 3, stride=2, pad=1), x, label="maxpool")
    for index, depth in enumerate(depths):
        units, channels, size = [], x.type.shape[0], x.type.shape[1]
        width, stride = 64 * 2**index, 1 if index == 0 else 2
        units.append(bottleneck(width, stride, channels, size))
        units += [bottleneck(width, 1, 4 * width, size // stride)] * (depth - 1)
        x = body.group(f"layer{index + 1}", x, *units)
    return finish(body, body.chain(x, ("avgpool", op("avgpool", "global")), op("flatten"), ("fc", op("linear", 1000))))


def test_equal_calls_in_a_row_are_folded() -> None:
    calls = [r for r in rows(drawn(bottlenecks(), "overview").body) if r.kind == "block"]
    assert [(r.name, r.text, words(r)) for r in calls][:4] == [
        ("0", "bottleneck(64)", ""),
        ("1 … 2", "bottleneck(64)", "×2"),
        ("0", "bottleneck(128, stride=2)", ""),
        ("1 … 3", "bottleneck(128)", "×3"),
    ]
    # torchvision's ResNet-50: 75_008, 140_800, 379_392, 840_192, 1_512_448 and 5_585_920 parameters.
    assert [r.params for r in calls][:6] == ["75.0K", "141K", "379K", "840K", "1.51M", "5.59M"]
    assert [round(r.macs / 1e6) for r in calls][:6] == [231, 437, 373, 655, 373, 1092]


def test_a_block_is_defined_once_in_its_own_parameters() -> None:
    projected, plain = drawn(bottlenecks(), "overview").definitions
    assert (projected.title, projected.note) == ("bottleneck(width, stride)", "used 4 times · drawn once")
    assert (plain.title, plain.note) == ("bottleneck(width)", "used 12 times · drawn once")
    assert [(r.text, words(r), r.output) for r in rows(projected.body)] == [
        ("conv 1×1, width", "bn relu", "width×H×W"),
        ("conv 3×3, width", "bn relu ↓stride", "width×H/stride×W/stride"),
        ("conv 1×1, 4·width", "bn", "4·width×H/stride×W/stride"),
        ("conv 1×1, 4·width", "bn ↓stride", "4·width×H/stride×W/stride"),
    ]
    assert [(r.text, r.output) for r in rows(plain.body)][-1] == ("conv 1×1, 4·width", "C×H×W")


def test_definitions_stand_in_the_order_of_first_calls() -> None:
    network = finish_with_blocks("late", "early")
    assert [d.title for d in drawn(network, "overview").definitions] == ["early", "late"]


def finish_with_blocks(late: str, early: str) -> Network:
    """A network that calls one block itself and then, within a group, another one."""
    blocks = {}
    for name, channels in ((early, 4), (late, 4)):
        inner, (z,) = block(name, image(channels, 8))
        z = inner.one(op("conv", 4, 3 if name == early else 1, pad=1 if name == early else 0), z)
        blocks[name] = end(inner, inner.one(op("add"), z, inner.one(op("sigmoid"), z)))
    body, (x,) = network("Order", image(4, 8))
    x = body.one(blocks[early], x, label="first")
    return finish(body, body.group("then", x, blocks[late], op("conv", 4, 1), blocks[early]))


def test_the_size_of_the_expanded_picture_decides_the_style() -> None:
    assert drawn(bottlenecks((1, 1, 1, 1))).definitions == ()
    assert drawn(bottlenecks((1, 1, 1, 1)), "overview").definitions != ()
    deep = sequence(*[m for c in range(16) for m in (bottleneck(c + 1, 1, 4, 8), op("conv", 4, 1))], input=image(4, 8))
    assert drawn(deep).definitions != () and drawn(deep, "expanded").definitions == ()


def test_a_residual_is_an_arm_beside_the_main_line() -> None:
    (parallel,) = (i for i in items(drawn(resnet(units=1), "expanded").body) if isinstance(i, Parallel))
    assert sorted(len(arm.steps) for arm in parallel.arms) == [0, 1]
    assert isinstance(parallel.join, Merge) and parallel.join.text == "+"
    assert [w.text for w in parallel.join.words] == ["relu"]


def test_several_inputs_and_outputs_begin_and_end_arms() -> None:
    body, (left, right) = network("Two", ("left", image(1, 8)), ("right", image(1, 8)))
    both = body.one(op("add"), body.one(op("conv", 4, 3), left), body.one(op("conv", 4, 3), right))
    ends = [body.one(op("conv", n, 1), both) for n in (2, 3)]
    merged, parted = (
        i for i in items(drawn(finish(body, ("a", ends[0]), ("b", ends[1]))).body) if isinstance(i, Parallel)
    )
    assert len(merged.arms) == 2 and not any(arm.enters for arm in merged.arms) and merged.join is not None
    assert len(parted.arms) == 2 and not any(arm.feeds for arm in parted.arms) and parted.join is None


def test_parts_for_training_alone_are_not_drawn() -> None:
    body, (x,) = network("Aux", image(3, 8))
    x = body.one(op("conv", 4, 3), x)
    aux = body.one(op("conv", 9, 1), x, training=True)
    picture = drawn(finish(body, x, ("aux", aux), training=("aux",)))
    assert to_dot(picture).count("aux") == to_dot(picture).count("without what only training has: aux") == 1
    assert [r.text for r in rows(picture.body)] == ["conv 3×3, 4"]


def test_a_shared_instance_says_so_and_counts_once() -> None:
    body, (x,) = network("Twice", image(4, 8))
    conv = op("conv", 4, 3, pad=1)
    x = body.one(conv, body.one(op("maxpool", 3, stride=1, pad=1), body.one(conv, x, label="c")), label="c")
    assert [r.params for r in rows(drawn(finish(body, x)).body)] == ["148", "", "shared"]


def skips() -> Network:
    """An encoder and decoder with a skip at each of three levels."""
    body, (x,) = network("Skips", image(4, 8))
    kept = []
    for _ in range(3):
        x = body.one(op("conv", 4, 3, pad=1), x)
        kept.append(x)
        x = body.one(op("maxpool", 3, stride=1, pad=1), x)
    for skip in reversed(kept):
        x = body.one(op("conv", 4, 3, pad=1), body.one(op("concat"), skip, x))
    return finish(body, x)


def dense(depth: int = 6) -> Network:
    """Every layer reads all before it: 21 edges for six."""
    body, (x,) = network("Dense", image(4, 8))
    states: list[Value] = [x]
    for _ in range(depth):
        states.append(body.one(op("conv", 4, 3, pad=1), body.one(op("concat"), *states)))
    return finish(body, body.one(op("concat"), *states))


def nested() -> Network:
    """A group with two results, one of which is read beside the main line."""
    body, (x,) = network("Nested", image(4, 8))
    inner = Building(body.builder.group("inner", body.builder.module.origin))
    a = inner.one(op("conv", 4, 3, pad=1), x)
    b = inner.one(op("conv", 4, 3, pad=1), a)
    body.builder.close("inner", inner.builder)
    c = body.one(op("conv", 4, 1), b)
    return finish(body, body.one(op("average"), c, a))


NETWORKS = {
    "vgg16": vgg16,
    "lenet5": lenet5,
    "alexnet": alexnet_two_gpus,
    "resnet": resnet,
    "bottlenecks": bottlenecks,
    "skips": skips,
    "dense": dense,
    "nested": nested,
}


# --- the structure ---------------------------------------------------------------------------------------------------


def members(items: tuple[int | Fork, ...]) -> Iterator[int]:
    for item in items:
        if isinstance(item, int):
            yield item
        else:
            for arm in item.arms:
                yield from members(arm.items)
            if item.join is not None:
                yield item.join


@pytest.mark.parametrize("seed", range(60))
def test_every_unit_and_every_edge_of_any_graph_is_drawn_once(seed: int) -> None:
    chance = random.Random(seed)
    sources = []
    for unit in range(chance.randrange(1, 40)):
        near = range(max(-1, unit - chance.choice((1, 2, 8))), unit)
        sources.append(tuple(chance.choice(near) for _ in range(chance.choice((0, 1, 1, 1, 2, 3)))))
    found = structure(sources)
    edges = {(source, unit) for unit, read in enumerate(sources) for source in read}
    assert sorted(members(found.items)) == list(range(len(sources)))
    assert found.flows | set(found.lanes) == edges and not found.flows & set(found.lanes)


def test_arms_between_a_fork_and_its_join() -> None:
    (first, fork, last) = structure([(ENTRY,), (0,), (1,), (0,), (2, 3), (4,)]).items
    assert isinstance(fork, Fork) and (first, fork.join, last) == (0, 4, 5)
    assert [(arm.items, arm.operands) for arm in fork.arms] == [((1, 2), (0,)), ((3,), (1,))]


def test_a_value_that_many_read_is_one_lane() -> None:
    body = drawn(dense()).body
    assert isinstance(body, Body)
    assert len(body.lanes) < len({a for lane in body.lanes for a in lane.targets}) * 3
    assert max(len(lane.targets) for lane in body.lanes) > 3


# --- where it stands -------------------------------------------------------------------------------------------------


def rectangle(shape: Box | Outline) -> tuple[float, float, float, float]:
    return shape.left, shape.top, shape.left + shape.width, shape.top + shape.height


@pytest.mark.parametrize("style", ["expanded", "overview"])
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_overlaps_and_all_is_on_the_page(name: str, style: str) -> None:
    sheet = layout(drawn(NETWORKS[name](), style))
    boxes = [rectangle(s) for s in shapes(sheet.shapes) if isinstance(s, Box)]
    for index, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0 and top >= 0 and right <= sheet.width and bottom <= sheet.foot
        for other in boxes[index + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    for outline in (s for s in shapes(sheet.shapes) if isinstance(s, Outline)):
        left, top, right, bottom = rectangle(outline)
        for inside in (rectangle(s) for s in shapes(outline.inside) if isinstance(s, Box | Outline)):
            assert left < inside[0] and top < inside[1] and inside[2] < right and inside[3] < bottom
    for line in sheet.lines:
        assert all(0 <= x <= sheet.width and 0 <= y <= sheet.foot for x, y in line.points)
        assert all(a[0] == pytest.approx(b[0]) or a[1] == pytest.approx(b[1]) for a, b in _pairs(line))


def _pairs(line: Line) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    yield from pairwise(line.points)


@pytest.mark.parametrize("name", ["vgg16", "lenet5", "resnet"])
def test_the_main_line_is_straight(name: str) -> None:
    lines = [line for line in layout(drawn(NETWORKS[name](), "expanded")).lines if not line.is_skip]
    assert len({round(x, 2) for line in lines for x, _ in line.points}) == 1


def test_lines_end_at_what_they_join() -> None:
    for make in NETWORKS.values():
        sheet = layout(drawn(make(), "expanded"))
        boxes = {s.name: rectangle(s) for s in shapes(sheet.shapes) if isinstance(s, Box)}
        for line in sheet.lines:
            for name, (x, y) in ((line.tail, line.points[0]), (line.head, line.points[-1])):
                if name in boxes:
                    left, top, right, bottom = boxes[name]
                    assert left - 0.01 <= x <= right + 0.01 and top - 0.01 <= y <= bottom + 0.01, line


def test_columns_are_alike_in_all_cards() -> None:
    sheet = layout(drawn(vgg16_spec()))
    assert len({s.columns for s in shapes(sheet.shapes) if isinstance(s, Box) and s.columns}) == 1


# --- the font and its widths -----------------------------------------------------------------------------------------


PUBLISHED = {
    False: {
        " ": 278,
        "A": 667,
        "M": 833,
        "W": 944,
        "a": 556,
        "i": 222,
        "m": 833,
        "t": 278,
        "w": 722,
        "0": 556,
        "@": 1015,
    },
    True: {
        " ": 278,
        "A": 722,
        "M": 833,
        "W": 944,
        "a": 556,
        "b": 611,
        "i": 278,
        "m": 889,
        "t": 333,
        "w": 778,
        "@": 975,
    },
}
"""Widths of Helvetica and Helvetica-Bold, which Arial shares, by their AFM files (Adobe, Core 14)."""


@pytest.mark.parametrize("bold", [False, True])
def test_widths_are_those_of_the_font(bold: bool) -> None:
    for character, published in PUBLISHED[bold].items():
        assert width(character, 1000, bold) == published, character


# --- the DOT text ----------------------------------------------------------------------------------------------------


def test_vgg16_as_dot() -> None:
    footer = ("Simonyan & Zisserman 2015, Table 2, column D", "vgg16.arch", "all 4 claims hold")
    assert_golden("drawing/vgg16.dot", to_dot(drawn(vgg16_spec(), footer=footer)))


def test_dot_uses_what_all_builds_of_graphviz_can_do() -> None:
    for make in NETWORKS.values():
        text = to_dot(drawn(make(), footer=("a", "b")))
        assert set(re.findall(r'fontname="([^"]*)"', text)) == {"Arial"}
        assert all(size.isdigit() for size in re.findall(r'point-size="([^"]*)"', text))
        assert not re.search(r"<font[^>]*></font>", text)
        assert all(inner == "" for inner in re.findall(r'<td fixedsize="true"[^>]*>([^<]*)', text))


HASHED = """
from tests.unit.test_drawing import NETWORKS, drawn, to_dot
import hashlib
print(hashlib.sha256("".join(to_dot(drawn(make(), "overview")) for make in NETWORKS.values()).encode()).hexdigest())
"""


def test_dot_is_the_same_in_every_process() -> None:
    assert printed(HASHED, 1) == printed(HASHED, 2)


# --- the renderers ---------------------------------------------------------------------------------------------------


@pytest.fixture
def no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any program: what `pip install archdsl[draw]` alone has to do."""
    monkeypatch.setenv("PATH", "/nonexistent")


def svg_of(network: Network, style: str = "auto", theme: str = "auto", footer: tuple[str, ...] = ()) -> str:
    asked: Any = {"style": style, "theme": theme}
    return draw(network, cost(network), Look(**asked), footer).decode("utf-8")


@pytest.mark.usefixtures("no_path")
@pytest.mark.parametrize(("format", "magic"), [("svg", b"<svg "), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_every_format_is_drawn_without_a_path_with_equal_bytes(format: str, magic: bytes) -> None:
    network = lenet5()
    first, second = (draw(network, cost(network), Look(format)) for _ in range(2))  # type: ignore[arg-type]
    assert first.startswith(magic) and first == second


def fake_dot(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `dot` on the PATH that does what the script says."""
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.backends.drawing.graphviz.renderer.find_spec", lambda _: None)


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -SEGV $$", "dot crashed (SIGSEGV)"),
        ("kill -ABRT $$", "dot crashed (SIGABRT)"),
        ("sleep 30", "dot took longer than 0.5 s"),
        ("echo 'Error: out of ideas' >&2; exit 3", "dot failed: Error: out of ideas"),
        ("cat >/dev/null", "dot drew nothing"),
    ],
)
def test_a_renderer_that_fails_is_a_message(
    script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_dot(tmp_path, script, monkeypatch)
    with pytest.raises(RenderError) as caught:
        render(background(lenet5()), "png", seconds=0.5)
    assert caught.value.reason == reason
    assert "--format svg" in caught.value.help


def test_where_dot_fails_the_other_renderer_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot(tmp_path, "kill -SEGV $$", monkeypatch)
    assert render(background(lenet5()), "png").startswith(b"\x89PNG")


@pytest.mark.usefixtures("no_path", "no_wheel")
def test_without_a_renderer_the_message_names_both_ways_to_get_one() -> None:
    with pytest.raises(RenderError) as caught:
        render(background(lenet5()), "png")
    assert "PNG" in caught.value.reason
    assert "`dot` is on the PATH" in caught.value.help and "archdsl[draw]" in caught.value.help


# --- the SVG ---------------------------------------------------------------------------------------------------------


class Text(NamedTuple):
    left: float
    right: float
    y: float
    content: str

    @property
    def ink(self) -> float:
        """Where something is seen first: a no-break blank that sets a word off is none."""
        blanks = len(self.content) - len(self.content.lstrip("\N{NO-BREAK SPACE}"))
        return self.left + width("\N{NO-BREAK SPACE}" * blanks, 9) + 0.8


def texts(element: ElementTree.Element) -> list[Text]:
    """The texts of a group as they are drawn: from `x` on, up to `x`, or around `x`."""
    found = []
    for text in element.iter(f"{SVG}text"):
        content, size = text.text or "", float(text.get("font-size", "0"))
        across = width(content, size, text.get("font-weight") == "bold")
        x = float(text.get("x", "0")) - {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "start")] * across
        found.append(Text(x, x + across, float(text.get("y", "0")), content))
    return found


def rows_of(svg: str) -> Iterator[ElementTree.Element]:
    """The groups that are rows: those whose first shape is as wide as the row and as high."""
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        first = group.find(f"{SVG}rect")
        if group.get("id") and first is not None and first.get("height") == "18" and not first.get("rx"):
            yield group


@pytest.mark.parametrize("style", ["expanded", "overview"])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_text_is_wider_than_its_cell(name: str, style: str) -> None:
    checked = 0
    picture = drawn(NETWORKS[name](), style)
    for row in rows_of(svg_of(NETWORKS[name](), style)):
        frame = row.find(f"{SVG}rect")
        assert frame is not None
        left = float(frame.get("x", "0"))
        right = left + float(frame.get("width", "0"))
        found = sorted(texts(row))
        assert found and left + 5 < found[0].left and found[-1].right < right
        for before, after in pairwise(found):
            assert before.right <= after.ink, (before, after)
        checked += 1
    assert checked == len(rows(picture.body)) + sum(len(rows(d.body)) for d in picture.definitions)


def test_right_aligned_columns_end_at_one_place() -> None:
    ends: dict[str, set[float]] = {"output": set(), "params": set()}
    for row in rows_of(svg_of(vgg16_spec())):
        right = [t for t in row.iter(f"{SVG}text") if t.get("text-anchor") == "end"]
        for text in right:
            column = "output" if "×" in (text.text or "") else "params" if text.get("class") == "f-grey" else ""
            ends.setdefault(column, set()).add(float(text.get("x", "0")))
    assert [len(ends[c]) for c in ("output", "params")] == [1, 1]


def test_the_svg_fits_its_page_and_can_be_linked_into() -> None:
    root = ElementTree.fromstring(svg_of(vgg16_spec()))
    across, down = (float(n) for n in root.get("viewBox", "").split()[2:])
    sheet = layout(drawn(vgg16_spec()))
    assert (across, down) == (sheet.width, sheet.height)
    assert root.get("width") == "100%" and root.get("height") is None and "max-width" in root.get("style", "")
    assert root.findtext(f"{SVG}title") == "VGG16"
    assert root.findtext(f"{SVG}desc") == "138.36M params · 15.47G MACs · 16 weight layers"
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert {"image", "features", "features.0", "features.28", "avgpool", "classifier.6", "logits"} <= set(ids)
    named = {e.get("id"): e.findtext(f"{SVG}title") for e in root.iter(f"{SVG}g") if e.get("id")}
    assert named["features.0"] == "features.0, features.1" and named["features.30"] == "features.30"


def test_texts_can_be_selected_and_read_in_order() -> None:
    for row in rows_of(svg_of(vgg16_spec())):
        if row.get("id") == "features.5":
            assert [t.content for t in texts(row)] == ["5", "conv 3×3, 128", "relu", "128×112×112", "73.9K"]


def colours(svg: str) -> set[str]:
    return set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', svg))


def test_themes() -> None:
    auto, light, dark, mono = (svg_of(lenet5(), theme=theme) for theme in ("auto", "light", "dark", "mono"))
    assert "prefers-color-scheme:dark" in auto and not any("<style" in s for s in (light, dark, mono))
    assert colours(auto) <= {c.lower() for c in LIGHT.values()}
    assert colours(dark) <= {c.lower() for c in DARK.values()}
    assert all(max(abs(int(c[i : i + 2], 16) - int(c[1:3], 16)) for i in (3, 5)) <= 2 for c in colours(mono))
    # Only `auto` leaves the page's own colour behind the picture.
    page = {"light": light, "dark": dark, "mono": mono, "auto": auto}
    backed = {name for name, svg in page.items() if "f-paper" in svg.partition("</desc>\n")[2][:100]}
    assert backed == {"light", "dark", "mono"}


def test_the_dark_sheet_knows_every_class() -> None:
    svg = svg_of(resnet(), "overview")
    used = set(re.findall(r"[fs]-[a-z-]+", " ".join(re.findall(r'class="([^"]*)"', svg))))
    sheet = svg.partition("<style>")[2].partition("</style>")[0]
    assert used and all(f".{name}{{" in sheet for name in used)


# --- hostile text ----------------------------------------------------------------------------------------------------

HOSTILE = {
    "quotes": "quote \" and ' `x`",
    "markup": "<b>bold</b> --><script>alert(1)</script> ]]>",
    "entities": "&amp; & &lt; &nbsp; &copy; &#65;",
    "backslashes": '\\N \\G \\L \\T \\n \\" \\',
    "lines": "new\nline\ttab\r\x00\x07",
    "unicode": "日本語 é ñ 😀 \u202e \ud800 \ufffe",
    "long": "x" * 10_000,
    "blanks": "  two  blanks ",
    "formats": "%s {0} $(x) %3C",
    "attributes": 'path:" href="#x" bgcolor="transparent"',
    "nothing": "",
}


def hostile_network(name: str) -> Network:
    """A network in which everything that can have a name has this one."""
    body, (x,) = network(name, (name, image(3, 8)))
    x = body.group(name or "g", x, op("conv", 4, 3, pad=1), op("relu"))
    y = body.one(op("conv", 4, 1), x, label=name or "c")
    x = body.one(op("add"), x, y)
    inner, (z,) = block(name or "b", TensorType((4, 8, 8)))
    inner.builder.module.text = f"{name}(1)"
    z = inner.one(op("conv", 2, 1), inner.one(op("maxpool", 2), z), label=name or "d")
    z = inner.one(op("concat"), z, inner.one(op("sigmoid"), z))
    return finish(body, (name, body.one(end(inner, z), x, label="call")))


KNOWN_ELEMENTS = {"svg", "title", "desc", "style", "g", "rect", "text", "path", "polygon", "ellipse"}


def shown(text: str) -> str:
    """What a text looks like on one line, blanks told apart no further."""
    lines = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\u202e\ud800\ufffe]", "\ufffd", re.sub("[\t\n\r]", " ", text))
    return re.sub(r"\s+", " ", lines)


@pytest.mark.parametrize("style", ["expanded", "overview"])
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_names_are_text_and_nothing_else(case: str, style: str) -> None:
    name = HOSTILE[case]
    root = ElementTree.fromstring(svg_of(hostile_network(name), style, footer=(name, f"file {name}")))
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= KNOWN_ELEMENTS
    assert {key for e in root.iter() for key in e.attrib if key.startswith("on") or "href" in key} == set()
    contents = [re.sub(r"\s+", " ", t.text or "") for t in root.iter(f"{SVG}text")]
    if case == "nothing":
        return
    if case == "long":
        assert sum(c.startswith("xxxxxxxx") and c.endswith("…") for c in contents) >= 4
        return
    title = shown(name)
    assert title.strip() in [c.strip() for c in contents], contents
    ids = {shown(e.get("id", "")).strip() for e in root.iter(f"{SVG}g")}
    assert title.strip() in ids


def test_a_name_of_any_length_stays_in_its_cell() -> None:
    sheet = layout(drawn(hostile_network("W" * 10_000), "overview", ("W" * 10_000,)))
    assert sheet.width < 2_000
    for row in rows_of(svg_of(hostile_network("W" * 10_000), "overview")):
        frame = row.find(f"{SVG}rect")
        assert frame is not None
        right = float(frame.get("x", "0")) + float(frame.get("width", "0"))
        assert all(text.right <= right for text in texts(row))


def test_large_networks_are_drawn() -> None:
    layer = op("conv", 4, 3, pad=1)
    long = sequence(*[layer] * 5_000, input=image(4, 8))
    (row,) = rows(drawn(long).body)
    assert (row.name, words(row), row.params) == ("0 … 4999", "×5_000", "148 each")
    with pytest.raises(Refusal, match=r"about 5_000 rows, more than 2_000; `--style overview` folds it"):
        draw(long, cost(long), Look(style="expanded"))
    body, (x,) = network("Deep", image(4, 8))
    kept = []
    for _ in range(200):
        x = body.one(layer, x)
        kept.append(x)
    for skip in reversed(kept):
        x = body.one(layer, body.one(op("add"), skip, x))
    picture = layout(drawn(finish(body, x)))
    assert picture.width < 5_000 and len(picture.lines) > 400
