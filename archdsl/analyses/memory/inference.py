"""The peak of inference by liveness, with the frames of calls counted. The network's inputs are the caller's and are left
out of all counts here.

A call holds its operands until it returns, so what a module makes and frees meanwhile does not depend on who calls it: each
module is played once, and its calls are composed of that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import NamedTuple

from archdsl.analyses.memory.play import Block, Plain, Player
from archdsl.analyses.memory.refusal import refusal
from archdsl.analyses.memory.size import FloatType, Size, Stands, Storage, of_extra, of_type
from archdsl.ir import Extra, Module, Network, Node, Op, check_listed


class Moment(NamedTuple):
    """While one operator runs: its operands, its results and its scratch are there, and what others hold."""

    step: int
    """From 1, in order of execution."""
    layer: str
    node: Node
    live: tuple[Block, ...]
    """Without the network's inputs, oldest first."""
    touched: tuple[Block, ...]
    """Of these, what the operator itself reads, writes or needs."""
    times: int = 1
    """How many moments alike it stands for, the first of them: in as many turns of loops it is the same."""

    @property
    def bytes(self) -> int:
        return sum([block.bytes for block in self.live])


class Call(NamedTuple):
    """While a module runs that another one calls."""

    step: int
    """How many moments came before."""
    layer: str
    course: Course
    live: tuple[Block, ...]
    """What the caller holds of its own."""
    touched: tuple[Block, ...]
    """The storages of the caller that something inside reads or makes."""
    places: Mapping[Block, Block]
    """Operands and results: by the storage inside, that of the caller."""
    times: int

    @property
    def held(self) -> int:
        return sum([block.bytes for block in self.live])

    @property
    def bytes(self) -> int:
        return self.held + self.course.peak


class Course:
    """How a module runs, whoever calls it: what is alive of what it makes itself. Steps and names are its own."""

    def __init__(self, inputs: Sequence[Block], player: _Player, results: Sequence[Plain | None]) -> None:
        self.inputs = tuple(inputs)
        """These stand for its operands."""
        self.parts = tuple(player.parts)
        """In order, those that have moments."""
        self.steps = player.step
        """How many moments it has, those of all turns."""
        self.results = tuple(results)
        """In storages of its own, of operands or of parameters."""
        self.made = tuple(player.live)
        """Those of its own, oldest first."""
        self.touched = {block for part in self.parts for block in part.touched}
        self._floors: dict[object, int] = {}

    @cached_property
    def peak(self) -> int:
        """The most bytes. Raises `OpenSize`."""
        return max((part.bytes for part in self.parts), default=0)

    def floor(self, ending: Sequence[Block | None], lasting: Collection[Block]) -> int:
        """The highest sum if every storage lived from its first to its last use only.

        Args:
            ending: for each operand its storage, if nothing uses that after the call.
            lasting: the results that something uses after it.
        """
        known = [block for block in dict.fromkeys(ending) if block is not None]
        key = tuple((known.index(b), b.bytes) if b is not None else None for b in ending), frozenset(lasting)
        if key not in self._floors:
            self._floors[key] = self._floor(dict(zip(self.inputs, ending, strict=True)), lasting)
        return self._floors[key]

    def _floor(self, places: Mapping[Block, Block | None], lasting: Collection[Block]) -> int:
        def counted(blocks: Iterable[Block]) -> list[Block]:
            """Those of its own and the operands that end here, each once."""
            found = (places.get(block, None if block.is_input else block) for block in blocks)
            return [block for block in dict.fromkeys(found) if block is not None]

        used = [counted(part.touched) for part in self.parts]
        last: dict[Block | None, int] = {block: number for number, blocks in enumerate(used) for block in blocks}
        last.update(dict.fromkeys(lasting, len(used)))
        ending = counted(self.inputs)
        highest = 0
        for number, part in enumerate(self.parts):
            held = sum([b.bytes for b in (*ending, *part.live) if last.get(b, -1) > number])
            if isinstance(part, Call):
                operands = (next(iter(counted([part.places[block]])), None) for block in part.course.inputs)
                ends = [block if last.get(block) == number else None for block in operands]
                held += part.course.floor(ends, [b for b in part.course.made if last[part.places[b]] > number])
            else:
                held += sum([b.bytes for b in used[number] if last[b] == number])
            highest = max(highest, held)
        return highest


class _Frame:
    """A call while it runs: the storages of a course as those of this call."""

    def __init__(self, course: Course, batch: int) -> None:
        """That of the network."""
        self.course = course
        self.batch = batch
        self.prefix = ""
        self.step = 0
        self.times = 1
        self.held: tuple[Block, ...] = ()
        """What those hold that have called."""
        self.known: dict[Block, Block] = {}

    def moments(self) -> Iterator[Moment]:
        for part in self.course.parts:
            if isinstance(part, Call):
                yield from self.inside(part).moments()
            else:
                yield self.moment(part)

    def highest(self) -> Moment | None:
        """The first moment with the most bytes."""
        for part in self.course.parts:
            if part.bytes == self.course.peak:
                return self.inside(part).highest() if isinstance(part, Call) else self.moment(part)
        return None

    def moment(self, part: Moment) -> Moment:
        touched = tuple(dict.fromkeys(map(self._place, part.touched)))
        live = (*self.held, *map(self._place, part.live))
        return Moment(
            self.step + part.step, self.prefix + part.layer, part.node, live, touched, self.times * part.times
        )

    def inside(self, call: Call) -> _Frame:
        frame = _Frame(call.course, self.batch)
        frame.prefix = f"{self.prefix}{call.layer}."
        frame.step = self.step + call.step
        frame.times = self.times * call.times
        frame.held = (*self.held, *map(self._place, call.live))
        frame.known = {inside: self._place(outside) for inside, outside in call.places.items()}
        return frame

    def _place(self, block: Block) -> Block:
        found = self.known.get(block)
        if found is None:
            found = block
            if self.prefix:
                found = Block(self.prefix + block.layer, block.what, block.size, self.batch, block.is_input)
            self.known[block] = found
        return found


class InferenceFacts:
    """What is alive while each operator runs, and when that is most."""

    def __init__(self, network: Network, course: Course, courses: _Courses) -> None:
        self._network = network
        self._course = course
        self._batch = courses.batch
        self._refused = courses.refused
        self.is_for_all = courses.is_for_all
        """Whether the sizes of all storages are those of any batch."""
        self.estimated_for = tuple(courses.unsure)
        """The operators of which not all is known to the byte, by name."""

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """Raises `TooManyOperators`."""
        check_listed(self._network)
        return tuple(_Frame(self._course, self._batch).moments())

    @cached_property
    def peak(self) -> Moment | None:
        """The first moment with the most bytes; None for a network without operators."""
        return _Frame(self._course, self._batch).highest()

    @cached_property
    def floor(self) -> int:
        """The highest sum of bytes if every storage lived from its first to its last use only."""
        return self._course.floor([None for _ in self._course.inputs], self._course.made)

    @cached_property
    def refused(self) -> Mapping[str, str]:
        """By the paths of layers why PyTorch does not run them in half precision; of a module those of its first call."""
        seen = set[Course]()

        def walk(course: Course, prefix: str) -> Iterator[tuple[str, str]]:
            seen.add(course)
            for part in course.parts:
                if isinstance(part, Moment):
                    if part.node in self._refused:
                        yield prefix + part.layer, self._refused[part.node]
                elif part.course not in seen:
                    yield from walk(part.course, f"{prefix}{part.layer}.")

        return dict(walk(self._course, "")) if self._refused else {}

    def alive(self, paths: Collection[str]) -> dict[str, int]:
        """The most bytes that are alive while what is at these paths runs."""
        around = {path[:end] for path in paths for end, letter in enumerate(path) if letter == "."}
        found: dict[str, int] = {}

        def walk(course: Course, prefix: str, held: int) -> None:
            for part in course.parts:
                path = prefix + part.layer
                if path in paths:
                    found[path] = max(found.get(path, 0), held + part.bytes)
                if isinstance(part, Call) and path in around:
                    walk(part.course, path + ".", held + part.held)

        walk(self._course, "", 0)
        return found


class Lifetime(NamedTuple):
    """One storage: the steps while it is alive, and its size for every batch."""

    layer: str
    what: str
    """`output`, or what an operator makes besides."""
    made: int
    freed: int
    """The last step at which it is there."""
    used: tuple[int, ...]
    """The steps that read or write it."""
    single: int
    """Bytes for a batch of one."""
    size: Size
    """For every larger batch."""


def inference(network: Network, storage: Storage, batch: int, dtype: FloatType = "float32") -> InferenceFacts:
    """Plays a network of some type for a batch."""
    courses = _Courses(storage, batch, dtype)
    course = courses.of(network.body, (False,) * len(network.inputs), network.inputs)
    return InferenceFacts(network, course, courses)


def lifetimes(single: InferenceFacts, several: InferenceFacts) -> tuple[Lifetime, ...]:
    """The storages of inference in the order of their making: what is alive at a step is those that are made and not yet
    freed. Only the size of some depends on whether the batch is one."""
    one = _by_block(single.moments)
    two = one if several is single else _by_block(several.moments)
    return tuple(
        Lifetime(block.layer, block.what, steps[0], steps[-1], used, single.size.at(1), block.size)
        for single, (block, (steps, used)) in zip(one, two.items(), strict=True)
    )


def _by_block(moments: Sequence[Moment]) -> dict[Block, tuple[list[int], tuple[int, ...]]]:
    """Of each storage, the steps at which it is alive and those that touch it."""
    alive: dict[Block, list[int]] = {}
    used: dict[Block, list[int]] = defaultdict(list)
    for moment in moments:
        for block in moment.live:
            alive.setdefault(block, []).append(moment.step)
        for block in moment.touched:
            used[block].append(moment.step)
    return {block: (steps, tuple(used[block])) for block, steps in alive.items()}


class _Courses:
    """The courses of modules, each worked out once."""

    def __init__(self, storage: Storage, batch: int, dtype: FloatType) -> None:
        self.storage = storage
        self.batch = batch
        self.dtype = dtype
        self.stands = Stands(dtype, dtype)
        self.is_for_all = True
        """Whether so far no size was for this batch alone."""
        self.unsure: dict[str, None] = {}
        self.refused: dict[Node, str] = {}
        self._known: dict[tuple[Module, tuple[bool, ...]], Course] = {}

    def of(self, module: Module, learned: tuple[bool, ...], names: Sequence[str] = ()) -> Course:
        """That of a module.

        Args:
            learned: which of its inputs are parameters.
            names: of its inputs, where somebody reads them.
        """
        if (module, learned) not in self._known:
            named = zip(module.inputs, names or repeat(""), strict=False)
            inputs = [Block(name, "input", of_type(value.type, self.stands), self.batch, True) for value, name in named]
            player = _Player(self)
            player.hold(inputs)
            results = player.call(module, "", [*map(Plain, inputs, learned)])
            self._known[module, learned] = Course(inputs, player, results)
        return self._known[module, learned]

    def in_half(self, node: Node, op: Op) -> Op:
        """An operator as it runs in half precision, with what is not known of it or not run noted."""
        if not op.is_known_in_half(node.operand_types):
            self.unsure[op.name] = None
        if why := refusal(op, self.dtype):
            self.refused[node] = why
        return op.on_cpu(*node.operand_types, precision="half")


class _Player(Player[Plain]):
    """Plays one module; those that it calls have been played."""

    def __init__(self, courses: _Courses) -> None:
        super().__init__()
        self.courses = courses
        self.parts: list[Moment | Call] = []
        self.live: dict[Block, None] = {}
        """The storages that somebody holds, oldest first, without the module's inputs."""

    def freed(self, block: Block) -> None:
        self.live.pop(block, None)

    def runs(self, node: Node) -> bool:
        return not node.training

    def run(self, node: Node, path: str, operands: Sequence[Plain]) -> Sequence[Plain | None]:
        if not isinstance(node.operator, Module):
            return self.apply(node, path, operands)
        course = self.courses.of(node.operator, tuple(value.is_learned for value in operands))
        batch = self.courses.batch
        places = {inside: value.block for inside, value in zip(course.inputs, operands, strict=True)}
        for block in (value.block for value in course.results if value is not None):
            if block not in places:
                places[block] = Block(f"{path}.{block.layer}", block.what, block.size, batch, block.is_input)
        if course.parts:
            touched = tuple(dict.fromkeys(places[block] for block in places if block in course.touched))
            self.parts.append(Call(self.step, path, course, (*self.live,), touched, places, self.times))
            self.step += course.steps
        results = [value and value._replace(block=places[value.block]) for value in course.results]
        self.keep([value for value in results if value is not None])
        self.live.update((places[block], None) for block in course.made)
        return results

    def apply(self, node: Node, path: str, operands: Sequence[Plain]) -> list[Plain]:
        assert isinstance(node.operator, Op)
        learned = [i for i, value in enumerate(operands) if value.is_learned]
        op = node.operator.requiring(learned, *node.operand_types)
        if self.courses.dtype != "float32":
            op = self.courses.in_half(node, op)
        read = [value.block for value in operands]
        for before in op.preparation(node.operand_types):
            self._moment(node, path, read, before)
        results = self.results(node, op, path, operands)
        made = [value.block for value in results]
        self.hold(made)
        if op.is_source:
            return results
        self.live.update((block, None) for block in made if not block.is_input)
        types = node.operand_types, node.result_types
        if op.unknown_bytes(*types):
            self.courses.unsure[op.name] = None
        self._moment(node, path, (*read, *made), (*op.scratch(*types), *op.saved(*types).number))
        return results

    def _moment(self, node: Node, path: str, blocks: Iterable[Block], extras: Sequence[Extra]) -> None:
        batch = self.courses.batch
        self.courses.is_for_all &= not any(e.in_batches or e.in_pages for e in extras)
        scratch = [Block(path, e.name, of_extra(e, batch, self.courses.stands), batch) for e in extras]
        touched = tuple(dict.fromkeys((*blocks, *scratch)))
        self.step += 1
        self.parts.append(Moment(self.step, path, node, (*self.live, *scratch), touched, self.times))

    def results(self, node: Node, op: Op, path: str, operands: Sequence[Plain]) -> list[Plain]:
        batch = self.courses.batch
        if op.is_source:  # it gives its own tensor, which is held anyway
            is_learned = any(state.role == "parameter" for state in node.state)
            return [Plain(Block(path, "parameter", Size(), batch, is_input=True), is_learned)]
        shared = 0 if op.is_identity_in_inference else self.courses.storage.shared_operand(node)
        if shared is not None:
            block, is_learned = operands[shared]
            return [Plain(block, is_learned and bool(op.read(operands)))] * len(node.results)
        return [Plain(Block(path, "output", of_type(type, self.courses.stands), batch)) for type in node.result_types]
