"""The pages of the operators: each from its class and the examples in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from typing import NamedTuple, get_args

from archdsl.analyses.cost import Cost, op_cost
from archdsl.backends.pytorch.code.layout import literal
from archdsl.elaborate import show
from archdsl.ir import (
    Attribute,
    Call,
    Category,
    Extra,
    Lowering,
    Node,
    Op,
    Origin,
    Reach,
    Saved,
    State,
    TensorType,
    Value,
    show_shape,
)
from archdsl.ops import catalogue
from archdsl.source import Source, Span
from docs.generate.markdown import code, fenced, page, table
from tests.support.calls import op_of, types_of

CATEGORIES: dict[Category, str] = {
    "conv": "Convolutions",
    "linear": "Dense layers",
    "pool": "Pools",
    "norm": "Normalization",
    "activation": "Activations",
    "regularization": "Regularization",
    "merge": "Merges",
    "reshape": "Reshaping",
    "attention": "Attention",
    "parameter": "Learned and constant tensors",
}
OPERANDS = "abcdefgh"
NOWHERE = Origin(Span(Source("", ""), 0, 0))
INDEX = """
    A page for each operator, read from its class: what it does, its attributes, and for some uses the shapes, the
    state, the counts, what one unit reads, what training keeps, and the PyTorch that it becomes.

    Shapes leave out the batch axis: an image is `[C, H, W]`, a volume `[C, D, H, W]`, a signal `[C, L]`, tokens
    `[T, C]`, a vector `[C]`. Axes count from 0 in that list, and `-1` is the last. Attributes before the `;` may be
    given by position, the others by name. [Sizes](../language.md#sizes) says how many windows fit.
    """


class Use(NamedTuple):
    """An example of an operator, applied."""

    call: str
    node: Node
    op: Op

    @property
    def types(self) -> tuple[tuple[TensorType, ...], tuple[TensorType, ...]]:
        return self.node.operand_types, self.node.result_types

    @property
    def cost(self) -> Cost:
        return op_cost(self.op, self.node)

    @property
    def state(self) -> tuple[State, ...]:
        return self.op.state(*self.node.operand_types)

    @property
    def lowering(self) -> Lowering:
        return self.op.pytorch(*self.node.operand_types)


def uses(op: type[Op]) -> list[Use]:
    """The operator's examples. Raises `ValueError` where one does not hold."""
    return [_use(op, *example) for example in op.examples]


def _use(op: type[Op], call: str, inputs: str, outputs: str) -> Use:
    operands = types_of(inputs)
    used = op_of(call).resolve(*operands)
    node = Node(op.name, used, tuple(map(Value, operands)), used.infer(*operands), NOWHERE)
    found = ", ".join(map(str, node.result_types))
    if found != outputs:
        raise ValueError(f"{call} on {inputs} gives {found}, not {outputs}")
    return Use(_with_tensors(op, call, len(operands)), node, used)


def _with_tensors(op: type[Op], call: str, count: int) -> str:
    """The call with the tensors that are its attributes: `crop(like=b)`."""
    given = [f"{name}={operand}" for name, operand in zip(op.tensor_attributes, OPERANDS[1:count], strict=False)]
    if op.operands is None or not given:
        return call
    inside = call.removeprefix(op.name).strip("()")
    return f"{op.name}({', '.join([*([inside] if inside else []), *given])})"


def operator_page(op: type[Op]) -> str:
    found = uses(op)
    return page(
        op.name,
        cleandoc(op.__doc__ or "").split("\n"),
        [code(signature(op))],
        attributes(op),
        list(manners(op)),
        ["## Shapes"],
        table(["use", "from", "to"], (_shapes(use) for use in found)),
        *state(found),
        *counts(found),
        ["## Reach and memory"],
        ["What one unit of the result reads of the input, and what a training step keeps for backward."],
        table(["use", "one unit reads", "kept for backward", "kept when in place"], (_memory(use) for use in found)),
        ["## PyTorch"],
        pytorch(found),
        *classes(found),
    )


def signature(op: type[Op]) -> str:
    """`conv(channels, window, stride; pad, dilation)`: what may be given by position stands before the `;`."""
    names = list(op.fields())
    by_position, by_name = names[: op.positional], [*names[op.positional :], *op.tensor_attributes]
    inside = ", ".join(by_position) + ("; " if by_name else "") + ", ".join(by_name)
    return f"{op.name}({inside})" if inside else op.name


def attributes(op: type[Op]) -> list[str]:
    rows = [(code(a.name), a.accepts.words, default(a), a.description) for a in op.fields().values()]
    rows += [(code(name), "a tensor", "none", "see above") for name in op.tensor_attributes]
    if not rows:
        return ["It has no attributes."]
    return table(["attribute", "accepts", "default", "meaning"], rows)


def default(attribute: Attribute) -> str:
    if attribute.is_required:
        return "required"
    return "none" if attribute.default is None else code(show(attribute.default))


def manners(op: type[Op]) -> Iterator[str]:
    """How it takes values and numbers, and its part in `depth`."""
    if op.operands is None:
        yield "- A merge: it takes one or more values, as arms in braces, from the line, or as arguments."
    if op.needs_label:
        yield "- It takes a label, which is its key in the `state_dict`."
    elif op.numbered:
        yield "- An unlabelled use takes the next number of its scope."
    else:
        yield "- An unlabelled use takes no number; reports call it by its name."
    if op.is_weight_layer:
        yield "- A weight layer: it counts in `depth`."


def _shapes(use: Use) -> tuple[str, ...]:
    return code(use.call), *(", ".join(code(str(t)) for t in side) for side in use.types)


def state(found: Sequence[Use]) -> list[list[str]]:
    if not any(use.state for use in found):
        return []
    rows = ((code(use.call), "<br>".join(map(_state, use.state))) for use in found)
    return [["## State"], ["What the `state_dict` holds under the operator's path."], table(["use", "state"], rows)]


def _state(state: State) -> str:
    roles = {
        "parameter": "",
        "frozen": ", a buffer: never trained",
        "buffer": ", a buffer",
        "constant": ", a buffer that it leaves out",
    }
    dtype = "" if state.dtype == "float32" else f", {state.dtype}"
    return f"{code(f'{state.name} {show_shape(state.shape)}'.strip())}{dtype}{roles[state.role]}"


def counts(found: Sequence[Use]) -> list[list[str]]:
    rows = [(code(use.call), *_counts(use.cost)) for use in found]
    if not any(any(row[1:]) for row in rows):
        return [
            ["## Counts"],
            ["It has no parameters and no multiply-adds, and its results are not counted as values."],
        ]
    model = "[the cost model](../../explanation/cost-model.md)"
    words = f"For one sample, as {model} defines them. What has no column is 0."
    head = ["use", "params", "MACs", "connections", "neurons", "values"]
    return [["## Counts"], [words], table(head, rows)]


def _counts(cost: Cost) -> tuple[str, ...]:
    listed = (cost.params, cost.macs, cost.connections, cost.neurons, cost.values)
    return tuple(f"{count:_}" if count else "" for count in listed)


def _memory(use: Use) -> tuple[str, ...]:
    operands, _ = use.types
    in_place = use.op.saved_in_place(*use.types)
    kept = _kept(use.op.saved(*use.types), len(operands))
    return code(use.call), reads(use.op.reach(*operands)), kept, _kept(in_place, len(operands)) if in_place else ""


def _kept(saved: Saved, count: int) -> str:
    kept = sorted({*saved.operands, *saved.for_others, *(i for i, _ in saved.for_some)})
    parts = ["the input" if count == 1 else f"input {i + 1}" for i in kept]
    parts += ["the result"] if saved.result else []
    return ", ".join([*parts, *map(_extra, saved.extra)]) or "nothing"


def _extra(extra: Extra) -> str:
    batch = "" if extra.batched else ", once for the batch"
    dtype = "" if extra.dtype == "float32" else f"{extra.dtype} "
    return f"{extra.name} `{dtype}{show_shape(extra.shape)}`{batch}"


def reads(reach: Reach) -> str:
    """`3x3, 2 apart, from row -1`: the window of a unit, the distance of units, and where the first begins."""
    if isinstance(reach, str):
        return {"whole": "the whole input", "pointwise": "its own place"}[reach]
    if not isinstance(reach, tuple):
        return "rows of each axis on its own"
    window = "x".join(str(step.extent) for step in reach)
    apart = per_axis([step.stride for step in reach])
    start = per_axis([-step.before for step in reach])
    return f"{window}, {apart} apart, from row {start}"


def per_axis(sizes: list[int]) -> str:
    """One number where all axes agree."""
    return str(sizes[0]) if len(set(sizes)) == 1 else f"({', '.join(map(str, sizes))})"


def pytorch(found: Sequence[Use]) -> list[str]:
    rows = [_pytorch(use) for use in found]
    if not any(any(row[1:]) for row in rows):
        buffers = [(code(use.call), code(constructor(use.lowering.buffer))) for use in found if use.lowering.buffer]
        if buffers:
            return [
                "It is a buffer of the module that it stands in, under its label.",
                "",
                *table(["use", "values"], buffers),
            ]
        return ["It is an `nn.Parameter` of the module that it stands in, under its label."]
    return table(["use", "module", "function"], rows)


def _pytorch(use: Use) -> tuple[str, ...]:
    lowering = use.lowering
    module = code(constructor(lowering.module)) if lowering.module else ""
    return code(use.call), module, code(_function(use)) if lowering.function else ""


def _function(use: Use) -> str:
    assert use.lowering.function is not None
    count = len(use.node.operands)
    names = ["x"] if count == 1 else list(OPERANDS[:count])
    text = use.lowering.function.template.replace("{*}", ", ".join(names)).replace("{inplace}", "")
    for index, name in enumerate(names):
        text = text.replace(f"{{{index}}}", name)
    return text


def classes(found: Sequence[Use]) -> list[list[str]]:
    """The classes that PyTorch lacks, as compiled files define them."""
    texts = {helper.name: helper.text for use in found if (helper := use.lowering.helper)}
    blocks = [fenced("python", text) for text in texts.values()]
    return [["PyTorch has no such module, so the compiled file defines it:"], *blocks] if blocks else []


def operator_index() -> str:
    assert set(CATEGORIES) == set(get_args(Category))
    parts: list[Sequence[str]] = [cleandoc(INDEX).split("\n")]
    for category, title in CATEGORIES.items():
        listed = [op for op in catalogue().values() if op.category == category]
        rows = [(f"[`{op.name}`]({op.name}.md)", code(signature(op)), first_sentence(op)) for op in listed]
        parts += [[f"## {title}"], table(["operator", "attributes", "what it does"], rows)] if rows else []
    return page("Operators", *parts)


def first_sentence(op: type[Op]) -> str:
    first = cleandoc(op.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<!\bal)\. ", first)[0].rstrip(".")


def constructor(call: Call) -> str:
    """`nn.Conv2d(3, 64, 3, padding=1)`."""
    arguments = [*map(literal, call.args), *(f"{name}={literal(value)}" for name, value in call.keywords)]
    return f"{call.target}({', '.join(arguments)})"
