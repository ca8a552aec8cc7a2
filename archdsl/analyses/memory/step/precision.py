"""The tensors that operators read in a forward pass: parameters, and values in the precision that an operator runs in.

With autocast, operators run in the precision that its lists give them (`autocast_mode.h` and `.cpp` of ATen): operands are
cast where they are in another one, and each parameter is cast once, for the whole pass.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from functools import partial

from archdsl.analyses.memory.play import Block, Row
from archdsl.analyses.memory.settings import TrainingSettings
from archdsl.analyses.memory.size import Size, Stands, Storage, of_type
from archdsl.analyses.memory.step.answers import OpFacts
from archdsl.analyses.memory.step.casts import Cast, Promotion
from archdsl.analyses.memory.step.ledger import Ledger
from archdsl.analyses.memory.step.recompute import Replay
from archdsl.analyses.memory.step.tape import Edge, Entry, Leaf, Tensor
from archdsl.analyses.weights import frozen_in
from archdsl.ir import Network, Node, Op, State, TensorType


class Precision(Ledger, ABC):
    """Knows parameters, and casts."""

    def __init__(self, network: Network, storage: Storage, settings: TrainingSettings, batch: int) -> None:
        super().__init__(batch, is_mixed=settings.is_mixed)
        self.network = network
        self.storage = storage
        self.settings = settings
        self.frozen = frozen_in(network, settings.frozen)
        self.tape: list[Entry] = []
        self.leaves: dict[str, Leaf] = {}
        self.stands = Stands(settings.parameter_dtype, settings.parameter_dtype)
        self.casts: dict[str, Tensor] = {}
        """With autocast: parameters in lower precision, by their keys, held to the end of the pass."""
        self.frozen_casts: dict[str, Block] = {}
        """The same of those that are not trained, by their names: PyTorch makes them anew for each operator."""
        self.late_casts: dict[str, Block] = {}
        """Of the operator that runs, those of parameters that it casts in its middle, by their names, until it does."""
        self.operand_casts: dict[str, Tensor] = {}
        """Of the operator that runs, its operands where they are cast, by name."""
        self.cast_in: dict[str, Row | None] = {}
        """The rows of turns in which they are made."""
        self.replay: Replay | None = None
        """The part that runs again."""

    def given(self, layer: str, what: str, type: TensorType) -> Tensor:
        """A tensor that is there throughout."""
        size = Size() if what == "parameter" else of_type(type, self.stands)
        return Tensor(Block(layer, what, size, self.batch, is_input=True), None, type, self.stands.parameters)

    def leaf(self, path: str, state: State, size: Size) -> Leaf:
        key = state.key(path)
        if key not in self.leaves:
            is_parameter = state.role == "parameter"
            is_trained = is_parameter and key not in self.frozen
            self.leaves[key] = Leaf(key, size, is_parameter=is_parameter, is_trained=is_trained, times=self.times)
        return self.leaves[key]

    def record(self, entry: Entry) -> None:
        for edge in entry.leads_to:
            edge.source.holders += 1
        if self.replay is None:
            entry.row = self.row
            self.tape.append(entry)

    def note_precisions(self, facts: OpFacts, path: str, operands: Sequence[Tensor]) -> None:
        """Notes whether it is known what autocast does to an operator on operands of these precisions."""
        for value in facts.op.read(operands):
            if value.type.is_float and not facts.casts_exactly[value.dtype != "float32"]:
                self.doubt(path, facts.op)

    def cast(self, facts: OpFacts, node: Node, path: str, operands: Sequence[Tensor]) -> list[Tensor]:
        """The operands in the precision that an operator runs in; each new tensor is held once.

        As compiled by GCC, PyTorch casts arguments from the last to the first: bias, weight, input.
        """
        op = facts.op
        leaves = [(self.leaf(path, state, size), state) for state, size in facts.state]
        for leaf, state in reversed(leaves):
            # When the last weights of shared attention are cast back is not known.
            if leaf.key in self.casts and op.cast_late:
                self.doubt(path, op)
            if leaf.is_trained:
                self.parameter(op, leaf, state)
            elif op.autocast == "lower" and leaf.is_parameter:
                self.frozen_casts[state.name] = self._cast_of(op, state, leaf.key)
        read = op.read(operands)
        dtypes = {v.dtype for v in read if v.type.is_float}
        widest = "float32" if "float32" in dtypes else self.settings.dtype
        if node in self.storage.in_place:
            widest = operands[0].dtype
        if facts.autocast == "promotes" and len(read) > 2 and len(dtypes) > 1:
            self.doubt(path, op)  # they are joined two at a time, the first ones perhaps in lower precision
        low = self.settings.dtype
        wanted = {"lower": low, "lower inside": low, "promotes": widest, "follows": widest}
        dtype = wanted.get(facts.autocast, "float32")
        is_cached = facts.autocast == "lower" and not op.casts_views
        to: Callable[[Tensor, str, str], Tensor] = self._lowered if is_cached else self.cast_to
        if facts.autocast in ("promotes", "raises"):
            to = partial(self._read_as, Promotion())
        inside = partial(self._read_as, Cast())  # what a kernel makes and frees inside is left out
        unkept = self._unkept(facts, operands) if facts.autocast in ("inside", "lower inside") else ()
        step = 1 if facts.autocast == "promotes" else -1
        ways = [(v, inside if i in unkept else to) for i, v in enumerate(read)][::step]
        casts = [v if not v.type.is_float or v.dtype == dtype else way(v, dtype, path) for v, way in ways][::step]
        return [*casts, *operands[len(casts) :]]

    def _unkept(self, facts: OpFacts, operands: Sequence[Tensor]) -> set[int]:
        """The operands of an operator that autograd does not keep."""
        every = range(len(operands))
        if self.part is not None or not any(v.edge is not None for v in operands):
            return {*every}
        return {*every}.difference(
            facts.saved.operands_for(len(every), lambda i: isinstance(i, int) and operands[i].edge is not None)
        )

    def forget_casts(self, facts: OpFacts, path: str) -> None:
        """Lets go of what was cast for one operator alone."""
        self.drop(self.operand_casts.values())
        self.operand_casts = {}
        self.release(self.frozen_casts.values())
        self.frozen_casts.clear()
        keys = [state.key(path) for state, _ in facts.state] if facts.op.casts_views else []
        self.drop([self.casts.pop(key) for key in keys if key in self.casts])

    def _cast_of(self, op: Op, state: State, key: str) -> Block:
        """A parameter in lower precision, which some operators of several kernels cast in their middle."""
        lower = Stands(self.settings.dtype, self.settings.dtype)
        size = of_type(TensorType(state.shape, batched=False), lower)
        if state.name not in op.cast_late:
            return self.make(key, "cast", size)
        block = self.late_casts[state.name] = self.promise(key, "cast", size)
        return block

    def _read_as(self, op: Cast, value: Tensor, dtype: str, layer: str) -> Tensor:
        """A value that is read in another precision without a tensor for that, held once."""
        self.hold((value.block,))
        return self._through(op, value, dtype, layer, value.block)

    def _lowered(self, value: Tensor, dtype: str, layer: str) -> Tensor:
        """A value in lower precision, held once; a learned tensor is cast once for the whole pass (`cached_cast`)."""
        leaf = value.edge and value.edge.source
        if not isinstance(leaf, Leaf):
            return self.cast_to(value, dtype, layer)
        if leaf.key not in self.casts:
            self.casts[leaf.key] = self.cast_to(value, dtype, leaf.key)
            self.cast_in[leaf.key] = self.row
        self.keep((self.casts[leaf.key],))
        return self.casts[leaf.key]

    def cast_to(self, value: Tensor, dtype: str, layer: str) -> Tensor:
        """A value in another precision, held once."""
        block = self.make(layer, "cast", of_type(value.type, Stands(dtype, dtype)))
        return self._through(Cast(), value, dtype, layer, block)

    def _through(self, op: Cast, value: Tensor, dtype: str, layer: str, block: Block) -> Tensor:
        if value.edge is None:
            return Tensor(block, None, value.type, dtype)
        before = Stands(value.dtype, value.dtype)
        entry = Entry(layer, op, (value.type,), (value.type,), [value.edge], {}, before)
        entry.incoming = Stands(dtype, dtype)
        self.record(entry)
        entry.holders = 1
        return Tensor(block, Edge(entry, 0), value.type, dtype)

    def parameter(self, op: Op, leaf: Leaf, state: State) -> Edge:
        """Where the gradient of a parameter goes: with autocast to the cast that the operator runs on."""
        own = Edge(leaf, 0)
        if not self.is_mixed or op.autocast != "lower" or not leaf.is_trained:
            return own
        if leaf.key not in self.casts:
            value = self.given(leaf.key, "parameter", TensorType(state.shape, batched=False))._replace(edge=own)
            block = self._cast_of(op, state, leaf.key)
            self.casts[leaf.key] = self._through(Cast(), value, self.settings.dtype, leaf.key, block)
            self.cast_in[leaf.key] = self.row
        edge = self.casts[leaf.key].edge
        assert edge is not None
        return edge

    def weights(self, entry: Entry) -> list[tuple[str, Block]]:
        """The casts of weights that a node keeps for the gradient of its operand; biases are not kept."""
        op = entry.op
        if not self.is_mixed or not (op.keeps_weights or op.weights_for or any(entry.edges)):
            return []
        keys = {name: edge.source.layer for name, edge in entry.parameters.items() if isinstance(edge.source, Entry)}
        casts = {name: self.casts[key] for name, key in keys.items()}
        blocks = {**{name: cast.block for name, cast in casts.items()}, **self.frozen_casts}
        read = {name: any(map(entry.wants, op.weights_for.get(name, (name,)))) for name in blocks if op.weights_for}
        return [(f"cast {name}", b) for name, b in blocks.items() if "bias" not in name and read.get(name, True)]
