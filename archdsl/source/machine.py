"""Diagnostics for programs: workflow commands of GitHub, and SARIF 2.1.0 (OASIS, errata 01). Columns count code points."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from archdsl.source.diagnostic import Diagnostic, Edit, Kind, Label
from archdsl.source.edits import words
from archdsl.source.text import Source, Span

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
GITHUB_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}
SARIF_LEVELS = {"error": "error", "warning": "warning", "info": "note"}

Json = dict[str, Any]


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """A workflow command for each diagnostic, in the order of the text: GitHub shows it beside the line."""
    return "".join(_command(d) for d in sorted(diagnostics, key=lambda d: d.sort_key))


def sarif(diagnostics: Iterable[Diagnostic], version: str) -> str:
    """One run of archdsl as a SARIF log, its results in the order of the text."""
    ordered = sorted(diagnostics, key=lambda d: d.sort_key)
    kinds = {kind.code: kind for kind in sorted({d.kind for d in ordered})}
    driver = {"name": "archdsl", "version": version, "rules": [_rule(kind) for kind in kinds.values()]}
    numbers = {code: index for index, code in enumerate(kinds)}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(d, numbers[d.code]) for d in ordered],
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _text(diagnostic: Diagnostic) -> str:
    """Everything that it says beside its places, a line for each remark."""
    primary = diagnostic.primary.text if diagnostic.primary else ""
    calls = [" ".join(filter(None, (f.text.strip(), f.location, f.note))) for f in diagnostic.frames]
    remarks = {"in": calls, "note": diagnostic.notes, "help": diagnostic.helps}
    lines = [diagnostic.message, primary, *(f"{word}: {text}" for word, texts in remarks.items() for text in texts)]
    lines.append(f"source: {diagnostic.source}" if diagnostic.source else "")
    return "\n".join(filter(None, lines))


def _command(diagnostic: Diagnostic) -> str:
    found = [("title", diagnostic.code)]
    span = _span(diagnostic)
    if span is not None:
        line, column, last, end = span.positions
        file = _path(span.source.path).as_posix()
        found += [("file", file), ("line", str(line)), ("endLine", str(last))]
        if line == last:  # of several lines GitHub takes no columns
            found += [("col", str(column)), ("endColumn", str(end))]
    properties = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in found)
    return f"::{GITHUB_COMMANDS[diagnostic.severity]} {properties}::{_escaped(_text(diagnostic))}\n"


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _rule(kind: Kind) -> Json:
    first = kind.page.partition(". ")[0].rstrip(".") + "."
    return {
        "id": kind.code,
        "shortDescription": {"text": first},
        "fullDescription": {"text": kind.page},
        "help": {"text": kind.page},
        "defaultConfiguration": {"level": SARIF_LEVELS[kind.severity]},
    }


def _result(diagnostic: Diagnostic, rule: int) -> Json:
    result: Json = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": SARIF_LEVELS[diagnostic.severity],
        "message": {"text": _text(diagnostic)},
    }
    span = _span(diagnostic)
    if span is not None:
        result["locations"] = [{"physicalLocation": _place(span)}]
    if diagnostic.labels:
        result["relatedLocations"] = _related(diagnostic.labels)
    if diagnostic.edit is not None:
        result["fixes"] = [_fix(diagnostic.edit)]
    return result


def _span(diagnostic: Diagnostic) -> Span | None:
    """Where it is; of a file without text the first line, since GitHub takes no result without one."""
    if diagnostic.primary is None:
        return None if diagnostic.file is None else Span(Source(diagnostic.file, ""), 0, 0)
    return diagnostic.primary.span


def _related(labels: Sequence[Label]) -> list[Json]:
    return [
        {"id": index, "physicalLocation": _place(label.span)}
        | ({"message": {"text": label.text}} if label.text else {})
        for index, label in enumerate(labels)
    ]


def _fix(edit: Edit) -> Json:
    replacement = {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.replacement}}
    change = {"artifactLocation": {"uri": _uri(edit.span.source.path)}, "replacements": [replacement]}
    return {"description": {"text": words(edit)}, "artifactChanges": [change]}


def _place(span: Span) -> Json:
    return {"artifactLocation": {"uri": _uri(span.source.path)}, "region": _region(span)}


def _region(span: Span) -> Json:
    return dict(zip(("startLine", "startColumn", "endLine", "endColumn"), span.positions, strict=True))


def _uri(path: str) -> str:
    found = _path(path)
    return found.as_uri() if found.is_absolute() else quote(found.as_posix())


def _path(path: str) -> PurePath:
    """A path, inside the working folder relative to that."""
    found, here = PurePath(path), Path.cwd()
    return found.relative_to(here) if found.is_relative_to(here) else found
