"""Operators -> code that holds for all sizes that a spec leaves open, as far as code can say it.

The network that is written has numbers, and the formulas are those of the same spec. Where the two become the same code, it
holds for all sizes; where they do not, the code of the formula is written, and names the sizes that `forward` can read off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import cached_property
from typing import NamedTuple

from archdsl.backends.pytorch.code.names import RESERVED
from archdsl.ir import Lowering, Module, Network, Node, OpenSize, Types, open_size

_SIGN = re.compile(r"(?<=[\w)])(//|\*)(?=[\w(])")
_WORD = re.compile(r"\b[A-Za-z]\w*")

Place = tuple[int, int]
"""The number of a module's input, and one of its axes as PyTorch counts them."""


class Read(NamedTuple):
    """The code of an operator, and where its module reads the sizes that it names."""

    lowering: Lowering
    places: tuple[tuple[str, Place], ...] = ()


class AllSizes:
    """The code of a network's operators for all sizes.

    Args:
        formulas: the network with a formula for each size.
        own: the code of the operators with the sizes that the network has.
    """

    def __init__(self, network: Network, formulas: Network, own: Mapping[Node, Lowering]) -> None:
        self._own = own
        self._found: dict[Node, Read | None] = {}
        self._seen: set[tuple[Module, Module]] = set()
        self._is_whole = True
        self._visit(network.body, formulas.body)
        sizes = _symbols(network.input_types, formulas.input_types)
        self.only_for = "" if self._is_whole else ", ".join(f"{name} = {size}" for name, size in sizes.items())
        """The sizes that the code is right for; nothing where it is for all."""

    @cached_property
    def lowerings(self) -> dict[Node, Lowering]:
        return {node: read.lowering for node, read in self._found.items() if read is not None}

    @cached_property
    def changed(self) -> Set[Node]:
        """The operators with code of their own for all sizes."""
        found = self.lowerings.items()
        return {node for node, lowering in found if lowering.function != self._own[node].function}

    def reads(self, module: Module) -> dict[str, Place]:
        """The sizes that the code of a module names, each with where it stands."""
        found = [self._found.get(node) for node in module.nodes]
        return dict(place for read in found if read is not None for place in read.places)

    def _visit(self, module: Module, formulas: Module) -> None:
        if (module, formulas) in self._seen:
            return
        self._seen.add((module, formulas))
        if len(module.nodes) != len(formulas.nodes):
            self._is_whole = False
            return
        told = _places(formulas)
        for node, other in zip(module.nodes, formulas.nodes, strict=True):
            inside, beside = node.operator, other.operator
            if isinstance(inside, Module) and isinstance(beside, Module):
                self._visit(inside, beside)
            elif inside.name != beside.name or isinstance(inside, Module):
                self._is_whole = False
            else:
                self._add(node, _read(other, self._own[node], told))

    def _add(self, node: Node, read: Read | None) -> None:
        """Keeps the code of an operator; none where it has different code at one and the same size."""
        known = self._found.setdefault(node, read)
        if read is None or known != read:
            self._found[node] = None
            self._is_whole = False


def _read(node: Node, own: Lowering, told: Mapping[str, Place]) -> Read | None:
    """The code of an operator by its formulas; None where it cannot be said."""
    operator = node.operator
    assert not isinstance(operator, Module)
    try:
        found = operator.pytorch(*node.operand_types)
    except OpenSize:
        return None
    names = _names((*node.operand_types, *node.result_types))
    if found.general is not None and _names_in(found.general, names):
        found = found._replace(general=None)
    if found._replace(general=None) == own._replace(general=None):
        return Read(found)
    if found.module is not None and _names_in(Lowering(found.module), names):
        found = found._replace(module=None)
    read = _names_in(found, names)
    is_tensor = found.parameter is not None or found.buffer is not None
    is_said = is_tensor or found.module is not None or found.function is not None
    if not is_said or (read and (is_tensor or node.state)) or not told.keys() >= read or read & RESERVED:
        return None
    if read and found.function is not None:
        template = _SIGN.sub(r" \g<0> ", found.function.template)
        found = found._replace(function=found.function._replace(template=template))
    return Read(found, tuple(sorted((name, told[name]) for name in read)))


def _names(types: Types) -> Set[str]:
    """The open sizes of a network, told by types of it."""
    sizes = (open_size(n) for type in types for n in type.shape)
    return next((size.domain.example.keys() for size in sizes if size is not None), frozenset())


def _names_in(lowering: Lowering, names: Set[str]) -> Set[str]:
    """The open sizes that code names."""
    calls = (lowering.module, lowering.parameter, lowering.buffer)
    written = [repr((call.args, call.keywords)) for call in calls if call is not None]
    written += [lowering.function.template] if lowering.function is not None else []
    return names & {word for text in written for word in _WORD.findall(text)}


def _places(module: Module) -> dict[str, Place]:
    """Where the inputs of a module say an open size itself."""
    inputs = ((index, value.type) for index, value in enumerate(module.inputs))
    axes = ((index, type, axis, size) for index, type in inputs for axis, size in enumerate(type.shape))
    found = [
        (str(size), (index, axis + type.batched)) for index, type, axis, size in axes if open_size(size) is not None
    ]
    return {name: place for name, place in reversed(found) if name.isidentifier()}


def _symbols(types: Types, formulas: Types) -> dict[str, int]:
    """The open sizes of inputs with the numbers that stand for them."""
    pairs = (
        pair for own, other in zip(types, formulas, strict=True) for pair in zip(other.shape, own.shape, strict=True)
    )
    return {str(size): number for size, number in pairs if open_size(size) is not None and str(size).isidentifier()}
