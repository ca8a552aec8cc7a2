"""One training step, played: forward, loss, backward in the reverse order of creation, optimizer.

Frees follow PyTorch's engine (`torch/csrc/autograd/engine.cpp`): a node makes all its gradients, then the gradients that
came in are dropped, then what it kept; gradients that meet are summed in the first where that is dense and held once
(`input_buffer.cpp`); a parameter takes its gradient over unless others hold that tensor (`accumulate_grad.h`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from archdsl.analyses.memory.play import Block
from archdsl.analyses.memory.settings import Kernels, TrainingSettings
from archdsl.analyses.memory.size import Size, Stands, Storage, of_extra, of_type
from archdsl.analyses.memory.step.answers import Made, Way
from archdsl.analyses.memory.step.asked import is_alike_on_gpu, ways
from archdsl.analyses.memory.step.casting import Promotion
from archdsl.analyses.memory.step.forward import Forward
from archdsl.analyses.memory.step.loss import Loss, loss_of
from archdsl.analyses.memory.step.optimizer import temporaries
from archdsl.analyses.memory.step.played import Played
from archdsl.analyses.memory.step.recompute import not_checkpointed
from archdsl.analyses.memory.step.tape import Edge, Entry, Flowing, Leaf, Tensor
from archdsl.analyses.weights import PathError, weights_as_written
from archdsl.ir import Gradient, Incoming, Network, TensorType


def play(
    network: Network, storage: Storage, settings: TrainingSettings, batch: int, kernels: Kernels = "cpu"
) -> Played:
    """A step in the steady state: gradients and the optimizer's state are there from the step before.

    The order of events and the sizes are those of every batch of two or more, or of a single sample.
    """
    return _Step(network, storage, settings, batch, kernels).play()


class _Step(Forward):
    """Plays all of a step."""

    def __init__(
        self, network: Network, storage: Storage, settings: TrainingSettings, batch: int, kernels: Kernels
    ) -> None:
        super().__init__(network, storage, settings, batch, kernels)
        self._ways: dict[Hashable, tuple[Way, ...]] = {}
        """Those of the loss and of casts, by all that they depend on."""
        self._earlier: dict[Block | Leaf, Block] = {}
        """Where gradients add up: those that an earlier pass has left, by what it took over, or by whose copy each is."""
        self._summed_up: list[Flowing] = []
        """Gradients that were added to others: the engine drops them when all of their operator's are handed on."""
        self._ready: list[Leaf] = []
        """Parameters that have all of their gradients then."""

    def play(self) -> Played:
        named = zip(self.network.inputs, self.network.input_types, strict=True)
        inputs = [self.given(name, "input", type) for name, type in named]
        self.hold(value.block for value in inputs)
        outputs = [value for value in self.call(self.network.body, "", inputs) if value is not None]
        self._check_paths()
        loss = self.loss(outputs[self.network.main_output])
        kept = (*(b for e in self.tape for b in e.blocks), *(b for part in self.parts for b in part.kept))
        saved = tuple(dict.fromkeys(b for b in kept if b.what != "parameter"))
        after_forward = len(self.events)
        if self.casting is not None:
            self.casting.end_pass()
        self.move_to(None)
        if loss.edge is not None:
            self.backward(loss, loss.edge)
        self.optimize()
        self.forget()
        self.release(value.block for value in (*outputs, loss))
        events, marks, leaves = tuple(self.events), tuple(self.marks), tuple(self.leaves.values())
        on_gpu = self.on_gpu if self.is_alike_on_gpu else None
        known = self.recomputed, (*self.unsure,), self.refused, tuple(self.workspaces), self.has_pages, on_gpu
        return Played(events, marks, after_forward, saved, leaves, *known, self.alike)

    def _check_paths(self) -> None:
        if unknown := [pattern for pattern in self.settings.checkpoint if pattern not in self.checkpointed]:
            raise PathError(not_checkpointed(self.network, unknown[0]))

    def loss(self, result: Tensor) -> Tensor:
        """The loss, held once; the caller holds the target."""
        self.phase = "loss"
        op = loss_of(self.settings.loss, result.type)
        steps = [result]
        if self.settings.autocast == "cpu":  # `cross_entropy_loss` as a whole is in its list, only nll_loss in CUDA's
            steps.append(self._in_float32(steps[-1]))
        steps.append(self._prepared(steps[-1], op))
        steps.append(self._in_float32(steps[-1]))
        given, result = result, steps[-1]
        (type,) = op.infer(result.type)
        stands = Stands(result.dtype, result.dtype)
        entry = Entry("loss", op, (result.type,), (type,), [result.edge], {}, stands)
        for extra in op.saved((result.type,), (type,)).extra:
            entry.keep(extra.name, self.make("loss", extra.name, of_extra(extra, self.batch, stands)))
        for i in op.saved((result.type,), (type,)).operands:
            self.hold((result.block,))
            entry.keep(f"x{i}", result.block)
        self.record(entry)
        found = self.make("loss", "output", of_type(op.room(result.type), stands))
        self.mark("loss")
        self.release(dict.fromkeys(step.block for step in steps if step.block is not given.block))
        return Tensor(found, Edge(entry, 0) if result.edge else None, type, result.dtype)

    def _in_float32(self, result: Tensor) -> Tensor:
        """What autocast reads; where that is another tensor it is held once. CUDA's sums into float32."""
        is_sum = self.settings.loss == "none"
        if self.casting is None or result.dtype == "float32" or (is_sum and self.settings.autocast != "cuda"):
            return result
        return (self.casting.promoted if is_sum else self.casting.to)(result, "float32", "loss")

    def _prepared(self, result: Tensor, loss: Loss) -> Tensor:
        """The result as the loss reads it; where that is another tensor it is held once."""
        if loss.first is None:
            return result
        stands = Stands(result.dtype, result.dtype)
        block = self.make("loss", loss.first.name, of_type(result.type, stands))
        entry = Entry("loss", loss.first, (result.type,), (result.type,), [result.edge], {}, stands)
        self.record(entry)
        self.hold((block,))
        entry.keep("y", block)
        return result._replace(block=block, edge=result.edge and Edge(entry, 0))

    def optimize(self) -> None:
        self.phase = "optimizer"
        known = (self.leaves.get(key) for key in weights_as_written(self.network))
        leaves = [leaf for leaf in known if leaf is not None and leaf.gradient is not None]
        sizes = temporaries(self.settings, [leaf.size.fixed for leaf in leaves], [leaf.times for leaf in leaves])
        made = [self.make("optimizer", "temporary", Size(size)) for size in sizes]
        self.mark("optimizer")
        self.release(made)

    def backward(self, loss: Tensor, edge: Edge) -> None:
        self.phase = "backward"
        self._reach(edge.source)
        seed = self.marked("loss", "gradient", of_type(loss.type, Stands(loss.dtype, loss.dtype)))
        self.deliver(edge, Flowing(seed, loss.type))
        self._settle()
        self.hold((seed,))  # `backward()` keeps it to its end
        for entry in reversed(self.tape):
            if entry.arriving:
                self.move_to(entry.row)
                self.run_back(entry)
        self.move_to(None)
        self.release((seed,))

    def forget(self) -> None:
        """What the loss does not depend on dies with the outputs."""
        for entry in self.tape:
            if entry.kept:
                self.move_to(entry.row)
                self.release(entry.drop(entry.kept))
        for part in self.parts:
            if part.waiting:
                self.move_to(part.row)
                self.release((part.random_state, *part.handed))
                self.drop(part.given)
        self.move_to(None)

    def _reach(self, source: Entry | Leaf) -> None:
        """Counts for all that the loss depends on how many gradients it will get."""
        source.users = 1
        for entry in reversed(self.tape):
            if entry.users:
                for source, _ in entry.leads_to:
                    source.users += 1

    def run_back(self, entry: Entry) -> None:
        part = entry.part
        arriving = {f"y{i}": flowing for i, flowing in entry.arriving.items()}
        entry.arriving = {}
        known = self._known_ways(entry, next(iter(arriving.values())).type)
        entry.expect([made.gradient.of for way in known for made in way.gives])
        for way in known:
            if part is not None and way.reads and not part.is_recomputed:
                self.recompute(part)
                self.move_to(entry.row)
            if not way.is_exact:
                self.doubt(entry.layer, entry.op)
            took = [arriving.pop(name) for name in way.takes if name in arriving]
            given = self._derive(entry, way, took) if took else []
            if entry.op.gathers:
                self.in_own_rows(took, self._let_go)
            else:
                self._let_go(took)
            self._free(entry, way)
            if part is not None and way is known[-1]:
                self.used(part)
            for gradient, flowing in _in_order(given):
                if gradient.how == "reshaped":
                    self._settle()
                of, edge = gradient.of, entry.edge(gradient.of)
                if edge is not None:
                    self.deliver(edge, flowing)
                else:
                    arriving[of] = self._joined(arriving[of], flowing, entry) if of in arriving else flowing
            self._settle()
            for name in entry.op.cast_late:
                edge = entry.edge(name)
                if edge is not None and isinstance(edge.source, Entry) and edge.source.arriving:
                    self.run_back(edge.source)

    def _free(self, entry: Entry, way: Way) -> None:
        """Lets go of what was kept for one of its derivatives."""
        self.release(entry.drop_but(way.frees) if way.is_first else entry.drop(way.frees))

    def _known_ways(self, entry: Entry, incoming: TensorType) -> tuple[Way, ...]:
        """How its gradients are made."""
        facts = entry.facts
        known = self._ways if facts is None else facts.ways
        of = (entry.op.name, entry.operands) if facts is None else None
        key = of, incoming, entry.names, entry.stands
        found = known.get(key)
        if found is None:
            arrived = Incoming(incoming, is_single=self.batch == 1)
            found = known[key] = ways(entry, arrived)
            if facts is not None:
                self.is_alike_on_gpu &= is_alike_on_gpu(facts, entry, arrived, found)
        return found

    def _cast_back(self, entry: Entry, of: str, flowing: Flowing) -> bool:
        """Hands a gradient on at once, in the precision of what it is of, where the kernel read that in another one."""
        edge = entry.edge(of)
        if edge is None or not isinstance(edge.source, Entry) or not isinstance(edge.source.op, Promotion):
            return False
        self.deliver(edge, flowing)
        self._settle()
        self.run_back(edge.source)
        return True

    def _derive(self, entry: Entry, way: Way, took: Sequence[Flowing]) -> list[tuple[Gradient, Flowing]]:
        """Makes what a derivative gives, then sums each and casts it back (`validate_outputs` in `engine.cpp`).

        What is handed on at once is left out. A tensor of a second run is gone before sums: only its kernel had it.
        """
        if not way.gives:
            return []
        made_before = [self.make(entry.layer, "zeros", size) for size in way.zeros[len(took) :]]
        made_before += [self.make(entry.layer, "copy", size) for size in way.beside]
        given = [None if made.gradient.how == "late" else self._give(entry, made, took[0]) for made in way.gives]
        self.release(made_before)
        if entry.part is not None:
            self._free(entry, way)
        pairs = [*zip(way.gives, given, strict=True)]
        self._let_go([flowing for made, flowing in pairs if flowing is not None and not made.is_wanted])
        found = []
        for made, flowing in pairs:
            if made.is_wanted:
                summed = self._give(entry, made, took[0]) if flowing is None else self._summed(entry, made, flowing)
                if self.casting is None or not self._cast_back(entry, made.gradient.of, summed):
                    found.append((made.gradient, summed))
        return found

    def _give(self, entry: Entry, made: Made, arriving: Flowing) -> Flowing:
        gradient = made.gradient
        if gradient.how == "same":
            arriving.holders += 1
            arriving.block.holders += 1
            return arriving
        if gradient.how == "view":
            arriving.block.holders += 1
            return Flowing(arriving.block, gradient.type, is_view=True)
        scratch = [self.make(entry.layer, "scratch", size) for size in made.scratch]
        block = self.marked(entry.layer, made.what, made.size)
        self.release(scratch)
        is_view = _loses_axes(gradient.type, arriving.type) if gradient.how == "late" else gradient.how != "made"
        return Flowing(block, gradient.type, is_view)

    def _summed(self, entry: Entry, made: Made, whole: Flowing) -> Flowing:
        """The gradient, summed over repetitions where it has to be."""
        if made.gradient.whole is None:
            return whole
        block = self.marked(entry.layer, made.what, made.summed)
        self._let_go((whole,))
        is_view = made.gradient.how == "reshaped" or _loses_axes(made.gradient.type, made.gradient.whole)
        return Flowing(block, made.gradient.type, is_view)

    def _let_go(self, gradients: Iterable[Flowing]) -> None:
        for flowing in gradients:
            flowing.holders -= 1
            block = flowing.block
            block.holders -= 1
            if not block.holders:
                self.freed(block)

    def deliver(self, edge: Edge, flowing: Flowing) -> None:
        source, number = edge
        if isinstance(source, Entry):
            waiting = source.arriving.get(number)
            source.arriving[number] = flowing if waiting is None else self._joined(waiting, flowing, source)
            return
        waiting = source.arriving
        source.arriving = flowing if waiting is None else self._joined(waiting, flowing, source)
        source.users -= 1
        if not source.users:
            self._ready.append(source)

    def _settle(self) -> None:
        """When all gradients of an operator are handed on."""
        self._let_go(self._summed_up)
        for leaf in self._ready:
            assert leaf.arriving is not None
            self._accumulate(leaf, leaf.arriving)
            leaf.arriving = None
        self._summed_up, self._ready = [], []

    def _joined(self, waiting: Flowing, new: Flowing, source: Entry | Leaf) -> Flowing:
        """The sum of gradients that meet, in the storage of the first where nobody else holds it."""
        self._summed_up.append(new)
        if self._is_own(waiting):
            return waiting
        layer, stands = (source.layer, source.incoming) if isinstance(source, Entry) else (source.key, self.stands)
        found = Flowing(self.marked(layer, "gradient", of_type(new.type, stands)), waiting.type.computed(new.type))
        self._let_go((waiting,))
        return found

    def _is_own(self, flowing: Flowing) -> bool:
        is_alone = flowing.holders == 1 and flowing.block.holders == 1
        return is_alone and not flowing.is_view and flowing.type.is_dense(is_single=self.batch == 1)

    def _accumulate(self, leaf: Leaf, flowing: Flowing) -> None:
        """The parameter takes its gradient over, adds it to what is there, or takes a copy of what others hold too."""
        is_taken = flowing.holders == 1 and flowing.type.lies_in_order(is_single=self.batch == 1)
        if self.settings.adds_up:
            leaf.gradient = self._of_earlier(leaf, flowing.block if is_taken else leaf)
        elif is_taken:
            leaf.gradient = flowing.block
            return
        else:
            leaf.gradient = self.marked(leaf.key, "gradient", leaf.size)
        self._let_go((flowing,))

    def _of_earlier(self, leaf: Leaf, like: Block | Leaf) -> Block:
        """The gradient that an earlier pass has left, which took such a storage over or is a copy for such a parameter."""
        if like not in self._earlier:
            self._earlier[like] = Block(leaf.key, "gradient", like.size, self.batch)
            self._earlier[like].times = leaf.times
        return self._earlier[like]


def _in_order(given: Sequence[tuple[Gradient, Flowing]]) -> Iterator[tuple[Gradient, Flowing]]:
    """As the engine hands gradients on: those that an operator of its own reshapes at last, from the last one to the first,
    since these operators were created in the order of the operands."""
    yield from (pair for pair in given if pair[0].how != "reshaped")
    yield from (pair for pair in reversed(given) if pair[0].how == "reshaped")


def _loses_axes(summed: TensorType, whole: TensorType) -> bool:
    """Whether a sum over repetitions is a view of one with as many axes (`sum_to` in `aten/src/ATen/ExpandUtils.h`)."""
    return 0 < len(summed.tensor_shape) < len(whole.tensor_shape)
