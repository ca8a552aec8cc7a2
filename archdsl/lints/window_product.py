"""`window-product`: a window that is written as a product."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lints.subject import Text
from archdsl.ops import find
from archdsl.source import Diagnostic, Edit, Kind, Label
from archdsl.syntax import tree

KIND = Kind(
    "window-product",
    "warning",
    "`3*3` is the number 9, and a window of one number has that size on all axes: 9x9. A window of three rows and three "
    "columns is `3x3`.",
)
ACCEPTED = (
    "network A {\n  input image: [3, 32, 32]\n  conv(8, 3x3)\n}",
    "network A(k = 1) {\n  input image: [3, 32, 32]\n  conv(2 * 4, 2 * k + 1)\n}",
)
REJECTED = (
    "network A {\n  input image: [3, 32, 32]\n  conv(8, 3*3)\n}",
    "network A {\n  input image: [3, 32, 32]\n  maxpool(window=2*2)\n}",
)


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    for declaration in text.declarations:
        for call in declaration.calls:
            yield from map(_diagnostic, _products(call))


def _products(call: tree.Call) -> Iterator[tree.Binary]:
    """Windows among the arguments of an operator that are products of numbers."""
    op = find(call.callee.text)
    fields = [*op.fields()] if op is not None else []
    for place, argument in enumerate(call.arguments):
        name = argument.name.text if argument.name is not None else "".join(fields[place : place + 1])
        match argument.value:
            case tree.Binary(left=tree.Number(), operator="*", right=tree.Number()) as product if name == "window":
                yield product


def _diagnostic(product: tree.Binary) -> Diagnostic:
    written = f"{product.left.span.text}x{product.right.span.text}"
    return Diagnostic(
        KIND,
        f"`{product.span.text}` is a number, not a window",
        Label(product.span, "a product: the size of the window on all axes"),
        helps=(f"write `{written}`",),
        edit=Edit(product.span, written),
    )
