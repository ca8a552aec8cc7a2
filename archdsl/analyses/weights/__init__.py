"""The tensors that a network keeps, by their names, and how those of a file differ from them."""

from archdsl.analyses.weights.compare import COUNTER, Comparison, Difference, compare
from archdsl.analyses.weights.select import (
    PathError,
    begins_with,
    covering,
    matches,
    no_part,
    not_found,
    paths_of,
    selected,
)
from archdsl.analyses.weights.stored import Stored, Weights, frozen_in, weights, weights_as_written
from archdsl.analyses.weights.turns import tells_turns_apart

__all__ = [
    "COUNTER",
    "Comparison",
    "Difference",
    "PathError",
    "Stored",
    "Weights",
    "begins_with",
    "compare",
    "covering",
    "frozen_in",
    "matches",
    "no_part",
    "not_found",
    "paths_of",
    "selected",
    "tells_turns_apart",
    "weights",
    "weights_as_written",
]
