from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import add
from typing import NamedTuple

from archdsl.analyses.turns import Split, run_turns
from archdsl.ir import Module, Network, Node, Op, Repeat, Value, added, parts


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
    numel = sum([r.numel for r in results])
    params = weights = buffers = param_bytes = buffer_bytes = 0
    for tensor in state:
        size = tensor.numel
        if tensor.role == "parameter":
            params += size
            weights += 0 if tensor.name.endswith("bias") else size
            param_bytes += tensor.bytes
        else:
            buffers += size
            buffer_bytes += tensor.bytes
    return Cost(
        params=params,
        weights=weights,
        buffers=buffers,
        state_bytes=param_bytes + buffer_bytes,
        param_bytes=param_bytes,
        macs=op.macs(operands, results),
        values=numel if op.counts_values(operands, results) else 0,
        neurons=numel if op.counts_neurons else 0,
        connections=op.connections(operands, results),
    )


def cost(network: Network, counts: Counts | None = None) -> CostFacts:
    """Counts a network. Work grows with its distinct modules, not with its unrolled size.

    Args:
        counts: what is known of modules that other networks have too.
    """
    counts = counts or Counts()
    body = network.body
    total = counts.count(body)
    training = counts.count(body, training=True) if any(o.training for o in network.outputs) else total
    inputs = sum(t.numel for t in network.input_types)
    paths = zip(counts.depths(body), network.outputs, strict=True)
    longest = max((max(depths.values()) for depths, o in paths if not o.training), default=0)
    return CostFacts(total, training, longest, inputs, counts.nodes)


Depths = dict[int, int]
"""The weight layers on the longest path from each input of a module, by its number; from operators that read nothing, too."""
SOURCE = -1
"""Such operators."""


class Counts:
    """The costs of modules and of their operators, each worked out once for all networks that share it."""

    def __init__(self) -> None:
        self.nodes: dict[Node, Cost] = {}
        self._modules: dict[tuple[Module, bool], Cost] = {}
        self._depths: dict[Module, tuple[Depths, ...]] = {}

    def count(self, module: Module, *, training: bool = False) -> Cost:
        """The total of a module, `training` with what exists only while training."""
        found = self._modules.get((module, training))
        if found is not None:
            return found
        owns = [Cost(), *(own for _, own in self.shares(module, training=training))]
        total = self._modules[module, training] = Cost(*map(added, zip(*owns, strict=True)))
        return total

    def shares(self, module: Module, *, training: bool = False) -> Iterator[tuple[Node, Cost]]:
        """What each node adds to the total of its module: all of its turns, and the weights of an instance once."""
        nodes = {node: self._cost(node, training=training) for node in module.nodes}
        if not training:
            self.nodes |= nodes
        seen: set[str] = set()
        for node in module.nodes:
            if node.training and not training:
                continue
            own = nodes[node].by(node.times)
            yield node, own.as_reuse() if node.name in seen else own
            seen.add(node.name)

    def _cost(self, node: Node, *, training: bool) -> Cost:
        op = node.operator
        if isinstance(op, Module):
            return self.count(op, training=training)
        return self.nodes.get(node) or op_cost(op, node)

    def depths(self, module: Module) -> tuple[Depths, ...]:
        """Of each output, the weight layers on the longest paths to it. A module is walked once, whatever flows into it."""
        found = self._depths.get(module)
        if found is None:
            depths: dict[Value, Depths] = {value: {number: 0} for number, value in enumerate(module.inputs)}
            self._walk(module.nodes, None, depths)
            found = self._depths[module] = tuple(depths[v] for v in module.outputs)
        return found

    def _walk(self, nodes: Sequence[Node], around: Repeat | None, depths: dict[Value, Depths]) -> None:
        for part in parts(nodes, around):
            if isinstance(part, Repeat):
                self._turns(part, depths)
                continue
            operands = [depths[v] for v in part.operands]
            if isinstance(part.operator, Module):
                inside = (_longest(_through(operands, paths)) for paths in self.depths(part.operator))
                depths.update(zip(part.results, inside, strict=True))
            else:
                longest = _longest(operands) if operands else {SOURCE: 0}
                if part.operator.is_weight_layer:
                    longest = _further(longest, 1)
                depths.update((v, longest) for v in part.results)

    def _turns(self, repeat: Repeat, depths: dict[Value, Depths]) -> None:
        carried = repeat.carried()

        def turn(before: tuple[Depths, ...]) -> tuple[Depths, ...]:
            depths.update(zip(carried, before, strict=True))
            self._walk(repeat.nodes, repeat, depths)
            return tuple(depths[v] for v in carried.values())

        start = tuple(depths[v] for v in carried)
        after = run_turns(repeat.turns, start, turn, _split, _join)
        if after is None:  # more values are passed round than leaps are found for
            after = start
            for _ in range(repeat.turns):
                after = turn(after)
        depths.update(zip(carried.values(), after, strict=True))


def _longest(paths: Sequence[Depths]) -> Depths:
    """The longest from each input."""
    if len(paths) == 1:
        return paths[0]
    longest: Depths = {}
    for depths in paths:
        for start, depth in depths.items():
            longest[start] = max(depth, longest.get(start, 0))
    return longest


def _through(operands: Sequence[Depths], paths: Depths) -> list[Depths]:
    """Paths through a call: those to its operands, and on inside."""
    return [{SOURCE: d} if start == SOURCE else _further(operands[start], d) for start, d in paths.items()]


def _further(depths: Depths, layers: int) -> Depths:
    return {start: depth + layers for start, depth in depths.items()} if layers else depths


def _split(state: tuple[Depths, ...]) -> Split:
    return Split(tuple(map(tuple, state)), tuple(depth for depths in state for depth in depths.values()))


def _join(state: Split) -> tuple[Depths, ...]:
    numbers = iter(state.numbers)
    return tuple({start: next(numbers) for start in starts} for starts in state.form)  # type: ignore[attr-defined]
