"""One training step, played: forward, loss, backward in the reverse order of creation, optimizer.

Frees follow PyTorch's engine (`torch/csrc/autograd/engine.cpp`): a node makes all its gradients, then the gradients that
came in are dropped, then what it kept; gradients that meet are summed in place where one of them is dense and held once
(`input_buffer.cpp`); a parameter takes its gradient over unless others hold that tensor (`accumulate_grad.h`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from archdsl.analyses.memory.casts import Cast, Promotion
from archdsl.analyses.memory.forward import Forward
from archdsl.analyses.memory.ledger import Event, Mark
from archdsl.analyses.memory.loss import LOSSES, Loss
from archdsl.analyses.memory.optimizer import in_order, temporaries
from archdsl.analyses.memory.play import Block
from archdsl.analyses.memory.settings import Kernels, TrainingSettings
from archdsl.analyses.memory.size import Size, Stands, Storage, of_extra, of_type
from archdsl.analyses.memory.tape import Edge, Entry, Flowing, Leaf, Tensor
from archdsl.analyses.weights import PathError
from archdsl.ir import Derivative, Gradient, Incoming, Network, Node


class Played(NamedTuple):
    """A whole step."""

    events: tuple[Event, ...]
    marks: tuple[Mark, ...]
    after_forward: int
    """How many events the forward pass has, its loss included."""
    saved: tuple[Block, ...]
    """What autograd holds then, parameters left out."""
    leaves: tuple[Leaf, ...]
    """All parameters, with their gradients, and buffers."""
    recomputed_macs: int
    """Multiply-adds of what runs twice, for one sample."""
    is_exact: bool
    workspaces: tuple[Size, ...]
    """Of each convolution and attention all that it touches: as much as it may want besides on a GPU."""
    has_pages: bool
    """Whether some tensor takes whole pages of memory, so that all this is for one batch alone."""
    is_of_any_device: bool
    """Whether a GPU's operators make the same tensors as a CPU's."""
    alike: dict[str, str]
    """Paths in the turns beside rows of turns: those in the turn that stands for them."""

    def stands_for(self, path: str) -> str:
        """A path, in the turn that stands for the one that it is in."""
        if not self.alike:
            return path
        found = ""
        for name in path.split("."):
            found = f"{found}.{name}" if found else name
            found = self.alike.get(found, found)
        return found


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
        self._known: dict[tuple[Node, Incoming], tuple[Derivative, ...]] = {}

    def play(self) -> Played:
        named = zip(self.network.inputs, self.network.input_types, strict=True)
        inputs = [self.given(name, "input", type) for name, type in named]
        self.hold(value.block for value in inputs)
        outputs = [value for value in self.call(self.network.body, "", inputs) if value is not None]
        self._check_paths()
        loss = self.loss(outputs[self.network.main_output])
        kept = (*(b for e in self.tape for b in e.blocks), *(b for part in self.parts for b in part.held))
        saved = tuple(dict.fromkeys(b for b in kept if b.what not in ("parameter", "random state")))
        after_forward = len(self.events)
        for key, cast in self.casts.items():
            self.move_to(self.cast_in[key])
            self.release((cast.block,))
        self.move_to(None)
        if loss.edge is not None:
            self.backward(loss)
        self.optimize()
        self.forget()
        self.release(value.block for value in (*outputs, loss))
        events, marks, leaves = tuple(self.events), tuple(self.marks), tuple(self.leaves.values())
        known = self.recomputed_macs, self.is_exact, tuple(self.workspaces), self.has_pages, self.is_of_any_device
        return Played(events, marks, after_forward, saved, leaves, *known, self.alike)

    def _check_paths(self) -> None:
        for pattern in self.settings.checkpointed:
            if pattern not in self.checkpointed:
                raise PathError(f"no part of the network is called `{pattern}`")

    def loss(self, result: Tensor) -> Tensor:
        """The loss, held once; the caller holds the target."""
        self.phase = "loss"
        op = LOSSES[self.settings.loss]
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
        """What autocast reads; where that is another tensor it is held once."""
        is_float32 = self.settings.loss != "none" or self.settings.autocast == "cuda"
        is_cast = self.is_mixed and is_float32 and result.dtype != "float32"
        return self.cast_to(result, "float32", "loss") if is_cast else result

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
        trained = [key for key, leaf in self.leaves.items() if leaf.gradient is not None]
        leaves = [self.leaves[key] for key in in_order(trained)]
        sizes = temporaries(self.settings, [leaf.size.fixed for leaf in leaves], [leaf.times for leaf in leaves])
        made = [self.make("optimizer", "temporary", Size(size)) for size in sizes]
        self.mark("optimizer")
        self.release(made)

    def backward(self, loss: Tensor) -> None:
        self.phase = "backward"
        assert loss.edge is not None
        self._reach(loss.edge)
        seed = self.marked("loss", "gradient", of_type(loss.type, Stands(loss.dtype, loss.dtype)))
        self.deliver(loss.edge, Flowing(seed, loss.type))
        self.hold((seed,))  # `backward()` keeps it to its end
        for entry in reversed(self.tape):
            if entry.is_reached and entry.arriving:
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
        self.move_to(None)
        for part in self.parts:
            self.release((*part.held, *part.handed) if part.waiting else ())

    def _reach(self, edge: Edge) -> None:
        """Marks what the loss depends on, and counts for each parameter how many gradients it will get."""
        waiting = [edge.source]
        while waiting:
            source = waiting.pop()
            if isinstance(source, Leaf) or source.is_reached:
                continue
            source.is_reached = True
            for edge in source.leads_to:
                if isinstance(edge.source, Leaf):
                    edge.source.users += 1
                waiting.append(edge.source)

    def run_back(self, entry: Entry) -> None:
        part = entry.part
        if part is not None and not part.is_recomputed:
            self.recompute(part)
        arriving = {f"y{i}": flowing for i, flowing in entry.arriving.items()}
        entry.arriving = {}
        incoming = Incoming(_first(arriving).type, is_single=self.batch == 1)
        # How the gradients of a convolution lie where one number, repeated, comes in is not known.
        self.is_exact &= not _is_convolution(entry) or not {0}.issuperset(incoming.type.tensor_strides)
        derivatives = self._derivatives(entry, incoming)
        needed = _needed(entry, derivatives)
        later = {name for d in derivatives[1:] for name in _frees(d)}
        for i, derivative in enumerate(derivatives):
            took = [arriving.pop(name) for name in derivative.takes if name in arriving]
            frees = _frees(derivative) if i else entry.kept - later
            given = self._derive(entry, derivative, needed, took, frees) if took else []
            self._let_go(took)
            self.release(entry.drop(frees))
            if part is not None and derivative is derivatives[-1]:
                self.used(part)
            for of, flowing in given:
                edge = entry.edge(of)
                if edge is not None:
                    self.deliver(edge, flowing)
                else:
                    arriving[of] = self._joined(arriving.get(of), flowing, entry)
            for edge in map(entry.edge, entry.op.cast_late):
                if edge is not None and isinstance(edge.source, Entry) and edge.source.arriving:
                    self.run_back(edge.source)

    def _cast_back(self, entry: Entry, of: str, flowing: Flowing) -> bool:
        """Hands a gradient on at once, in the precision of what it is of, where the kernel read that in another one."""
        edge = entry.edge(of)
        if edge is None or not isinstance(edge.source, Entry) or not isinstance(edge.source.op, Promotion):
            return False
        self.deliver(edge, flowing)
        self.run_back(edge.source)
        return True

    def _derivatives(self, entry: Entry, incoming: Incoming) -> tuple[Derivative, ...]:
        """Those of an operator, asked once for all uses of its module."""
        found = self._known.get((entry.node, incoming)) if entry.node else None
        if found is None:
            found = entry.op.backward(entry.operands, entry.results, incoming)
            if entry.node:
                self._known[entry.node, incoming] = found
        return found

    def _derive(
        self, entry: Entry, derivative: Derivative, needed: set[str], took: Sequence[Flowing], frees: Iterable[str]
    ) -> list[tuple[str, Flowing]]:
        """Makes what a derivative gives and is needed, then sums each and casts it back (`validate_outputs` in `engine.cpp`).

        What is handed on at once is left out. A tensor of a second run is gone before sums: only its kernel had it.
        """
        wanted = [g for g in derivative.gives if g.of in needed]
        if not wanted:
            return []
        made = {name for g in wanted for name in (g.of, *g.along)}
        gives = [g for g in derivative.gives if g.of in made]
        # Whether a convolution makes the gradient of frozen weights with that of the bias depends on the number of threads.
        self.is_exact &= not _is_convolution(entry) or len(gives) == len(wanted)
        missing = entry.results[len(took) :] if derivative.fills else ()
        zeros = [self.make(entry.layer, "zeros", of_type(t, entry.stands)) for t in missing]
        given = [None if g.how == "late" else self._give(entry, g, took[0]) for g in gives]
        self.release((*zeros, *(entry.drop(frees) if entry.part is not None else ())))
        pairs = [*zip(gives, given, strict=True)]
        self._let_go(flowing for g, flowing in pairs if flowing is not None and g.of not in needed)
        kept = ((g, flowing) for g, flowing in pairs if g.of in needed)
        summed = (
            (g.of, self._give(entry, g, took[0]) if flowing is None else self._summed(entry, g, flowing))
            for g, flowing in kept
        )
        return [(of, flowing) for of, flowing in summed if not self._cast_back(entry, of, flowing)]

    def _give(self, entry: Entry, gradient: Gradient, arriving: Flowing) -> Flowing:
        if gradient.how == "same":
            arriving.holders += 1
            self.hold((arriving.block,))
            return arriving
        if gradient.how == "view":
            self.hold((arriving.block,))
            return Flowing(arriving.block, gradient.type, is_view=True)
        scratch = [self.make(entry.layer, "scratch", of_type(t, entry.stands)) for t in gradient.scratch]
        size = of_type(gradient.whole or gradient.type, entry.stands)
        block = self.marked(entry.layer, _purpose(entry, gradient), size)
        self.release(scratch)
        found = Flowing(block, gradient.type, is_view=gradient.how in ("reshaped", "late"))
        found.is_cast = isinstance(entry.op, Cast)
        return found

    def _summed(self, entry: Entry, gradient: Gradient, whole: Flowing) -> Flowing:
        """The gradient, summed over repetitions where it has to be."""
        if gradient.whole is None:
            return whole
        block = self.marked(entry.layer, _purpose(entry, gradient), of_type(gradient.type, entry.stands))
        self._let_go((whole,))
        return Flowing(block, gradient.type, is_view=gradient.how == "reshaped")

    def _let_go(self, gradients: Iterable[Flowing]) -> None:
        for flowing in gradients:
            flowing.holders -= 1
            self.release((flowing.block,))

    def deliver(self, edge: Edge, flowing: Flowing) -> None:
        source = edge.source
        if isinstance(source, Entry):
            source.arriving[edge.number] = self._joined(source.arriving.get(edge.number), flowing, source)
            return
        source.arriving = self._joined(source.arriving, flowing, source)
        source.users -= 1
        if not source.users:
            self._accumulate(source, source.arriving)
            source.arriving = None

    def _joined(self, waiting: Flowing | None, new: Flowing, source: Entry | Leaf) -> Flowing:
        """The sum of gradients that meet, in the storage of one of them where nobody else holds it."""
        if waiting is None:
            return new
        for kept, added in ((waiting, new), (new, waiting)):
            if self._is_own(kept) and not (kept is new and new.is_cast):
                self._let_go((added,))
                return kept
        layer, stands = (source.layer, source.stands) if isinstance(source, Entry) else (source.key, self.stands)
        found = Flowing(self.marked(layer, "gradient", of_type(new.type, stands)), new.type.computed())
        self._let_go((waiting, new))
        return found

    def _is_own(self, flowing: Flowing) -> bool:
        is_alone = flowing.holders == 1 and flowing.block.holders == 1
        return is_alone and not flowing.is_view and flowing.type.is_dense(is_single=self.batch == 1)

    def _accumulate(self, leaf: Leaf, flowing: Flowing) -> None:
        """The parameter takes its gradient over, adds it to what is there, or takes a copy of what others hold too."""
        if self.settings.adds_up:
            leaf.gradient = Block(leaf.key, "gradient", leaf.size, self.batch)
            leaf.gradient.times = leaf.times
        elif flowing.holders == 1 and flowing.type.is_contiguous:
            leaf.gradient = flowing.block
            return
        else:
            leaf.gradient = self.marked(leaf.key, "gradient", leaf.size)
        self._let_go((flowing,))


def _is_convolution(entry: Entry) -> bool:
    return entry.node is not None and entry.op.category == "conv"


def _purpose(entry: Entry, gradient: Gradient) -> str:
    """What a gradient is for, in words."""
    return f"{gradient.of} gradient" if gradient.of in entry.parameters else "gradient"


def _frees(derivative: Derivative) -> tuple[str, ...]:
    """What one after the first lets go of: the casts of weights too whose gradients it gives."""
    return (*derivative.frees, *(f"cast {gradient.of}" for gradient in derivative.gives))


def _first(arriving: dict[str, Flowing]) -> Flowing:
    return next(iter(arriving.values()))


def _needed(entry: Entry, derivatives: Sequence[Derivative]) -> set[str]:
    """The tensors whose gradients are wanted: operands, parameters, and what leads to them."""
    needed = entry.wanted
    for derivative in reversed(derivatives):
        if any(g.of in needed for g in derivative.gives):
            needed.update(derivative.takes)
    return needed
