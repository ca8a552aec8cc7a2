"""Casts under autocast: values and parameters in the precision that an operator runs in.

Operators run in the precision that autocast's lists give them (`autocast_mode.h` and `.cpp` of ATen): operands are cast where
they are in another one, and each parameter is cast once, for the whole pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from archdsl.analyses.memory.play import Block, Row
from archdsl.analyses.memory.settings import TrainingSettings
from archdsl.analyses.memory.size import Stands, Storage, of_type
from archdsl.analyses.memory.step.answers import OpFacts
from archdsl.analyses.memory.step.ledger import Ledger
from archdsl.analyses.memory.step.tape import Edge, Entry, Leaf, Tensor
from archdsl.ir import Derivative, Gradient, Incoming, Node, Op, State, TensorType, Types


class Cast(Op):
    """A tensor in another precision."""

    name = "cast"

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Elements lie as those of the gradient that comes in."""
        return (Derivative((Gradient("x0", incoming.type.computed()),)),)


class Promotion(Cast):
    """A tensor that a kernel reads in another precision: nothing is made, but for its gradient, which is cast back at once."""


class Casting:
    """What is cast in one pass. A second run of a checkpointed part is a pass of its own."""

    def __init__(self, ledger: Ledger, storage: Storage, settings: TrainingSettings) -> None:
        self._ledger = ledger
        self._storage = storage
        self._lower = settings.dtype
        self._is_cpu = settings.autocast == "cpu"
        self._parameters: dict[str, Tensor] = {}
        """Those in lower precision, by their keys, held to the end of the pass."""
        self._rows: dict[str, Row | None] = {}
        """The rows of turns in which they are made."""
        self._frozen: dict[str, Block] = {}
        """Of the operator that runs those that are not trained, by their names: PyTorch makes them anew for each operator."""
        self._late: dict[str, Block] = {}
        """Those of parameters that it casts in its middle, by their names, until it does."""
        self._operands: dict[str, Tensor] = {}
        """Those of its operands, by name."""

    @property
    def operands(self) -> frozenset[str]:
        """The names of those that are cast for the operator that runs."""
        return frozenset(self._operands)

    def chosen(self, op: Op, node: Node, operands: Sequence[Tensor]) -> Op:
        """The operator as it runs on operands of these precisions."""
        is_lower = self._is_cpu and any(v.type.is_float and v.dtype != "float32" for v in op.read(operands))
        return op.on_lower(*node.operand_types) if is_lower else op

    def note_precisions(self, facts: OpFacts, path: str, operands: Sequence[Tensor]) -> None:
        """Notes whether it is known what autocast does to an operator on operands of these precisions."""
        for value in facts.op.read(operands):
            if value.type.is_float and not facts.casts_exactly[value.dtype != "float32"]:
                self._ledger.doubt(path, facts.op)

    def begin(self, facts: OpFacts, node: Node, path: str, operands: Sequence[Tensor]) -> list[Tensor]:
        """The operands in the precision that an operator runs in; each new tensor is held to its end.

        As compiled by GCC, PyTorch casts arguments from the last to the first: bias, weight, input.
        """
        op, low = facts.op, self._lower
        self._cast_parameters(facts, path)
        read = op.read(operands)
        dtypes = {v.dtype for v in read if v.type.is_float}
        widest: str = "float32" if "float32" in dtypes else low
        if node in self._storage.in_place:
            widest = operands[0].dtype
        if facts.autocast == "promotes" and len(read) > 2 and len(dtypes) > 1:
            self._ledger.doubt(path, op)  # they are joined two at a time, the first ones perhaps in lower precision
        wanted = {"lower": low, "lower inside": low, "promotes": widest, "follows": widest}
        dtype = wanted.get(facts.autocast, "float32")
        is_cached = facts.autocast == "lower" and not op.casts_views
        to: Callable[[Tensor, str, str], Tensor] = self._lowered if is_cached else self.to
        if facts.autocast in ("promotes", "raises"):
            to = partial(self._read_as, Promotion())
        inside = partial(self._read_as, Cast())  # what a kernel makes and frees inside is left out
        unkept = self._unkept(facts, operands) if facts.autocast in ("inside", "lower inside") else ()
        step = 1 if facts.autocast == "promotes" else -1
        ways = [(v, inside if i in unkept else to) for i, v in enumerate(read)][::step]
        casts = [v if not v.type.is_float or v.dtype == dtype else way(v, dtype, path) for v, way in ways][::step]
        self._operands = {
            f"x{i}": cast for i, (cast, given) in enumerate(zip(casts, read, strict=True)) if cast is not given
        }
        return [*casts, *operands[len(casts) :]]

    def _cast_parameters(self, facts: OpFacts, path: str) -> None:
        op = facts.op
        leaves = [(self._ledger.leaf(path, state, size), state) for state, size in facts.state]
        for leaf, state in reversed(leaves):
            # When the last weights of shared attention are cast back is not known.
            if leaf.key in self._parameters and op.cast_late:
                self._ledger.doubt(path, op)
            if leaf.is_trained and op.autocast == "lower":
                self._parameter(op, leaf, state, path)
            elif op.autocast == "lower" and leaf.is_parameter:
                self._frozen[state.name] = self._cast_of(op, state, path)

    def _unkept(self, facts: OpFacts, operands: Sequence[Tensor]) -> set[int]:
        """The operands of an operator that autograd does not keep."""
        every = range(len(operands))
        if self._ledger.part is not None or not any(v.edge is not None for v in operands):
            return {*every}
        return {*every}.difference(
            facts.saved.operands_for(len(every), lambda i: isinstance(i, int) and operands[i].edge is not None)
        )

    def enter(self, names: Iterable[str]) -> None:
        """Casts parameters of these names, in the middle of the operator that runs."""
        for name in names:
            if name in self._late:
                self._ledger.enter(self._late.pop(name))

    def drop(self, names: Iterable[str]) -> None:
        """Lets go of what was cast for the operator that runs under these names."""
        for name in names:
            if name in self._operands:
                self._ledger.drop((self._operands.pop(name),))
            elif name in self._frozen:
                self._ledger.release((self._frozen.pop(name),))

    def end(self, facts: OpFacts, path: str) -> None:
        """Lets go of what was cast for one operator alone."""
        self._ledger.drop(self._operands.values())
        self._operands = {}
        self._ledger.release(self._frozen.values())
        self._frozen.clear()
        keys = [state.key(path) for state, _ in facts.state] if facts.op.casts_views else []
        self._ledger.drop([self._parameters.pop(key) for key in keys if key in self._parameters])

    def end_pass(self) -> None:
        """Lets go of what was cast for the whole pass."""
        for key, cast in self._parameters.items():
            self._ledger.move_to(self._rows[key])
            self._ledger.release((cast.block,))

    def _cast_of(self, op: Op, state: State, path: str) -> Block:
        """A parameter in lower precision, which some operators of several kernels cast in their middle."""
        size = of_type(TensorType(state.shape, batched=False), Stands(self._lower, self._lower))
        if state.name not in op.cast_late:
            return self._ledger.make(path, f"cast {state.name}", size)
        block = self._late[state.name] = self._ledger.promise(path, f"cast {state.name}", size)
        return block

    def _read_as(self, op: Cast, value: Tensor, dtype: str, layer: str) -> Tensor:
        """A value that is read in another precision without a tensor for that, held once more."""
        self._ledger.hold((value.block,))
        return self._through(op, value, dtype, layer, value.block)

    def promoted(self, value: Tensor, dtype: str, layer: str) -> Tensor:
        """The same, held by whom it was held."""
        return self._through(Promotion(), value, dtype, layer, value.block)

    def _lowered(self, value: Tensor, dtype: str, layer: str) -> Tensor:
        """A value in lower precision, held once; a learned tensor is cast once for the whole pass (`cached_cast`)."""
        leaf = value.edge and value.edge.source
        if not isinstance(leaf, Leaf):
            return self.to(value, dtype, layer)
        if leaf.key not in self._parameters:
            self._parameters[leaf.key] = self.to(value, dtype, leaf.key)
            self._rows[leaf.key] = self._ledger.row
        self._ledger.keep((self._parameters[leaf.key],))
        return self._parameters[leaf.key]

    def to(self, value: Tensor, dtype: str, layer: str) -> Tensor:
        """A value in another precision, held once."""
        block = self._ledger.make(layer, "cast", of_type(value.type, Stands(dtype, dtype)))
        return self._through(Cast(), value, dtype, layer, block)

    def _through(self, op: Cast, value: Tensor, dtype: str, layer: str, block: Block) -> Tensor:
        if value.edge is None or not self._ledger.is_grad_enabled:
            return Tensor(block, None, value.type, dtype)
        before = Stands(value.dtype, value.dtype)
        entry = Entry(layer, op, (value.type,), (value.type,), [value.edge], {}, before)
        entry.incoming = Stands(dtype, dtype)
        self._ledger.record(entry)
        entry.holders = 1
        return Tensor(block, Edge(entry, 0), value.type, dtype)

    def parameter(self, op: Op, leaf: Leaf, state: State, path: str) -> Edge | None:
        """Where the gradient of a parameter goes that the operator runs on a cast of."""
        return None if op.autocast != "lower" else self._parameter(op, leaf, state, path).edge

    def _parameter(self, op: Op, leaf: Leaf, state: State, path: str) -> Tensor:
        """A parameter in lower precision, once for the whole pass."""
        if leaf.key not in self._parameters:
            type = TensorType(state.shape, batched=False)
            value = self._ledger.given(leaf.key, "parameter", type)._replace(edge=Edge(leaf, 0))
            block = self._cast_of(op, state, path)
            self._parameters[leaf.key] = self._through(Cast(), value, self._lower, leaf.key, block)
            self._rows[leaf.key] = self._ledger.row
        return self._parameters[leaf.key]

    def kept_by(self, entry: Entry) -> list[tuple[str, Block]]:
        """The casts of weights that an operator keeps for the gradient of its operand; biases are not kept."""
        keys = {name: edge.source.layer for name, edge in entry.parameters.items() if isinstance(edge.source, Entry)}
        blocks = {**{name: self._parameters[key].block for name, key in keys.items()}, **self._frozen}
        return [(f"cast {name}", block) for name, block in blocks.items() if entry.keeps_weight(name)]
