"""`bias-before-norm`: a bias that batch normalization takes away again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archdsl.ir import Module, Op
from archdsl.lints.subject import Graph, Use
from archdsl.source import Diagnostic, Edit, Kind, Label, Span, counted

KIND = Kind(
    "bias-before-norm",
    "warning",
    "Batch normalization subtracts the mean of each channel, and with it any bias that the layer before has added. The bias "
    "costs parameters and learns nothing; the shift of the normalization takes its place (Ioffe & Szegedy 2015, section 3.2).",
)
ACCEPTED = (
    "network A {\n  input image: [3, 8, 8]\n  conv(4, 3x3, bias=false) -> bn\n}",
    "network A {\n  input image: [3, 8, 8]\n  conv(4, 3x3) -> relu -> bn\n}",
    "network A {\n  input image: [3, 8, 8]\n  conv(4, 3x3) as y -> bn -> add(y)\n}",
    "network A {\n  input x: [8, 8, 8]\n  shared c = conv(8, 3x3, pad=1)\n  c -> bn -> c -> relu\n}",
)
REJECTED = (
    "network A {\n  input image: [3, 8, 8]\n  conv(4, 3x3) -> bn\n}",
    "block norm { bn -> relu }\nnetwork A {\n  input x: [8]\n  fc: linear(16) -> norm\n}",
)

_NEXT_IS_NORM = re.compile(r"\s*->\s*(?:\w+\s*:\s*)?bn\b")


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    biased = [use for use in graph.uses if getattr(use.op, "bias", False)]
    needed = {place for use in biased if not _is_subtracted(graph, use) for place in (_instance(use), use.span)}
    for use in biased:
        if needed.isdisjoint((_instance(use), use.span)):  # other uses of the instance, or of the text, may need it
            yield Diagnostic(
                KIND,
                f"the bias of `{use.path}` has no effect",
                Label(use.span, f"{counted(use.result.channels, 'parameter')} that `bn` subtracts"),
                helps=("write `bias=false`",),
                edit=_edit(use),
            )


def _instance(use: Use) -> tuple[Module, str]:
    """What all uses of the same weights have in common."""
    return use.scope.module, use.node.name


def _is_subtracted(graph: Graph, use: Use) -> bool:
    norm = graph.only_reader(use.node.results[0], use.scope.module)
    is_norm = norm is not None and isinstance(norm.operator, Op) and norm.operator.name == "bn"
    return is_norm and _has_bias_of_channels(use)


def _has_bias_of_channels(use: Use) -> bool:
    """Whether it adds one number to each channel of its result, axis 0."""
    states = use.node.state
    is_per_channel = use.op.category != "linear" or use.result.rank == 1
    return is_per_channel and any(s.name == "bias" and s.shape == (use.result.channels,) for s in states)


def _edit(use: Use) -> Edit | None:
    """`bias=false` among the arguments, where the text shows that a normalization follows each time it runs."""
    span, text = use.span, use.span.text
    is_plain_call = text.startswith(f"{use.op.name}(") and text.endswith(")") and "bias" not in text
    if not is_plain_call or not _NEXT_IS_NORM.match(span.source.text, span.end):
        return None
    comma = " " if text[:-1].rstrip().endswith(",") else ", "
    return Edit(Span(span.source, span.end - 1, span.end - 1), f"{comma}bias=false")
