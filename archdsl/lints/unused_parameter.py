"""`unused-parameter`: a parameter that its block or network does not use."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lints.subject import Text
from archdsl.source import Diagnostic, Kind, Label
from archdsl.syntax import tree

KIND = Kind(
    "unused-parameter",
    "warning",
    "A parameter of a block or network stands nowhere in its body, so whatever is given for it changes nothing. A name that "
    "is written out where the parameter was meant is the usual cause. A block that is given as a `layer` has the parameters "
    "that its caller fills in.",
)
ACCEPTED = (
    "block unit(channels, stride = 1) { conv(channels, 3x3, stride) }\n"
    "network A {\n  input image: [3, 9, 9]\n  unit(4, 2)\n}",
    'network A(depth = 2) {\n  input image: [3, 9, 9]\n  for i in 0..1 { "conv{i + depth}": conv(4, 3x3) }\n}',
    "network A(classes) {\n  input x: [8]\n  linear(10)\n}\nnetwork B = A(10) { expect shape(out) == [classes] }",
    "block plain(width, middle) { conv(width, 3x3) }\nblock unit(width, conv_of: layer) { conv_of(width, 2 * width) -> relu }\n"
    "network A {\n  input image: [3, 9, 9]\n  unit(8, plain)\n}",
)
REJECTED = (
    "block unit(channels, stride = 1) { conv(channels, 3x3, 2) }\nnetwork A {\n  input image: [3, 9, 9]\n  unit(4)\n}",
    "network A(classes) {\n  input x: [8]\n  linear(10)\n}",
)


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    for declaration in text.declarations:
        syntax = declaration.syntax
        if not isinstance(syntax, tree.Block | tree.Network):
            continue
        unused = [p for p in syntax.parameters if p.name.text not in declaration.used]
        if not unused or declaration.name in text.given_as_layers:
            continue
        used_elsewhere = text.used_by_variants(declaration)
        for parameter in unused:
            if parameter.name.text not in used_elsewhere:
                yield Diagnostic(
                    KIND,
                    f"`{declaration.name}` does not use its parameter `{parameter.name.text}`",
                    Label(parameter.span, "nothing below names it"),
                    helps=("use it, or take it out here and where it is given",),
                )
