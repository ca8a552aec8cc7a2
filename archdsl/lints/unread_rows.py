"""`unread-rows`: a window that leaves rows or columns of its input unread."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archdsl.ir import SPATIAL_AXES, Axes, Rows, Step, show_shape
from archdsl.lints.subject import Graph, Use
from archdsl.source import Diagnostic, Kind, Label, counted

KIND = Kind(
    "unread-rows",
    "warning",
    "Windows are laid from the start, and what is left at the end is not read: (7 - 3) / 3 + 1 = 2.33 windows are 2, and "
    "row 6 is in none. Rows of padding do not count, be they those of a `pad` before it, and a stride wider than the "
    "window leaves rows out everywhere, as is meant. Often the paper's input size is another one (AlexNet's 224 is 227), or "
    "padding is missing.",
)
ACCEPTED = (
    "network A {\n  input image: [3, 227, 227]\n  conv(96, 11x11, stride=4)\n}",
    "network A {\n  input image: [3, 224, 224]\n  conv(64, 7x7, stride=2, pad=3)\n}",
    "network A {\n  input image: [3, 9, 9]\n  maxpool(1x1, stride=2)\n}",
    "network A {\n  input signal: [1, 32]\n  conv(1, 7, stride=8, pad=3)\n}",
    "network A {\n  input image: [3, 32, 32]\n  pad(1, mode=reflect) -> conv(8, 3x3, stride=2)\n}",
    'network A {\n  input image: [1, 7, 7]\n  conv(1, 3x3, stride=3) allow unread-rows "shown in the lecture"\n}',
)
REJECTED = (
    "network A {\n  input image: [3, 224, 224]\n  conv(96, 11x11, stride=4)\n}",
    "network A {\n  input image: [1, 7, 7]\n  conv(1, 3x3, stride=3)\n}",
    "network A {\n  input signal: [1, 10]\n  maxpool(3)\n}",
    "network A {\n  input signal: [1, 10]\n  pad(1) -> maxpool(5)\n}",
)

ROWS = {"height": "row", "width": "column", "depth": "slice"}
WITH_INPUTS = re.compile(r"(\w+)\((\d+), *(\d+), *([\dx]+)(?=[,)])")
"""`conv(3, 16, 3)`, as PyTorch has it: channels of the input, of the output, and the window."""


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    for use in graph.uses:
        reach = use.op.reach(*use.node.operand_types)
        if isinstance(reach, tuple):
            yield from _check(graph, use, reach)


def unread(size: int, step: Step, count: int) -> int:
    """Rows at the end of an axis of `size` rows that none of `count` windows reads, which leave no gaps between them."""
    return max(size + step.before - ((count - 1) * step.stride + step.extent), 0) if step.stride <= step.extent else 0


def _check(graph: Graph, use: Use, reach: tuple[Step, ...]) -> Iterator[Diagnostic]:
    sizes, counts = use.operand.sizes, use.result.sizes
    axes = SPATIAL_AXES.get(len(reach), ())
    own = tuple(n - added for n, added in zip(sizes, _padding(graph, use), strict=True))
    missed = [
        (axis, n, own_n, step, count, unread(own_n, step, count))
        for axis, n, own_n, step, count in zip(axes, sizes, own, reach, counts, strict=True)
        if unread(own_n, step, count)
    ]
    if not missed:
        return
    _, n, _, step, count, _ = missed[0]
    padded = f"{n} + {step.before} of padding" if step.before else str(n)
    exact = (n + step.before - step.extent) / step.stride + 1
    name = graph.name(use.node.operands[0], use.scope)
    what = " and ".join(counted(rows, ROWS[axis]) for axis, *_, rows in missed)
    which = " and ".join(_which(ROWS[axis], own_n, rows) for axis, _, own_n, *_, rows in missed)
    is_are = "is" if len(missed) == 1 and missed[0][-1] == 1 else "are"
    yield Diagnostic(
        KIND,
        f"the window does not tile its input: {what} {is_are} never read",
        Label(use.span, f"({padded} - {step.extent}) / {step.stride} + 1 = {exact:.2f}, rounded down to {count}"),
        notes=(f"{which} of `{name}` {show_shape(use.operand.shape)} {is_are} in no window",),
        helps=(*_as_in_pytorch(use), f"sizes that tile exactly: {', '.join(map(str, _tiling(step, count)))}"),
    )


def _as_in_pytorch(use: Use) -> Iterator[str]:
    """What helps where the first of three numbers is meant for the channels of the input."""
    found = WITH_INPUTS.match(use.span.text)
    if found is not None and int(found[2]) == use.operand.channels == getattr(use.op, "channels", None):
        name, _, channels, window = found.groups()
        yield f"for {channels} channels write `{name}({channels}, {window})`: those of the input are read off it"


def _padding(graph: Graph, use: Use) -> Iterator[int]:
    """How many rows at the end of each spatial axis a `pad` before the window has put there."""
    maker = graph.maker(use.node.operands[0], use.scope)
    reach = maker.op.reach(*maker.node.operand_types) if maker is not None and len(maker.node.operands) == 1 else None
    for axis, size in enumerate(use.operand.sizes, 1):
        rows = reach.operands[0][axis] if isinstance(reach, Axes) and axis < len(reach.operands[0]) else None
        if maker is not None and isinstance(rows, Rows) and len(rows.spans) == 1 and rows.spans[0] and rows.stride == 1:
            more = size - maker.operand.shape[axis]
            yield max(min(more, more + rows.spans[0][0]), 0)
        else:
            yield 0


def _which(word: str, size: int, count: int) -> str:
    return f"{word} {size - 1}" if count == 1 else f"{word}s {size - count} to {size - 1}"


def _tiling(step: Step, count: int) -> list[int]:
    """Sizes for about as many windows that leave nothing unread, with the padding before as it is and none after."""
    exact = (count - 1) * step.stride + step.extent - step.before
    return [s for s in (exact - step.stride, exact, exact + step.stride) if s > 0]
