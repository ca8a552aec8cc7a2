"""The syntax tree, node by node."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.syntax import tree


def walk(syntax: tree.Syntax) -> Iterator[tree.Syntax]:
    """A node of the tree and everything below it, the last first."""
    waiting = [syntax]
    while waiting:
        node = waiting.pop()
        yield node
        for field in node.fields:
            value = getattr(node, field)
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, tree.Syntax):
                waiting.append(value)
