"""`hidden-operator`: a name that an operator, function or predefined word has."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.elaborate import builtin_names
from archdsl.lints.subject import Text
from archdsl.ops import names
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "hidden-operator",
    "warning",
    "Names of the spec come before those of the language: within its braces, or in the whole file, the name no longer means "
    "the operator, function or predefined word that a reader expects. Labels are paths and hide nothing, `relu: relu` is "
    "fine; nor does a datum hide an operator, as in `conv(8, 3x3, pad=pad)`, since the one cannot stand for the other.",
)
ACCEPTED = (
    "block unit(channels, activation: layer = relu, pad = 0) { conv(channels, 3x3, pad=pad) -> activation }\n"
    "network A {\n  input image: [3, 8, 8]\n  relu: unit(4)\n}",
)
REJECTED = (
    "block unit(channels, relu: layer = silu) { conv(channels, 3x3) -> relu }\n"
    "network A {\n  input image: [3, 8, 8]\n  unit(4)\n}",
    "network A {\n  input image: [3, 8, 8]\n  let half = 1\n  conv(4, 3x3, pad=half)\n}",
    "network A {\n  input image: [3, 8, 8]\n  split(3) as split\n  split -> concat\n}",
)


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    known, operators = builtin_names(), names()
    for made in (m for declaration in text.declarations for m in declaration.made):
        is_operator = made.name in operators
        if made.name in known and not (is_operator and made.is_datum):
            what = "operator" if is_operator else "function or predefined word"
            yield Diagnostic(
                KIND,
                f"the {made.by} `{made.name}` hides the {what} `{made.name}`",
                Label(made.span, "this is what the name means from here on"),
                helps=("choose another name",),
            )
