"""Text that is no spec at all: a program, data of another kind, a page, or a merge that was left half done."""

from __future__ import annotations

import re

from archdsl.source import Diagnostic, Kind, Label, Source, Span

NOT_A_SPEC = Kind(
    "not-a-spec",
    "error",
    "The file is written in another language: Python, JSON, YAML, a web page, a diff. A spec declares networks and blocks: "
    "`network LeNet { input image: [1, 28, 28] ... }`.",
)
MERGE_CONFLICT = Kind(
    "merge-conflict", "error", "Git left both sides of a merge in the file: one of them, and the marks, have to go."
)

_READ = 20_000
"""Characters that are looked at."""
_DECLARED = re.compile(r"^[ \t]*(?:inline[ \t]+)?(?:network|block)[ \t]+\w+[^\n]*[{=]", re.MULTILINE)
_MARK = re.compile(r"^(?:<{7}|={7}|>{7})(?:[ \t][^\n]*)?$", re.MULTILINE)
_PAGE = "what a browser shows is a page around the file: save the file itself, by the link `raw`"
_AROUND = (
    (r"\A\s*<(?:!DOCTYPE|html|\?xml|!--|\w+>)", "a web page", _PAGE),
    (r"^(?:diff --git |@@ -\d)", "a diff", "apply it to the spec with `git apply`"),
    (r"^(?:```|~~~)", "a page of Markdown", "the spec is what stands between the fences, without them"),
)
"""What a spec may stand in; how it shows, what it is called, and what to do."""
_LANGUAGES = (
    (r'\A\s*\{\s*"cells"', "a notebook", "a spec is a file of its own; `archdsl.load` reads it in a notebook"),
    (r'\A\s*[\[{]\s*(?:["{\[]|\n)', "JSON", "layers stand one below the other, as `conv(6, 5x5)`, not as data"),
    (
        r"^(?:class[ \t]+\w+[ \t]*(?:\([^\n]*\))?:|def[ \t]+\w+\([^\n]*|(?:from|import)[ \t]+(?:torch|tensorflow|keras|jax)\b)",
        "Python",
        "write down its layers: `conv(64, 3x3, pad=1) -> bn -> relu`",
    ),
    (r"^\w+\(\n\s+\(\w+\): \w+", "what Python prints of a module", "a label and a layer: `conv1: conv(6, 5x5)`"),
    (r"^layers?[ \t]*\{\s*(?:\w+:|\})", "a prototxt of Caffe", "layers stand one below the other, as `conv(20, 5x5)`"),
    (
        r"\A(?:\s|[#;][^\n]*\n)*\[\[?[\w.-]+\]\]?[ \t]*$",
        "a configuration file",
        "layers stand in braces: `conv(32, 3x3)`",
    ),
    (
        r"\A(?:---[ \t]*$|(?:\s|#[^\n]*\n)*\w+:[^\n]*\n(?:[ \t]*(?:- |\w+:)|\s*\n))",
        "YAML",
        "layers stand in braces, one below the other: `features: { conv(6, 5x5) -> relu }`",
    ),
)
"""What texts without any declaration have, what they are called, and how their layers are written here."""


def foreign(source: Source) -> Diagnostic | None:
    """What is wrong with a whole file that could not be read, if it is something else than a spec."""
    text = source.text[:_READ]
    marks = list(_MARK.finditer(source.text))
    if len(marks) > 1 and source.text[marks[0].start()] == "<":
        first, *others = (Span(source, *mark.span()) for mark in marks[:3])
        return Diagnostic(
            MERGE_CONFLICT,
            "a merge was not finished",
            Label(first, "one side begins here"),
            tuple(Label(span, "the other side" if span.text[0] == "=" else "its end") for span in others),
            helps=("keep what is right of both sides, and leave out these lines",),
        )
    for pattern, language, help in _AROUND if _DECLARED.search(text) else (*_AROUND, *_LANGUAGES):
        if (found := re.compile(pattern, re.MULTILINE | re.IGNORECASE).search(text)) is not None:
            return _other(source, found.start(), language, help)
    return None


def _other(source: Source, at: int, language: str, help: str) -> Diagnostic:
    """The first line of what gives the language away."""
    text = source.text
    start = at + len(text[at:]) - len(text[at:].lstrip())
    end = text.find("\n", start)
    span = Span(source, start, len(text) if end < 0 else end)
    example = "a spec begins as `network LeNet { input image: [1, 28, 28] ... }`"
    return Diagnostic(NOT_A_SPEC, f"this is {language}, not a spec", Label(span), helps=(example, help))
