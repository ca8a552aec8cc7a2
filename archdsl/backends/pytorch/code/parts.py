"""Module of the graph -> instance: its parts, and its `forward`, as a class for it alone would have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from typing import Literal, NamedTuple

from archdsl.analyses.storage import StorageFacts
from archdsl.backends.pytorch.code.body import Body, Returns, changed_type
from archdsl.backends.pytorch.code.checkpointing import NONE, Marks, Recomputing, marks, recomputing, within
from archdsl.backends.pytorch.code.dense import Dense, dense, grows_evenly
from archdsl.backends.pytorch.code.forward import write_forward
from archdsl.backends.pytorch.code.joining import form, numbers_in
from archdsl.backends.pytorch.code.layout import quoted
from archdsl.backends.pytorch.code.names import (
    DICT_ATTRIBUTES,
    RESERVED,
    SEQUENTIAL_ATTRIBUTES,
    child_name,
    class_name,
    is_identifier,
    unique,
)
from archdsl.backends.pytorch.code.open_sizes import AllSizes
from archdsl.backends.pytorch.code.sharing import agreed
from archdsl.backends.pytorch.code.statements import Application, Forward
from archdsl.ir import Call, Code, Helper, Lowering, Module, Network, Node, Op, Repeat, modules, single, trained

_QUOTED = re.compile(r"'([^'\"\\]*)'")


class Leaf(NamedTuple):
    """An operator's own module."""

    call: Call
    inplace: bool
    helper: Helper | None
    is_tensor: bool = False
    """Whether the call makes the values of a tensor instead, learned or constant."""
    buffer: Literal["", "persistent", "temporary"] = ""
    """Of a constant tensor: whether the `state_dict` holds it."""
    general: Leaf | None = None
    """The same in another way, for classes that need it."""


class Child(NamedTuple):
    """A named part of an instance."""

    name: str
    layer: Leaf | Instance
    place: object
    """Where the spec has it: the same for what corresponds to it in other instances of the block."""
    comment: str
    """The type of its result, where it changes."""
    rows: tuple[Repeat, ...]
    """The repeats that it is in, outermost first."""
    word: str
    """What the spec calls it: the parameter that stands for it, the operator or the block."""


class Lowered:
    """A network with the code of its operators, and the instances that it consists of."""

    def __init__(
        self, network: Network, facts: StorageFacts, checkpoint: Sequence[str] = (), formulas: Network | None = None
    ) -> None:
        self.network = network
        self.marks = marks(network, checkpoint)
        """The calls that are checkpointed."""
        self.recomputing = recomputing(network) if self.marks else None
        self.facts = facts
        self._copying = _copying(network, facts)
        own = {n: op.pytorch(*n.operand_types) for n, op in _operators(network)}
        self.open = None if formulas is None else AllSizes(network, formulas, own)
        self.lowerings = agreed(network, own if self.open is None else {**own, **self.open.lowerings})
        written = [code.helper for own in self.lowerings.values() for code in own.ways]
        if self.recomputing is not None:
            written += [self.recomputing.sequence, self.recomputing.function]
        helpers = {name for helper in written if helper is not None for name in helper.names}
        name = network.name if is_identifier(network.name) else class_name(network.name)
        self.name = unique(name, RESERVED | helpers)
        training = tuple(o.training for o in network.outputs)
        has_class = len(training) > 1 or any(training)
        self.returns = Returns(f"{self.name}Output" if has_class else "", training)
        self.taken = RESERVED | helpers | {self.name, self.returns.output_class}
        """Names that mean something in the whole file."""
        self.instances: dict[tuple[int, Marks], Instance] = {}
        """By their module and what of it is checkpointed, callees before callers, the network's body last."""
        self.whole = self.instance(network.body, self.marks)
        self.codes: dict[object, int] = {}

    def instance(self, module: Module, marked: Marks = NONE) -> Instance:
        """The code of a module some of whose calls may be checkpointed."""
        key = id(module), marked
        if key not in self.instances:
            for node in module.nodes:
                if isinstance(node.operator, Module):
                    self.instance(node.operator, within(marked, node.name))
            self.instances[key] = Instance(module, marked, self)
        return self.instances[key]

    def allocates(self, node: Node) -> bool:
        op = node.operator
        if isinstance(op, Module) or self.facts.shared_operand(node) is None or node in self._copying:
            return True
        return bool(op.scratch(node.operand_types, node.result_types))

    def copies(self, node: Node) -> bool:
        """Whether backward keeps a copy of what it overwrites."""
        if isinstance(node.operator, Module) or node not in self.facts.in_place:
            return False
        saved = node.operator.saved_in_place(node.operand_types, node.result_types)
        return saved is not None and bool(saved.extra)

    def keeps(self, node: Node) -> bool:
        """Whether backward keeps its first operand, and not what autocast made of it."""
        op = node.operator
        if isinstance(op, Module) or op.autocast == "lower":
            return False
        return 0 in op.saved(node.operand_types, node.result_types).operands


def _copying(network: Network, facts: StorageFacts) -> Set[Node]:
    """The operators whose results are views in inference of several samples, and copies in training or of a single one."""
    found = set[Node]()
    for originals in _elsewhere(network):
        here = facts.of(originals)
        found.update(old for new, old in originals.items() if here.shared_operand(new) is None)
    return {node for node in found if facts.shared_operand(node) is not None}


def _elsewhere(network: Network) -> Iterator[Mapping[Node, Node]]:
    """The nodes in training, of a single sample, and of one in training, by what they are copies of."""
    training, alone = trained(network), single(network)
    both = trained(alone.network) if alone is not None else None
    yield from (found.originals for found in (training, alone) if found is not None)
    if alone is not None and both is not None:
        yield {new: alone.originals[old] for new, old in both.originals.items()}


class Instance:
    """One module of the graph as code has it."""

    def __init__(self, module: Module, marked: Marks, lowered: Lowered) -> None:
        self.module = module
        self.marks = marked
        self.body = Body(module, lowered.open.changed if lowered.open is not None else frozenset())
        self.is_network = module is lowered.network.body
        self._lowered = lowered

    @cached_property
    def sequence(self) -> tuple[Child, ...] | None:
        """Its parts if it is one sequence of modules; None if it needs a `forward`, or has a tensor that nobody reads."""
        nodes = self.body.nodes
        if self.module.members() != list(self.module.instances()) or self.body.parts != nodes:
            return None
        if not self.body.is_chain or any(n.training or n.name in SEQUENTIAL_ATTRIBUTES for n in nodes):
            return None
        if not all(isinstance(n.operator, Module) or self._lowered.lowerings[n].module for n in nodes):
            return None
        if any(self.is_recomputed(n) for n in nodes) and not all(self.is_recomputed(n) for n in nodes):
            return None
        numbered = [n for n in nodes if n.name.isdigit()]
        if not numbered and self.is_network:
            return None
        # Beside labels, an unlabelled layer without weights reads better as a function.
        if numbered and len(numbered) < len(nodes) and not any(map(_has_weights, numbered)):
            return None
        return tuple(self._children(nodes).values())

    @cached_property
    def attributes(self) -> dict[str, Child]:
        """Its parts beside a `forward`, by the names of their nodes."""
        order = {node.name: index for index, node in enumerate(self.module.members())}
        parts = [n for n in self.body.parts if self._is_attribute(n)]
        return self._children(sorted(parts, key=lambda n: order[n.name]))

    @cached_property
    def dense(self) -> Dense | None:
        """What it is if it is a dense block whose layers are alike but for numbers that grow evenly."""
        found = dense(self.body)
        if found is None:
            return None
        if self.is_recomputed(found.nodes[0]) != all(map(self.is_recomputed, found.nodes)):
            return None
        layers = [self._part(n, n.operator) for n in found.nodes if isinstance(n.operator, Module)]
        return found if grows_evenly([layer.numbers for layer in layers]) else None

    def joined(self, name: str) -> str:
        """The concatenation of a dense block, of a list of that name; nothing where it takes no list."""
        assert self.dense is not None
        function = self._lowered.lowerings[self.dense.join].function
        assert function is not None
        operands = ", ".join(f"{{{i}}}" for i in range(len(self.dense.join.operands)))
        lists = [text for text in ("[{*}]", f"[{operands}]") if text in function.template]
        return function.template.replace(lists[0], name) if lists else ""

    @cached_property
    def numbers(self) -> tuple[object, ...]:
        """All that may tell it apart from another instance of its class: what its code says, and the numbers in that."""
        own = [v.type.shape[:1] for v in self.module.inputs]
        parts = [c.layer.numbers if isinstance(c.layer, Instance) else _said(c.layer) for c in self.children]
        given = [p.value for p in self.module.parameters]
        forward = () if self.sequence is not None else (form(self.forward), *numbers_in(self.forward))
        return (*(n for numbers in (*own, *parts) for n in numbers), *given, *forward)

    def is_recomputed(self, node: Node) -> bool:
        """Whether the call is checkpointed."""
        return node.name in self.marks

    @property
    def recomputing(self) -> Recomputing | None:
        """How its parts are called, if some are checkpointed."""
        return self._lowered.recomputing if any(map(self.is_recomputed, self.body.nodes)) else None

    @cached_property
    def is_keyed(self) -> bool:
        """Whether it has attributes that only an `nn.ModuleDict` can name, and none that hide a method of it."""
        names = {c.name for c in self.attributes.values()}
        return not all(map(is_identifier, names)) and not names & DICT_ATTRIBUTES

    @cached_property
    def forward(self) -> Forward:
        """What its attributes do, statement by statement."""
        return self._written()

    @cached_property
    def general_forward(self) -> Forward:
        """The same with functions in their general form: for a class some of whose instances need that."""
        generals = (self._lowered.lowerings[n].general for n in self.body.nodes if not isinstance(n.operator, Module))
        return self._written(is_general=True) if any(generals) else self.forward

    def _written(self, *, is_general: bool = False) -> Forward:
        network, returns = self._lowered.network, self._lowered.returns
        applications = [self._application(n, is_general) for n in self.body.nodes]
        tensors = {n.results[0]: self._tensor(n) for n in self.body.parts if n not in self.body.nodes}
        parameters = network.inputs if self.is_network else ()
        forward = write_forward(
            self.body, applications, parameters, returns if self.is_network else None, self._lowered.taken, tensors
        )
        return forward.reading({} if self._lowered.open is None else self._lowered.open.reads(self.module))

    @property
    def children(self) -> tuple[Child, ...]:
        return tuple(self.attributes.values()) if self.sequence is None else self.sequence

    @cached_property
    def code(self) -> int:
        """A number that instances of equal code share."""
        layers = tuple((c.name, _code(c.layer)) for c in self.children)
        codes = self._lowered.codes
        own = self.forward.code if self.sequence is None else self.recomputing
        return codes.setdefault((layers, own), len(codes))

    def _children(self, nodes: Iterable[Node]) -> dict[str, Child]:
        """Parts by their labels; a shared instance is one. Raises ValueError where its uses need different code."""
        found: dict[str, Child] = {}
        taken: set[str] = set()
        for node in nodes:
            layer = self._layer(node)
            if node.name not in found:
                name = child_name(node.name, taken)
                taken.add(name)
                word = node.origin.word or node.operator.name
                comment = changed_type(node.operands[0].type if node.operands else None, node)
                found[node.name] = Child(name, layer, _place(node), comment, node.repeats, word)
            elif _code(found[node.name].layer) != _code(layer):
                raise ValueError(f"the uses of the shared instance `{node.name}` need different code")
        return found

    def _layer(self, node: Node) -> Leaf | Instance:
        if isinstance(node.operator, Module):
            return self._part(node, node.operator)
        lowering = self._lowered.lowerings[node]
        if lowering.parameter is not None:
            return Leaf(lowering.parameter, False, lowering.helper, is_tensor=True)
        if lowering.buffer is not None:
            roles = {s.role for s in node.state}
            kind: Literal["persistent", "temporary"] = "temporary" if "constant" in roles else "persistent"
            return Leaf(lowering.buffer, False, lowering.helper, is_tensor=True, buffer=kind)
        assert lowering.module is not None
        in_place = node in self._lowered.facts.in_place and lowering.module.inplace
        more = lowering.general
        general = Leaf(more.module, False, more.helper) if more is not None and more.module is not None else None
        named = " ".join([lowering.module.target, *(a for a in lowering.module.args if isinstance(a, Code))])
        return Leaf(lowering.module, in_place, _helper(lowering, named), general=general)

    def _part(self, node: Node, module: Module) -> Instance:
        return self._lowered.instance(module, within(self.marks, node.name))

    def _is_attribute(self, node: Node) -> bool:
        """Whether it is one for its weights, for its label, or for want of a function."""
        if _has_weights(node):
            return True
        lowering = self._lowered.lowerings[node]
        return lowering.module is not None and (lowering.function is None or not node.name.isdigit())

    def _tensor(self, node: Node) -> str:
        """A learned or constant tensor in `forward`."""
        name = self.attributes[node.name].name
        if is_identifier(name):
            return f"self.{name}"
        what = "buffer" if self._lowered.lowerings[node].buffer is not None else "parameter"
        return f"self.get_{what}({quoted(name)})"

    def _application(self, node: Node, is_general: bool) -> Application:
        allocates, copies = self._lowered.allocates(node), self._lowered.copies(node)
        if self._is_attribute(node):
            callee = reference(self.attributes[node.name].name, self.is_keyed)
            how = self.recomputing if self.is_recomputed(node) else None
            if how is not None:
                return Application(
                    how.template, allocates, copies, imports=how.imports, helper=how.function, callee=callee
                )
            return Application("", allocates, copies, self._lowered.keeps(node), callee=callee)
        lowering = self._lowered.lowerings[node]
        function = lowering.function
        if is_general and lowering.general is not None and lowering.general.function is not None:
            function = lowering.general.function
        assert function is not None
        in_place = node in self._lowered.facts.in_place
        template = _QUOTED.sub(r'"\1"', function.template).replace("{inplace}", ", inplace=True" if in_place else "")
        accumulates = (function.accumulates or "") if in_place else ""
        helper = _helper(lowering, template)
        return Application(
            template, allocates, copies, accumulates=accumulates, imports=function.imports, helper=helper
        )


def reference(name: str, is_keyed: bool) -> str:
    """A child module in `forward`."""
    if is_identifier(name):
        return f"self.{name}"
    return f"self[{quoted(name)}]" if is_keyed else f"self.get_submodule({quoted(name)})"


def _operators(network: Network) -> Iterator[tuple[Node, Op]]:
    for module in modules(network):
        for node in module.nodes:
            if not isinstance(node.operator, Module):
                yield node, node.operator


def _code(layer: Leaf | Instance) -> object:
    return layer.code if isinstance(layer, Instance) else layer


def _said(leaf: Leaf) -> tuple[object, ...]:
    call = leaf.call
    return call.target, leaf.inplace, *call.args, *(item for keyword in call.keywords for item in keyword)


def _helper(lowering: Lowering, text: str) -> Helper | None:
    """The helper of a lowering, if the text names it."""
    return lowering.helper if lowering.helper is not None and lowering.helper.name in text else None


def _has_weights(node: Node) -> bool:
    return isinstance(node.operator, Module) or bool(node.state)


def _place(node: Node) -> object:
    spans = (node.origin.span, *(f.span for f in node.origin.frames))
    return tuple((s.source.path, s.start, s.end) for s in spans)
