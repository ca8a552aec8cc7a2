"""The page of the prelude."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc

from archdsl.prelude import names, read
from archdsl.syntax import parse, tree
from docs.generate.markdown import code, fenced, page

PRELUDE = """
    Blocks that many networks share, written in the language itself. They are known in every spec without an import, as
    operators are; a spec may declare a block of the same name, which then comes first. Each is shown as it is written, with
    a network of its use whose claims are checked. Tests compare all of them with PyTorch.
    """


def prelude_page() -> str:
    """Every block of the prelude: what it is for, its text, and a use."""
    parts: list[Sequence[str]] = [cleandoc(PRELUDE).split("\n")]
    parts.append([f"- [{code(name)}](#{name})" for name in names()])
    for name in names():
        source = read(name)
        file, _ = parse(source)
        block, use = file.items
        assert isinstance(block, tree.Block)
        parts += [[f"## {name}"], block.doc.split("\n"), fenced("arch", f"{block.span.text}\n\n{use.span.text}")]
    return page("The prelude", *parts)
