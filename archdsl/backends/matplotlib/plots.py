"""Facts -> what is drawn on axes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import ceil, log2
from textwrap import fill
from typing import TYPE_CHECKING

from archdsl.analyses import Facts
from archdsl.backends.matplotlib.render import Plot
from archdsl.ir import TooManyOperators, is_unfolded
from archdsl.source import counted, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MultipleLocator
    from matplotlib.transforms import BboxBase

    from archdsl.analyses.memory import Arithmetic, TrainingFacts, TrainingSettings

PLACES = ((5, 4), (5, -11), (-5, 4), (-5, -11))
"""Where a name may stand beside its point, in points."""
UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
NAME = 28
"""Characters of a name that are shown."""
LINE = 50
"""Characters in a line of a title."""


def cost_plot(networks: Sequence[Facts]) -> Plot:
    """Multiply-adds of one sample against parameters, a point for each network, its name where there is room."""
    points = [(_cut(f.network.name), f.cost.total.params, f.cost.total.macs) for f in networks]
    shown = [(name, x, y) for name, x, y in points if x and y]
    left_out = len(points) - len(shown)

    def plot(axes: Axes) -> None:
        axes.set_title("Parameters and multiply-adds")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(
            f"parameters\nnot shown for want of parameters or MACs: {counted(left_out, 'network')}"
            if left_out
            else "parameters"
        )
        axes.set_ylabel("MACs of one sample")
        axes.xaxis.set_major_formatter(_short)
        axes.yaxis.set_major_formatter(_short)
        axes.margins(0.12)
        axes.scatter([x for _, x, _ in shown], [y for _, _, y in shown], s=24)
        _name(axes, shown)

    return plot


def batch_plot(
    networks: Sequence[Facts],
    batches: Sequence[int],
    settings: TrainingSettings | None,
    limit: int | None,
    arithmetic: Arithmetic | None = None,
) -> Plot:
    """Peaks in bytes against the batch: of inference or, with settings, of a training step. `limit` is a device's memory."""
    lines = [(_cut(f.network.name), _peaks(f, settings, batches, arithmetic)) for f in networks]

    def plot(axes: Axes) -> None:
        axes.set_title(
            _heading("Peak of a training step", settings) if settings else _within("Peak of inference", arithmetic)
        )
        axes.set_xlabel("samples in a batch")
        axes.set_ylabel("peak, tensor bytes")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        axes.xaxis.set_major_formatter(_whole)
        axes.yaxis.set_major_formatter(_binary)
        for name, peaks in lines:
            axes.plot(batches, peaks, marker="o", markersize=4, label=name)
        if limit is not None:
            axes.axhline(limit, linestyle="--", linewidth=1, color=axes.yaxis.label.get_color())
            axes.annotate(_binary(limit), (batches[0], limit), xytext=(0, 3), textcoords="offset points")
        axes.legend()

    return plot


def timeline_plot(
    facts: Facts, settings: TrainingSettings | None, batch: int, arithmetic: Arithmetic | None = None
) -> Plot:
    """Bytes alive at each moment of a pass in some precision or of a training step, and when they are most.

    Every turn of a loop is there, unless they are too many to be listed, which the plot says.
    """
    with suppress(TooManyOperators):
        facts = facts.unfolded()
    training = None if settings is None else facts.training(settings, batch)
    plot = _inference(facts, batch, arithmetic) if training is None else _training(facts.network.name, training)
    return plot if is_unfolded(facts.network) else _of_few_turns(plot)


def _peaks(
    facts: Facts, settings: TrainingSettings | None, batches: Sequence[int], arithmetic: Arithmetic | None
) -> list[int]:
    """One simulation serves all batches of two or more."""
    if settings is None:
        return [facts.memory_at(batch, arithmetic).figure("peak").bytes for batch in batches]
    alone, several = facts.training(settings, 1), facts.training(settings, 2)
    return [alone.peak if batch == 1 else several.peak_at(batch) for batch in batches]


def _inference(facts: Facts, batch: int, arithmetic: Arithmetic | None) -> Plot:
    """What a step reads and writes, and above it what is held meanwhile for later."""
    memory = facts.memory_at(batch, arithmetic)
    moments = memory.inference.moments
    used = [sum(block.bytes for block in m.touched if not block.is_input) for m in moments]
    held = [moment.bytes for moment in moments]

    def plot(axes: Axes) -> None:
        name = _cut(facts.network.name)
        axes.set_title(_within(f"{name}: activations while it runs, N = {batch}", arithmetic))
        steps = range(1, len(moments) + 1)
        axes.stackplot(
            steps,
            used,
            [all - own for all, own in zip(held, used, strict=True)],
            labels=("the layer's own", "held for later"),
            step="mid",
            alpha=0.75,
        )
        _finish(axes, [(m.bytes, m.layer) for m in moments])
        axes.legend()

    return plot


def _training(name: str, facts: TrainingFacts) -> Plot:
    timeline = facts.timeline

    def plot(axes: Axes) -> None:
        axes.set_title(_heading(f"{_cut(name)}: bytes alive in a training step, N = {facts.batch}", facts.settings))
        for phase in dict.fromkeys(moment.phase for moment in timeline):
            places = [place for place, m in enumerate(timeline) if m.phase == phase]
            shown = [timeline[place] for place in (*places, min(places[-1] + 1, len(timeline) - 1))]
            axes.fill_between(
                [m.step for m in shown], [m.bytes for m in shown], step="post", alpha=0.75, linewidth=0, label=phase
            )
        _finish(axes, [(m.bytes, f"{m.phase}, {m.layer}") for m in timeline])
        axes.legend()

    return plot


def _of_few_turns(plot: Plot) -> Plot:
    def noted(axes: Axes) -> None:
        plot(axes)
        axes.set_xlabel("step: of the turns of a loop that are alike a few stand for all")

    return noted


def _finish(axes: Axes, moments: Sequence[tuple[int, str]]) -> None:
    """Axes of steps and bytes, and the peak with its place."""
    axes.set_xlabel("step")
    axes.set_ylabel("bytes alive")
    axes.yaxis.set_major_formatter(_binary)
    axes.margins(x=0.01)
    if moments:
        peak = max(range(len(moments)), key=lambda i: moments[i][0])
        most, place = moments[peak]
        axes.set_ylim(0, max(most, 1) * 1.12)
        axes.yaxis.set_major_locator(_steps(most))
        axes.plot(peak + 1, most, "o", markersize=5, color=axes.yaxis.label.get_color())
        _tell(axes, (peak + 1, most), f"{_binary(most)}: ", place)


def _tell(axes: Axes, point: tuple[int, int], words: str, place: str) -> None:
    """Words over a point, to its right if they fit there, else as far to the left as they must; a long place from its end."""
    figure = _laid_out(axes)
    label = axes.annotate(words + place, point, xytext=(6, 5), textcoords="offset points", in_layout=False)
    most = axes.bbox.width - 12
    for start in range(1, len(place)):
        if label.get_window_extent().width <= most:
            break
        label.set_text(f"{words}…{place[start:]}")
    over = label.get_window_extent().x1 - axes.bbox.x1
    if over > 0:
        label.set_position((6 - over * 72 / figure.dpi, 5))


def _name(axes: Axes, points: Sequence[tuple[str, int, int]]) -> None:
    """Names beside their points; one that would cover another name is left out."""
    _laid_out(axes)
    taken: list[BboxBase] = []
    for name, x, y in points:
        for dx, dy in PLACES:
            label = axes.annotate(
                name,
                (x, y),
                xytext=(dx, dy),
                textcoords="offset points",
                fontsize=8,
                ha="left" if dx > 0 else "right",
                in_layout=False,
            )
            box = label.get_window_extent()
            is_inside = axes.bbox.contains(box.x0, box.y0 + 1) and axes.bbox.contains(box.x1, box.y0 + 1)
            if not is_inside or any(box.overlaps(other) for other in taken):
                label.remove()
                continue
            taken.append(box)
            break


def _laid_out(axes: Axes) -> Figure:
    """The figure of axes that have their place, so that texts in it can be measured."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    return figure


def _steps(most: int) -> MultipleLocator:
    """Ticks a power of two apart, three to six."""
    from matplotlib.ticker import MultipleLocator

    return MultipleLocator(2 ** ceil(log2(max(most, 6) / 6)))


def _cut(name: str) -> str:
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


def _heading(text: str, settings: TrainingSettings) -> str:
    return fill(f"{text}, {settings.optimizer}, {settings.precision}", LINE)


def _within(text: str, arithmetic: Arithmetic | None) -> str:
    is_plain = arithmetic is None or arithmetic.precision == "float32"
    return fill(text if is_plain else f"{text}, {arithmetic}", LINE)


def _short(value: float, _: object = None) -> str:
    return short(round(value))


def _whole(value: float, _: object = None) -> str:
    return f"{round(value):_}"


def _binary(value: float, _: object = None) -> str:
    """1.5 GiB: bytes in the largest unit of which there is at least one."""
    for unit, size in UNITS:
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B"
