"""The kinds of diagnostics that elaboration reports, each with its page."""

from archdsl.source import Kind

UNKNOWN_NAME = Kind(
    "unknown-name",
    "error",
    "No layer, block, value or datum of this name is known here. Names are lexical: a `let` or loop variable ends with its "
    "braces, a tap with its block, and labels are paths, not names.",
)
UNKNOWN_ARGUMENT = Kind(
    "unknown-argument", "error", "The operator or block has no attribute or parameter of this name."
)
MISSING_ARGUMENT = Kind("missing-argument", "error", "An attribute or parameter without a default was not given.")
REPEATED_ARGUMENT = Kind(
    "repeated-argument", "error", "An attribute, a parameter or a condition of a claim was given twice."
)
TOO_MANY_ARGUMENTS = Kind(
    "too-many-arguments",
    "error",
    "More arguments by position than the operator takes so: attributes after the `;` in its reference are given by name.",
)
ATTRIBUTE_VALUE = Kind("attribute-value", "error", "An attribute has a value that the operator cannot take.")
SHAPE_MISMATCH = Kind(
    "shape-mismatch",
    "error",
    "Tensors meet whose shapes do not agree. The arms of `add` and the like need equal sizes (or 1 on an axis); those of "
    "`concat` may differ on the joined axis only. The message shows the shapes, the axis, and the calls that led there.",
)
WINDOW_TOO_LARGE = Kind(
    "window-too-large",
    "error",
    "The window, stretched by its dilation, is larger than the padded input, so it fits nowhere. Usually the map has "
    "become smaller than thought: `archdsl report shapes` shows where.",
)
WRONG_RANK = Kind("wrong-rank", "error", "A tensor has more or fewer axes than the operator works on.")
WRONG_DTYPE = Kind("wrong-dtype", "error", "A tensor has an element type that the operator does not work on.")
KIND_MISMATCH = Kind(
    "kind-mismatch",
    "error",
    "Every name is a datum, a layer or a tensor, and one was used in place of another. A tensor can only start a chain; a "
    "layer takes a value and gives one; a datum is an argument or a condition.",
)
NOT_AN_INTEGER = Kind(
    "not-an-integer", "error", "Arithmetic is exact: 5/2 is five halves, and no size. Use `//`, `floor` or `ceil`."
)
BAD_ARITHMETIC = Kind("bad-arithmetic", "error", "An operation on data that has no result: a division by zero, say.")
CHANNELS_MOVED = Kind(
    "channels-moved",
    "error",
    "`channels` is the first axis of a map, and `depth`, `height` and `width` its last ones. After `permute` has put the "
    "channels elsewhere they would be other axes, so the axis is asked for by its number: `x.shape[0]`.",
)
NO_CURRENT_VALUE = Kind(
    "no-current-value",
    "error",
    "A layer needs a value to work on. A network with several inputs begins with none: start a chain from one of them.",
)
SEVERAL_VALUES = Kind(
    "several-values",
    "error",
    "Several values are current (after `split`, `return a, b` or a list of taps). A merge takes them all, or `as p, q` "
    "names them; any other layer takes one.",
)
DUPLICATE_PATH = Kind(
    "duplicate-path", "error", "Two children of a scope have one name, so two tensors would have one `state_dict` key."
)
BAD_LABEL = Kind(
    "bad-label",
    "error",
    "A label becomes an attribute of a PyTorch module: it may not be empty, hold a dot, be a Python keyword, or be a name "
    "that `nn.Module` has already (`training`, `forward`, `type`).",
)
NEEDS_LABEL = Kind(
    "needs-label", "error", "A learned tensor is kept in the `state_dict` under its label, so it has to have one."
)
NO_SWITCHES = Kind(
    "no-switches",
    "error",
    "`unpool` puts values back where a max-pool took them from: `of` names the result of a max-pool of the same block.",
)
USED_BEFORE_MADE = Kind(
    "used-before-made", "error", "A tap is used above the place that makes it, or on a branch without it."
)
MADE_TWICE = Kind(
    "made-twice", "error", "A name is given at two places of a block. A tap has one place, a `let` is set once."
)
EMPTY_MERGE = Kind("empty-merge", "error", "A merge has no arm left, or is given an empty list, so it has no value.")
EMPTY_RANGE = Kind(
    "wrong-way-range",
    "error",
    "The range runs the wrong way. Count down with `by -1`: `3..0 by -1`, and up without; `1..0` is empty.",
)
BUDGET_EXCEEDED = Kind(
    "budget-exceeded",
    "error",
    "A spec always ends, and soon: calls, turns of loops, operators, list lengths and the size of integers are bounded.",
)
CONSTRAINT_FAILS = Kind("constraint-fails", "error", "A `where` of the block or network does not hold for this use.")
MISPLACED_STATEMENT = Kind("misplaced-statement", "error", "The statement does not belong here.")
OPEN_SIZE = Kind(
    "open-size",
    "error",
    "Something needs the value of a size that the spec leaves open: the number of turns of a loop, a condition that holds "
    "for some sizes only, a quotient that is not always whole. Say the size (`--set H=572`), state what is known of it "
    "(`where H % 16 == 12`), or round (`H // 2`).",
)
DUPLICATE_DECLARATION = Kind("duplicate-declaration", "error", "A file declares a name twice, or a block a parameter.")
UNKNOWN_NETWORK = Kind(
    "unknown-network",
    "error",
    "The file does not declare the network asked for. `FILE:NETWORK` names one; a file with a single network needs no name, "
    "and a template is built with values for its parameters.",
)
UNUSABLE_IMPORT = Kind("unusable-import", "error", "The imported file cannot be read, has errors, or lacks the name.")
UNSUPPORTED = Kind("unsupported", "error", "The language has this, archdsl cannot do it yet.")
SHARED_MISMATCH = Kind(
    "shared-mismatch",
    "error",
    "A shared instance is used on two input shapes that would give it different weights, or run through different code.",
)

MISFITS = {kind.code: kind for kind in (ATTRIBUTE_VALUE, SHAPE_MISMATCH, WINDOW_TOO_LARGE, WRONG_RANK, WRONG_DTYPE)}
