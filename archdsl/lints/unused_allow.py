"""`unused-allow`: `allow` of a lint that finds nothing there."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lints import codes
from archdsl.lints.subject import Allowed
from archdsl.source import Diagnostic, Edit, Kind, Label, Span

KIND = Kind(
    "unused-allow",
    "warning",
    "The lint finds nothing in the statement that `allow` is for: the one after it, or the one on its line. What was allowed "
    "has been mended, or `allow` has lost its place. Left standing it would silence the next mistake.",
)
ACCEPTED = ('network A {\n  input image: [1, 7, 7]\n  allow unread-rows "as shown"\n  conv(1, 3x3, stride=3)\n}',)
REJECTED = (
    'network A {\n  input image: [1, 9, 9]\n  allow unread-rows "as shown"\n  conv(1, 3x3, stride=3)\n}',
    'network A {\n  input image: [1, 9, 9]\n  conv(1, 3x3, stride=3) allow unread-rows "as shown"\n}',
    'network A {\n  input image: [1, 7, 7]\n  conv(1, 3x3)\n  allow unread-rows "as shown"\n}',
)


def find(allowed: Allowed) -> Iterator[Diagnostic]:
    """What to say of an `allow` that was not needed."""
    if allowed.code not in codes():
        return
    yield Diagnostic(
        KIND,
        f"there is no `{allowed.code}` to allow here",
        Label(allowed.syntax.span, "no statement follows" if allowed.span is None else "silences nothing"),
        helps=("take it out",),
        edit=Edit(_with_gap(allowed.syntax.span), ""),
    )


def _with_gap(span: Span) -> Span:
    """The statement with the blanks before it, and with its line where it has one for itself."""
    text = span.source.text
    start, end = span.start, span.end
    while start > 0 and text[start - 1] in " \t":
        start -= 1
    rest = text[end : text.find("\n", end) + 1 or len(text)]
    if (start == 0 or text[start - 1] == "\n") and not rest.strip():
        end += len(rest)
    elif text[start - 1 : start] == "\n":
        start = span.start
        end += len(rest) - len(rest.lstrip(" \t;"))
    return Span(span.source, start, end)
