"""Inference in one type: the peak by liveness, with the frames of calls counted.

A call holds its operands until it returns, so what a module makes and frees meanwhile does not depend on who calls it: each
module is played once, and its calls are composed of that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import NamedTuple

from archdsl.analyses.memory.inference.moments import InferenceFacts, Moment
from archdsl.analyses.memory.play import Block, Plain, Player
from archdsl.analyses.memory.refusal import refusal
from archdsl.analyses.memory.size import FloatType, Size, Stands, Storage, of_extra, of_type
from archdsl.ir import Extra, Module, Network, Node, Op, Types, check_listed


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


class ComposedInference(InferenceFacts):
    """Of networks in one type."""

    def __init__(self, network: Network, course: Course, courses: _Courses) -> None:
        super().__init__(courses.unsure, is_for_all=courses.is_for_all)
        self._network = network
        self._course = course
        self._courses = courses

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        check_listed(self._network)
        return tuple(_Frame(self._course, self._courses.batch).moments())

    @cached_property
    def peak(self) -> Moment | None:
        return _Frame(self._course, self._courses.batch).highest()

    @cached_property
    def floor(self) -> int:
        return self._course.floor([None for _ in self._course.inputs], self._course.made)

    @cached_property
    def refused(self) -> Mapping[str, str]:
        known, seen = self._courses.refused, set[Course]()

        def walk(course: Course, prefix: str) -> Iterator[tuple[str, str]]:
            seen.add(course)
            for part in course.parts:
                if isinstance(part, Moment):
                    if part.node in known:
                        yield prefix + part.layer, known[part.node]
                elif part.course not in seen:
                    yield from walk(part.course, f"{prefix}{part.layer}.")

        return dict(walk(self._course, "")) if known else {}

    def alive(self, paths: Collection[str]) -> dict[str, int]:
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

    def result_types(self, path: str, types: Types) -> Types:
        return tuple(type.in_type(self._courses.dtype) for type in types)


def composed(network: Network, storage: Storage, batch: int, dtype: FloatType) -> ComposedInference:
    """Plays a network of some type for a batch."""
    courses = _Courses(storage, batch, dtype)
    course = courses.of(network.body, (False,) * len(network.inputs), network.inputs)
    return ComposedInference(network, course, courses)


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
