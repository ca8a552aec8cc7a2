"""Pictures of splits, concatenations and merges whose operands are told apart: each line at the part that it is."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from archdsl import load
from archdsl.analyses.cost import cost
from archdsl.backends.drawing import Drawing, Look, draw, drawing
from archdsl.backends.drawing.content.model import Bar, Body, Card, Merge, Parallel
from archdsl.backends.drawing.places.layout import Sheet, layout
from archdsl.backends.drawing.places.scene import Box
from archdsl.backends.drawing.places.sizes import bar_centres
from archdsl.ir import Network
from archdsl.pages import html_of
from archdsl.pipeline import open_spec
from tests.support.drawings import graph, shapes

GATE = "conv(32, 1x1)\n  split(2) as value, gate\n  multiply { | value | gate -> sigmoid }"
SHUFFLE = "split([2, 6]) as a, b\n  concat { | a | b -> conv(6, 1x1) }"
SWAP = "split([2, 6]) as a, b\n  concat { | b | a }"
TAPS = "split([2, 6]) as a, b\n  b -> conv(8, 1x1) -> conv(4, 1x1)\n  concat { | identity | b | a }"
LATE = "conv(8, 1x1) as a\n  conv(16, 1x1)\n  concat { | a | conv(64, 3x3, pad=1) | x -> conv(4, 1x1) }"


def network_of(body: str, path: Path, blocks: str = "") -> Network:
    spec = path / "n.arch"
    spec.write_text(f"{blocks}\nnetwork N {{\n  input x: [8, 16, 16]\n  {body}\n  output y\n}}\n", "utf-8")
    return load(spec).graph


def drawn(network: Network, **asked: str) -> Drawing:
    return drawing(network, cost(network), Look(**asked))  # type: ignore[arg-type]


def bars(sheet: Sheet) -> list[Box]:
    return [s for s in shapes(sheet.shapes) if isinstance(s, Box) and isinstance(s.item, Bar)]


def part_at(box: Box, x: float) -> int:
    """The part of a bar whose middle lies at a place."""
    assert isinstance(box.item, Bar)
    centres = [box.left + box.width / 2 + centre for centre in bar_centres(box.item)]
    (part,) = (i for i, centre in enumerate(centres) if abs(centre - x) < 0.1)
    return part


def parts_left(sheet: Sheet, box: Box) -> dict[str, int]:
    """The part of a split that each item reads."""
    return {n.head: part_at(box, n.points[0][0]) for n in sheet.lines if n.tail == box.name != n.head}


def parts_met(sheet: Sheet, box: Box, *, is_skip: bool = False) -> dict[str, int]:
    """The part of a bar that each item makes, on lines of one kind."""
    lines = (line for line in sheet.lines if line.head == box.name != line.tail and line.is_skip == is_skip)
    return {line.tail: part_at(box, line.points[-1][0]) for line in lines}


def name_of(sheet: Sheet, text: str) -> str:
    """The shape that says a text."""
    found = [s for s in shapes(sheet.shapes) if isinstance(s, Box)]
    cards = (s for s in found if isinstance(s.item, Card) and any(text in r.text for r in s.item.rows))
    pills = (s for s in found if isinstance(s.item, Merge) and s.item.text == text)
    return next(iter([*pills, *cards])).name


# --- splits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_across", [False, True])
def test_a_gate_is_drawn_from_both_parts_of_a_split(tmp_path: Path, is_across: bool) -> None:
    """Dauphin et al. 2017: one half times the sigmoid of the other, no value times its own sigmoid."""
    sheet = layout(drawn(network_of(GATE, tmp_path)), is_across=is_across)
    (split,) = bars(sheet)
    assert parts_left(sheet, split) == {name_of(sheet, "×"): 0, name_of(sheet, "sigmoid"): 1}
    assert not any(line.is_skip for line in sheet.lines)
    assert not any(getattr(shape, "text", "") == "identity" for shape in shapes(sheet.shapes))


@pytest.mark.parametrize("is_across", [False, True])
def test_a_half_that_goes_straight_on_is_no_shortcut(tmp_path: Path, is_across: bool) -> None:
    sheet = layout(drawn(network_of(SHUFFLE, tmp_path)), is_across=is_across)
    split, concat = bars(sheet)
    assert parts_left(sheet, split) == {concat.name: 0, name_of(sheet, "conv"): 1}
    assert parts_met(sheet, concat) == {split.name: 0, name_of(sheet, "conv"): 1}


@pytest.mark.parametrize("is_across", [False, True])
def test_parts_that_are_swapped_cross(tmp_path: Path, is_across: bool) -> None:
    sheet = layout(drawn(network_of(SWAP, tmp_path)), is_across=is_across)
    split, concat = bars(sheet)
    lines = [line for line in sheet.lines if (line.tail, line.head) == (split.name, concat.name)]
    ways = {(part_at(split, n.points[0][0]), part_at(concat, n.points[-1][0])) for n in lines}
    assert ways == {(0, 1), (1, 0)} and len(lines) == 2
    levels = [{y for (a, y), (b, z) in zip(n.points, n.points[1:], strict=False) if y == z and a != b} for n in lines]
    assert levels[0].isdisjoint(levels[1])  # no line lies on the other


def test_parts_that_pass_others_by_leave_from_where_they_are(tmp_path: Path) -> None:
    sheet = layout(drawn(network_of(TAPS, tmp_path)))
    split, concat = bars(sheet)
    taps = [line for line in sheet.lines if line.is_skip]
    ways = {(part_at(split, n.points[0][0]), part_at(concat, n.points[-1][0])) for n in taps}
    assert ways == {(1, 1)} and parts_met(sheet, concat)[split.name] == 2
    assert parts_left(sheet, split)[name_of(sheet, "conv")] == 1  # what follows a split reads its last part


@pytest.mark.parametrize(
    ("body", "words"), [(GATE, ["part 1 of 2", "part 2 of 2"]), (SWAP, ["part 1 of 2", "part 2 of 2"])]
)
def test_texts_say_which_part_of_a_split_is_read(tmp_path: Path, body: str, words: list[str]) -> None:
    network = network_of(body, tmp_path)
    mermaid = draw(network, cost(network), Look("mermaid")).decode()
    assert sorted(re.findall(r'-->\|"(part .*?)"\|', mermaid)) == words
    found = open_spec(tmp_path / "n.arch").check("N")
    assert sorted(set(re.findall(r"part \d of \d", html_of(found)))) == words


def test_blocks_that_swap_the_parts_of_a_split_are_not_drawn_as_one(tmp_path: Path) -> None:
    block = "block u(n, swapped) {\n  conv(n, 1x1) -> conv(n, 3x3, pad=1) -> split(2) as a, b\n"
    block += "  if swapped { concat { | b | a } } else { concat { | a | b } }\n}"
    network = network_of("u(8, true) -> u(8, false)", tmp_path, block)
    assert len(drawn(network, style="overview").definitions) == 2


# --- joins -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_across", [False, True])
def test_a_line_enters_the_part_of_a_concatenation_that_it_is(tmp_path: Path, is_across: bool) -> None:
    """The first member is a tap, the second the main line, the third an arm."""
    sheet = layout(drawn(network_of(LATE, tmp_path)), is_across=is_across)
    (concat,) = bars(sheet)
    main, arm = name_of(sheet, "conv 3×3, 64"), name_of(sheet, "conv 1×1, 4")
    found = parts_met(sheet, concat, is_skip=False)
    assert found == {main: 1, arm: 2}
    assert is_across or parts_met(sheet, concat, is_skip=True) == {main: 0}


@pytest.mark.parametrize("is_across", [False, True])
def test_the_main_line_enters_its_part_where_all_others_are_taps(tmp_path: Path, is_across: bool) -> None:
    body = "conv(8, 1x1) as a\n  conv(4, 1x1)\n  conv(32, 1x1)\n  concat { | a | identity }"
    sheet = layout(drawn(network_of(body, tmp_path)), is_across=is_across)
    (concat,) = bars(sheet)
    (line,) = (n for n in sheet.lines if n.head == concat.name != n.tail and not n.is_skip)
    assert part_at(concat, line.points[-1][0]) == 1


@pytest.mark.parametrize("count", [4, 7])
def test_many_taps_enter_a_concatenation_at_their_parts(tmp_path: Path, count: int) -> None:
    """Each at its part, from a level of its own below all that stands above, so that none lies on another."""
    layers = "\n  ".join(f"conv({8 + i}, 1x1) as t{i}" for i in range(count))
    body = f"{layers}\n  conv(4, 1x1)\n  concat {{ {' '.join(f'| t{i}' for i in range(count))} | identity }}"
    sheet = layout(drawn(network_of(body, tmp_path)))
    (concat,) = bars(sheet)
    (card,) = (s for s in shapes(sheet.shapes) if isinstance(s, Box) and s.name == name_of(sheet, "conv 1×1, 4"))
    taps = {part_at(concat, n.points[-1][0]): n for n in sheet.lines if n.head == concat.name and n.is_skip}
    assert sorted(taps) == list(range(count))
    levels = [line.points[-2][1] for line in taps.values()]
    assert len(set(levels)) == count and card.top + card.height < min(levels) and max(levels) < concat.top


@pytest.mark.parametrize(("name", "sign"), [("subtract", "−"), ("divide", "÷")])
@pytest.mark.parametrize(("operands", "main"), [("| identity | a", 0), ("| a | identity", 1)])
def test_what_is_subtracted_and_divided_by_is_told(
    tmp_path: Path, name: str, sign: str, operands: str, main: int
) -> None:
    body = f"conv(8, 1x1) as a\n  conv(8, 1x1)\n  conv(8, 3x3, pad=1)\n  {name} {{ {operands} }}"
    network = network_of(body, tmp_path)
    sheet = layout(drawn(network))
    (bar,) = bars(sheet)
    assert isinstance(bar.item, Bar) and (bar.item.text, bar.item.labels) == (f"A {sign} B", ("A", "B"))
    ends = {line.is_skip: part_at(bar, line.points[-1][0]) for line in sheet.lines if line.head == bar.name}
    assert ends == {False: main, True: 1 - main}
    mermaid = draw(network, cost(network), Look("mermaid")).decode()
    assert sorted(re.findall(r'-->\|"(.*?)"\|', mermaid)) == ["A", "B"]


# --- blocks without layers, and names in DOT --------------------------------------------------------------------------

NOTHING = "block nothing() { identity }"


@pytest.mark.parametrize("style", ["auto", "expanded", "overview", "u"])
@pytest.mark.parametrize(
    "body", ["a: nothing() -> relu", "a: nothing() -> b: nothing() -> relu", "relu -> a: nothing()"]
)
def test_a_block_that_does_nothing_is_drawn(tmp_path: Path, body: str, style: str) -> None:
    network = network_of(body.replace(" -> ", "\n  "), tmp_path, NOTHING)
    if style == "u":
        with pytest.raises(Exception, match="its maps keep their size"):
            drawn(network, style=style)
        return
    picture = drawn(network, style=style)
    assert isinstance(picture.body, Body)
    held = [s.item for s in picture.body.steps if isinstance(s.item, Card)]
    assert "relu" in [text for card in held for row in card.rows for text in (row.text, *(w.text for w in row.words))]
    assert not any(isinstance(s.item, Parallel) for s in picture.body.steps)


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("name", ["googlenet.arch:GoogLeNet", "resnet.arch:ResNet50", "mobilenet_v2.arch:MobileNetV2"])
def test_nodes_of_a_graph_have_names_of_their_own(name: str, across: bool) -> None:
    """Where two forks went by one name, their edges met in one node."""
    network = graph(name)
    dot = draw(network, cost(network), Look("dot", across=across, style="overview")).decode()
    names = Counter(re.findall(r"^(fork\d+|n\d+) \[", dot, re.MULTILINE))
    assert names and set(names.values()) == {1}


def test_forks_of_a_network_and_of_its_definitions_are_told_apart(tmp_path: Path) -> None:
    block = "block u(n) { add { | conv(n, 3x3, pad=1) -> conv(n, 1x1) | identity } }"
    forks = "add { | conv(8, 3x3, pad=1) | identity }\n  add { | conv(8, 5x5, pad=2) | identity }"
    network = network_of(f"{forks}\n  u(8)\n  u(8)", tmp_path, block)
    dot = draw(network, cost(network), Look("dot", across=True, style="overview")).decode()
    names = re.findall(r"^(fork\d+) \[", dot, re.MULTILINE)
    assert len(names) == len(set(names)) == 3


# --- dense layers that are drawn in place ------------------------------------------------------------------------------


def test_dense_groups_keep_their_concatenations(tmp_path: Path) -> None:
    """Each joins four maps to what it reads: eight, twelve and sixteen."""
    layer = '"l{i}": { conv(16, 1x1) -> relu -> conv(4, 3x3, pad=1) }'
    body = f"x as maps[]\n  for i in 1..3 {{ maps -> concat -> {layer} as maps[] }}\n  maps -> concat"
    picture = drawn(network_of(body, tmp_path))
    sheet = layout(picture)
    found = bars(sheet)
    assert [box.item.parts for box in found if isinstance(box.item, Bar)] == [(8, 4), (12, 4), (16, 4)]
    for box in found:
        assert set(parts_met(sheet, box).values()) == {1} and set(parts_met(sheet, box, is_skip=True).values()) == {0}
    assert not any("a + n·k" in line for line in picture.footer)  # which stands nowhere


def test_rows_behind_a_dense_layer_are_compared_with_what_is_drawn() -> None:
    """Huang et al. 2017: what the third layer of DenseNet-121 reads has 64 + 2 * 32 maps, as many as it makes first."""
    sheet = layout(drawn(graph("densenet.arch:DenseNet121"), style="expanded"))
    boxes = [s.item for s in shapes(sheet.shapes) if isinstance(s, Box)]
    third = next(i for i, b in enumerate(boxes) if isinstance(b, Card) and b.heading == "denselayer3")
    before, card = next(b for b in reversed(boxes[:third]) if isinstance(b, Bar)), boxes[third]
    assert isinstance(card, Card) and (before.parts, before.output) == ((96, 32), "128×56×56")
    assert [(r.text, r.is_change) for r in card.rows[1:]] == [("conv 1×1, 128", False), ("conv 3×3, 32", True)]


# --- formulas of definitions -------------------------------------------------------------------------------------------


def test_square_maps_have_a_height_and_a_width(tmp_path: Path) -> None:
    """Channel last, as `permute([1, 2, 0])` makes it of C×H×W, and as tokens."""
    block = """block attend(channels) {
  permute([1, 2, 0]) -> linear(channels) -> permute([2, 0, 1])
  reshape([in.channels, in.height * in.width]) -> reshape(in.shape)
}"""
    network = network_of("attend(8) -> maxpool(2x2) -> conv(16, 1x1) -> attend(16)", tmp_path, block)
    (definition,) = drawn(network, style="overview").definitions
    cards = [s.item for s in definition.body.steps if isinstance(s.item, Card)]
    outputs = [row.output.replace("channels", "C") for card in cards for row in card.rows]
    assert outputs == ["H×W×C", "H×W×C", "C×H×W", "C×H·W", "C×H×W"]


def test_the_middle_of_convnext_is_channel_last() -> None:
    """Liu et al. 2022, as torchvision's CNBlock: permuted to height, width and channels for its linear layers."""
    (definition,) = drawn(graph("convnext.arch:ConvNeXtTiny"), style="overview").definitions
    fork = next(s.item for s in definition.body.steps if isinstance(s.item, Parallel))
    texts = {r.text: r.output for arm in fork.arms for s in arm.steps if isinstance(s.item, Card) for r in s.item.rows}
    assert texts["permute 1 2 0"] == "H×W×C" and texts["permute 2 0 1"] == "C×H×W"


def test_lines_from_many_parts_turn_above_what_they_lead_to(tmp_path: Path) -> None:
    names = [f"p{i}" for i in range(8)]
    body = f"split(8) as {', '.join(names)}\n  concat {{ {' '.join(f'| {name} -> conv(1, 1x1)' for name in names)} }}"
    sheet = layout(drawn(network_of(body, tmp_path)))
    split, _ = bars(sheet)
    boxes = {s.name: s for s in shapes(sheet.shapes) if isinstance(s, Box)}
    for line in (n for n in sheet.lines if n.tail == split.name):
        assert abs(line.points[-1][1] - boxes[line.head].top) < 0.1
        assert all(y <= boxes[line.head].top for _, y in line.points)


# --- arms that are alike ----------------------------------------------------------------------------------------------

HEADS = """concat {
    | conv(16, 1x1)
    for g in 0..<12 | "head{g}": { conv(4, 1x1) -> relu -> conv(8, 3x3, pad=1) }
  }"""


@pytest.mark.parametrize("is_across", [False, True])
def test_many_arms_alike_are_drawn_once(tmp_path: Path, is_across: bool) -> None:
    network = network_of(HEADS, tmp_path)
    sheet = layout(drawn(network), is_across=is_across)
    (card,) = (
        s.item for s in shapes(sheet.shapes) if isinstance(s, Box) and isinstance(s.item, Card) and s.item.heading
    )
    assert (card.heading, [row.params for row in card.rows]) == ("head0 … head11", ["36 each", "296 each"])
    assert [row.words[-1].text for row in card.rows] == ["×12", "×12"]
    (concat,) = bars(sheet)
    met = (line for line in sheet.lines if line.head == concat.name != line.tail)
    assert sorted(part_at(concat, line.points[-1][0]) for line in met) == list(range(13))
    figures = sum(len(row.paths) for row in card.rows)
    assert figures == 36  # with the activations


def test_arms_that_each_read_what_passes_them_are_arms(tmp_path: Path) -> None:
    """As in ResNeXt: 32 ways that are added, and added to what entered them."""
    body = "add {\n    | add { for g in 0..<32 | { conv(4, 1x1) -> conv(8, 1x1) } }\n    | identity\n  }"
    sheet = layout(drawn(network_of(body, tmp_path)))
    assert [line.is_skip for line in sheet.lines].count(True) == 1 and sheet.width < 700


def test_taps_of_arms_that_are_drawn_once_leave_the_one(tmp_path: Path) -> None:
    arms = "concat { for g in 0..<9 | { conv(4, 1x1) as ts[] -> conv(8, 1x1) } }"
    sheet = layout(drawn(network_of(f"{arms}\n  conv(2, 1x1)\n  concat {{ | ts[3] | identity }}", tmp_path)))
    cards = {s.name: s.item for s in shapes(sheet.shapes) if isinstance(s, Box) and isinstance(s.item, Card)}
    (join,) = (bar for bar in bars(sheet) if isinstance(bar.item, Bar) and bar.item.parts == (4, 2))
    (tap,) = (line for line in sheet.lines if line.head == join.name and line.is_skip)
    assert [row.words[-1].text for row in cards[tap.tail].rows] == ["×8", "×8"]
