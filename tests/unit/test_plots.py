"""Plots: the figures that stand in them, and that pictures are the same each time and hold text as text."""

from __future__ import annotations

import re
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.backends.matplotlib import FORMATS, Plot, batch_plot, cost_plot, render, timeline_plot
from archdsl.ir import Network
from archdsl.pipeline import open_source
from archdsl.source import Source
from tests.support.again import printed
from tests.support.build import op, sequence
from tests.support.cli import Cli
from tests.support.networks import lenet5, vgg16


def plotted(plot: Plot) -> Axes:
    axes = Figure().add_subplot()
    plot(axes)
    return axes


def named(name: str) -> Network:
    return sequence(op("linear", 3), input=vgg16().input_types[0].with_shape((8,)))._replace(name=name)


def values(data: ArrayLike) -> list[Any]:
    """The numbers along an axis of a plot."""
    return list(np.asarray(data))


def facts_of(text: str) -> Facts:
    spec = open_source(Source("a.arch", text), Path())
    return spec.check(spec.networks[0]).facts


def test_costs_are_the_published_figures() -> None:
    """Parameters of VGG-16 by Simonyan & Zisserman 2015, table 2, exact as in torchvision; MACs by FlopCounterMode."""
    axes = plotted(cost_plot([Facts(vgg16()), Facts(lenet5())]))
    points = axes.collections[0].get_offsets().tolist()  # type: ignore[union-attr]
    assert points[0] == [138_357_544, 15_470_264_320]
    assert [text.get_text() for text in axes.texts] == ["VGG16", lenet5().name]


def test_names_that_would_cover_each_other_are_left_out() -> None:
    axes = plotted(cost_plot([Facts(named(f"network{i}")) for i in range(30)]))
    boxes = [text.get_window_extent() for text in axes.texts]
    assert 1 <= len(boxes) < 30
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_memory_against_the_batch() -> None:
    """VGG-16 takes 579,722,400 bytes at one sample: parameters 553,430,176, the image 602,112, activations 25,690,112."""
    axes = plotted(batch_plot([Facts(vgg16())], (1, 2, 32), None, 24 * 2**30))
    line, limit = axes.lines
    assert values(line.get_xdata()) == [1, 2, 32]
    of_sample = 602_112 + 25_690_112
    assert values(line.get_ydata()) == [553_430_176 + of_sample * batch for batch in (1, 2, 32)]
    assert set(values(limit.get_ydata())) == {24 * 2**30}
    assert [text.get_text() for text in axes.texts] == ["24 GiB"]


def test_a_training_step_takes_more_at_each_batch_than_inference() -> None:
    facts = [Facts(lenet5())]
    batches = (1, 2, 64)
    inference, step = (
        values(plotted(batch_plot(facts, batches, s, None)).lines[0].get_ydata()) for s in (None, TrainingSettings())
    )
    assert all(a < b for a, b in zip(inference, step, strict=True))


def test_the_timeline_names_its_peak() -> None:
    axes = plotted(timeline_plot(Facts(vgg16()), None, 1))
    (peak,) = axes.lines
    assert values(peak.get_ydata()) == [25_690_112]
    assert [text.get_text() for text in axes.texts] == ["24.5 MiB: features.2"]
    assert axes.get_ylim()[1] > 25_690_112


def test_the_timeline_of_a_step_has_its_phases() -> None:
    axes = plotted(timeline_plot(Facts(lenet5()), TrainingSettings(), 8))
    legend = axes.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["zero_grad", "forward", "loss", "backward", "optimizer"]


def test_every_turn_of_a_loop_is_a_step(cli: Cli, tmp_path: Path) -> None:
    """1,500 turns of a convolution and an activation, each of which reads 8,192 bytes and the first writes as many."""
    text = "network R { input x: [8, 16, 16]\n repeat 1500 { conv(8, 3x3, pad=1) -> relu } }"
    facts = facts_of(text)
    areas = plotted(timeline_plot(facts, None, 1)).collections
    assert {int(np.asarray(area.get_paths()[0].vertices)[:, 0].max()) for area in areas} == {3000}
    assert plotted(timeline_plot(facts, TrainingSettings(), 1)).get_xlim()[1] > 2 * 3000
    (spec := tmp_path / "million.arch").write_text(text.replace("1500", "1_000_000"))
    assert "of the turns of a loop that are alike a few stand for all" in cli("plot", "timeline", spec).out


LONG = "a_name_" * 12


def test_long_names_leave_the_axes_their_room() -> None:
    """Titles and the words at a peak are within the picture, and the axes are as wide as with a short name."""

    def room(plot: Plot) -> float:
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        axes = figure.add_subplot()
        plot(axes)
        figure.draw_without_rendering()
        for text in (axes.title, *axes.texts):
            box = text.get_window_extent()
            assert box.x0 >= min(axes.bbox.x0, 0) and box.x1 <= figure.bbox.x1, text.get_text()
        assert not [text for text in axes.texts if text.get_window_extent().x0 < axes.bbox.x0]
        return float(axes.bbox.width)

    body = f'{{ input x: [3, 8, 8]\n "{LONG}": {{ "{LONG}": conv(4, 3x3) }} -> flatten -> linear(2) }}'
    short, long = (facts_of(f"network {name} {body}") for name in ("A", LONG))
    for plot in (lambda facts: cost_plot([facts]), lambda facts: timeline_plot(facts, TrainingSettings(), 4)):
        assert room(plot(long)) == pytest.approx(room(plot(short)), abs=1)


def test_networks_without_a_point_are_counted() -> None:
    axes = plotted(cost_plot([Facts(lenet5()), Facts(sequence(op("relu"), input=vgg16().input_types[0]))]))
    assert axes.get_xlabel().endswith("not shown for want of parameters or MACs: 1 network")
    assert plotted(cost_plot([Facts(lenet5())])).get_xlabel() == "parameters"


@pytest.mark.parametrize("size", [1, 3, 200, 256, 10_000, 350 * 2**20])
def test_bytes_have_ticks_at_powers_of_two(size: int) -> None:
    axes = plotted(timeline_plot(facts_of(f"network A {{ input x: [{size}]\n relu }}"), None, 1))
    ticks = [int(tick) for tick in axes.get_yticks()]
    gap = ticks[1] - ticks[0]
    assert gap.bit_count() == 1 and 3 <= 4 * size / gap <= 6


@pytest.mark.filterwarnings("error")
def test_letters_that_the_font_lacks_are_no_warning() -> None:
    assert "層" in render(cost_plot([Facts(named("層"))]), "svg").decode()


def digests() -> str:
    """Of one plot in every format."""
    plot = cost_plot([Facts(lenet5())])
    return " ".join(f"{format} {sha256(render(plot, format)).hexdigest()}" for format in FORMATS)


def test_equal_plots_are_equal_bytes() -> None:
    """In another process, a second later, too."""
    program = "from tests.unit.test_plots import digests; print(digests(), end='')"
    assert {printed(program, seed) for seed in (1, 2)} == {digests()}


def test_svg_holds_text_as_text_and_no_markup_of_names() -> None:
    hostile = "$\\frac{1}{2}$ <script>&amp;"
    tree = ElementTree.fromstring(render(cost_plot([Facts(named(hostile))]), "svg"))
    texts = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert hostile in texts and "Parameters and multiply-adds" in texts


def test_themes_have_their_paper() -> None:
    dark, light = (render(timeline_plot(Facts(lenet5()), None, 1), "svg", theme) for theme in ("dark", "light"))
    assert b"#0d1117" in dark and b"#0d1117" not in light


def test_command_line(cli: Cli, tmp_path: Path) -> None:
    done = cli("plot", "cost", "specs/lenet.arch", "vgg16", "-o", str(tmp_path / "cost.pdf"))
    assert done.code == 0 and re.search(r"cost of \d+ networks  pdf, [\d_]+ bytes", done.out), done.err
    assert (tmp_path / "cost.pdf").read_bytes().startswith(b"%PDF")
    svg = cli("plot", "batch", "lenet:LeNet5", "--train", "--optimizer", "adam", "--memory", "1MiB").out
    assert "LeNet5" in svg and "1 MiB" in svg and ElementTree.fromstring(svg) is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("timeline", "specs/vgg.arch"), "`timeline` is of one network"),
        (("cost", "vgg16", "-o", "x.gif"), "`.gif` is no format archdsl draws: svg, png, pdf"),
        (("batch", "vgg16", "--memory", "-1"), "write an amount, as 24GiB"),
        (("batch", "vgg16", "--optimizer", "adam"), "add `--train`"),
        (("cost", "vgg61"), "did you mean `vgg16`?"),
    ],
)
def test_wrong_use(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    done = cli("plot", *arguments)
    assert done.code == 2 and words in done.err and not done.out


def test_without_matplotlib_it_says_what_to_install(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = cli("plot", "cost", "vgg16")
    assert (done.code, done.err) == (2, "archdsl: matplotlib is not installed: `pip install archdsl[plot]`\n")
