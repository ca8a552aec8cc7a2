"""Building one network: its inputs and claims, what is changed from outside, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from archdsl.elaborate import kinds
from archdsl.elaborate.blocks import Blocks
from archdsl.elaborate.body import Body
from archdsl.elaborate.budget import CLAIM_LIMIT, UNROLLED_LIMIT
from archdsl.elaborate.names import Current, Frame
from archdsl.elaborate.place import Place
from archdsl.elaborate.problems import Fault, Reporter
from archdsl.elaborate.scope import Scope
from archdsl.elaborate.tensors import TOO_LARGE, check_extent
from archdsl.elaborate.values import POISON, Datum, Given, Layer, Poison, show
from archdsl.ir import (
    ITEM_SIZE,
    LARGEST_SIZE,
    LISTED_LIMIT,
    Builder,
    Domain,
    Extent,
    Module,
    Network,
    Origin,
    Output,
    Shape,
    Size,
    TensorType,
    Value,
    modules,
    show_shape,
)
from archdsl.source import Frame as CallStep
from archdsl.source import Span, nearest
from archdsl.syntax import tree

BATCH = "N"
"""What claims, formulas and reports call the batch."""
_TYPES_ELSEWHERE = {"long": "int64", "int": "int32", "float": "float32", "half": "float16", "double": "float64"}


_OPEN_ELSEWHERE = ("h", "w", "t", "n", "none", "height", "width", "length", "batch")
_OPEN = "an open size has a capitalised name, as `H`; the batch is left out"


def is_symbol(name: str) -> bool:
    """Whether a name that nothing declares would be an open size: it is capitalised, and not Python's `None`."""
    return name[:1].isupper() and name != "None"


class BoundClaim(NamedTuple):
    """A claim with the names that its expressions may use, and the network where the text serves several."""

    syntax: tree.Claim
    names: Body
    frames: tuple[CallStep, ...]
    is_inherited: bool = False
    """Whether it is written at the network of which this one is a variant."""

    def names_any(self, symbols: Container[str]) -> bool:
        """Whether it says at what size of a symbol it is to be decided."""
        return any(b.name.text in symbols for b in self.syntax.bindings)


class Settings(NamedTuple):
    """What a person changes from outside: parameters and symbols by name, and the shapes of inputs."""

    parameters: Mapping[str, Datum] = {}
    inputs: Mapping[str, Shape] = {}
    """By input name; the empty name is the only input."""

    def at(self, sizes: Mapping[str, Datum]) -> Settings:
        """The same with sizes for symbols."""
        return self._replace(parameters={**self.parameters, **sizes})

    @property
    def is_plain(self) -> bool:
        return not self.parameters and not self.inputs


PLAIN = Settings()
RANK_LIMIT = 16


def check_size(size: object, span: Span, text: str = "") -> int:
    """The size of an axis. Raises `Fault` for what is none."""
    if isinstance(size, bool) or not isinstance(size, int | Size) or size < 1:
        helps = (_OPEN,) if size == -1 else ()
        message = f"a size is a whole number of at least 1, not {show(size)}"
        raise Fault(kinds.NOT_AN_INTEGER, message, span, text, helps=helps)
    if size > LARGEST_SIZE:
        raise Fault(
            kinds.BUDGET_EXCEEDED,
            f"a size is at most {LARGEST_SIZE:_}, not {show(size)}",
            span,
            text,
            helps=(TOO_LARGE,),
        )
    return size  # type: ignore[return-value] # an open size stands for an int


def open_symbols(syntax: tree.Block | tree.Network, given: Iterable[str] = ()) -> tuple[str, ...]:
    """The sizes of a network that are symbols: capitalised names that are no parameters, in the shapes of inputs or bounded
    by a constraint.

    Args:
        given: the inputs whose shapes are said otherwise; the empty name is all of them.
    """
    parameters = {p.name.text for p in syntax.parameters}
    inputs = [s for s in syntax.body.statements if isinstance(s, tree.Input) and not {"", s.name.text} & {*given}]
    sizes = (item for s in inputs for item in s.shape.items)
    names = [item.text for item in sizes if isinstance(item, tree.Name) and is_symbol(item.text)]
    names += filter(None, (bounded(s) for s in syntax.body.statements if isinstance(s, tree.Where)))
    return tuple(dict.fromkeys(name for name in names if name not in parameters))


def inputs_of(syntax: tree.Block | tree.Network) -> list[tree.Input]:
    """The inputs that a network declares."""
    return [s for s in syntax.body.statements if isinstance(s, tree.Input)]


def bounded(statement: tree.Where) -> str | None:
    """The capitalised name that a constraint bounds from above: `where P <= 1000`."""
    match statement.condition:
        case tree.Binary(left=tree.Name(text=name), operator="<=") if is_symbol(name):
            return name
    return None


class Build(Blocks):
    """One network in the making. `instances` outlives it: equal instances are one module in all networks of a file."""

    def __init__(
        self, instances: dict[Any, Any], reporter: Reporter, settings: Settings = PLAIN, domain: Domain | None = None
    ) -> None:
        super().__init__(instances, reporter, domain)
        self.settings = settings
        self.claims: list[BoundClaim] = []
        self.sources: list[str] = []
        self.whole_numbers: dict[str, int] = {}
        """The network's parameters that are whole numbers; formulas name them beside the batch."""
        self._is_inherited = False
        """Whether what runs is written at the network of which this one is a variant."""
        self._named_sizes: dict[str, int] = {}
        """The symbols of inputs whose shapes are given from outside."""

    def body(self, frame: Frame, scope: Scope, place: Place) -> Body:
        return Body(self, frame, scope, place)

    def network(self, name: str, layer: Layer, variants: list[tree.Variant], span: Span) -> Network | None:
        """Elaborates a network, given as a layer with its variants' arguments bound. Raises `Fault` or `Silence`."""
        syntax = layer.definition.syntax
        layer = self._with_settings(layer, span)
        docs = [v.doc for v in variants if v.doc] + [syntax.doc]
        builder = Builder("network", name, Origin(span), doc=docs[0])
        entry: Current = None
        frame = Frame(layer.definition.scope, entry, is_network=True)
        frame.body = syntax.body
        inputs = inputs_of(syntax)
        self._require_inputs(name, [i.name.text for i in inputs], span)
        body = self.body(frame, Scope(), Place(builder))
        if len(inputs) == 1:
            frame.entry = POISON  # known once its statement has run
        self.reporter.is_variant = bool(variants)
        self.reporter.enter(name, span, ())
        self.bind_parameters(layer, body, span)
        values = {p.name.text: body.scope.names[p.name.text] for p in syntax.parameters}
        whole = {n: v for n, v in values.items() if isinstance(v, int) and not isinstance(v, bool)}
        self.whole_numbers = {n: v for n, v in whole.items() if n != BATCH}
        self._is_inherited = bool(variants)
        last = body.run(syntax.body.statements, None)
        for variant in reversed(variants):
            self._is_inherited = variant is not variants[0]
            if variant.body is not None:
                body.inner().run(variant.body.statements, last)
        self.reporter.leave()
        return self._finish_network(name, builder, frame, last, inputs, span)

    def _with_settings(self, layer: Layer, span: Span) -> Layer:
        syntax = layer.definition.syntax
        parameters = {p.name.text for p in syntax.parameters}
        symbols = set(open_symbols(syntax))
        arguments = dict(layer.arguments)
        if self.domain is not None:
            arguments |= {name: Given(self.domain.size(name), span) for name in parameters & self.domain.example.keys()}
        for name, value in self.settings.parameters.items():
            if name in parameters:
                arguments[name] = Given(value, span)
            elif name not in symbols:
                close = nearest(name, parameters | symbols)
                raise Fault(
                    kinds.UNKNOWN_ARGUMENT,
                    f"`{layer.name}` has no parameter `{name}`",
                    span,
                    f"did you mean `{close}`?" if close else "",
                    helps=(f"it has {', '.join(sorted(parameters))}" if parameters else "it has none",),
                )
        return Layer(layer.target, arguments, layer.defaults, (None,) * len(arguments))

    def _require_inputs(self, network: str, known: list[str], span: Span) -> None:
        """Raises `Fault` for the shape of an input that there is not, or of one among several."""
        for given in self.settings.inputs:
            if given in known or (not given and len(known) == 1):
                continue
            close = nearest(given, known)
            message = f"`{network}` has no input `{given}`" if given else f"`{network}` has {len(known)} inputs"
            raise Fault(
                kinds.UNKNOWN_ARGUMENT,
                message,
                span,
                f"did you mean `{close}`?" if close else "",
                helps=(f"they are {', '.join(known)}: say which",),
            )

    def _finish_network(
        self, name: str, builder: Builder, frame: Frame, last: Current, inputs: list[tree.Input], span: Span
    ) -> Network | None:
        if self.reporter.failures or isinstance(last, Poison):
            return None
        outputs = list(frame.outputs.values())
        if not any(not o.training for o in outputs):
            if last is None or len(last) != 1:
                raise Fault(kinds.NO_CURRENT_VALUE, f"`{name}` has no output", span, helps=("end with `output name`",))
            outputs.append(Output("out", last[0]))
        for output in outputs:
            builder.output(output.value)
        named = tuple(o._replace(value=v) for o, v in zip(outputs, builder.module.outputs, strict=True))
        sources = tuple(dict.fromkeys(self.sources))
        network = Network(name, builder.module, tuple(i.name.text for i in inputs), named, sources)
        self._check_extent(network, span)
        return network

    def _check_extent(self, network: Network, span: Span) -> None:
        """Pays for what is there again by calls, if it can be listed. Raises `Fault` where calls and loops make too much."""
        extent, body = Extent(network), id(network.body)
        if extent.written[body] <= LISTED_LIMIT:
            self.reporter.spend_operators(span, extent.written[body] - sum(len(m.nodes) for m in modules(network)))
        count = extent.unrolled[body]
        if count > UNROLLED_LIMIT:
            message = (
                f"more than {UNROLLED_LIMIT:_} operators with all calls of blocks and all turns of loops: {count:_}"
            )
            place, text = _largest(network.body, extent) or (span, "here the budget ends")
            help = "turns and calls, one in another, multiply: lower one of these counts"
            raise Fault(kinds.BUDGET_EXCEEDED, message, place, text, helps=(help,))

    def input(self, statement: tree.Input, body: Body) -> Value:
        """Declares an input of the network. Raises `Fault`."""
        name = statement.name.text
        for item in statement.shape.items:
            if isinstance(item, tree.Name):
                _require_no_batch(item.text, item.span, body)
        given = self.settings.inputs.get(name, self.settings.inputs.get(""))
        if given is None:
            shape = tuple(self._input_size(item, body) for item in statement.shape.items)
        else:
            for size in given:
                check_size(size, statement.shape.span, "from outside it has another shape")
            shape = given
            self._name_sizes(given, statement, body)
        dtype = statement.dtype.text if statement.dtype is not None else "float32"
        if dtype not in ITEM_SIZE:
            assert statement.dtype is not None
            raise Fault.misnamed(
                kinds.WRONG_DTYPE,
                f"`{dtype}` is no element type",
                statement.dtype.span,
                _TYPES_ELSEWHERE.get(dtype) or nearest(dtype, ITEM_SIZE),
                helps=(f"element types are {', '.join(ITEM_SIZE)}",),
            )
        if len(shape) > RANK_LIMIT:
            raise Fault(
                kinds.WRONG_RANK, f"a tensor has at most {RANK_LIMIT} axes, not {len(shape)}", statement.shape.span
            )
        check_extent(name, shape, statement.shape.span)
        value = body.place.builder.input(TensorType(shape, dtype))
        if isinstance(body.frame.entry, Poison):
            body.frame.entry = (value,)
        if self.reporter.calls:
            self.reporter.calls[0].enters = f"{name} {show_shape(shape)}"
        return value

    def _name_sizes(self, given: Shape, statement: tree.Input, body: Body) -> None:
        """Sets the symbols of an input to the sizes that it has. Raises `Fault` where one would have two, or none."""
        items = statement.shape.items
        if len(items) != len(given) and any(isinstance(i, tree.Name) and not body.knows(i.text) for i in items):
            text = f"{show_shape(given)} from outside: {len(given)} against {len(items)}"
            message = f"`{statement.name.text}` is given with another number of axes than its sizes have names for"
            raise Fault(kinds.WRONG_RANK, message, statement.shape.span, text, helps=("the batch is not counted",))
        for item, size in zip(items, given, strict=False):
            if not isinstance(item, tree.Name) or not is_symbol(item.text):
                continue
            if not body.knows(item.text):
                body.scope.names[item.text] = self._named_sizes[item.text] = size
            elif self._named_sizes.get(item.text, size) != size:
                first = self._named_sizes[item.text]
                raise Fault(kinds.CONSTRAINT_FAILS, f"`{item.text}` is {first} and {size}", item.span, "one size")

    def _input_size(self, item: tree.Expression, body: Body) -> int:
        if isinstance(item, tree.Name) and is_symbol(item.text) and not body.knows(item.text):
            body.scope.names[item.text] = self._size_of(item.text)
        if isinstance(item, tree.Name) and not body.knows(item.text) and item.text.lower() in _OPEN_ELSEWHERE:
            raise _unnamed(item)
        size = body.value(item)
        return check_size(size, item.span)

    def bound(self, statement: tree.Where, body: Body) -> None:
        """Declares a count that no input has: a capitalised name that is bounded from above."""
        name = bounded(statement)
        if body.frame.is_network and name is not None and not body.knows(name):
            _require_no_batch(name, statement.condition.span, body)
            body.scope.names[name] = self._size_of(name)

    def _size_of(self, symbol: str) -> Datum:
        """What a symbol stands for: the size that is given from outside, else all that it may have."""
        given = self.settings.parameters.get(symbol)
        if given is None:
            assert self.domain is not None
            return self.domain.size(symbol)
        return given

    def note(self, statement: tree.Claim | tree.SourceNote, body: Body) -> None:
        if isinstance(statement, tree.SourceNote):
            self.sources.append(statement.text)
        else:
            if len(self.claims) >= CLAIM_LIMIT:
                raise self.reporter.used_up(f"more than {CLAIM_LIMIT:_} claims in one network", statement.span)
            self.claims.append(BoundClaim(statement, body, self.reporter.frames(), self._is_inherited))


def _require_no_batch(name: str, span: Span, body: Body) -> None:
    """Raises `Fault` for an open size that is called as the batch is."""
    if name == BATCH and not body.knows(BATCH):
        body.scope.names[BATCH] = POISON
        help = "shapes leave the batch out; another size that is open has another name, as `M`"
        raise Fault(kinds.UNKNOWN_NAME, f"`{BATCH}` is the batch, and no size of a sample", span, helps=(help,))


def _unnamed(item: tree.Name) -> Fault:
    """An open size without the name that it would have: `None`, `h`."""
    meant = item.text.capitalize() if item.text.islower() and item.text not in ("batch", "none") else ""
    return Fault.misnamed(kinds.UNKNOWN_NAME, f"`{item.text}` is no size", item.span, meant, helps=(_OPEN,))


def _largest(module: Module, extent: Extent) -> tuple[Span, str] | None:
    """What to blame for too many operators, and what is said of it: the innermost block that by itself has more than are
    allowed, or a loop or a block called again and again that makes most of them there."""
    found = None
    while True:
        calls = [(n, n.operator) for n in module.nodes if isinstance(n.operator, Module)]
        node, most = max(calls, key=lambda call: extent.unrolled[id(call[1])], default=(None, None))
        if node is None or most is None or extent.unrolled[id(most)] <= UNROLLED_LIMIT:
            break
        module = most
        if module.kind == "block":
            count = extent.unrolled[id(module)]
            found = node.origin.span, f"`{module.text}` has {count:_} of them, with all that it calls"
    loops = Counter[Span]()
    for loop in dict.fromkeys(n.repeat for n in module.nodes if n.repeat is not None):
        loops[loop.span] += extent.of_turns(loop)
    for place, count in loops.most_common(1):
        if 2 * count > UNROLLED_LIMIT:
            return place, f"has {count:_} of them, with all its turns"
    if found is not None or node is None or most is None:
        return found
    times, count = sum(n.operator is most for n in module.nodes), extent.unrolled[id(most)]
    if 2 * times * count <= UNROLLED_LIMIT:
        return None
    return node.origin.span, f"`{most.text}` has {count:_} of them, and is called {times:_} times"
