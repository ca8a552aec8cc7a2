"""Network -> plan: which classes the generated file has, and what is written out where it is used.

A family that is one sequence of parts with modules of their own becomes an `nn.Sequential`: written where it is used
if that is one place or if it is short, else a class. Every other family becomes a class with a `forward`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from archdsl.analyses.storage import StorageFacts, storage
from archdsl.backends.pytorch.code.axes import AxisNames
from archdsl.backends.pytorch.code.families import Families, Family
from archdsl.backends.pytorch.code.names import class_name, unique
from archdsl.backends.pytorch.code.parts import Instance, Leaf, Lowered
from archdsl.backends.pytorch.code.rows import rows_of
from archdsl.ir import Network

SHORT = 3
"""A sequence of so many layers is written out wherever it is used."""

LOOSE = 8
"""A group whose instances differ in more numbers than that would be a class with as many parameters."""

FRACTIONS = 2
"""The same of a block, and of rates of dropout and other fractions."""

OFTEN = 3
"""A block that is used in so many places is a class even if it is a short sequence."""

OFTEN_NAMED = 2
"""The same where its parts have names, which take a line each."""

DEEP = 4
"""Sequences stand inside each other so deep at most: readers, and in the end Python, count brackets."""


class Plan(NamedTuple):
    """What the generated file holds. A family stands after those that it uses, the network last."""

    network: Network
    families: tuple[Family, ...]
    of: dict[Instance, Family]
    output_class: str
    """The class of several outputs, or nothing."""
    axes: AxisNames
    taken: frozenset[str]
    """Names that mean something in the whole file."""
    init: str = ""
    """How the weights start, if not as PyTorch starts them."""
    only_for: str = ""
    """The sizes, of those that the spec leaves open, that the code is right for; nothing where it is for all."""

    @property
    def class_name(self) -> str:
        return self.families[-1].class_name

    def doc(self, family: Family) -> str:
        """What is said of a class: the block's own words, and what sizes the network is for."""
        own, sizes = (
            family.first.module.doc,
            f"For {self.only_for} alone." if family.is_network and self.only_for else "",
        )
        return "\n\n".join(filter(None, (own, sizes)))


def plan(
    network: Network, facts: StorageFacts | None = None, checkpoint: Sequence[str] = (), formulas: Network | None = None
) -> Plan:
    """Plans the code of a network.

    Args:
        facts: which operators run in place, if not those that `storage` decides on.
        checkpoint: paths of parts, which may have wildcards, that keep only their inputs for backward.
        formulas: the same with a formula for each size, where the spec leaves some open.

    Raises:
        PathError: no part with weights has one of the paths, or one is within another.
        ValueError: the uses of a shared instance need different code.
    """
    lowered = Lowered(network, storage(network) if facts is None else facts, checkpoint, formulas)
    axes = AxisNames(network)
    of = Families(lowered.instances.values(), axes).of
    families = tuple(_ordered(of[lowered.whole], of))
    taken = _name_classes(families, of, lowered)
    only_for = "" if lowered.open is None else lowered.open.only_for
    return Plan(network, families, of, lowered.returns.output_class, axes, taken, only_for=only_for)


def parts(family: Family, of: dict[Instance, Family]) -> Iterator[Family]:
    """The families of its parts, one for each use."""
    for position in family.shape.positions:
        yield from (kind for kind in position.kinds(of) if kind is not None)


def _ordered(family: Family, of: dict[Instance, Family]) -> Iterator[Family]:
    """The family after all that it uses."""
    seen: set[Family] = set()

    def visit(family: Family) -> Iterator[Family]:
        if family not in seen:
            seen.add(family)
            for part in parts(family, of):
                yield from visit(part)
            yield family

    yield from visit(family)


class _Extent(NamedTuple):
    """What a family takes where it is written out."""

    layers: int = 1
    depth: int = 0


def _name_classes(families: tuple[Family, ...], of: dict[Instance, Family], lowered: Lowered) -> frozenset[str]:
    """Gives a name to every family that is not written out in its users; the names taken then."""
    places = Counter(part for family in families for part in parts(family, of))
    written: dict[Family, _Extent] = {}
    names = set(lowered.taken)
    for family in families[:-1]:
        rows = groupby(family.shape.positions, lambda p: p.layers)
        kinds = [kind for _, alike in rows for kind in next(alike).kinds(of)]
        inside = [written[kind] if kind is not None else _Extent() for kind in kinds]
        whole = _Extent(sum(e.layers for e in inside), 1 + max((e.depth for e in inside), default=0))
        if (
            family.shape.forward is None
            and not family.shape.is_dense
            and _is_written_out(family, whole, places[family])
        ):
            written[family] = whole
            continue
        written[family] = _Extent()
        family.class_name = unique(class_name(_shared_label(family)), names)
        names.add(family.class_name)
    families[-1].class_name = lowered.name
    return frozenset(names)


def _is_written_out(family: Family, extent: _Extent, places: int) -> bool:
    if extent.depth > DEEP or (rows_of(family.first.module) and not family.shape.is_numbered):
        return False
    if places > 1 and extent.layers > SHORT and not _is_loose(family):
        return False
    has_options = any(not all(p.presence) for p in family.shape.positions)
    if has_options and not family.shape.is_numbered:
        return False
    leaves = sum(isinstance(p.layers[0], Leaf) for p in family.shape.positions)
    often = OFTEN if family.shape.is_numbered else OFTEN_NAMED
    return not (family.is_block and places >= often and leaves > 1 and len(family.instances) > 1)


def _is_loose(family: Family) -> bool:
    """Whether the instances have too little in common for a class; of blocks in fractions, which no size explains."""
    columns = set(zip(*(instance.numbers for instance in family.instances), strict=False))
    differing = [column for column in columns if len(set(column)) > 1]
    if family.is_block:
        return sum(any(isinstance(n, float) for n in column) for column in differing) > FRACTIONS
    return len(differing) > LOOSE


def _shared_label(family: Family) -> str:
    """What to call the class: the block, or the group's label, without the number where groups differ by that."""
    labels = list(dict.fromkeys(i.module.name for i in family.instances))
    stem = re.sub(r"\d+", "", labels[0]).strip("_")
    return stem if len(labels) > 1 and stem else labels[0]
