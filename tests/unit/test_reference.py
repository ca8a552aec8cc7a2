"""The generated pages are those that the code gives now, and cover all of it."""

from __future__ import annotations

from argparse import ArgumentParser
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from archdsl.cli import COMMANDS
from archdsl.elaborate.scope import FUNCTIONS, WORDS
from archdsl.ir import Op, flatten
from archdsl.ops import catalogue, names
from archdsl.pipeline import diagnostic_kinds
from archdsl.reports import REPORTS
from docs.generate import IMAGES, OPERATORS, ROOT, pages
from docs.generate.checking import opened
from docs.generate.diagnostics import lint_modules, read_mistakes
from docs.generate.gallery import DRAWN

WITHOUT_EXAMPLE = {
    "nesting-too-deep": "takes a hundred brackets",
    "not-text": "is about a file",
    "string-too-long": "takes ten thousand letters",
    "too-many-words": "takes a million words",
    "unknown-network": "is about what is asked for",
    "unreadable-file": "is about a file",
    "unwritable-output": "is about a file",
    "needs-label": "goes with operators that are not built yet",
    "no-switches": "goes with operators that are not built yet",
    "unsupported": "goes with what is not built yet",
}


@cache
def expected() -> dict[Path, str]:
    return pages()


def test_generated_pages_are_fresh() -> None:
    stale = [
        path.relative_to(ROOT).as_posix()
        for path, text in expected().items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    assert not stale, f"run `make docs`: {', '.join(stale)}"


def test_no_page_is_of_an_operator_that_is_gone() -> None:
    assert {path.stem for path in OPERATORS.glob("*.md")} == {*names(), "README"}


EXAMPLES = [
    (op, *example)
    for op in catalogue().values()
    for example in op.examples
    if op.operands == 1 and example[1].count("[") == 1 and "unbatched" not in example[1]
]


@pytest.mark.parametrize(("op", "call", "shape", "result"), EXAMPLES)
def test_the_language_takes_the_examples(op: type[Op], call: str, shape: str, result: str) -> None:
    """An example of one tensor elaborates to the operator that it is an example of, with the shapes that it states."""
    checked = opened(f"network A {{\n  input x: {shape}\n  it: {call} as results[]\n  results[0]\n}}").check("A")
    assert checked.network is not None, checked.problems
    layer = flatten(checked.network).layers[0]
    assert type(layer.op) is op and ", ".join(map(str, layer.result_types)) == result


def test_every_kind_of_diagnostic_has_an_example() -> None:
    """In the file of mistakes, or as a lint in the lint's own file."""
    lints = {module.KIND.code for module in lint_modules()}
    assert set(read_mistakes()) == set(diagnostic_kinds()) - set(WITHOUT_EXAMPLE) - lints


def test_pictures_are_there() -> None:
    assert {path.stem for path in IMAGES.glob("*.svg")} == set(DRAWN)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_of_the_command_line_has_every_option(command: str) -> None:
    """Options that several commands share stand in the first section, the others in that of the command."""
    parser = ArgumentParser(add_help=False)
    import_module(f"archdsl.cli.{command}").add_arguments(parser)
    common, *sections = (ROOT / "docs/reference/cli.md").read_text("utf-8").split("\n## ")
    texts = {section.partition("\n")[0]: section for section in sections}
    options = {max(action.option_strings, key=len) for action in parser._actions if action.option_strings}
    written = {option: option if option != "--output" else "-o FILE" for option in options}
    described = common + texts["What is common to all"] + texts[command]
    assert options and not [option for option, text in written.items() if text not in described]


def test_the_page_of_the_language_has_every_predefined_word() -> None:
    page = (ROOT / "docs/reference/language.md").read_text("utf-8")
    (paragraph,) = (part for part in page.split("\n\n") if part.startswith("Predefined words"))
    listed = {word for quoted in paragraph.split("`")[1::2] for word in quoted.split()}
    assert listed - set(FUNCTIONS) == set(WORDS)


def test_the_page_of_the_python_api_has_every_report() -> None:
    assert f"The reports are `{' '.join(REPORTS)}`" in (ROOT / "docs/reference/api.md").read_text("utf-8")
