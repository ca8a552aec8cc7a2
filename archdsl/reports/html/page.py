"""Template, stylesheet, script and data -> one HTML text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from itertools import count
from pathlib import Path
from typing import Any

from archdsl.reports.html.compact import compact_script, compact_style
from archdsl.reports.html.data import page_data
from archdsl.reports.html.static import with_picture, without_scripts
from archdsl.reports.memory import report as memory
from archdsl.reports.options import Options
from archdsl.reports.subject import Subject
from archdsl.reports.summary import report as summary

SCRIPTS = (
    "format",
    "formula",
    "dom",
    "network",
    "figures",
    "state",
    "diagram",
    "lanes",
    "chart",
    "field",
    "table",
    "details",
    "header",
    "keys",
    "main",
)
"""The parts of the script, in the order in which they build on each other."""

_numbers = count(1)


def page(subject: Subject, diagram: dict[str, Any], picture: str | None = None) -> str:
    """The report as a file of its own.

    Args:
        diagram: a drawing as plain data.
        picture: an SVG for readers without scripts.

    Raises:
        TooManyOperators: the turns of a loop are too many to be listed.
    """
    subject = subject.unfolded()
    parts = _parts(subject, diagram, picture)
    return _document(subject, _filled("page.html", parts), allowed="; script-src 'unsafe-inline'")


def fragment(subject: Subject, diagram: dict[str, Any], picture: str | None = None) -> str:
    """The same for a cell of a notebook: diagram and details in a shadow root, over what is seen without scripts."""
    parts = _parts(subject.unfolded(), diagram, picture)
    own = {"id": f"archdsl-{next(_numbers)}", "style": embedded(_style())}
    return _filled("fragment.html", {**parts, **own})


def folded(subject: Subject, note: str, picture: str | None = None) -> str:
    """The picture and tables of a network that is too large for `page`, each row with its count; without scripts.

    `note` says why.
    """
    tables = [table for report in (summary, memory) for table in report(subject, Options())]
    return _document(subject, f'<div class="fallback">\n<p>{escape(note)}</p>\n{with_picture(tables, picture)}</div>\n')


def _parts(subject: Subject, diagram: dict[str, Any], picture: str | None) -> dict[str, str]:
    """What is drawn by the script, and what is seen without it."""
    return {
        "fallback": without_scripts(subject, picture),
        "data": embedded(page_data(subject, diagram)),
        "script": _script(),
    }


def _document(subject: Subject, body: str, allowed: str = "") -> str:
    """A file around a body; `allowed` are policies beside those of the style."""
    title = escape(subject.facts.network.name)
    return _filled("document.html", {"title": title, "allowed": allowed, "style": _style(), "body": body})


def embedded(data: Any) -> str:
    """JSON for a `script` element: no text in it can end the element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _filled(template: str, parts: Mapping[str, str]) -> str:
    """A template with each `{{name}}` replaced; what is put in is not searched again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _file(template))


@cache
def _script() -> str:
    return compact_script("\n".join(_file(f"script/{name}.js") for name in SCRIPTS))


@cache
def _style() -> str:
    return compact_style(_file("page.css"))


@cache
def _file(name: str) -> str:
    return Path(__file__).parent.joinpath(name).read_text("utf-8")
