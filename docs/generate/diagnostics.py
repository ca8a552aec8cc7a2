"""The pages of diagnostics and lints: each kind with a spec that has the mistake, and what a check says."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from types import ModuleType

import archdsl.lints
from archdsl.pipeline import diagnostic_kinds
from archdsl.source import Kind
from docs.generate.checking import found_in, opened, shown
from docs.generate.markdown import code, fenced, page, table

MISTAKES = Path(__file__).with_name("mistakes.toml")
DIAGNOSTICS = """
    Every diagnostic has a code, which stands in brackets after its severity and never changes. `archdsl explain CODE`
    prints its paragraph of this page. An error, or a claim that fails, makes `archdsl check` exit with 1; a warning
    does so under `--strict` only.
    """
LINTS = """
    A lint is about what is legal and still likely a mistake. It warns, and `archdsl check --strict` fails on it; or it
    is a hint, `info`, which fails nothing and is shown by `archdsl check --info` and in the formats for programs.
    `allow CODE "reason"` silences it for the statement after it, or for the chain on its line. An `allow` that silences
    nothing is a warning itself. Lints that read the text alone work for templates too, and where there are errors.
    """


def diagnostics_page() -> str:
    kinds, mistakes = diagnostic_kinds(), read_mistakes()
    parts: list[Sequence[str]] = [cleandoc(DIAGNOSTICS).split("\n")]
    parts.append(table(["code", "severity"], ((f"[{code(name)}](#{name})", k.severity) for name, k in kinds.items())))
    lints = {module.KIND.code for module in lint_modules()}
    for name, kind in kinds.items():
        parts += [[f"## {name}"], [f"{kind.severity.capitalize()}. {kind.page}"]]
        parts += mistake(kind, mistakes[name]) if name in mistakes else []
        parts += [[f"[Lints](lints.md#{name}) shows what it finds."]] if name in lints else []
    return page("Diagnostics", *parts)


def read_mistakes() -> dict[str, str]:
    """A spec for each code. Raises `ValueError` for a code that no diagnostic has."""
    mistakes: dict[str, str] = tomllib.loads(MISTAKES.read_text("utf-8"))
    unknown = set(mistakes) - set(diagnostic_kinds())
    if unknown:
        raise ValueError(f"{MISTAKES.name} has codes that no diagnostic has: {', '.join(sorted(unknown))}")
    return mistakes


def mistake(kind: Kind, text: str) -> list[list[str]]:
    """A spec with the mistake, and what a check says about it. Raises `ValueError` where it says something else."""
    problems = found_in(opened(text), info=kind.severity == "info")
    codes = {problem.code for problem in problems}
    if codes != {kind.code}:
        raise ValueError(f"the example of {kind.code} finds {', '.join(sorted(codes)) or 'nothing'}")
    return [fenced(f"arch finds={kind.code}", text), fenced("text", shown(problems))]


def lint_modules() -> list[ModuleType]:
    """The module of each lint."""
    files = sorted(file.stem for file in Path(archdsl.lints.__file__).parent.glob("[a-z]*.py"))
    return [import_module(f"archdsl.lints.{file}") for file in files]


def lints_page() -> str:
    parts: list[Sequence[str]] = [cleandoc(LINTS).split("\n")]
    for module in lint_modules():
        parts += [[f"## {module.KIND.code}"], [f"{module.KIND.severity.capitalize()}. {module.KIND.page}"]]
        parts += [["Accepted:"], *(fenced("arch", text) for text in module.ACCEPTED)]
        parts += [["Reported:"], *(lines for text in module.REJECTED for lines in mistake(module.KIND, text))]
    return page("Lints", *parts)
