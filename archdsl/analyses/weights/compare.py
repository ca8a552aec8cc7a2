"""Two lists of tensors -> where they differ, name by name, and which names may stand for each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from archdsl.analyses.common import common
from archdsl.analyses.weights.stored import Stored, Weights

Kind = Literal["missing", "unexpected", "shape", "dtype", "values"]
"""How tensors of one name differ: the second side has none, only the second has one, and so on."""

COUNTER = "num_batches_tracked"
"""What old checkpoints of batch norms do not have. It counts steps; PyTorch starts it at 0 then."""


class Difference(NamedTuple):
    """A name under which two sides, a network and a file say, do not hold the same."""

    name: str
    kind: Kind
    before: Stored | None
    after: Stored | None
    by: float | None = None
    """Where values differ: the largest difference."""

    @property
    def prevents_loading(self) -> bool:
        """Floating-point tensors of another type are converted, and a missing counter of batch norm starts at 0."""
        if self.kind == "dtype":
            assert self.before is not None and self.after is not None
            return self.before.is_float != self.after.is_float
        return self.kind != "values" and not (self.kind == "missing" and self.name.endswith(f".{COUNTER}"))


class Rename(NamedTuple):
    """A name that only one side has, and one that the other may have for it."""

    before: str
    after: str


class Comparison(NamedTuple):
    """How the tensors of two sides differ."""

    matching: int
    """How many tensors are the same."""
    expected: int
    """How many tensors the first side has."""
    differences: tuple[Difference, ...]
    """In the order of the first side, then what only the second has in its order."""
    renames: tuple[Rename, ...]

    @property
    def obstacles(self) -> tuple[Difference, ...]:
        """The differences for which the second side cannot be loaded into the first."""
        return tuple(d for d in self.differences if d.prevents_loading)


def compare(before: Weights, after: Weights, apart: Mapping[str, float] | None = None) -> Comparison:
    """What differs, and the likely renames: of the names that only one side has, those of equal shapes in equal order.

    Args:
        apart: by how much values differ, where they were compared and do.
    """
    found = [d for name in before if (d := _difference(name, before[name], after.get(name), apart or {})) is not None]
    unexpected = [Difference(name, "unexpected", None, after[name]) for name in after if name not in before]
    missing = [d for d in found if d.kind == "missing"]
    matching = len(before) - len(found)
    return Comparison(matching, len(before), (*found, *unexpected), _renames(missing, unexpected))


def _difference(name: str, before: Stored, after: Stored | None, apart: Mapping[str, float]) -> Difference | None:
    if after is None:
        return Difference(name, "missing", before, None)
    if before.shape != after.shape:
        return Difference(name, "shape", before, after)
    if before.dtype != after.dtype:
        return Difference(name, "dtype", before, after)
    return Difference(name, "values", before, after, apart[name]) if name in apart else None


def _renames(missing: Sequence[Difference], unexpected: Sequence[Difference]) -> tuple[Rename, ...]:
    """The more pairs of those in the order of the lists and those by the alphabet, as safetensors lists names."""
    listed = _pairs(missing, unexpected)
    return max(listed, _pairs(sorted(missing, key=_name), sorted(unexpected, key=_name)), key=len)


def _pairs(missing: Sequence[Difference], unexpected: Sequence[Difference]) -> tuple[Rename, ...]:
    """Pairs in order. A weight is taken for a weight and a bias for a bias, where both sides call them so."""
    leaves = {_leaf(d) for d in missing} & {_leaf(d) for d in unexpected}
    ours, theirs = (
        [(_leaf(d) if _leaf(d) in leaves else "", _shape(d)) for d in side] for side in (missing, unexpected)
    )
    return tuple(
        Rename(missing[i + n].name, unexpected[j + n].name)
        for i, j, length in common(ours, theirs)
        for n in range(length)
    )


def _name(difference: Difference) -> str:
    return difference.name


def _leaf(difference: Difference) -> str:
    return difference.name.rpartition(".")[2]


def _shape(difference: Difference) -> tuple[int, ...]:
    stored = difference.before or difference.after
    assert stored is not None
    return stored.shape
