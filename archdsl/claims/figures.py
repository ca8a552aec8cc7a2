"""The figures that claims may name, read from the facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from archdsl.analyses import Facts
from archdsl.analyses.cost import Cost
from archdsl.elaborate import Fault, is_number, show
from archdsl.ir import Module, Node, TooManyOperators, written
from archdsl.source import Edit, Kind, Span, nearest
from archdsl.syntax import tree

UNKNOWN_FIGURE = Kind(
    "unknown-figure",
    "error",
    "Claims are about params, macs, flops, activations, neurons, connections, depth, shape(path), receptive_field(path), "
    "params(path), macs(path), flops(path), neurons(path), connections(path) and memory(name).",
)
UNKNOWN_PATH = Kind(
    "unknown-path",
    "error",
    "The network has no module, input or output at this path. Taps are no paths; numbers count.",
)

TOTALS = ("params", "macs", "flops", "activations", "neurons", "connections", "depth")
OF_INFERENCE = ("peak", "activation_peak", "floor")
"""The figures of memory that are not those of a network with its parts for training."""
OF_A_PATH = ("shape", "receptive_field", "params", "macs", "flops", "neurons", "connections")
ELSEWHERE = {
    "parameters": "params", "weights": "params", "mults": "macs", "madds": "macs", "multadds": "macs", "gflops": "flops",
    "fields": "receptive_field", "rf": "receptive_field", "size": "shape", "layers": "depth",
}  # fmt: skip
"""What papers call figures."""


class Figure:
    """A figure's name, waiting for a path."""

    def __init__(self, name: str) -> None:
        self.name = name


class Figures:
    """Names for the expressions of one claim: what the network's own stand for, then figures."""

    def __init__(self, facts: Facts, outer: Any, batch: int, training: bool) -> None:
        self.facts = facts
        self.outer = outer
        self.batch = batch
        self.training = training
        self.hidden: dict[str, Any] = {}
        """The network's own names that are read here and are called like a figure, and what they stand for."""
        self.has_bound = False
        """Whether a figure was asked for that is known as a bound only."""

    def name(self, text: str, span: Span) -> Any:
        """A number or list that the network calls so, or else the total of a figure. Raises `Fault`."""
        if text not in (*TOTALS, *OF_A_PATH, "memory") or not self.outer.knows(text):
            return self.figure(text, span)
        own = self.outer.name(text, span)
        if not is_number(own) and not isinstance(own, tuple):
            return self.figure(text, span)
        self.hidden[text] = own
        return own

    def figure(self, text: str, span: Span) -> Any:
        """The total of a figure, whatever the network calls so, or a parameter of the network. Raises `Fault`."""
        if text in TOTALS:
            return self._total(text)
        if text in OF_A_PATH or text == "memory":
            what = "a name" if text == "memory" else "a path"
            example = "memory(peak)" if text == "memory" else f"{text}(features.0)"
            raise Fault(UNKNOWN_FIGURE, f"`{text}` is asked of {what}", span, helps=(f"as `{example}`",))
        try:
            return self.outer.name(text, span)
        except Fault:
            raise _unknown_figure(text, span) from None

    def block_input(self, span: Span) -> Any:
        raise Fault(UNKNOWN_FIGURE, "a claim has no `in`; inputs are paths: `shape(image)`", span)

    def callee(self, text: str, span: Span) -> Any:
        """What stands before parentheses: a figure of a path, or a function. Raises `Fault`."""
        if text in OF_A_PATH or text == "memory":
            return Figure(text)
        if text in TOTALS:
            raise Fault(UNKNOWN_FIGURE, f"`{text}` is a figure of the whole network, not of a path", span)
        try:
            return self.outer.callee(text, span)
        except Fault:
            raise _unknown_figure(text, span) from None

    def call(self, callee: Any, call: tree.Call) -> Any:
        """`params(features.0)`. Raises `Fault`."""
        if not isinstance(callee, Figure):
            raise _no_figure(call)
        path, span = _path(callee.name, call)
        if callee.name == "memory":
            return self._memory(path, span)
        if callee.name == "shape":
            return self._shape(path, span)
        if callee.name == "receptive_field":
            return self._receptive_field(path, span)
        return self._cost_of(callee.name, path, span)

    def spend(self, work: int, span: Span) -> None:
        self.outer.spend(work, span)

    def notes(self) -> Iterator[str]:
        """What there is to know of the figures: that one is a bound, and what names stood for that could have been figures."""
        if self.has_bound:
            yield "the receptive field is known as a bound: a unit may read less"
        for name, own in self.hidden.items():
            figure = f"the figure, {self._total(name):_}" if name in TOTALS else "a figure"
            yield f"in arithmetic `{name}` is what the network calls so, {show(own)}, and not {figure}"

    def _total(self, name: str) -> int:
        facts = self.facts.cost
        cost = facts.training if self.training else facts.total
        if name == "depth":
            return facts.depth
        return facts.inputs + cost.values if name == "activations" else _count(cost, name)

    def _memory(self, name: str, span: Span) -> int:
        from archdsl.analyses.memory import FIGURES

        if name not in FIGURES:
            close = "parameters" if name == "weights" else nearest(name, FIGURES)
            helps = (f"it has {', '.join(FIGURES)}",)
            raise Fault.misnamed(UNKNOWN_FIGURE, f"`memory` has no figure `{name}`", span, close, helps=helps)
        if name == "activations":
            return 4 * self._total("activations") * self.batch
        if self.training and name in OF_INFERENCE:
            help = "without `training` it is that; a step has settings, so its peak is bounded by `check --max-memory --train`"
            raise Fault(UNKNOWN_FIGURE, f"`memory({name})` is known of inference alone", span, helps=(help,))
        self.spend(10 * len(self.facts.flat.layers), span)
        try:
            return self.facts.memory_at(self.batch).figure(name).bytes
        except TooManyOperators as problem:
            raise Fault(UNKNOWN_FIGURE, str(problem), span) from None

    def _shape(self, path: str, span: Span) -> tuple[int, ...]:
        results = self.facts.flat.paths[self._written(path, span)]
        types = [self.facts.flat.types[result] for result in results]
        maps = [type for type in types if type.places is None]  # the switches of a max-pool go unnoticed
        if len(maps) != 1:
            raise Fault(UNKNOWN_PATH, f"`{path}` has {len(maps)} results, so not one shape", span)
        return maps[0].shape

    def _receptive_field(self, path: str, span: Span) -> int | tuple[int, ...]:
        facts = self.facts
        if self._written(path, span) != path:
            facts = self._turn_by_turn(path, span)
        field = facts.fields.of(path)
        if field is None or not field.size:
            raise Fault(UNKNOWN_PATH, f"`{path}` reads no input with spatial axes", span)
        self.has_bound |= field.status == "bound"
        return field.size[0] if len(set(field.size)) == 1 else field.size

    def _written(self, path: str, span: Span) -> str:
        """The path, or in the turns of a loop that are alike that of the turn that stands for them. Raises `Fault`."""
        if path in self.facts.flat.paths:
            return path
        found = written(self.facts.network, path)
        if found is None or found not in self.facts.flat.paths:
            raise self._unknown_path(path, span)
        return found

    def _turn_by_turn(self, path: str, span: Span) -> Facts:
        """The facts with all turns written out, since fields grow from one to the next. Raises `Fault`."""
        self.spend(10 * self.facts.operators, span)
        try:
            return self.facts.unfolded()
        except TooManyOperators as problem:
            help = f"it is not known of `{path}`: ask for one of the first turns of the loop, or of the last"
            raise Fault(UNKNOWN_PATH, str(problem), span, helps=(help,)) from None

    def _cost_of(self, figure: str, path: str, span: Span) -> int:
        module = self.facts.network.body
        rest = self._written(path, span)
        while True:
            self.spend(len(module.nodes), span)
            node = _child(module, rest)
            if node is None:
                raise self._no_layer(figure, path, span)
            if node.name == rest:
                return _count(self.facts.cost.nodes[node], figure)
            rest = rest[len(node.name) + 1 :]
            assert isinstance(node.operator, Module)
            module = node.operator

    def _no_layer(self, figure: str, path: str, span: Span) -> Fault:
        """The path of an input or an output, which has a shape and costs nothing."""
        what = "input" if path in self.facts.network.inputs else "output"
        message = f"`{path}` is an {what}, and `{figure}` is asked of a layer"
        help = f"label the layer, as `head: linear(10)`, and write `{figure}(head)`"
        return Fault(UNKNOWN_PATH, message, span, helps=(help,))

    def _unknown_path(self, path: str, span: Span) -> Fault:
        if path in self.outer.frame.taps:
            help = f"label the layer: `{path}: ...`, or ask for an output"
            return Fault(UNKNOWN_PATH, f"`{path}` is a tap, and taps are no paths", span, helps=(help,))
        below = [known for known in self.facts.flat.paths if known.endswith(f".{path}")]
        if path == self.facts.network.name:
            help = "a figure without a path is of the whole network"
            return Fault(UNKNOWN_PATH, f"`{path}` is the network, not a path in it", span, helps=(help,))
        if len(below) > 1:
            several = ", ".join(f"`{known}`" for known in below[:3]) + (", ..." if len(below) > 3 else "")
            return Fault(UNKNOWN_PATH, f"the network has no `{path}`", span, helps=(f"a path is whole: {several}",))
        close = below[0] if below else nearest(path, self.facts.flat.paths)
        return Fault(
            UNKNOWN_PATH,
            f"the network has no `{path}`",
            span,
            f"did you mean `{close}`?" if close else "",
            edit=Edit(span, close if close[0].isalpha() else f'"{close}"') if close else None,
        )


def _unknown_figure(name: str, span: Span) -> Fault:
    close = ELSEWHERE.get(name.casefold()) or nearest(name, {*TOTALS, *OF_A_PATH, "memory"})
    learnt = name.casefold().startswith(("top", "acc", "err", "bleu", "fid")) or name in ("map", "mAP")
    return Fault.misnamed(
        UNKNOWN_FIGURE,
        f"there is no figure `{name}`" + (": a claim is about what a spec says, not what was learnt" if learnt else ""),
        span,
        None if learnt else close,
        helps=() if close else (f"figures are {', '.join((*TOTALS, *OF_A_PATH[:2], 'memory'))}",),
    )


def _no_figure(call: tree.Call) -> Fault:
    """`relu(y)`: a layer, or anything else that is no figure, before a path."""
    name, path = call.callee, call.arguments[0].value.span.text if call.arguments else "features.0"
    return Fault(UNKNOWN_FIGURE, f"no figure is called `{name.text}`", name.span, helps=(f"as `shape({path})`",))


def attributed(figure: tree.Name) -> Fault:
    """`conv1.params`: a figure behind its path."""
    path, _, name = figure.text.rpartition(".")
    if name not in OF_A_PATH:
        return _unknown_figure(figure.text, figure.span)
    written = f"{name}({path})"
    message = f"a figure stands before its path: `{written}`"
    return Fault(UNKNOWN_FIGURE, message, figure.span, helps=(f"write `{written}`",), edit=Edit(figure.span, written))


def _child(module: Module, path: str) -> Node | None:
    """The child that a path goes to or through."""
    for node in module.instances():
        if node.name == path or (path.startswith(node.name + ".") and isinstance(node.operator, Module)):
            return node
    return None


def _count(cost: Cost, figure: str) -> int:
    counts: dict[str, Callable[[Cost], int]] = {
        "params": lambda c: c.params,
        "macs": lambda c: c.macs,
        "flops": lambda c: c.flops,
        "neurons": lambda c: c.neurons,
        "connections": lambda c: c.connections,
    }
    return counts[figure](cost)


def _path(figure: str, call: tree.Call) -> tuple[str, Span]:
    """The path between the parentheses, as a name, a dotted name or a string. Raises `Fault`."""
    value = call.arguments[0].value if len(call.arguments) == 1 and call.arguments[0].name is None else None
    if isinstance(value, tree.Name | tree.String):
        return value.text, value.span
    if isinstance(value, tree.Number):
        quoted = f'"{value.span.text}"'
        raise Fault(
            UNKNOWN_PATH,
            "a path that begins with a number is quoted",
            value.span,
            helps=(f"write `{figure}({quoted})`",),
            edit=Edit(value.span, quoted),
        )
    raise Fault(UNKNOWN_PATH, f"`{figure}` takes one path", call.span, helps=(f"as `{figure}(features.0)`",))
