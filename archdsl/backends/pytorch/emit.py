"""Plan -> Python source: one file that reads as if a person had written it, and needs torch alone."""

from __future__ import annotations

from archdsl.analyses.cost import cost
from archdsl.analyses.storage import StorageFacts
from archdsl.backends.pytorch.forward import Statement
from archdsl.backends.pytorch.layout import INDENT, Group, Item, constructor, docstring, lines, quoted
from archdsl.backends.pytorch.names import is_identifier, unique, variable_name
from archdsl.backends.pytorch.plan import Child, Definition, Leaf, Plan, Use, plan
from archdsl.ir import Network

RUN = 3
"""So many equal parts in a row are written as one with `for`."""


def emit(network: Network, facts: StorageFacts | None = None) -> str:
    """The network as a Python file: formatted, without a dependency on archdsl, the same whenever it is written.

    Args:
        facts: which operators run in place, if not those that `storage` decides on.

    Raises:
        ValueError: the uses of a shared instance need different code.
    """
    return write(plan(network, facts))


def write(plan: Plan) -> str:
    """The text of a plan."""
    return _Writer(plan).text()


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.imports = set(plan.imports)

    def text(self) -> str:
        parts = [helper.text.strip("\n").split("\n") for helper in self.plan.helpers]
        for definition in self.plan.definitions:
            if definition is self.plan.definitions[-1] and self.plan.output_class:
                parts.append(self._output_class())
            if definition.class_name:
                parts.append(self._class(definition))
        head = [*self._title(), "", *self._imports()]
        return "\n\n\n".join("\n".join(part) for part in (head, *parts)) + "\n"

    def _title(self) -> list[str]:
        """The file's docstring: the network, its parameters and where it comes from, on one line if it fits."""
        network = self.plan.network
        title = f"{network.name}, {cost(network).total.params:_} parameters"
        sources = [s.strip() for s in network.sources if s.strip()]
        short = docstring(": ".join([title, *sources]).rstrip(".") + ".", "")
        return short if len(short) == 1 and len(sources) < 2 else docstring("\n\n".join([f"{title}.", *sources]), "")

    def _imports(self) -> list[str]:
        names = self.imports
        typing = ", ".join(sorted(names & {"Any", "NamedTuple"}))
        torch = ", ".join(sorted(names & {"Tensor", "nn"}))
        standard = [
            *(["import math"] if "math" in names else []),
            *(["from collections import OrderedDict"] if "OrderedDict" in names else []),
            *([f"from typing import {typing}"] if typing else []),
        ]
        third = [
            *(["import torch"] if "torch" in names else []),
            *(["import torch.nn.functional as F  # noqa: N812"] if "F" in names else []),
            *([f"from torch import {torch}"] if torch else []),
        ]
        return [*standard, *([""] if standard and third else []), *third]

    def _output_class(self) -> list[str]:
        self.imports |= {"NamedTuple", "Tensor"}
        fields: dict[str, str] = {}
        for output in sorted(self.plan.network.outputs, key=lambda o: o.training):
            name = unique(variable_name(output.name) or "output", fields)
            fields[name] = f"{INDENT}{name}: Tensor{' | None = None' if output.training else ''}"
        return [f"class {self.plan.output_class}(NamedTuple):", *fields.values()]

    def _class(self, definition: Definition) -> list[str]:
        self.imports.add("nn")
        name, base = definition.class_name, "nn.Module" if definition.forward else "nn.Sequential"
        # A network keeps the name it has in the spec.
        unusual = "" if "_" not in name.strip("_") and name.strip("_")[:1].isupper() else "  # noqa: N801"
        parts = [docstring(definition.module.doc, INDENT), self._init(definition), self._forward(definition)]
        body = [line for part in parts if part for line in ("", *part)][1:]
        return [f"class {name}({base}):{unusual}", *body]

    def _init(self, definition: Definition) -> list[str]:
        if not definition.children:
            return []
        head = [f"{INDENT}def __init__(self) -> None:"]
        inner = INDENT * 2
        if definition.forward is None and definition.is_numbered:
            return head + lines(Item(Group("super().__init__(", self._items(definition))), inner)
        assigned = [line for c in definition.children for line in self._assignment(c)]
        return [*head, f"{inner}super().__init__()", *assigned]

    def _assignment(self, child: Child) -> list[str]:
        layer = self._layer(child)
        if is_identifier(child.name):
            return lines(Item(layer, f"self.{child.name} = "), INDENT * 2)
        return lines(Item(Group("self.add_module(", (Item(quoted(child.name)), Item(layer)))), INDENT * 2)

    def _layer(self, child: Child) -> Group:
        if isinstance(child.layer, Leaf):
            return constructor(child.layer.call, child.layer.inplace)
        definition = self.plan.definitions[child.layer.definition]
        if definition.class_name:
            return Group(f"{definition.class_name}(", ())
        self.imports.add("nn")
        items = self._items(definition)
        if definition.is_numbered:
            return Group("nn.Sequential(", items)
        self.imports.add("OrderedDict")
        if all(is_identifier(c.name) for c in definition.children):
            named = Group("OrderedDict(", items)
        else:
            named = Group("OrderedDict(", (Item(Group("{", items, "}")),))
        return Group("nn.Sequential(", (Item(named),))

    def _items(self, definition: Definition) -> tuple[Item, ...]:
        """The children of a sequence, each as an argument with the type of its result where that changes."""
        pairs = list(zip(definition.children, definition.comments, strict=True))
        if definition.is_numbered:
            return tuple(self._numbered(pairs))
        is_plain = all(is_identifier(c.name) for c in definition.children)
        prefixes = [f"{c.name}=" if is_plain else f"{quoted(c.name)}: " for c in definition.children]
        return tuple(Item(self._layer(c), p, s) for (c, s), p in zip(pairs, prefixes, strict=True))

    def _numbered(self, pairs: list[tuple[Child, str]]) -> list[Item]:
        items: list[Item] = []
        position = 0
        while position < len(pairs):
            child, comment = pairs[position]
            end = position + 1
            while end < len(pairs) and pairs[end] == (child._replace(name=str(end)), comment):
                end += 1
            layer = self._layer(child)
            if isinstance(child.layer, Use) and not comment and end - position >= RUN:
                items.append(Item(f"*[{layer} for _ in range({end - position})]"))
            else:
                end = position + 1
                items.append(Item(layer, comment=comment))
            position = end
        return items

    def _forward(self, definition: Definition) -> list[str]:
        forward = definition.forward
        if forward is None:
            return []
        self.imports.add("Tensor")
        parameters = tuple(Item(f"{p}: Tensor") for p in forward.parameters)
        head = Item(Group("def forward(", (Item("self"), *parameters), f") -> {forward.returns}"))
        found = lines(head, INDENT, ":")
        training = False
        for statement, comment in zip(forward.statements, definition.comments, strict=True):
            if statement.training and not training:
                found.append(f"{INDENT * 2}if self.training:")
            training = statement.training
            found += _statement(statement._replace(comment=comment))
        return found


def _statement(statement: Statement) -> list[str]:
    indent = INDENT * (3 if statement.training else 2)
    return lines(Item(statement.expression, statement.prefix, statement.comment), indent)
