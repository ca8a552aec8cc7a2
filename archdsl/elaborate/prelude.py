"""The blocks of the prelude, each read and parsed when a spec first asks for it."""

from __future__ import annotations

from functools import cache

from archdsl.elaborate.scope import Scope
from archdsl.elaborate.values import Definition, Layer
from archdsl.prelude import names, read
from archdsl.syntax import parse, tree


@cache
def prelude_block(name: str) -> Layer | None:
    """The block of a name, or None. Its file sees what it declares itself, operators, and the prelude."""
    if name not in names():
        return None
    file, problems = parse(read(name))
    assert not problems, problems
    scope = Scope()
    for item in file.items:
        if isinstance(item, tree.Block):
            scope.names[item.name.text] = Layer(Definition(item, scope))
    found = scope.names[name]
    assert isinstance(found, Layer)
    return found
