"""What random specs reach: operators, attributes away from their defaults, forms of the syntax, blocks of the prelude."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from archdsl.ir import flatten
from archdsl.prelude import names
from archdsl.source import Source
from archdsl.syntax import parse
from archdsl.syntax.tree import Syntax
from tests.differential.growing import network_of
from tests.differential.operators import OPERATORS

ATTRIBUTES = {f"{name}({attribute})" for name, kind in OPERATORS.items() for attribute in kind.fields()}
FORMS = {kind.__name__ for kind in Syntax.__subclasses__()} - {"Syntax"}


class Coverage:
    """Counts the networks that have something."""

    def __init__(self) -> None:
        self.operators: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.forms: Counter[str] = Counter()
        self.prelude: Counter[str] = Counter()

    def add(self, text: str) -> None:
        """Counts a spec. Raises `ValueError` for one that does not hold together."""
        network = network_of(text)
        if network is None:
            raise ValueError(f"it does not hold together:\n{text}")
        layers = flatten(network, training=True).layers
        self.operators.update({layer.op.name for layer in layers})
        self.attributes.update({f"{layer.op.name}({name})" for layer in layers for name in _changed(layer.op)})
        tree, _ = parse(Source("random.arch", text))
        self.forms.update({type(node).__name__ for node in _nodes(tree)})
        self.prelude.update(set(re.findall(r"\w+", text)) & set(names()))

    def __str__(self) -> str:
        rows = (
            ("operators", self.operators, set(OPERATORS)),
            ("attributes", self.attributes, ATTRIBUTES),
            ("forms of the syntax", self.forms, FORMS),
            ("blocks of the prelude", self.prelude, set(names())),
        )
        return "\n".join(
            f"{len(found.keys() & there)} of {len(there)} {what}; not reached: {', '.join(sorted(there - found.keys())) or '-'}"
            f"\n  {', '.join(f'{name} {count}' for name, count in found.most_common())}"
            for what, found, there in rows
        )


def _changed(op: Any) -> Iterator[str]:
    """The attributes that are not at their defaults."""
    for name, field in op.fields().items():
        if field.is_required or op.attributes[name] != field.checked(field.default):
            yield name


def _nodes(value: Any) -> Iterator[Any]:
    """The nodes of a syntax tree."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _nodes(item)
    elif isinstance(value, Syntax):
        yield value
        for name in value.fields:
            yield from _nodes(getattr(value, name))
    elif hasattr(value, "items") and not isinstance(value, dict):
        yield from _nodes(value.items)
