"""The forward pass of a training step: values with their storages, and the tape that autograd writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence, Set
from functools import partial

from archdsl.analyses.memory.play import Block
from archdsl.analyses.memory.settings import Kernels, TrainingSettings
from archdsl.analyses.memory.size import Size, Stands, Storage, of_extra, of_state, of_type
from archdsl.analyses.memory.step.answers import OpFacts, Run
from archdsl.analyses.memory.step.asked import NUMBER, ask, ask_inferring, kernels_again, numbers_kept, run
from archdsl.analyses.memory.step.casting import Casting
from archdsl.analyses.memory.step.ledger import Ledger
from archdsl.analyses.memory.step.recompute import RANDOM_STATE, Replay, buffers, naming
from archdsl.analyses.memory.step.tape import Edge, Entry, Part, Tensor
from archdsl.ir import RESULT, Module, Network, Node, Op, Saved, TensorType


class Forward(Ledger):
    """Plays the forward pass."""

    def __init__(
        self, network: Network, storage: Storage, settings: TrainingSettings, batch: int, kernels: Kernels
    ) -> None:
        super().__init__(network, settings, batch)
        self.storage = storage
        self.kernels = kernels
        self.casting = self._new_casting()
        self.facts: dict[Node | tuple[Node, Op], OpFacts] = {}
        """By nodes, and by what runs in place of their operators."""
        self._known: dict[Hashable, OpFacts] = {}
        """The same by all that they depend on."""
        self.workspaces: list[Size] = []
        """Of each convolution and attention all that it touches: as much as it may want besides on a GPU."""
        self.parts: list[Part] = []
        """The calls that are checkpointed."""
        self.checkpointed: set[str] = set()
        """The patterns that name some call."""
        self.recomputed: Counter[tuple[str, Node, bool]] = Counter()
        """How often operators run again, by their paths."""
        self.has_pages = False
        """Whether some tensor takes whole pages of memory."""
        self.on_gpu: dict[Block, Block] = {}
        """What is there in place of storages where a GPU's operators run."""
        self.is_alike_on_gpu = not settings.checkpoint
        """Whether nothing else is different then."""

    def _new_casting(self) -> Casting | None:
        return Casting(self, self.storage, self.settings) if self.settings.is_mixed else None

    # parts that run twice

    def run(self, node: Node, path: str, operands: Sequence[Tensor]) -> Sequence[Tensor | None]:
        patterns = self.settings.checkpoint
        if not patterns or not (named := naming(node, path, patterns)):
            return super().run(node, path, operands)
        if self.replay is not None:
            return self._run_within(self.replay, node, path, operands)
        self.checkpointed |= named
        return self._run_part(node, path, operands)

    def _run_part(self, node: Node, path: str, operands: Sequence[Tensor]) -> Sequence[Tensor | None]:
        outer = self.part
        if outer is None:
            self.keep(operands)
        part = self.part = Part(node, path, operands, self.make(path, "random state", RANDOM_STATE), outer, self.row)
        found = super().run(node, path, operands)
        self.part = outer
        if part.waiting:
            self.parts.append(part)
        else:
            self.used_up(part)
        return found

    def _run_within(self, replay: Replay, node: Node, path: str, operands: Sequence[Tensor]) -> Sequence[Tensor | None]:
        """In the second run of a part one that is in it: it runs as for the first time, to be forgotten with that run.

        The part of the first run is handed its operands; where backward needs nothing after them the outer run stops.
        """
        if replay.is_over:
            return super().run(node, path, operands)
        random_state = self.make(path, "random state", RANDOM_STATE)
        outer = self.part
        first = next(replay.entries if outer is None else replay.inner[-1])
        assert isinstance(first, Part)
        if first.waiting:
            replay.besides.append((random_state, self.row))
        if outer is None:
            replay.is_over = first is replay.last
            if first.waiting:
                first.operands, first.handed = operands, [value.block for value in operands]
                self.hold(first.handed)
            self.mark(path)
        if replay.is_over:
            return super().run(node, path, operands)
        self.part = Part(node, path, operands, random_state, outer, self.row)
        replay.inner.append(part for part in first.entries if isinstance(part, Part))
        found = super().run(node, path, operands)
        replay.inner.pop()
        self.part = outer
        if not first.waiting:  # nobody waits for its second run
            self.release((random_state,))
        return found

    def recompute(self, part: Part) -> None:
        """Runs a part again, after the one that it is in; its operators keep what backward reads."""
        if part.outer is not None and not part.outer.is_recomputed:
            self.recompute(part.outer)
        part.is_recomputed = True
        self.move_to(part.row)
        around = [self.make(part.path, "random state", RANDOM_STATE)]
        around += [
            self.make(part.path, "copy of a buffer", of_type(type, self.stands).by(times))
            for type, times in buffers(part.node)
        ]
        casting, self.casting = self.casting, self._new_casting()
        replay = self.replay = Replay(part)
        results = super().run(part.node, part.path, part.operands)
        self.replay = None
        self.drop(value for value in results if value is not None)
        for block, row in replay.besides:
            self.move_to(row)
            self.release((block,))
        if self.casting is not None:
            self.casting.end_pass()
        self.move_to(part.row)
        self.release((*around, *part.handed))
        part.handed = []
        self.casting = casting

    # operators

    def apply(self, node: Node, path: str, operands: Sequence[Tensor]) -> list[Tensor]:
        op = node.operator
        assert isinstance(op, Op)
        if op.is_source:
            return [self._source(node, path)]
        op = op.requiring([i for i, value in enumerate(operands) if value.edge is not None], *node.operand_types)
        if self.casting is not None:
            op = self.casting.chosen(op, node, operands)
        key = node if op is node.operator else (node, op)
        facts = self.facts.get(key) or self.facts.setdefault(key, self._asked(node, op, path))
        if self.casting is not None:
            self.casting.note_precisions(facts, path, operands)
        if facts.is_alias:
            self.keep(operands[:1])
            return [operands[0]]
        if self.replay is not None and self.replay.is_over:
            return self._nothing(node, path)
        if facts.program is not None:
            return self._played(node, facts, facts.program, path, operands)
        if self.casting is not None:
            operands = self.casting.begin(facts, node, path, operands)
        if self.replay is not None and self.part is None:
            results = self._run_again(self.replay, node, facts, operands)
        else:
            entry = self._entry(node, facts, path, operands)
            if entry.needs_gradient:
                self.record(entry)
            run = self._run if self.part is None else partial(self._run_once, self.part)
            results = run(facts, entry, operands)
        if self.casting is not None:
            self.casting.end(facts, path)
        return results

    def _played(
        self, node: Node, facts: OpFacts, program: Module, path: str, operands: Sequence[Tensor]
    ) -> list[Tensor]:
        """Runs what an operator runs one by one."""
        self.composed.setdefault(path, node.operator.name)
        for state, size in facts.state:
            self.leaf(path, state, size)
        if self.replay is not None:
            self._count_again(path, node)
        return [value for value in self.call(program, path, operands) if value is not None]

    def _run(self, facts: OpFacts, entry: Entry, operands: Sequence[Tensor]) -> list[Tensor]:
        run = self._known_run(facts, entry)
        numbers = numbers_kept(facts.saved, entry)
        if entry.needs_gradient:
            self._hold(run, entry, operands)
        made = self._steps(run, entry, {*numbers, *(name for name, _ in run.extras)}) if run.kernels else {}
        self._keep_numbers(numbers, entry, made)
        results = self._results(facts, run, entry, operands, made.get(RESULT))
        if entry.needs_gradient:
            self._keep(run, facts.saved, entry, results, made)
        else:
            self.is_alike_on_gpu &= facts.on_gpu is facts.op
        self.is_alike_on_gpu &= not entry.needs_gradient or len(run.twins) == len(facts.twins or ())
        if not run.is_exact:
            self.doubt(entry.layer, entry.op)
        temporary = [self.make(entry.layer, name, size) for name, size in run.scratch]
        self.mark(entry.layer)
        self.release(temporary)
        return results

    def _steps(self, run: Run, entry: Entry, kept: Set[str]) -> dict[str, Block]:
        """Runs an operator of several kernels; its result and what is kept, each held once."""
        made: dict[str, Block] = {}
        kept = {RESULT, *kept}
        for makes, drops, casts in run.kernels:
            if self.casting is not None:
                self.casting.enter(casts)
            for name, size in makes:
                if name == RESULT:
                    made[name] = self.make(entry.layer, entry.op.makes, run.results[0])
                else:
                    what = "number" if name.startswith("number ") else name
                    made[name] = self.make(entry.layer, what, size)
            self.mark(entry.layer)
            self.release(made.pop(name) for name in drops if name in made and name not in kept)
            if self.casting is not None:
                self.casting.drop(drops)
        self.release(made.pop(name) for name in [*made] if name not in kept)
        return made

    def _known_run(self, facts: OpFacts, entry: Entry) -> Run:
        """What an operator makes."""
        casts = frozenset[str]() if self.casting is None else self.casting.operands
        key = entry.names, entry.stands, casts
        found = facts.runs.get(key)
        if found is None:
            found = facts.runs[key] = run(facts, entry, self.batch, casts)
            if found.refusal:
                self.refused[entry.layer] = found.refusal
        return found

    def _run_once(self, part: Part, facts: OpFacts, entry: Entry, operands: Sequence[Tensor]) -> list[Tensor]:
        """In the first run of a part, where tensors are not kept."""
        run = self._known_run(facts, entry)
        numbers = numbers_kept(facts.saved, entry)
        made = self._steps(run, entry, {*numbers}) if run.kernels else {}
        self._keep_numbers(numbers, entry, made)
        results = self._results(facts, run, entry, operands, made.get(RESULT))
        forgotten = () if run.kernels else entry.forgotten
        temporary = [self.make(entry.layer, e.name, of_extra(e, self.batch, entry.stands)) for e in forgotten]
        self.mark(entry.layer)
        self.release(temporary)
        keeps = bool(run.extras or run.operands or facts.saved.result)
        keeps |= any(entry.keeps_weight(state.name) for state, _ in facts.state)
        if not entry.op.is_forgotten_exactly:
            self.doubt(entry.layer, entry.op)
        if self.replay is None:
            part.note(entry, keeps=keeps and entry.needs_gradient)
        else:
            self._count_again(entry.layer, entry.node)
        return results

    def _count_again(self, path: str, node: Node | None, *, is_cut: bool = False) -> None:
        if node is not None and node.name:  # not what runs in place of another one
            self.recomputed[path, node, is_cut] += self.times

    def _run_again(self, replay: Replay, node: Node, facts: OpFacts, operands: Sequence[Tensor]) -> list[Tensor]:
        """In the second run of a part. Of its last operator only what it keeps comes to be, and what leads to it.

        What nobody has read in the first run keeps its tensors until nobody reads it in this one.
        """
        entry = next(replay.entries)
        assert isinstance(entry, Entry)
        replay.is_over = entry is replay.last
        is_dead = entry.needs_gradient and not entry.holders
        if is_dead:
            entry = self._entry(node, facts, entry.layer, operands)
            self.record(entry)
        replay.dead = entry if is_dead else None
        run = self._known_run(facts, entry)
        in_half = self.settings.precision != "float32"
        again = replay.is_over and kernels_again(run, facts, entry, in_half=in_half)
        if again:
            return self._run_first(run._replace(kernels=run.kernels[:again]), node, facts, entry, operands)
        is_composed = replay.is_over and (entry.op.is_composed or bool(facts.scratch) or bool(run.kernels))
        if is_composed:
            self.doubt(entry.layer, entry.op)
        if not replay.is_over or facts.saved.result or entry.op.is_composed:
            self._count_again(entry.layer, node, is_cut=replay.is_over and bool(entry.op.last_layer))
        if not replay.is_over or facts.saved.result or is_composed:
            return self._run(facts, entry, operands)
        if any(state.dtype == "int64" for state, _ in facts.state):  # a batch norm counts batches with a number
            self.release((self.marked(entry.layer, "number", NUMBER),))
        self._keep_numbers(numbers_kept(facts.saved, entry), entry, {})
        self._hold(run, entry, operands)
        if is_dead:  # what stops the run holds the last tensor, and the others die within the kernel
            run = run._replace(extras=run.extras[-1:])
        self._keep(run, facts.saved, entry, (), {})
        self.mark(entry.layer)
        if is_dead:
            entry.holders += 1
            self.let_die(entry)
        return self._nothing(node, entry.layer)

    def _run_first(
        self, run: Run, node: Node, facts: OpFacts, entry: Entry, operands: Sequence[Tensor]
    ) -> list[Tensor]:
        """Runs the first of its kernels, and not the others."""
        if entry.op.is_composed:
            self._count_again(entry.layer, node, is_cut=bool(entry.op.last_layer))
        self._hold(run, entry, operands)
        numbers = numbers_kept(facts.saved, entry)
        made = self._steps(run, entry, {*numbers, *(name for name, _ in run.extras)})
        self._keep_numbers(numbers, entry, made)
        self._keep(run, facts.saved, entry, (), made)
        return self._nothing(node, entry.layer)

    def _nothing(self, node: Node, path: str) -> list[Tensor]:
        """What stands for the results of an operator that does not run."""
        found = [self.given(path, "parameter", type) for type in node.result_types]
        self.keep(found)
        return found

    def _asked(self, node: Node, op: Op, path: str) -> OpFacts:
        """What its operator says, which counts for the whole step."""
        storage = node in self.storage.in_place, self.storage.shared_operand(node)
        key = op, node.operand_types, node.result_types, storage
        found = self._known.get(key)
        if found is not None:
            return found
        asked = ask if self.is_grad_enabled else ask_inferring
        facts = self._known[key] = asked(op, node, self.settings, self.kernels, self.storage, is_single=self.batch == 1)
        if not facts.is_exact:
            self.doubt(path, op)
        self.has_pages |= facts.has_pages
        self.is_alike_on_gpu &= facts.twins is not None
        if facts.workspace is not None:
            self.workspaces.append(facts.workspace)
        return facts

    def _source(self, node: Node, path: str) -> Tensor:
        (state,) = node.state
        leaf = self.leaf(path, state, of_state(state, self.stands.parameters))
        value = self.given(path, "parameter", TensorType(state.shape, state.dtype, batched=False))
        value = value._replace(edge=Edge(leaf, 0) if leaf.is_trained else None)
        self.keep((value,))
        return value

    def _entry(self, node: Node, facts: OpFacts, path: str, operands: Sequence[Tensor]) -> Entry:
        op, stands = facts.op, self.stands
        if self.casting is not None:
            values = next((v.dtype for v in operands if v.type.is_float), stands.values)
            stands = Stands(values, values if op.autocast == "lower" or not facts.state else stands.parameters)
        trained: dict[str, Edge] = {}
        for state, size in facts.state if self.is_grad_enabled else ():
            leaf = self.leaf(path, state, size)
            if leaf.is_trained:
                cast = self.casting and self.casting.parameter(op, leaf, state, path)
                trained[state.name] = cast or Edge(leaf, 0)
        edges = [v.edge for v in op.read(operands)] if facts.is_float and self.is_grad_enabled else []
        return Entry(path, op, node.operand_types, node.result_types, edges, trained, stands, node, facts)

    def _results(
        self, facts: OpFacts, run: Run, entry: Entry, operands: Sequence[Tensor], made: Block | None = None
    ) -> list[Tensor]:
        """What an operator gives, each held once; its kernels may have made it."""
        dtype, shared = entry.stands.values, facts.shared
        found = []
        for i, type in enumerate(entry.results):
            if made is not None:
                block = made
            elif shared is None:
                block = self.make(entry.layer, entry.op.makes, run.results[i])
            else:
                block = operands[shared].block
                block.holders += 1
            edge = None
            if entry.needs_gradient and type.is_float:
                edge = Edge(entry, i)
                entry.holders += 1
            found.append(Tensor(block, edge, type, dtype))
        return found

    def _hold(self, run: Run, entry: Entry, operands: Sequence[Tensor]) -> None:
        """Keeps operands and weights."""
        weights = () if self.casting is None else self.casting.kept_by(entry)
        for name, block in (*((name, operands[i].block) for name, i in run.operands), *weights):
            block.holders += 1
            entry.keep(name, block)

    def _keep(self, run: Run, saved: Saved, entry: Entry, results: Sequence[Tensor], made: Mapping[str, Block]) -> None:
        """Keeps what it makes besides, and results."""
        extras = [made.get(name) or self.make(entry.layer, name, size) for name, size in run.extras]
        for block in extras:
            entry.keep(block.what, block)
        for block, (name, size) in zip(extras, run.twins, strict=False):
            self.on_gpu[block] = Block(entry.layer, name, size, self.batch)
        for i in saved.kept_results if saved.result else ():
            block = results[i].block
            block.holders += 1
            entry.keep("y", block)

    def _keep_numbers(self, names: Sequence[str], entry: Entry, made: Mapping[str, Block]) -> None:
        """Those of a second run die with it, or with what nobody reads."""
        for name in names:
            number = made.get(name) or self.make(entry.layer, "number", NUMBER)
            if self.replay is None or self.replay.dead is entry:
                entry.keep(name, number)
            else:
                self.replay.besides.append((number, self.row))
