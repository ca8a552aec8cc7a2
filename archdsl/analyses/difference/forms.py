"""What is the same wherever it stands: operators with equal attributes, and modules with equal content."""

from __future__ import annotations

from archdsl.ir import Module, Op, Value


class Forms:
    """Modules by their content, each looked at once; those of different blocks are different objects all the same."""

    def __init__(self) -> None:
        self._forms: dict[Module, tuple[str, int]] = {}
        self._numbers: dict[object, int] = {}

    def of(self, operator: Op | Module | None) -> object:
        """Equal for what is the same."""
        if not isinstance(operator, Module):
            return operator
        if operator not in self._forms:
            number = self._numbers.setdefault(self._content(operator), len(self._numbers))
            self._forms[operator] = operator.text, number
        return self._forms[operator]

    def _content(self, module: Module) -> object:
        made = (*module.inputs, *(value for node in module.nodes for value in node.results))
        places: dict[Value, int] = {value: place for place, value in enumerate(made)}
        nodes = tuple(
            (node.name, self.of(node.operator), node.times, tuple(places[value] for value in node.operands))
            for node in module.nodes
        )
        types = tuple(value.type for value in module.inputs)
        return module.text, types, nodes, tuple(places[value] for value in module.outputs)
