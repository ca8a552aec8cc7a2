"""Tokens and trees keep their places: everything that is read has a span, and spans nest as the text does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from archdsl.source import Source
from archdsl.syntax import parse, tree
from archdsl.syntax.lexer import tokenize
from tests.support.cases import PAGES, cases, program

SPECS = Path(__file__).parents[2] / "specs"
TEXTS = [path.read_text("utf-8") for path in sorted(SPECS.glob("*.arch"))]
TEXTS += [program(case.text).text for page in sorted(PAGES.rglob("*.md")) for case in cases(page)]


def children(node: tree.Syntax) -> Iterator[tree.Syntax]:
    for field in node.fields:
        value = getattr(node, field)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, tree.Syntax):
                yield item


def descendants(nodes: Iterable[tree.Syntax]) -> Iterator[tree.Syntax]:
    for node in nodes:
        yield node
        yield from descendants(children(node))


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_stand_where_they_say(text: str) -> None:
    """In order, without overlaps, and with nothing but blanks and comments between."""
    tokens, _, _, problems, _ = tokenize(Source("case.arch", text))
    end = 0
    for token in tokens:
        assert token.start >= end
        if not problems:
            assert text[token.start : token.end] == token.text
            assert not tokenize(Source("case.arch", text[end : token.start])).tokens
        end = token.end


@pytest.mark.parametrize("text", TEXTS)
def test_spans_nest(text: str) -> None:
    file, _ = parse(Source("case.arch", text))
    for node in descendants(file.items):
        assert 0 <= node.span.start < node.span.end <= len(text)
        assert node.span.text == node.span.text.strip()
        for child in children(node):
            assert node.span.start <= child.span.start and child.span.end <= node.span.end, (node, child)


def test_an_expression_spans_its_parentheses() -> None:
    file, problems = parse(Source("case.arch", "let a = (1 + 2) * (3)"))
    (let,) = file.items
    assert not problems and isinstance(let, tree.Let)
    assert let.value.span.text == "(1 + 2) * (3)"


@pytest.mark.parametrize(
    ("text", "docs"),
    [
        ("## of the file\n\n## of a\nblock a { relu }", {"a": "of a"}),
        ("## one\n## two\nblock a { relu }", {"a": "one\ntwo"}),
        ("block a { relu }  ## behind", {"a": "behind"}),
        ("## before\nblock a { relu }  ## behind", {"a": "before\nbehind"}),
        ("# no doc\n### nor this\nblock a { relu }", {"a": ""}),
        ("block a { relu }\n## of b\n\nblock b { relu }", {"a": "", "b": "of b"}),
        ("## of a\ninline block a { relu }\n## of n\nnetwork n = m", {"a": "of a", "n": "of n"}),
    ],
)
def test_doc_comments_belong_to_what_follows_or_to_their_line(text: str, docs: dict[str, str]) -> None:
    file, problems = parse(Source("case.arch", text))
    assert not problems
    assert {i.name.text: i.doc for i in file.items if isinstance(i, tree.Block | tree.Network | tree.Variant)} == docs


def test_doc_comments_of_statements() -> None:
    text = "network a {\n  ## an image\n  input x: [3, 8, 8]\n  ## a chain\n  relu -> tanh  ## more\n  relu\n}"
    file, _ = parse(Source("case.arch", text))
    (network,) = file.items
    assert isinstance(network, tree.Network)
    assert [getattr(s, "doc", None) for s in network.body.statements] == ["an image", "a chain\nmore", ""]


def test_doc_comments_of_arms() -> None:
    text = "block a {\n  add {\n    ## above\n    | relu\n    | tanh  ## behind\n    |  ## after the bar\n      relu\n  }\n}"
    file, _ = parse(Source("case.arch", text))
    arms = [node for node in descendants(file.items) if isinstance(node, tree.Arm)]
    assert [getattr(arm.statements[0], "doc", None) for arm in arms] == ["above", "behind", "after the bar"]


def test_the_doc_comment_of_a_file_is_set_off_by_a_blank_line() -> None:
    file, _ = parse(Source("case.arch", "## of the file\n## in two lines\n\n## of a\nblock a { relu }"))
    assert file.doc == "of the file\nin two lines"


def test_a_mistake_leaves_the_other_items_standing() -> None:
    text = "block a { relu ) }\nblock b { relu }\nlet c = = 3\nlet d = 4\nimport e f from x"
    file, problems = parse(Source("case.arch", text))
    assert [i.name.text for i in file.items if isinstance(i, tree.Block | tree.Let)] == ["b", "d"]
    assert file.broken == {"a", "c", "e", "f", "x"}
    assert len(problems) == 3


def test_a_network_without_a_name_takes_none_from_its_body() -> None:
    file, problems = parse(Source("case.arch", "network { input x: [1, 28, 28]; conv(6, 5x5); output y }"))
    assert not file.broken
    assert len(problems) == 1


def test_else_behind_a_colon_belongs_to_its_if() -> None:
    text = "network A(n = 1) {\n  input x: [4]\n  if n == 1:\n    relu\n  else:\n    tanh\n}"
    _, problems = parse(Source("case.arch", text))
    assert {problem.message for problem in problems} == {"a body stands in braces, not behind a colon"}
