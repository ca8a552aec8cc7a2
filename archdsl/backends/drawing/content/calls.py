"""What pictures say of calls: arguments that change no shape, as rates of dropout, are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from archdsl.backends.drawing.content.words import times
from archdsl.ir import Module, Network, modules, split_name

_FRACTION = re.compile(r"-?\d+(?:\.\d+|/\d+)(?:e-?\d+)?")
_NUMBER = re.compile(r"-?\d.*")


class Calls:
    """The calls of a network's blocks, as pictures show them."""

    def __init__(self, network: Network) -> None:
        blocks = sorted((m for m in modules(network) if m.kind == "block"), key=lambda m: m.name)
        self._silent = {name: frozenset(_silent(list(found))) for name, found in groupby(blocks, key=lambda m: m.name)}
        self.twins = _twins(network)
        """For each module, by its identity, the first that is like it but for rates of dropout and the numbers of labels."""

    def text(self, module: Module) -> str:
        """The call with the arguments that tell it from others."""
        silent = self._silent.get(module.name, frozenset())
        name, bracket, inside = module.text.removesuffix(")").partition("(")
        given = _split(inside)
        if not silent or not bracket or len(given) != len(module.arguments):
            return times(module.text)
        named = {text.partition("=")[0] for text in given if "=" in text}
        positional = [n for n, _ in module.arguments if n not in named]
        shown = [
            text
            for position, text in enumerate(given)
            if (positional[position] if position < len(positional) else text.partition("=")[0]) not in silent
        ]
        return times(f"{name}({', '.join(shown)})" if shown else name)

    def general(self, instances: Sequence[Module]) -> str:
        """The head of a definition: what calls show, with the names of parameters where they differ."""
        arguments = [dict(m.arguments) for m in instances]
        silent = self._silent.get(instances[0].name, frozenset())
        names = [n for n in dict.fromkeys(n for found in arguments for n in found) if n not in silent]
        shown = [n if len({a.get(n) for a in arguments}) > 1 else times(arguments[0][n]) for n in names]
        return f"{instances[0].name}({', '.join(shown)})" if shown else instances[0].name


def _silent(instances: list[Module]) -> Iterator[str]:
    """The parameters of a block that are not shown: fractions, and layers that are the same in all calls."""
    values: dict[str, set[str]] = {}
    for module in instances:
        for name, text in module.arguments:
            values.setdefault(name, set()).add(text)
    for name, found in values.items():
        is_one_layer = len(instances) > 1 and len(found) == 1 and not any(map(_NUMBER.fullmatch, found))
        if is_one_layer or any(map(_FRACTION.fullmatch, found)):
            yield name


def _split(inside: str) -> list[str]:
    """Arguments, at the commas that stand in no brackets."""
    found, depth = [""], 0
    for character in inside:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [text.strip() for text in found]


def _twins(network: Network) -> dict[int, Module]:
    first: dict[object, Module] = {}
    found: dict[int, Module] = {}
    for module in modules(network):
        values = {value: number for number, value in enumerate(module.inputs)}
        name = split_name(module.name)[0] if module.kind == "group" else module.name
        form: list[object] = [module.kind, name, tuple(v.type for v in module.inputs)]
        for node in module.nodes:
            op = node.operator
            what: object = id(found[id(op)]) if isinstance(op, Module) else op
            if not isinstance(op, Module) and op.category == "regularization":
                what = op.name
            operands = tuple(values[v] for v in node.operands)
            form.append((node.name, what, operands, node.result_types, node.training))
            values |= {value: len(values) + number for number, value in enumerate(node.results)}
        form.append(tuple(values[v] for v in module.outputs))
        found[id(module)] = first.setdefault(tuple(form), module)
    return found
