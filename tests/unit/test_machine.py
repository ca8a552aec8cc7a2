"""What programs read of a check: GitHub's workflow commands, and SARIF."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from archdsl.cli import main
from archdsl.pipeline import open_source
from archdsl.source import Diagnostic, Edit, Frame, Kind, Label, Source, Span
from archdsl.source.machine import github, sarif
from tests.support.golden import assert_golden

SPEC = """\
## A spec with something to say: 🧠 takes one column.
block unit(width, spare = 1) {
  conv(width, 3x3) -> bn -> relu
}

network Wrong {
  input image: [3, 8, 8]
  unit(4) -> unit(99x99)
}

network Likely {
  input image: [3, 8, 8]
  "é🧠": conv(12, 3x3) -> bn as maps -> relu
  maxpol(2x2)
}

network Claimed {
  input image: [3, 9, 9]
  conv(12, 3x3, stride=3) -> conv(8, 3x3)
  expect params ~ 1M source "a paper: 100%, they say"
}
"""
PATH = "specs/a spec, of: mine.arch"

MESSAGE = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 1}, "markdown": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
PLACE = {"type": "integer", "minimum": 1}
REGION = {
    "type": "object",
    "properties": dict.fromkeys(("startLine", "startColumn", "endLine", "endColumn"), PLACE),
    "required": ["startLine", "startColumn", "endLine", "endColumn"],
    "additionalProperties": False,
}
ARTIFACT = {
    "type": "object",
    "properties": {"uri": {"type": "string", "pattern": r"^[A-Za-z0-9\-._~!$&'()*+,;=:@/%]+$"}},
    "required": ["uri"],
    "additionalProperties": False,
}
LOCATION = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": -1},
        "message": MESSAGE,
        "physicalLocation": {
            "type": "object",
            "properties": {"artifactLocation": ARTIFACT, "region": REGION},
            "required": ["artifactLocation"],
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
RULE = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "shortDescription": MESSAGE,
        "fullDescription": MESSAGE,
        "help": MESSAGE,
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}, "additionalProperties": False},
    },
    "required": ["id"],
    "additionalProperties": False,
}
REPLACEMENT = {
    "type": "object",
    "properties": {
        "deletedRegion": REGION,
        "insertedContent": {
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "additionalProperties": False,
        },
    },
    "required": ["deletedRegion"],
    "additionalProperties": False,
}
FIX = {
    "type": "object",
    "properties": {
        "description": MESSAGE,
        "artifactChanges": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "artifactLocation": ARTIFACT,
                    "replacements": {"type": "array", "minItems": 1, "items": REPLACEMENT},
                },
                "required": ["artifactLocation", "replacements"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["artifactChanges"],
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": -1},
        "level": LEVEL,
        "message": MESSAGE,
        "locations": {"type": "array", "items": LOCATION},
        "relatedLocations": {"type": "array", "uniqueItems": True, "items": LOCATION},
        "fixes": {"type": "array", "uniqueItems": True, "items": FIX},
    },
    "required": ["message"],
    "additionalProperties": False,
}
DRIVER = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "rules": {"type": "array", "uniqueItems": True, "items": RULE},
    },
    "required": ["name"],
    "additionalProperties": False,
}
RUN = {
    "type": "object",
    "properties": {
        "tool": {
            "type": "object",
            "properties": {"driver": DRIVER},
            "required": ["driver"],
            "additionalProperties": False,
        },
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "results": {"type": "array", "items": RESULT},
    },
    "required": ["tool"],
    "additionalProperties": False,
}
LOG = {
    "type": "object",
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": RUN},
    },
    "required": ["version", "runs"],
    "additionalProperties": False,
}
"""The part of the standard's schema that is used: sections 3.13 sarifLog to 3.57 replacement."""


def findings(text: str = SPEC, path: str = PATH) -> list[Diagnostic]:
    spec = open_source(Source(path, text), Path())
    return spec.findings([spec.check(name) for name in spec.networks], info=True)


def log(diagnostics: list[Diagnostic]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sarif(diagnostics, "1.2.3"))
    jsonschema.Draft202012Validator(LOG).validate(found)
    return found


def made() -> list[Diagnostic]:
    """One diagnostic of each severity, with all that a diagnostic can hold."""
    source, other = Source(PATH, "one 🧠 two\nthree, four\n"), Source("blocks/parts.arch", "block é { }\n")
    error = Kind("not-so", "error", "It is not so. Two sentences say why.")
    warning, info = Kind("may-be", "warning", "It may be."), Kind("just-so", "info", "It is just so")
    return [
        Diagnostic(
            error,
            "100% wrong: `two`",
            Label(Span(source, 6, 9), "this"),
            (Label(Span(other, 6, 7), "declared here"), Label(Span(source, 0, 3))),
            frames=(Frame("Net", f"{PATH}:1", "x [8]"), Frame("  unit(1)", f"{PATH}:2")),
            notes=("a note\nof two lines",),
            helps=("write it so", "or so"),
            source="a paper, 2015",
            edit=Edit(Span(source, 6, 9), "2"),
        ),
        Diagnostic(warning, "likely wrong", Label(Span(source, 4, 15), "two lines"), edit=Edit(Span(source, 4, 6), "")),
        Diagnostic(info, "worth knowing", Label(Span(source, 21, 21)), edit=Edit(Span(source, 21, 21), "!")),
    ]


def test_github() -> None:
    assert_golden("machine/findings.github", github(made()))


def test_sarif() -> None:
    assert_golden("machine/findings.sarif", sarif(made(), "1.2.3"))
    log(made())


def test_regions_hold_the_text_that_is_meant() -> None:
    """Lines and columns count from 1, columns in code points, the end is exclusive."""
    lines = SPEC.split("\n")
    diagnostics = {(d.code, d.message): d for d in findings()}
    results = log(findings())["runs"][0]["results"]
    assert len(results) == len(diagnostics) > 3
    for result in results:
        region = result["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] == region["endLine"]
        shown = lines[region["startLine"] - 1][region["startColumn"] - 1 : region["endColumn"] - 1]
        same = [
            d
            for d in diagnostics.values()
            if d.code == result["ruleId"] and result["message"]["text"].startswith(d.message)
        ]
        assert shown and shown in [d.primary.span.text for d in same if d.primary is not None]


def test_rules_are_the_kinds_with_their_pages() -> None:
    run = log(findings())["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    pages = {d.code: d.kind.page for d in findings()}
    assert {rule["id"]: rule["fullDescription"]["text"] for rule in rules} == pages
    assert all(
        rule["fullDescription"]["text"].startswith(rule["shortDescription"]["text"].rstrip(".")) for rule in rules
    )
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def test_a_fix_is_a_replacement() -> None:
    (fixed,) = (r for r in log(findings())["runs"][0]["results"] if r["ruleId"] == "unknown-name")
    (change,) = fixed["fixes"][0]["artifactChanges"]
    (replacement,) = change["replacements"]
    region = replacement["deletedRegion"]
    assert (region["startLine"], region["startColumn"], region["endColumn"]) == (14, 3, 9)
    assert replacement["insertedContent"]["text"] == "maxpool"
    assert change["artifactLocation"]["uri"] == "specs/a%20spec%2C%20of%3A%20mine.arch"


def test_nothing_found() -> None:
    assert github([]) == ""
    run = log([])["runs"][0]
    assert run["results"] == [] and run["tool"]["driver"]["rules"] == []


def test_absolute_paths_are_file_uris(tmp_path: Path) -> None:
    path = tmp_path / "a b.arch"
    place = log(findings(path=str(path)))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == path.as_uri()


def test_absolute_paths_inside_the_working_folder_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "nets" / "a b.arch"
    place = log(findings(path=str(path)))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "nets/a%20b.arch"
    assert "file=nets/a b.arch," in github(findings(path=str(path)))


@pytest.mark.parametrize("data, code", [(b"\xff", "not-text"), (b"a\0", "not-text"), (None, "unreadable-file")])
def test_a_file_without_text_has_a_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: bytes | None, code: str
) -> None:
    """GitHub takes no result without a location, nor a location without a line."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.arch"
    if data is not None:
        path.write_bytes(data)
    assert main(["check", str(path), "--format", "sarif"]) == 2
    found = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(LOG).validate(found)
    (result,) = found["runs"][0]["results"]
    region = dict.fromkeys(("startLine", "startColumn", "endLine", "endColumn"), 1)
    place = {"artifactLocation": {"uri": "a.arch"}, "region": region}
    assert (result["ruleId"], result["locations"]) == (code, [{"physicalLocation": place}])
    assert main(["check", str(path), "--format", "github"]) == 2
    assert capsys.readouterr().out.startswith(f"::error title={code},file=a.arch,line=1,")


def test_what_has_no_place_is_told_without_one() -> None:
    unplaced = Diagnostic(Kind("unreadable-file", "error", "The file is missing."), "cannot read `x`: 100%\nno")
    assert github([unplaced]) == "::error title=unreadable-file::cannot read `x`: 100%25%0Ano\n"
    assert "locations" not in log([unplaced])["runs"][0]["results"][0]


def test_several_lines_have_no_columns_for_github() -> None:
    source = Source("a.arch", "one\ntwo\n")
    wide = Diagnostic(Kind("code", "info", "Page."), "message", Label(Span(source, 1, 6)))
    assert github([wide]) == "::notice title=code,file=a.arch,line=1,endLine=2::message\n"


def test_commands_cannot_be_forged() -> None:
    """Nothing of a spec begins a line of its own, or ends a property."""
    text = 'network A {\n  input x: [8]\n  expect params ~ 1M source "\\n::error title=x::y"\n  linear(1)\n}\n'
    printed = github(findings(text, "a,title=b:c\n::warning::.arch"))
    assert printed.count("\n") == len(printed.splitlines()) == len(findings(text))
    assert all(
        re.match(r"::(error|warning|notice) title=[a-z-]+,file=a%2Ctitle=b%3Ac%0A%3A%3Awarning", line)
        for line in printed.splitlines()
    )


def test_the_command_line_prints_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.arch"
    path.write_text(SPEC, "utf-8")
    assert main(["check", str(path), "--format", "sarif"]) == 1
    printed, errors = capsys.readouterr()
    found = json.loads(printed)
    jsonschema.Draft202012Validator(LOG).validate(found)
    assert errors == ""
    codes = {result["ruleId"] for result in found["runs"][0]["results"]}
    assert {"odd-channels", "unknown-name", "claim-fails", "attribute-value"} <= codes

    assert main(["check", str(path), str(tmp_path / "missing.arch"), "--format", "github"]) == 2
    printed, errors = capsys.readouterr()
    assert f"::error title=unreadable-file,file={tmp_path}/missing.arch,line=1," in printed
    assert f"file={path}" in printed and "missing.arch" in errors


def test_hints_are_printed_when_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.arch"
    path.write_text("network A {\n  input x: [8]\n  linear(12) -> relu\n  linear(8)\n}\n", "utf-8")
    assert main(["check", str(path), "--strict"]) == 0
    printed, errors = capsys.readouterr()
    assert printed.endswith("1 network, 0 claims\n") and errors == ""
    assert main(["check", str(path), "--strict", "--info"]) == 0
    printed, errors = capsys.readouterr()
    assert printed.endswith("1 network, 0 claims: 1 hint\n") and errors.startswith("info[odd-channels]")
    main(["check", str(path), "--format", "json"])
    assert [d["code"] for d in json.loads(capsys.readouterr().out)["diagnostics"]] == ["odd-channels"]
