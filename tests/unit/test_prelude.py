"""The prelude: each block has a page and a use that holds together, and costs nothing where no spec asks for it."""

from __future__ import annotations

import pytest

from archdsl.elaborate import builtin_names
from archdsl.elaborate.prelude import prelude_block
from archdsl.pipeline import open_source
from archdsl.prelude import names, read
from archdsl.source import Diagnostic, Source
from archdsl.source.render import render
from archdsl.source.styled import plain
from archdsl.syntax import parse, tree
from archdsl.syntax.format import format_source
from tests.support.cli import ROOT

LECTURE = ROOT / "specs" / "mlp.arch"


def found_in(text: str, path: str = "case.arch") -> list[Diagnostic]:
    spec = open_source(Source(path, text), ROOT / "specs")
    return spec.findings([spec.check(name) for name in spec.networks])


@pytest.mark.parametrize("name", names())
def test_a_block_is_documented_and_its_use_is_checked(name: str) -> None:
    source = read(name)
    file, problems = parse(source)
    block, use = file.items
    assert not problems and format_source(source)[0] == source.text
    assert (
        isinstance(block, tree.Block)
        and block.name.text == name
        and not block.doc[0].islower()
        and block.doc[-1] == "."
    )
    assert isinstance(use, tree.Network) and sum(isinstance(s, tree.Claim) for s in use.body.statements)
    assert not found_in(source.text)


def test_no_block_has_the_name_of_something_else() -> None:
    assert not builtin_names() & set(names())


def test_a_block_is_read_when_a_spec_asks_for_it() -> None:
    prelude_block.cache_clear()
    found_in(LECTURE.read_text("utf-8"))
    assert prelude_block.cache_info().currsize == 0
    found_in("network A {\n  input x: [3, 8, 8]\n  conv_bn(4, 3x3)\n}\n")
    assert prelude_block.cache_info().currsize == 1


def test_a_mistake_inside_shows_the_call() -> None:
    (problem,) = found_in("network A {\n  input x: [16]\n  squeeze_excite(2)\n}\n")
    shown = plain(render([problem]))
    assert "error[wrong-rank]" in shown and "--> <prelude>/squeeze_excite.arch:5:16" in shown
    assert "case.arch:3" in shown and "enters [16]" in shown


def test_equal_calls_in_several_files_are_one_class() -> None:
    """Blocks are the same ones in each file: a process reads them once."""
    text = "network A {\n  input x: [3, 8, 8]\n  conv_bn(4, 3x3) -> conv_bn(4, 3x3) -> conv_bn(4, 3x3)\n}\n"
    nodes = [open_source(Source("a.arch", text), ROOT).check("A").network for _ in range(2)]
    for network in nodes:
        assert network is not None
        _, second, third = network.body.nodes
        assert second.operator is third.operator
