from __future__ import annotations

from collections.abc import Sequence
from operator import add
from typing import NamedTuple

from archdsl.analyses.turns import Split, run_turns
from archdsl.ir import Module, Network, Node, Op, Repeat, Value, parts


class Cost(NamedTuple):
    """Counts of one operator, module or network, for one sample."""

    params: int = 0
    """Trainable elements."""
    weights: int = 0
    """Of these, elements of tensors that are not biases."""
    buffers: int = 0
    """Elements of the state that training does not touch by gradients."""
    state_bytes: int = 0
    """Bytes of parameters and buffers."""
    param_bytes: int = 0
    macs: int = 0
    values: int = 0
    neurons: int = 0
    connections: int = 0

    def plus(self, other: Cost) -> Cost:
        return Cost(*map(add, self, other))

    def by(self, times: int) -> Cost:
        """Of as many alike."""
        return self if times == 1 else Cost(*(times * count for count in self))

    def as_reuse(self) -> Cost:
        """The cost of using an instance again: the work, not the weights."""
        return self._replace(params=0, weights=0, buffers=0, state_bytes=0, param_bytes=0)

    @property
    def flops(self) -> int:
        return 2 * self.macs


class CostFacts(NamedTuple):
    """Costs of a network: `total` without what exists only while training, `training` with it."""

    total: Cost
    training: Cost
    depth: int
    """Weight layers on the longest path from an input to an output that is not for training only."""
    inputs: int
    """Elements of the inputs, which count as values."""
    nodes: dict[Node, Cost]
    """Of every node of its modules, in one turn and one call: without training parts."""

    @property
    def values(self) -> int:
        """The sum of a lecture's table: inputs and the results of counted layers."""
        return self.inputs + self.total.values


def op_cost(op: Op, node: Node) -> Cost:
    """The counts of an operator where it stands."""
    operands, results = node.operand_types, node.result_types
    state = node.state
    params = [s for s in state if s.role == "parameter"]
    numel = sum(r.numel for r in results)
    return Cost(
        params=sum(s.numel for s in params),
        weights=sum(s.numel for s in params if not s.name.endswith("bias")),
        buffers=sum(s.numel for s in state if s.role != "parameter"),
        state_bytes=sum(s.bytes for s in state),
        param_bytes=sum(s.bytes for s in params),
        macs=op.macs(operands, results),
        values=numel if op.counts_values(operands, results) else 0,
        neurons=numel if op.counts_neurons else 0,
        connections=op.connections(operands, results),
    )


def cost(network: Network) -> CostFacts:
    """Counts a network. Work grows with its distinct modules, not with its unrolled size."""
    plain = _Counter(training=False)
    with_training = _Counter(training=True)
    body = network.body
    total = plain.count(body)
    training = with_training.count(body) if any(o.training for o in network.outputs) else total
    inputs = sum(t.numel for t in network.input_types)
    depths = plain.depths(body, tuple(0 for _ in body.inputs))
    longest = max((d for d, o in zip(depths, network.outputs, strict=True) if not o.training), default=0)
    return CostFacts(total, training, longest, inputs, plain.nodes)


class _Counter:
    def __init__(self, *, training: bool) -> None:
        self.training = training
        self.nodes: dict[Node, Cost] = {}
        self._modules: dict[Module, Cost] = {}
        self._depths: dict[tuple[int, tuple[int, ...]], tuple[int, ...]] = {}

    def count(self, module: Module) -> Cost:
        found = self._modules.get(module)
        if found is not None:
            return found
        total = Cost()
        seen: set[str] = set()
        for node in module.nodes:
            op = node.operator
            cost = self.nodes[node] = self.count(op) if isinstance(op, Module) else op_cost(op, node)
            if node.training and not self.training:
                continue
            own = cost.by(node.times)
            total = total.plus(own.as_reuse() if node.name in seen else own)
            seen.add(node.name)
        self._modules[module] = total
        return total

    def depths(self, module: Module, inputs: tuple[int, ...]) -> tuple[int, ...]:
        """Weight layers on the longest path to each output, given those to each input.

        Only differences between the inputs matter, so a module is walked once for each of their patterns.
        """
        base = min(inputs, default=0)
        key = (id(module), tuple(d - base for d in inputs))
        found = self._depths.get(key)
        if found is None:
            depth = dict(zip(module.inputs, key[1], strict=True))
            self._walk(module.nodes, None, depth)
            found = self._depths[key] = tuple(depth[v] for v in module.outputs)
        return tuple(d + base for d in found)

    def _walk(self, nodes: Sequence[Node], around: Repeat | None, depth: dict[Value, int]) -> None:
        for part in parts(nodes, around):
            if isinstance(part, Repeat):
                self._turns(part, depth)
                continue
            operands = tuple(depth[v] for v in part.operands)
            if isinstance(part.operator, Module):
                depth.update(zip(part.results, self.depths(part.operator, operands), strict=True))
            else:
                longest = max(operands, default=0) + part.operator.is_weight_layer
                depth.update((v, longest) for v in part.results)

    def _turns(self, repeat: Repeat, depth: dict[Value, int]) -> None:
        carried = repeat.carried()

        def turn(before: tuple[int, ...]) -> tuple[int, ...]:
            depth.update(zip(carried, before, strict=True))
            self._walk(repeat.nodes, repeat, depth)
            return tuple(depth[v] for v in carried.values())

        start = tuple(depth[v] for v in carried)
        after = run_turns(repeat.turns, start, turn, lambda depths: Split(None, depths), lambda state: state.numbers)
        assert after is not None, "depths grow by the layers of a turn"
        depth.update(zip(carried.values(), after, strict=True))
