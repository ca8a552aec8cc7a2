"""Specs of the pages, taken through the language."""

from __future__ import annotations

from pathlib import Path

from archdsl.pipeline import Spec, open_source
from archdsl.source import Diagnostic, Source
from archdsl.source.render import render
from archdsl.source.styled import plain


def opened(text: str) -> Spec:
    """The spec of a text, as of a file in the current folder."""
    return open_source(Source("example.arch", text), Path())


def found_in(spec: Spec, *, info: bool = False) -> list[Diagnostic]:
    """Everything that a check of a spec finds, each place of the text once; with `info` the hints too."""
    return spec.findings([spec.check(name) for name in spec.networks], info=info)


def shown(problems: list[Diagnostic]) -> str:
    """What a check prints about them."""
    return plain(render(problems))
