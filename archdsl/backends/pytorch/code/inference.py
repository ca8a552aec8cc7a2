"""Network -> the network for inference: without parts for training, without dropout, batch norms folded into layers.

In inference a batch norm scales and shifts each channel by fixed numbers, so a layer before it can do that with its own
weights (Ioffe & Szegedy 2015, section 3.1). Paths stay as they are in the spec. Weights of the network for training
become those of the one for inference by the `fold` of the generated file.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from archdsl.analyses.storage import is_identity
from archdsl.backends.pytorch.code.body import is_training
from archdsl.backends.pytorch.code.layout import Group, Item, lines, literal, quoted
from archdsl.backends.pytorch.code.names import child_name
from archdsl.ir import (
    Call,
    Expression,
    Lowering,
    Module,
    Network,
    Node,
    Op,
    Output,
    TensorType,
    Value,
    empty_copy,
    modules,
    unfold,
)

MOST_PATHS = 100_000
"""Layers of a network that is folded: each has a name of its own in the weights."""


class Layer(NamedTuple):
    """What takes up a batch norm."""

    name: str
    """The norm's sibling."""
    eps: float
    """Of the norm."""
    is_partial: bool
    """Whether the norm has no weight or no bias."""
    groups: int
    """Of a transposed convolution, whose weight has the outputs of each group along axis 1; else 0."""


class Inference(NamedTuple):
    """A network for inference, and what it lacks beside the one for training."""

    network: Network
    folded: dict[str, Layer | None]
    """What took up the batch norms, by their names, or by their paths where names do not tell."""
    dropped: tuple[str, ...]
    """How the paths begin of what existed only while training."""


def for_inference(network: Network) -> Inference:
    """The network as inference needs it; its numbers differ from those of the other by rounding alone.

    Raises:
        ValueError: more layers than can be folded, or a loop with too many turns to be written out.
    """
    network = unfold(network)
    folds = {id(m): _folds(m) for m in modules(network)}
    done: dict[int, Module] = {}
    for module in modules(network):
        done[id(module)] = _rewritten(module, folds[id(module)], done)
    body = done[id(network.body)]
    left = [o for o in network.outputs if not is_training(o.value)]
    results = [Output(o.name, v) for o, v in zip(left, body.outputs, strict=True) if not o.training]
    body.outputs = [o.value for o in results]
    paths = _Paths(network.body, folds)
    network = network._replace(body=body, outputs=tuple(results))
    return Inference(network, paths.folded(), tuple(paths.dropped))


class _Placeholder(Op):
    """Stands for an operator that is gone, where those after it shall keep their numbers."""

    name = "identity"
    category = "reshape"

    def is_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(Call("nn.Identity"), Expression("{0}"))


def _folds(module: Module) -> dict[Node, Node]:
    """The batch norms that can go into the layer before them, which nothing else reads and which is used once."""
    live = [n for n in module.nodes if not n.training]
    uses = Counter(n.name for n in module.nodes)
    readers = Counter(v for n in live for v in n.operands)
    readers.update(module.outputs)
    found = {}
    for norm in (n for n in live if isinstance(n.operator, Op) and n.operator.name == "bn"):
        layer = norm.operands[0].producer
        if layer is None or isinstance(layer.operator, Module) or readers[norm.operands[0]] > 1:
            continue
        if uses[norm.name] == uses[layer.name] == 1 and layer.operator.with_scale_and_shift(*layer.operand_types):
            found[norm] = layer
    return found


def _rewritten(old: Module, folds: dict[Node, Node], done: dict[int, Module]) -> Module:
    new = empty_copy(old)
    layers = set(folds.values())
    gone = {n for n in old.nodes if n in folds or _is_idle(n)}
    numbered = _numbered(old, gone)
    values: dict[Value, Value] = {}
    for value in old.inputs:
        values[value] = Value(value.type)
        new.inputs.append(values[value])
    for node in old.nodes:
        if node.training:
            continue
        operands = tuple(values[v] for v in node.operands)
        if node in gone and node not in numbered:
            values[node.results[0]] = operands[0]
            continue
        made = _remade(node, operands, node in gone, node in layers, done)
        new.nodes.append(made)
        kept = [r for r, v in zip(node.results, _inner(node), strict=True) if not is_training(v)]
        values |= zip(kept, made.results, strict=True)
    new.outputs = [values[v] for v in old.outputs if not is_training(v)]
    for before, after in values.items():
        after.tap = after.tap or before.tap
    return new


def _remade(node: Node, operands: tuple[Value, ...], is_gone: bool, folds: bool, done: dict[int, Module]) -> Node:
    op, types = node.operator, tuple(v.type for v in operands)
    if isinstance(op, Module):
        module = done[id(op)]
        return Node(node.name, module, operands, tuple(v.type for v in module.outputs), node.origin)
    if is_gone:
        op = _Placeholder()
    elif folds:
        op = op.with_scale_and_shift(*types) or op
    return Node(node.name, op, operands, op.infer(*types), node.origin)


def _inner(node: Node) -> tuple[Value, ...]:
    """The values that the node's results stand for."""
    return tuple(node.operator.outputs) if isinstance(node.operator, Module) else node.results


def _is_idle(node: Node) -> bool:
    return isinstance(node.operator, Op) and node.operator.is_identity_in_inference and not node.training


def _numbered(module: Module, gone: set[Node]) -> set[Node]:
    """Of what is gone from a numbered sequence, that which others stand behind."""
    nodes = [n for n in module.nodes if not is_identity(n)]
    if [n.name for n in nodes] != [str(i) for i in range(len(nodes))] or any(len(n.operands) > 1 for n in nodes):
        return set()
    last = max((i for i, n in enumerate(nodes) if n not in gone), default=len(nodes))
    return gone & set(nodes[:last])


class _Paths:
    """Where in the network norms were folded, and what existed only while training."""

    def __init__(self, body: Module, folds: dict[int, dict[Node, Node]]) -> None:
        self.norms: dict[str, Layer | None] = {}
        """For each norm with running statistics what took it up, or None."""
        self.dropped: list[str] = []
        self._folds = folds
        self._left = MOST_PATHS
        self._visit(body, "")

    def _visit(self, module: Module, prefix: str) -> None:
        folds = self._folds[id(module)]
        for node in module.instances():
            self._left -= 1
            if self._left < 0:
                raise ValueError(f"more than {MOST_PATHS:_} layers, too many to fold")
            path = prefix + child_name(node.name)
            if node.training:
                self.dropped.append(f"{path}.")
            elif isinstance(node.operator, Module):
                self._visit(node.operator, f"{path}.")
            elif any(s.name == "running_var" for s in node.state):
                self.norms[path] = _layer(folds[node], node) if node in folds else None

    def folded(self) -> dict[str, Layer | None]:
        """What took up each norm, by the norm's name if that is alike wherever the name is, else by its path.

        Norms that stay are among them where another's path is their name.
        """
        layers: dict[str, set[Layer | None]] = {}
        for path, layer in self.norms.items():
            layers.setdefault(path.rpartition(".")[2], set()).add(layer)
        found = {}
        for path, layer in self.norms.items():
            name = path.rpartition(".")[2]
            if layer is not None or self.norms.get(name) is not None:
                found[name if len(layers[name]) == 1 else path] = layer
        return found


def _layer(node: Node, norm: Node) -> Layer:
    assert isinstance(node.operator, Op) and isinstance(norm.operator, Op)
    given = norm.operator.attributes
    is_partial = not (given["scale"] and given["shift"])
    return Layer(child_name(node.name), given["eps"], is_partial, node.operator.transposed_groups)


def fold_function(inference: Inference) -> list[list[str]]:
    """The lines of `FOLDED`, `EPSILONS`, `TRANSPOSED`, `DROPPED` and `fold`; none where weights need no change."""
    if not inference.folded and not inference.dropped:
        return []
    folded = {norm: quoted(layer.name) if layer else "None" for norm, layer in inference.folded.items()}
    layers = {norm: layer for norm, layer in inference.folded.items() if layer}
    (eps, _), *_ = Counter(layer.eps for layer in layers.values()).most_common(1) or [(0.0, 0)]
    epsilons = {norm: literal(layer.eps) for norm, layer in layers.items() if layer.eps != eps}
    groups = {norm: str(layer.groups) for norm, layer in layers.items() if layer.groups}
    constants = []
    if folded:
        constants += ["# The layer that has taken up each batch norm, its sibling.", *_table("FOLDED", folded)]
    if epsilons:
        constants += ["# What is added to the variance, where that differs.", *_table("EPSILONS", epsilons)]
    if groups:
        constants += ["# The groups of those that are transposed convolutions.", *_table("TRANSPOSED", groups)]
    if inference.dropped:
        names = tuple(Item(quoted(path)) for path in inference.dropped)
        constants += ["# What exists only while training.", *lines(Item(Group("[", names, "]"), "DROPPED = "), "")]
    kept = '{k: v for k, v in state.items() if not f"{k}.".startswith(tuple(DROPPED))}'
    text = _HEAD + (_BODY if folded else "    return STATE")
    text = text.replace("SCALED", _SCALED_IN_GROUPS if groups else _SCALED)
    text = text.replace("STATE", kept if inference.dropped else "dict(state)")
    text = text.replace("EPS", f"EPSILONS.get(key, {literal(eps)})" if epsilons else literal(eps))
    if any(layer.is_partial for layer in layers.values()):
        text = text.replace('{norm}.weight")', '{norm}.weight", 1)').replace('{norm}.bias")', '{norm}.bias", 0)')
    return [constants, text.split("\n")]


def _table(name: str, values: dict[str, str]) -> list[str]:
    pairs = tuple(Item(text, f"{quoted(norm)}: ") for norm, text in values.items())
    return lines(Item(Group("{", pairs, "}"), f"{name} = "), "")


_HEAD = '''\
def fold(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the network for training as the one here takes them: `model.load_state_dict(fold(state))`."""
'''
_BODY = """\
    state = STATE
    for norm in [key.removesuffix(".running_var") for key in state if key.endswith(".running_var")]:
        scope, dot, name = norm.rpartition(".")
        key = norm if norm in FOLDED else name
        if FOLDED.get(key) is None:
            continue
        layer = f"{scope}{dot}{FOLDED[key]}"
        weight, shift = state[f"{layer}.weight"], state.pop(f"{norm}.bias")
        mean, variance = state.pop(f"{norm}.running_mean"), state.pop(f"{norm}.running_var")
        state.pop(f"{norm}.num_batches_tracked", None)
        scale = state.pop(f"{norm}.weight") / torch.sqrt(variance + EPS)
        SCALED
        state[f"{layer}.bias"] = shift + scale * (state.get(f"{layer}.bias", 0) - mean)
    return state"""
_SCALED = """state[f"{layer}.weight"] = weight * scale.view(-1, *[1] * (weight.ndim - 1))"""
_SCALED_IN_GROUPS = """\
groups = TRANSPOSED.get(key, len(scale))
        rows = weight.reshape(groups, -1, len(scale) // groups, weight[0, 0].numel())
        state[f"{layer}.weight"] = (rows * scale.view(groups, 1, -1, 1)).view_as(weight)"""
