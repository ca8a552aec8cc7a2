"""Writes the pages that are read from the code: operators, diagnostics, lints, the bundled specs; and the pictures.

    python docs/generate.py              the pages
    python docs/generate.py --pictures   the pictures too, which needs the `draw` extra

`make docs` does both. tests/unit/test_reference.py holds the committed pages against what this writes.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import NamedTuple, get_args

import archdsl.lints
from archdsl.analyses.cost import Cost, op_cost
from archdsl.backends.pytorch.layout import constructor
from archdsl.elaborate import show
from archdsl.ir import Attribute, Category, Extra, Lowering, Node, Op, Reach, State, show_shape
from archdsl.ops import catalogue
from archdsl.pipeline import Checked, Spec, diagnostic_kinds, open_source, open_spec
from archdsl.source import Diagnostic, Kind, Source
from archdsl.source.render import render
from archdsl.source.styled import plain

ROOT = Path(__file__).resolve().parents[1]
MISTAKES = ROOT / "docs/mistakes.toml"
PICTURES = {"vgg16": "specs/vgg16.arch", "lenet5": "specs/lenet.arch:LeNet5", "alexnet": "specs/alexnet.arch:AlexNet"}
MADE = "<!-- Written by docs/generate.py: change the code, then run `make docs`. -->"
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
    "parameter": "Learned tensors",
}
OPERANDS = "abcdefgh"


def pages() -> dict[Path, str]:
    """Every generated page: its file and its text."""
    reference = ROOT / "docs/reference"
    texts = {reference / f"ops/{name}.md": operator_page(op) for name, op in catalogue().items()}
    return texts | {
        reference / "ops/README.md": operator_index(),
        reference / "diagnostics.md": diagnostics_page(),
        reference / "lints.md": lints_page(),
        ROOT / "specs/README.md": specs_page(),
    }


def stale_files() -> list[Path]:
    """Pages of operators that are no more."""
    return sorted(set((ROOT / "docs/reference/ops").glob("*.md")) - set(pages()))


# Markdown


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table, without the columns that are empty in every row."""
    listed = list(rows)
    kept = [i for i in range(len(head)) if any(row[i] for row in listed)]
    return [_row([head[i] for i in kept]), _row(["---"] * len(kept)), *(_row([r[i] for i in kept]) for r in listed)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def code(text: str) -> str:
    return f"`{text}`"


def fenced(language: str, text: str) -> list[str]:
    return [f"```{language}", *text.strip("\n").split("\n"), "```"]


def page(title: str, *parts: Sequence[str]) -> str:
    """The text of a page: a heading and parts with a blank line between."""
    return "\n\n".join("\n".join(part) for part in ([MADE], [f"# {title}"], *parts) if part) + "\n"


# Operators


class Use(NamedTuple):
    """An example of an operator as the language elaborated it."""

    call: str
    node: Node
    op: Op

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
    """The operator's examples, each taken through the language."""
    return [_use(op, *example) for example in op.examples]


def _use(op: type[Op], call: str, inputs: str, outputs: str) -> Use:
    shapes = inputs.replace("], [", "]\n[").split("\n")
    body = [f"input {name}: {shape}" for name, shape in zip(OPERANDS, shapes, strict=False)]
    arms = " ".join(f"| {name}" for name in OPERANDS[: len(shapes)])
    body += [f"{call} {{ {arms} }}"] if op.operands is None else [f"a -> it: {call} as results", "a"]
    network = network_of("network Example {\n  " + "\n  ".join(body) + "\n}", call)
    layer = next(layer for layer in network.facts.flat.layers if layer.op.name == op.name)
    found = ", ".join(map(str, layer.result_types))
    if found != outputs:
        raise ValueError(f"{call} on {inputs} gives {found}, not {outputs}")
    return Use(call, layer.node, layer.op)


def network_of(text: str, name: str) -> Checked:
    """The one network of a spec's text. Raises `ValueError` where it does not hold together."""
    spec = open_source(Source(f"{name}.arch", text), ROOT)
    problems = found_in(spec)
    if any(problem.severity == "error" for problem in problems):
        raise ValueError(plain(render(problems)))
    return spec.check(spec.networks[0])


def found_in(spec: Spec) -> list[Diagnostic]:
    """Everything that a check of a spec finds."""
    found = [*spec.problems, *(p for name in spec.networks for p in spec.check(name).problems)]
    return list({(p.code, p.primary.span if p.primary else None): p for p in found}.values())


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
        *_section("## State", "What the `state_dict` holds under the operator's path.", states(found)),
        ["## Counts"],
        *counts(found),
        ["## Reach and memory"],
        ["What one unit of the result reads of the input, and what a training step keeps for backward."],
        table(["use", "one unit reads", "kept for backward", "kept when in place"], (_memory(use) for use in found)),
        ["## PyTorch"],
        table(["use", "module", "function"], (_pytorch(use) for use in found)),
        *_classes(found),
    )


def signature(op: type[Op]) -> str:
    """`conv(channels, window, stride; pad, dilation)`: what may be given by position stands before the `;`."""
    names = list(op.fields())
    by_position, by_name = names[: op.positional], names[op.positional :]
    inside = ", ".join(by_position) + ("; " if by_name else "") + ", ".join(by_name)
    return f"{op.name}({inside.strip()})" if names else op.name


def attributes(op: type[Op]) -> list[str]:
    if not op.fields():
        return ["It has no attributes."]
    head = ["attribute", "accepts", "default", "meaning"]
    return table(head, ((code(a.name), a.accepts.words, default(a), a.description) for a in op.fields().values()))


def default(attribute: Attribute) -> str:
    if attribute.is_required:
        return "required"
    return "none" if attribute.default is None else code(show(attribute.default))


def manners(op: type[Op]) -> Iterator[str]:
    """How it takes values, numbers and its part in `depth`."""
    if op.operands is None:
        yield "- A merge: it takes one or more values, as arms in braces, from the line, or as arguments."
    yield (
        "- An unlabelled use takes the next number of its scope."
        if op.numbered
        else "- An unlabelled use takes no number; reports call it by its name."
    )
    if op.is_weight_layer:
        yield "- A weight layer: it counts in `depth`."


def _shapes(use: Use) -> tuple[str, ...]:
    types = use.node.operand_types, use.node.result_types
    return (code(use.call), *(", ".join(code(str(t)) for t in side) for side in types))


def states(found: Sequence[Use]) -> list[str]:
    if not any(use.state for use in found):
        return []
    return table(["use", "state"], ((code(use.call), "<br>".join(map(_state, use.state))) for use in found))


def _state(state: State) -> str:
    roles = {"parameter": "", "frozen": ", a buffer: never trained", "buffer": ", a buffer"}
    dtype = "" if state.dtype == "float32" else f", {state.dtype}"
    return f"{code(f'{state.name} {show_shape(state.shape)}')}{dtype}{roles[state.role]}"


def _section(heading: str, words: str, lines: list[str]) -> list[list[str]]:
    return [[heading], [words], lines] if lines else []


def counts(found: Sequence[Use]) -> list[list[str]]:
    rows = [(code(use.call), *_counts(use.cost)) for use in found]
    if not any(any(row[1:]) for row in rows):
        return [["Nothing is counted: it has no parameters and no multiply-adds, and its results are no values of the table."]]
    head = ["use", "params", "MACs", "connections", "neurons", "values"]
    words = "For one sample; [the cost model](../../explanation/cost-model.md) defines each column. What has no column is 0."
    return [[words], table(head, rows)]


def _counts(cost: Cost) -> tuple[str, ...]:
    listed = (cost.params, cost.macs, cost.connections, cost.neurons, cost.values)
    return tuple(f"{count:_}" if count else "" for count in listed)


def _memory(use: Use) -> tuple[str, ...]:
    operands, results = use.node.operand_types, use.node.result_types
    in_place = use.op.saved_in_place(operands, results)
    kept = [_kept(saved, len(operands)) if saved is not None else "" for saved in (use.op.saved(operands, results), in_place)]
    return (code(use.call), reads(use.op.reach(*operands)), *kept)


def _kept(saved: object, count: int) -> str:
    from archdsl.ir import Saved

    assert isinstance(saved, Saved)
    parts = [("the input" if count == 1 else f"input {i + 1}") for i in saved.operands]
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
    window = "x".join(str(step.extent) for step in reach)
    apart = per_axis([step.stride for step in reach])
    start = per_axis([-step.before for step in reach])
    return f"{window}, {apart} apart, from row {start}"


def per_axis(sizes: list[int]) -> str:
    """One number where all axes agree."""
    return str(sizes[0]) if len(set(sizes)) == 1 else f"({', '.join(map(str, sizes))})"


def _pytorch(use: Use) -> tuple[str, ...]:
    lowering, count = use.lowering, len(use.node.operands)
    module = code(str(constructor(lowering.module, inplace=False))) if lowering.module else ""
    if lowering.function is None:
        return code(use.call), module, ""
    names = ["x"] if count == 1 else list(OPERANDS[:count])
    template = lowering.function.template.replace("{*}", ", ".join(names)).replace("{inplace}", "")
    for index, name in enumerate(names):
        template = template.replace(f"{{{index}}}", name)
    return code(use.call), module, code(template)


def _classes(found: Sequence[Use]) -> list[list[str]]:
    """The classes that PyTorch lacks, as they are written into compiled files."""
    texts = {use.lowering.helper.name: use.lowering.helper.text for use in found if use.lowering.helper}
    if not texts:
        return []
    return [["PyTorch has no such module, so the compiled file defines it:"], *(fenced("python", t) for t in texts.values())]


def operator_index() -> str:
    assert set(CATEGORIES) == set(get_args(Category))
    parts: list[Sequence[str]] = []
    for category, title in CATEGORIES.items():
        rows = [(f"[`{op.name}`]({op.name}.md)", code(signature(op)), first_sentence(op)) for op in of_category(category)]
        parts += [[f"## {title}"], table(["operator", "attributes", ""], rows)] if rows else []
    return page(f"The {len(catalogue())} operators", cleandoc(INDEX).split("\n"), *parts)


def of_category(category: Category) -> list[type[Op]]:
    return [op for op in catalogue().values() if op.category == category]


def first_sentence(op: type[Op]) -> str:
    first = cleandoc(op.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<!\bal)\. ", first)[0].rstrip(".")


INDEX = """
    A page for each operator, read from its class: what it does, its attributes, and for some uses the shapes, the state, the counts,
    what one unit reads, what training keeps, and the PyTorch that it becomes.

    Shapes leave out the batch axis: an image is `[C, H, W]`, a volume `[C, D, H, W]`, a signal `[C, L]`, tokens `[T, C]`, a vector `[C]`.
    Axes count from 0 in that list, and `-1` is the last. Attributes before the `;` may be given by position, the others by name.
    Sizes of windows are worked out on the page [Language](../language.md#sizes).
    """


# Diagnostics


def diagnostics_page() -> str:
    kinds = diagnostic_kinds()
    lints = {kind.code for _, kind in lint_modules()}
    mistakes: dict[str, str] = tomllib.loads(MISTAKES.read_text("utf-8"))
    unknown = set(mistakes) - set(kinds)
    if unknown:
        raise ValueError(f"{MISTAKES.name} has codes that no diagnostic has: {', '.join(sorted(unknown))}")
    parts: list[Sequence[str]] = [cleandoc(DIAGNOSTICS).split("\n")]
    parts.append(table(["code", "severity"], ((f"[`{c}`](#{c})", kind.severity) for c, kind in kinds.items())))
    for name, kind in kinds.items():
        where = [f"A lint: [its page](lints.md#{name}) shows what it finds."] if name in lints else []
        parts += [[f"## {name}"], [f"{kind.severity.capitalize()}. {kind.page}"], where]
        parts += mistake(kind, mistakes[name]) if name in mistakes else []
    return page("Diagnostics", *parts)


def mistake(kind: Kind, text: str) -> list[list[str]]:
    """A spec with the mistake, and what a check says about it. Raises `ValueError` where it says something else."""
    problems = found_in(open_source(Source("example.arch", text), ROOT))
    if {problem.code for problem in problems} != {kind.code}:
        raise ValueError(f"the example of {kind.code} finds {', '.join(p.code for p in problems) or 'nothing'}")
    return [fenced(f"arch finds={kind.code}", text), fenced("text", plain(render(problems)))]


DIAGNOSTICS = """
    Every diagnostic has a code, which stands in brackets after its severity and never changes. `archdsl explain CODE` prints the paragraph
    of this page. An error, or a claim that fails, makes `archdsl check` exit with 1; a warning does so under `--strict` only.
    """


def lint_modules() -> list[tuple[str, Kind]]:
    """The lints: their module names and kinds."""
    folder = Path(archdsl.lints.__file__).parent
    files = sorted(file.stem for file in folder.glob("[a-z]*.py"))
    return [(file, import_module(f"archdsl.lints.{file}").KIND) for file in files]


def lints_page() -> str:
    parts: list[Sequence[str]] = [cleandoc(LINTS).split("\n")]
    for file, kind in lint_modules():
        module = import_module(f"archdsl.lints.{file}")
        parts += [[f"## {kind.code}"], [kind.page], ["Accepted:"], *(fenced("arch", text) for text in module.ACCEPTED)]
        parts.append(["Reported:"])
        parts += [lines for text in module.REJECTED for lines in mistake(kind, text)]
    return page("Lints", *parts)


LINTS = """
    A lint is about what is legal and still likely a mistake. It warns; `archdsl check --strict` fails on it.
    `allow CODE "reason"` silences it for the statement after it, or for the chain on its line.
    """


# Specs


def specs_page() -> str:
    specs = [open_spec(path) for path in sorted((ROOT / "specs").glob("*.arch"))]
    parts: list[Sequence[str]] = [cleandoc(SPECS).split("\n")]
    for spec in specs:
        name = Path(spec.path).name
        parts += [[f"## [{name}]({name})"], spec.program.file.doc.split("\n")]
        head = ["network", "params", "MACs", "weight layers", "claims", "source"]
        parts.append(table(head, (_network(spec.check(network)) for network in spec.networks)))
    return page("The bundled specs", *parts)


def _network(checked: Checked) -> tuple[str, ...]:
    facts, verdicts = checked.facts, checked.verdicts
    disputed = sum(v.disputed for v in verdicts)
    claims = f"{len(verdicts)}, {disputed} of them disputed" if disputed else str(len(verdicts))
    if not all(v.holds for v in verdicts):
        raise ValueError(f"a claim of {checked.name} fails")
    numbers = (facts.cost.total.params, facts.cost.total.macs, facts.cost.depth)
    return (code(checked.name), *(f"{n:_}" for n in numbers), claims, "; ".join(facts.network.sources))


SPECS = """
    Each spec carries its published figures as claims, with their sources, and `archdsl check specs` decides them all.
    Commands find a spec by its name too: `archdsl report summary vgg16`, `archdsl draw LeNet5`.
    """


def draw() -> None:
    """Draws the pictures of the pages."""
    from archdsl import load

    for name, spec in PICTURES.items():
        path = ROOT / "docs/images" / f"{name}.svg"
        path.parent.mkdir(exist_ok=True)
        path.write_text(load(ROOT / spec).to_svg(), "utf-8")


def main(arguments: Sequence[str]) -> int:
    texts = pages()
    for path in stale_files():
        path.unlink()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    if "--pictures" in arguments:
        draw()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
