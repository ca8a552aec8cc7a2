"""`single-arm`: a merge in braces with one arm, which joins nothing."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lints.subject import Text
from archdsl.ops import find
from archdsl.source import Diagnostic, Kind, Label
from archdsl.syntax import tree

KIND = Kind(
    "single-arm",
    "warning",
    "A merge of one value is that value. Written with a single arm, its second one is missing, or its bar is: a line break "
    'within an arm means "then". Arms behind `if` and `for` may be as few as they come.',
)
ACCEPTED = (
    "network A {\n  input x: [3, 8, 8]\n  add { | x | conv(3, 1x1) }\n}",
    "network A(n = 1) {\n  input x: [3, 8, 8]\n  concat { for i in 0..<n | conv(3, 1x1) }\n}",
    "network A {\n  input x: [3, 8, 8]\n  stack { | conv(3, 1x1) }\n}",
)
REJECTED = (
    "network A {\n  input x: [3, 8, 8]\n  add { | conv(3, 1x1) -> relu }\n}",
    "network A {\n  input x: [3, 8, 8]\n  concat {\n    | conv(3, 1x1)\n      conv(3, 3x3, pad=1)\n  }\n}",
)


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    for declaration in text.declarations:
        for merge in declaration.merges:
            name = merge.callee.callee if isinstance(merge.callee, tree.Call) else merge.callee
            op = find(name.text) if isinstance(name, tree.Word | tree.Name) else None
            if (
                len(merge.arms) == 1
                and not merge.arms[0].guards
                and op is not None
                and op.is_itself_of_one
                and op.operands is None
            ):
                yield Diagnostic(
                    KIND,
                    f"`{op.name}` has one arm, and joins nothing",
                    Label(name.span, "a merge of one value is that value"),
                    helps=("begin the other arm with `|`, as `| in`; or leave the merge out",),
                )
