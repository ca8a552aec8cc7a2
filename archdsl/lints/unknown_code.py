"""`unknown-code`: `allow` of a lint that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lints import codes
from archdsl.lints.subject import Text
from archdsl.source import Diagnostic, Edit, Kind, Label, nearest

KIND = Kind(
    "unknown-code",
    "warning",
    "`allow` takes the code of a lint, as it stands in the brackets of the message. Errors and claims that fail cannot be "
    "allowed; a published figure that is wrong is a `dispute`.",
)
ACCEPTED = (
    'network A {\n  input image: [1, 7, 7]\n  conv(1, 3x3, stride=3) allow unread-rows "shown in the lecture"\n}',
)
REJECTED = (
    'network A {\n  input image: [1, 9, 9]\n  allow unread-row "as in the paper"\n  conv(1, 3x3, stride=3)\n}',
    'network A {\n  input image: [1, 9, 9]\n  conv(1, 3x3) allow claim-fails "never mind"\n}',
)


def find_in_text(text: Text) -> Iterator[Diagnostic]:
    for allowed in text.allows:
        if allowed.code in codes():
            continue
        close = nearest(allowed.code, codes())
        span = allowed.syntax.code.span
        yield Diagnostic(
            KIND,
            f"no lint is called `{allowed.code}`",
            Label(span, f"did you mean `{close}`?" if close else "not the code of a lint"),
            helps=() if close else ("`archdsl explain` lists the codes",),
            edit=Edit(span, close) if close else None,
        )
