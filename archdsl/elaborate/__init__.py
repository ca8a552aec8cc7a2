"""Layer 3: syntax tree -> graph: names, values, blocks and calls. It prints nothing; `importer` alone reads files."""

from archdsl.elaborate.build import BATCH, PLAIN, BoundClaim, Settings, check_size
from archdsl.elaborate.counts import Count, From
from archdsl.elaborate.expressions import evaluate, holes
from archdsl.elaborate.importer import Importer
from archdsl.elaborate.kinds import OPEN_SIZE, REPEATED_ARGUMENT, UNKNOWN_NETWORK
from archdsl.elaborate.open_sizes import equal_data
from archdsl.elaborate.problems import Fault, Silence
from archdsl.elaborate.program import Built, Program
from archdsl.elaborate.scope import builtin_names
from archdsl.elaborate.values import Datum, Tensors, is_number, kind_of, show

__all__ = [
    "BATCH",
    "OPEN_SIZE",
    "PLAIN",
    "REPEATED_ARGUMENT",
    "UNKNOWN_NETWORK",
    "BoundClaim",
    "Built",
    "Count",
    "Datum",
    "Fault",
    "From",
    "Importer",
    "Program",
    "Settings",
    "Silence",
    "Tensors",
    "builtin_names",
    "check_size",
    "equal_data",
    "evaluate",
    "holes",
    "is_number",
    "kind_of",
    "show",
]
