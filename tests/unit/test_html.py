"""The HTML report in a real browser: what it shows is what the reports say, whatever is clicked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.analyses.storage import StorageFacts
from archdsl.elaborate import Settings
from archdsl.pages import html_of
from archdsl.pipeline import Checked, open_source, open_spec, subject_of
from archdsl.reports.html.compact import compact_script
from archdsl.reports.html.page import embedded
from archdsl.reports.json.document import document
from archdsl.source import Source, binary, short
from tests.architecture.source_tree import ROOT
from tests.support.browser import Visit

SAMPLE = (
    "resnet.arch:ResNet50",
    "googlenet.arch:GoogLeNet",
    "unet.arch:UNet",
    "densenet.arch:DenseNet121",
    "mlp.arch:MLP",
)
PAGE_BUDGET = 60 * 1024
BUDGET = 1_000_000
Open = Callable[..., Visit]


@cache
def checked(name: str) -> Checked:
    file, _, network = name.partition(":")
    return open_spec(ROOT / "specs" / file).check(network)


@cache
def html(name: str) -> str:
    return html_of(checked(name))


@pytest.fixture
def visit(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page; at the end it must not have said anything, nor asked for anything."""
    visits: list[Visit] = []

    def opened(text: str, fragment: str = "", **settings: Any) -> Visit:
        file = tmp_path / f"page{len(visits)}.html"
        file.write_text(text, "utf-8")
        visits.append(Visit(chromium, file, fragment, **settings))
        return visits[-1]

    yield opened
    said = [line for one in visits for line in one.said]
    for one in visits:
        one.close()
    assert not said


def numbers(texts: list[str]) -> list[int]:
    return [int(text.replace("_", "")) if text else 0 for text in texts]


@pytest.mark.parametrize("name", SAMPLE)
def test_it_shows_the_figures_of_the_reports(visit: Open, name: str) -> None:
    """Head, chart and table agree with the JSON document, whose figures are tested against PyTorch."""
    found: Any = document(subject_of(checked(name)))
    totals, memory = found["totals"], found["memory"]
    page = visit(html(name))
    figures = dict(zip(page.texts(".figures dt"), page.texts(".figures dd"), strict=True))
    assert figures == {
        "params": f"{totals['params']:_}",
        "MACs": short(totals["macs"]),
        "activation peak": binary(memory["activation_peak"]),
    }
    assert page.page.locator("text.peak").text_content() == f"peak {binary(memory['activation_peak'])}: {memory['at']}"
    assert f"{memory['activation_peak']:_} bytes" in page.text(".chart .reading")
    page.page.get_by_label("every operator").check()
    page.settle()
    layers = found["layers"]
    assert page.texts("tbody th") == [layer["path"] for layer in layers]
    assert numbers(page.texts("tbody td:nth-child(4)")) == [layer["params"] for layer in layers]
    titles = page.page.locator("tbody td:nth-child(5)").evaluate_all("(cells) => cells.map((cell) => cell.title)")
    assert numbers(titles) == [layer["macs"] for layer in layers]


@pytest.mark.parametrize("name", SAMPLE)
def test_pages_are_small(name: str) -> None:
    assert len(html(name).encode()) < BUDGET


def test_a_page_without_data_is_small() -> None:
    without = re.sub(
        r'(<script type="application/json" id="data">|<noscript>).*?(</script>|</noscript>)',
        "",
        html(SAMPLE[0]),
        flags=re.S,
    )
    assert len(without.encode()) < PAGE_BUDGET


SHORTER = {
    "const a = (x) => {\n  // says why\n  return x / 2 + +y;\n};\n": "let a=x=>{return x/2+ +y};",
    "let a = 1;\nconst b = { c: 2 };\nlet [d] = f();\nif (a) d();\nconst g = 3;": "let a=1,b={c:2},[d]=f();if(a)d();let g=3;",
    'f("a  // b", `c ${ d + 1 } e`, /[/"]\\s/g, );': 'f("a  // b",`c ${d+1} e`,/[/"]\\s/g);',
    "for (let i = 0; (i = next()); ) g(async (x) => i in [x, ]);": "for(let i=0;(i=next());)g(async(x)=>i in[x]);",
}


@pytest.mark.parametrize(("text", "shorter"), SHORTER.items())
def test_scripts_are_without_what_is_for_their_readers(text: str, shorter: str) -> None:
    assert compact_script(text) == shorter


def test_a_template_within_a_template_is_refused() -> None:
    with pytest.raises(ValueError, match="not a token"):
        compact_script("f(`a ${b ? `c` : d}`);")


def test_columns_are_sorted(visit: Open) -> None:
    """The first click puts the largest first, the second turns that round, the third restores the order of execution."""
    page = visit(html("resnet.arch:ResNet50"))
    order = page.texts("tbody th")
    head = page.page.locator("th[data-key=params] button")
    for turn in ("descending", "ascending"):
        head.click()
        assert page.page.locator("th[data-key=params]").get_attribute("aria-sort") == turn
        params = numbers(page.texts("tbody td:nth-child(4)"))
        assert params == sorted(params, reverse=turn == "descending")
    head.click()
    assert page.texts("tbody th") == order
    page.page.locator("th[data-key=path] button").click()
    assert page.texts("tbody th") == sorted(order)


@pytest.mark.parametrize("name", SAMPLE[:-1])
def test_folding_and_unfolding_leaves_the_diagram_as_it_was(visit: Open, name: str) -> None:
    page = visit(html(name))
    page.settle()
    diagram = "document.querySelector('.diagram').outerHTML"
    before = page.page.evaluate(diagram)
    heads = page.page.locator("button.head")
    for turn in ("fold all", "unfold") if heads.count() else ():
        page.page.get_by_role("button", name=turn, exact=True).click()
        opened = page.page.locator("button.head[aria-expanded=true]").count()
        assert bool(opened) == (turn == "unfold")
    page.settle()
    assert page.page.evaluate(diagram) == before


def test_a_choice_is_one_everywhere_and_in_the_address(visit: Open) -> None:
    page = visit(html("resnet.arch:ResNet50"))
    page.page.locator("tbody th", has_text="layer3.4.conv2").click()
    shown = page.page.locator(".diagram [aria-current]")
    assert shown.get_attribute("title") == "layer3.1.conv2"  # the first of five calls alike stands for them
    assert page.text("dd b") == "layer3.4.conv2" and "(3*3*256)*256*14*14 = 115_605_504" in page.text(".details")
    assert page.text("mark").startswith("conv(inner, 3x3, ")
    again = visit(html("resnet.arch:ResNet50"), page.page.evaluate("location.hash"))
    assert again.text("dd b") == "layer3.4.conv2"
    assert again.page.locator("tbody [aria-current] th").inner_text() == "layer3.4.conv2"


def test_keys_choose_fold_search_and_clear(visit: Open) -> None:
    page = visit(html("googlenet.arch:GoogLeNet"))
    page.page.keyboard.press("Escape")
    assert page.page.locator("[aria-current]").count() == 0
    for key, path in (("j", "conv1.conv"), ("ArrowDown", "maxpool1"), ("k", "conv1.conv")):
        page.page.keyboard.press(key)
        assert page.text("dd b") == path
    page.page.keyboard.press("/")
    page.page.keyboard.type("inception4a concat")
    assert page.texts("tbody th") == ["inception4a.concat"]
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("Escape")
    box = page.page.locator("button.head", has_text="inception4a")
    for key, state in (("ArrowLeft", "false"), ("ArrowRight", "true")):
        page.page.keyboard.press(key)
        assert box.get_attribute("aria-expanded") == state


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("layer3.4", "layer3.4.conv1"),
        ("conv 1x1", "layer1.0.conv1"),
        ("1×1 2048", "layer4.0.conv3"),
        ("bottleneck 3x3", "layer1.0.conv2"),
    ],
)
def test_enter_chooses_the_first_layer_found(visit: Open, words: str, path: str) -> None:
    """By a path, the text of an operator in the spelling of the language or of the page, or the name of a block around it."""
    page = visit(html("resnet.arch:ResNet50"), "#layer=fc")
    page.page.keyboard.press("/")
    page.page.keyboard.type(words)
    page.page.keyboard.press("Enter")
    assert page.text("dd b") == page.texts("tbody th")[0] == path


@pytest.mark.parametrize("batch", [8, 1])
def test_the_batch_changes_the_memory(visit: Open, batch: int) -> None:
    """The page of one batch shows the peaks that the analysis finds for another."""
    own = open_spec(ROOT / "specs" / "resnet.arch").check("ResNet18", batch=4)
    found = Facts(own.facts.network, batch)
    page = visit(html_of(own))
    page.page.get_by_label("Batch size").fill(str(batch))
    assert f"{found.memory.activation_peak:_} bytes" in page.text(".chart .reading")
    page.page.get_by_role("button", name="training", exact=True).click()
    peak = found.training(TrainingSettings()).activation_peak
    assert f"{peak:_} bytes" in page.text(".chart .reading")


@pytest.mark.parametrize("name", ["resnet.arch:ResNet50", "densenet.arch:DenseNet121"])
def test_without_activations_in_place_each_makes_a_tensor(visit: Open, name: str) -> None:
    """The page's peak is that of the analysis when nothing may run in place; pressed again, the peak is as before."""
    facts = checked(name).facts
    apart = Facts(facts.network)
    apart.storage = StorageFacts(frozenset())
    peak = apart.memory.activation_peak
    page = visit(html(name))
    switch = page.page.get_by_role("button", name="in place")
    for found in (peak, facts.memory.activation_peak):
        switch.click()
        assert f"{found:_} bytes" in page.text(".chart .reading")
    switch.click()
    again = visit(html(name), page.page.evaluate("location.hash"))
    assert f"{peak:_} bytes" in again.text(".chart .reading")


@pytest.mark.parametrize("sizes", [{"H": 204, "W": 220}, {"H": 1004, "W": 188}])
def test_open_sizes_change_every_figure(visit: Open, sizes: dict[str, int]) -> None:
    """The page works formulas out as the network built at these sizes has them."""
    found = open_spec(ROOT / "specs" / "unet.arch").check("UNet", Settings(sizes)).facts
    words = "&".join(f"{name}={value}" for name, value in sizes.items())
    page = visit(html("unet.arch:UNet"), f"#layer=down0.0&{words}")
    titles = page.page.locator(".figures div").evaluate_all("(cells) => cells.map((cell) => cell.title)")
    assert titles[1:] == [f"{found.cost.total.macs:_}", f"{found.memory.activation_peak:_} bytes"]
    page.page.get_by_label("every operator").check()
    shapes = ["×".join(map(str, layer.result_types[0].shape)) for layer in found.flat.layers]
    assert page.texts("tbody td:nth-child(3)") == shapes
    assert "known for H = 572, W = 572" in page.text(".details")


def test_sizes_that_do_not_fit_are_refused(visit: Open) -> None:
    page = visit(html("unet.arch:UNet"))
    before = page.text(".figures")
    page.page.get_by_label("Size H").fill("573")
    assert page.text(".problem") == "fits H % 16 == 12 and H >= 188" and page.text(".figures") == before


def test_the_receptive_field_is_that_of_the_unit_dragged_to(visit: Open) -> None:
    page = visit(html("resnet.arch:ResNet50"), "#layer=layer1.0.conv1")
    unit = checked("resnet.arch:ResNet50").facts.fields.unit("layer1.0.conv1", (0, 55))
    assert unit is not None
    box = page.page.locator(".field svg").first.bounding_box()
    assert box is not None
    page.page.mouse.click(box["x"] + box["width"] - 11, box["y"] + 11)
    rows, columns = unit
    assert f"unit (0, 55) reads {rows.first}…{rows.last} × {columns.first}…{columns.last}" in page.text(
        ".field .reading"
    )


def test_keys_choose_the_unit_of_a_receptive_field(visit: Open) -> None:
    page = visit(html("resnet.arch:ResNet50"), "#layer=layer1.0.conv1")
    field = page.page.get_by_role("application", name="Unit drawn")
    field.focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        field.press(key)
    unit = checked("resnet.arch:ResNet50").facts.fields.unit("layer1.0.conv1", (27, 29))
    assert unit is not None
    rows, columns = unit
    said = f"unit (27, 29) reads {rows.first}…{rows.last} × {columns.first}…{columns.last}"
    assert said in page.text(".field .reading") and page.text("dd b") == "layer1.0.conv1"


HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)>"'


def test_names_are_text(visit: Open, tmp_path: Path) -> None:
    spec = tmp_path / "hostile.arch"
    label = json.dumps(HOSTILE)
    lines = (
        "input x: [3, 8, 8]",
        f"{label}: conv(4, 3x3) -> relu",
        f"source {label}",
        f"expect params == 112 source {label}",
    )
    spec.write_text("network A {\n" + "".join(f"  {line}\n" for line in lines) + "}\n")
    opened = open_spec(spec)
    assert not opened.problems, opened.problems
    net = opened.check("A")
    assert net.network is not None, net.problems
    page = visit(html_of(net))
    page.page.locator("tbody tr").first.click()
    page.page.locator(".claims summary").click()
    assert page.page.locator("img, #report script").count() == 0
    assert "<img src=x" in page.text("tbody th") and "<img src=x" in page.text(".claims li")
    assert "</script" not in embedded({"a": HOSTILE})


def test_without_scripts_there_are_the_summary_and_the_picture(visit: Open) -> None:
    page = visit(html("resnet.arch:ResNet50"), java_script_enabled=False)
    assert page.page.locator(".fallback svg").is_visible() and page.page.locator("#report").inner_text() == ""
    assert "25_557_032" in page.text(".fallback tbody tr:last-child")


def test_cells_of_a_notebook_do_not_meet(visit: Open) -> None:
    """Each cell has a shadow root of its own; what is seen without scripts is in the cell too."""
    cells = [html_of(checked(name), is_cell=True) for name in ("resnet.arch:ResNet50", "mlp.arch:MLP")]
    page = visit(f"<!DOCTYPE html><meta charset='utf-8'><p>before</p>{''.join(cells)}")
    first, second = page.page.locator("main.cell").all()
    assert (first.locator("h1").inner_text(), second.locator("h1").inner_text()) == ("ResNet50", "MLP")
    second.locator(".row", has_text="linear 10").click()
    assert second.locator("dd b").inner_text() == "3"
    assert first.locator("dd b").inner_text() == "layer1.0.downsample.0"
    assert page.page.evaluate("getComputedStyle(document.querySelector('p')).fontSize") == "16px"
    plain = visit(cells[1], java_script_enabled=False)
    assert "203_530" in plain.text("table")


def page_of(text: str) -> str:
    spec = open_source(Source("a.arch", text), Path())
    return html_of(spec.check(spec.networks[0]))


def test_bars_of_rows_are_shares_of_the_row_that_has_most(visit: Open) -> None:
    """A row of 400 convolutions has 400 times the multiply-adds of the one alike that comes after it; a bar is 2% at least."""
    conv = "conv(8, 3x3, pad=1) -> relu"
    page = visit(page_of(f"network A {{ input x: [8, 4, 4]\n repeat 400 {{ {conv} }}\n maxpool(1x1) -> {conv} }}"))
    widths = page.page.locator(".diagram .row .bar i").evaluate_all("(bars) => bars.map((bar) => bar.style.width)")
    assert widths == ["100%", "2%"]
    assert page.page.locator(".row b.text").first.inner_text() == "conv 3×3, 8 ×400"


LONG = "a_label_of_many_letters_" * 3
PEAK = """() => {
  const box = (one) => document.querySelector(one).getBoundingClientRect();
  const [text, mark, plot] = ["text.peak", "circle.peak", ".chart .plot svg"].map(box);
  return [text.left - plot.left, plot.right - text.right, text.top - plot.top, mark.top + mark.height / 2 - text.bottom];
}"""


@pytest.mark.parametrize("size", [10, 40, 200])
def test_the_peak_is_told_above_all_bytes(visit: Open, size: int) -> None:
    """Within the chart, though its layer has a long name, in the unit of the axis, and with the precision."""
    conv = "conv(8, 3x3, pad=1) -> bn"
    page = visit(
        page_of(f'network A {{ input x: [3, {size}, {size}]\n repeat 6 {{ {conv} }}\n "{LONG}": {{ {conv} }} }}')
    )
    for mode in ("inference", "training"):
        page.page.get_by_role("button", name=mode, exact=True).click()
        assert min(page.page.evaluate(PEAK)) >= 0
        peak = page.page.locator("text.peak").text_content()
        assert (
            peak is not None and peak.split()[2].rstrip(":") == page.page.locator(".tick").last.inner_html().split()[1]
        )
        assert "float32" in page.text(".chart .note")


CROSSED = """() => {
  const words = [...document.querySelectorAll(".diagram :is(b, .name, .shape, .params, .words, .identity, .parts i)")];
  const boxes = words.filter((one) => one.textContent).map((one) => [one.textContent, one.getBoundingClientRect()]);
  const diagram = document.querySelector(".diagram"), found = [];
  for (const path of document.querySelectorAll(".lanes path")) {
    const move = path.getScreenCTM();
    for (let at = 0; at < path.getTotalLength(); at += 2) {
      const { x, y } = path.getPointAtLength(at).matrixTransform(move);
      for (const [text, b] of boxes) if (b.left < x && x < b.right && b.top + 2 < y && y < b.bottom - 2) found.push(text);
      const end = diagram.getBoundingClientRect().left + diagram.scrollWidth;
      if (x > end) found.push(`${x} is beyond ${end}`);
    }
  }
  return [...new Set(found)];
}"""


@pytest.mark.parametrize("name", ["unet.arch:UNet", "faster_rcnn.arch:FasterRCNN"])
def test_lines_beside_the_diagram_cross_no_words(visit: Open, name: str) -> None:
    page = visit(html(name))
    assert page.page.locator(".lanes path").count() and page.page.evaluate(CROSSED) == []


LEFT = """network Left {
  input x: [8, 32, 32]
  concat {
    | left: { conv(4, 3x3, pad=1) as a -> conv(8, 3x3, pad=1) as b -> maxpool(2x2) -> upsample(2x2) }
    | middle: { conv(16, 3x3, pad=1) -> conv(16, 3x3, pad=1) }
    | right: { conv(16, 3x3, pad=1) -> conv(16, 3x3, pad=1) }
  }
  conv(16, 3x3, pad=1) -> concat(b) -> conv(16, 3x3, pad=1)
  concat { | a | identity } -> conv(8, 1x1)
}
"""


def test_what_leaves_a_left_arm_is_led_around_the_arms_beside_it(visit: Open) -> None:
    page = visit(html_of(open_source(Source("left.arch", LEFT), ROOT).check("Left")))
    assert page.page.locator(".lanes path").count() == 2 and page.page.evaluate(CROSSED) == []


MET = """() => [...document.querySelectorAll(".lanes path")].map((path) => {
  const end = path.getPointAtLength(path.getTotalLength()).matrixTransform(path.getScreenCTM());  // of the arrow's right half
  const isMet = (part) => {
    const { left, right } = part.getBoundingClientRect();
    const { top } = part.closest(".concat").getBoundingClientRect();
    return left < end.x - 3 && end.x - 3 < right && Math.abs(top - end.y - 4) < 2;
  };
  return [path.textContent, [...document.querySelectorAll(".parts i")].filter(isMet).map((part) => part.textContent)];
})"""


def test_taps_enter_a_concat_at_their_parts(visit: Open) -> None:
    """The eight channels of `b` are the second part of one, the four of `a` the first of another."""
    page = visit(page_of(LEFT))
    assert dict(page.page.evaluate(MET)) == {"b": ["8"], "a": ["4"]} and page.page.evaluate(CROSSED) == []


def test_numbers_stand_under_their_heads_without_scripts(visit: Open) -> None:
    page = visit(html("unet.arch:UNet"), java_script_enabled=False)
    assert "the right arm is read upwards" in (
        page.page.locator(".fallback svg").text_content() or ""
    )  # as `archdsl draw` has it
    sides = "(cells) => cells.map((cell) => [cell.textContent, getComputedStyle(cell).textAlign])"
    heads = page.page.locator(".fallback thead th").evaluate_all(sides)
    assert ["params", "right"] in heads and ["output", "left"] in heads
    totals = page.page.locator(".fallback tbody tr:last-child td").evaluate_all(sides)
    assert [side for _, side in totals] == [side for _, side in heads]


def test_a_page_of_tables_says_why() -> None:
    text = page_of("network A { input x: [8]\n repeat 20_000 { relu } }")
    assert "<p>A has 20_000 operators with all turns of its loops: a page shows at most 10_000 one by one" in text


FITS = """() => {
  const parts = '.row > *, .head > :not(.call), .merge, .concat, .terminal, tbody td, tbody th, thead th';
  const isTooWide = (cell) => cell.scrollWidth > cell.clientWidth + 1;
  const end = (element) => element.getBoundingClientRect().right;
  const leaves = (cell) => cell.parentElement.matches('.row, .head') && end(cell) > end(cell.parentElement) + 1;
  const seen = [...document.querySelectorAll(parts)].filter((cell) => cell.clientWidth);
  return seen.filter((cell) => isTooWide(cell) || leaves(cell)).map((cell) => cell.outerHTML);
}"""


@pytest.mark.parametrize("name", (*SAMPLE, "nasnet.arch:NASNetAMobile", "faster_rcnn.arch:FasterRCNN"))
def test_no_text_is_wider_than_its_cell(visit: Open, name: str) -> None:
    page = visit(html(name))
    folded = page.page.locator(".head[aria-expanded=false]")
    while folded.count():
        folded.evaluate_all("(heads) => heads.forEach((head) => head.click())")
    themes: tuple[tuple[int, Literal["light", "dark"]], ...]
    themes = ((1024, "light"), (1440, "dark"), (1440, "light"), (1920, "dark"))
    for width, theme in themes:
        page.page.set_viewport_size({"width": width, "height": 900})
        page.page.emulate_media(color_scheme=theme)
        page.settle()
        assert page.page.evaluate(FITS) == []
