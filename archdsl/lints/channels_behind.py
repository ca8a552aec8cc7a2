"""`channels-behind`: an image with its channels behind."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lints.subject import Text
from archdsl.source import Diagnostic, Edit, Kind, Label
from archdsl.syntax import tree

KIND = Kind(
    "channels-behind",
    "warning",
    "Shapes are [C, H, W], channels first, without the batch axis, as PyTorch has them. An input of [224, 224, 3] is 224 maps "
    "of 224 rows and 3 columns: TensorFlow and most files keep images so, and networks for PyTorch do not.",
)
ACCEPTED = (
    "network A {\n  input image: [3, 224, 224]\n  conv(8, 3x3)\n}",
    "network A {\n  input words: [16, 3]\n  linear(8)\n}",
    "network A {\n  input maps: [64, 8, 3]\n  conv(8, 3x3)\n}",
)
REJECTED = (
    "network A {\n  input image: [224, 224, 3]\n  conv(8, 3x3)\n}",
    "network A {\n  input image: [28, 28, 1]\n  flatten\n  linear(10)\n}",
)

COLOURS = (1, 3, 4)
SMALLEST_IMAGE = 8


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    networks = {network.name.span: network for network in text.networks.values()}
    for network in networks.values():
        for statement in network.body.statements:
            if isinstance(statement, tree.Input) and _is_image(statement.shape):
                height, width, channels = (size.span.text for size in statement.shape.items)
                span, meant = statement.shape.span, f"[{channels}, {height}, {width}]"
                yield Diagnostic(
                    KIND,
                    f"the channels of `{statement.name.text}` seem to stand last",
                    Label(span, f"{height} channels of {width}x{channels}"),
                    helps=(f"channels come first: `{meant}`",),
                    edit=Edit(span, meant),
                )


def _is_image(shape: tree.List) -> bool:
    """Whether two equal sizes and a number of colours stand there."""
    if not all(isinstance(size, tree.Number) for size in shape.items) or len(shape.items) != 3:
        return False
    height, width, channels = (size.value for size in shape.items if isinstance(size, tree.Number))
    return height == width >= SMALLEST_IMAGE and channels in COLOURS
