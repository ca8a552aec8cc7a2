"""Specs of the pages, taken through the language."""

from __future__ import annotations

from pathlib import Path

from archdsl.pipeline import Checked, Spec, open_source
from archdsl.source import Diagnostic, Source
from archdsl.source.render import render
from archdsl.source.styled import plain


def opened(text: str) -> Spec:
    """The spec of a text, as of a file in the current folder."""
    return open_source(Source("example.arch", text), Path())


def network_of(text: str) -> Checked:
    """The one network of a spec. Raises `ValueError` where it does not hold together."""
    spec = opened(text)
    problems = found_in(spec)
    if any(problem.severity == "error" for problem in problems):
        raise ValueError(shown(problems))
    return spec.check(spec.networks[0])


def found_in(spec: Spec) -> list[Diagnostic]:
    """Everything that a check of a spec finds, each place of the text once."""
    found = [*spec.problems, *(p for name in spec.networks for p in spec.check(name).problems)]
    return list({(p.code, p.primary.span if p.primary else None): p for p in found}.values())


def shown(problems: list[Diagnostic]) -> str:
    """What a check prints about them."""
    return plain(render(problems))
