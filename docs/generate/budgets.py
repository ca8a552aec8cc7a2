"""The page of what a spec may cost."""

from __future__ import annotations

from inspect import cleandoc

from archdsl.elaborate.arithmetic import BITS_LIMIT
from archdsl.elaborate.budget import (
    ARGUMENTS_LIMIT,
    CLAIM_LIMIT,
    NETWORKS,
    OPERATOR_LIMIT,
    PROBLEM_LIMIT,
    STATEMENT_LIMIT,
    UNROLLED_LIMIT,
)
from archdsl.elaborate.expressions import LENGTH_LIMIT
from archdsl.elaborate.importer import IMPORT_DEPTH_LIMIT
from archdsl.elaborate.problems import CALL_DEPTH_LIMIT
from archdsl.elaborate.tensors import ELEMENTS_LIMIT
from archdsl.ir import LARGEST_SIZE, LISTED_LIMIT
from archdsl.ir.sizes.conditions import ENUMERATED
from archdsl.ir.sizes.size import TERMS_LIMIT
from archdsl.pages import MOST_ON_PAGE
from archdsl.source.files import SIZE_LIMIT
from archdsl.syntax.lexer import STRING_LIMIT, TOKEN_LIMIT
from archdsl.syntax.parse import NESTING_LIMIT
from docs.generate.markdown import page, table

BUDGETS = f"""
    A spec may come from anywhere, so what a few lines of it can ask for is bounded. Going over a bound is an error: most
    are [`budget-exceeded`](diagnostics.md#budget-exceeded). All networks of a file together may cost {NETWORKS} times
    what one may. [What hostile files take](../contributing/fuzzing.md#hostile-files) has been measured.
    """
LIMITS = (
    ("bytes of a file and of what it imports, together", SIZE_LIMIT),
    ("words, numbers and signs of a file", TOKEN_LIMIT),
    ("characters of a string", STRING_LIMIT),
    ("braces, brackets and parentheses, one in another", NESTING_LIMIT),
    ("files that import one another in a row", IMPORT_DEPTH_LIMIT),
    ("statements run and turns of loops, in one network", STATEMENT_LIMIT),
    ("operators and calls of blocks in one network, a block once for all calls that are alike", OPERATOR_LIMIT),
    ("the same with the blocks of all calls, and all turns of loops where one stands for many", UNROLLED_LIMIT),
    ("operators that are listed one by one: in reports of all layers, in a training step, in what runs", LISTED_LIMIT),
    ("operators that a page shows one by one, with all turns of loops: of more it has tables", MOST_ON_PAGE),
    ("claims of one network", CLAIM_LIMIT),
    ("mistakes of one network that are told", PROBLEM_LIMIT),
    ("calls, one in another", CALL_DEPTH_LIMIT),
    ("items of a list", LENGTH_LIMIT),
    ("layers in the arguments of one, in those of these, and so on", ARGUMENTS_LIMIT),
    ("bits of a number", BITS_LIMIT),
    ("terms of a formula of open sizes", TERMS_LIMIT),
    ("values of one symbol that are tried out to decide a question", ENUMERATED),
    ("the largest size, window or count", LARGEST_SIZE),
    ("elements of a tensor, for one sample", ELEMENTS_LIMIT),
)


def budgets_page() -> str:
    rows = [(what, f"{limit:_}") for what, limit in LIMITS]
    return page("Budgets", cleandoc(BUDGETS).split("\n"), table(["what", "at most"], rows))
