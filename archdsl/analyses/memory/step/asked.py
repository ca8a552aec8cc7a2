"""What an operator says of itself, as a training step asks it once for all nodes with the same operands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from archdsl.analyses.memory.refusal import refusal
from archdsl.analyses.memory.settings import Kernels, TrainingSettings
from archdsl.analyses.memory.size import FLOAT32, Size, Stands, Storage, of_extra, of_state, of_type, touched
from archdsl.analyses.memory.step.answers import Made, OpFacts, Run, Sized, Way
from archdsl.analyses.memory.step.tape import Entry
from archdsl.ir import RESULT, Derivative, Extra, Gradient, Incoming, KernelPrecision, Node, Op, Saved, Types, Wanted

OPERAND = re.compile(r"x\d+")
"""What gradients of operands are called."""
NUMBER = Size(8)
"""A Python number that autograd keeps, as a tensor of float64."""


def ask(
    own: Op, node: Node, settings: TrainingSettings, kernels: Kernels, storage: Storage, *, is_single: bool
) -> OpFacts:
    """Asks the operator of a node, or what runs in its place, for a batch of one or for all that are larger."""
    dtype, parameter_dtype = settings.dtype, settings.parameter_dtype
    precision: KernelPrecision = "float32" if dtype == "float32" else "mixed" if settings.is_mixed else "half"
    on_cuda = own.on_cuda(*node.operand_types, precision=precision)
    op = own.on_cpu(*node.operand_types, precision=precision) if kernels == "cpu" else on_cuda
    types = operands, results = node.operand_types, node.result_types
    in_place = op.saved_in_place(*types) if node in storage.in_place else None
    saved = op.saved(*types) if in_place is None else in_place
    cast_within = op.program_under_autocast(operands, is_single=is_single) if settings.is_mixed else None
    program = cast_within or (op.program(operands, is_single=is_single) if kernels == "cpu" else None)
    is_exact = op.is_derived_exactly(operands) and (program is not None or not op.unknown_bytes(*types))
    is_exact &= parameter_dtype == "float32" or op.is_known_in_half(operands)
    is_exact &= op.infer_in_training(*operands) in (None, results) and _is_known_of(*types, is_single=is_single)
    workspaces = {"conv": dtype, "attention": "float32"}
    return OpFacts(
        op,
        saved,
        op.training_scratch(*types),
        tuple([(state, of_state(state, parameter_dtype)) for state in node.state]),
        op.autocast if settings.autocast == "cuda" else op.autocast_on_cpu(*operands),
        op.is_itself(*types),
        is_exact,
        _casts_exactly(op, *types) if settings.is_mixed and cast_within is None else (True, True),
        any(extra.in_pages for extra in saved.extra),
        on_cuda,
        _twins(op, on_cuda, *types) if program is None and (in_place is None or on_cuda is op) else None,
        touched(node, workspaces[op.category]) if op.category in workspaces else None,
        storage.shared_operand(node),
        any(type.is_float for type in results),
        program,
        False,
        {},
        {},
    )


def ask_inferring(
    own: Op, node: Node, settings: TrainingSettings, kernels: Kernels, storage: Storage, *, is_single: bool
) -> OpFacts:
    """The same for inference under autocast."""
    types = operands, results = node.operand_types, node.result_types
    op = own.on_cpu(*operands, precision="mixed")
    op = op.inferring(*operands) if settings.autocast == "cpu" else op
    autocast = op.autocast if settings.autocast == "cuda" else op.autocast_on_cpu(*operands)
    program = op.program_under_autocast(operands, is_single=is_single)
    is_sure_of_casts = program is not None or op.is_identity_in_inference
    # What it makes besides may be made before a cast or after it.
    is_sure = program is not None or "lower" not in autocast or not (op.preparation(operands) or op.scratch(*types))
    return OpFacts(
        op,
        Saved(),
        (),
        tuple([(state, of_state(state, settings.parameter_dtype)) for state in node.state]),
        autocast,
        op.is_identity_in_inference or op.is_itself(*types),
        is_sure and not op.unknown_bytes(*types) and _is_known_of(*types, is_single=is_single),
        (True, True) if is_sure_of_casts else _casts_exactly(op, *types),
        False,
        op,
        (),
        None,
        storage.shared_operand(node),
        any(type.is_float for type in results),
        program,
        True,
        {},
        {},
    )


def _is_known_of(operands: Types, results: Types, *, is_single: bool) -> bool:
    """Whether it is known how these values lie, in a batch of one too."""
    return not is_single or all(x.strides is None or x.samples == 1 for x in (*operands, *results))


def _twins(op: Op, on_gpu: Op, operands: Types, results: Types) -> tuple[Extra, ...] | None:
    if on_gpu is op:
        return ()
    kept, *others = _apart(op, operands, results)
    kept_on_gpu, *others_on_gpu = _apart(on_gpu, operands, results)
    readers, on_gpu_too = ([extra.readers for extra in extras] for extras in (kept, kept_on_gpu))
    is_alike = len(kept) <= len(kept_on_gpu) and readers == on_gpu_too[: len(kept)]
    return kept_on_gpu if is_alike and others == others_on_gpu else None


def _casts_exactly(op: Op, operands: Types, results: Types) -> tuple[bool, bool]:
    types = operands, results
    return op.is_cast_exactly(*types, is_lower=False), op.is_cast_exactly(*types, is_lower=True)


def _apart(op: Op, operands: Types, results: Types) -> tuple[tuple[Extra, ...], *tuple[object, ...]]:
    """What is made to be kept, and then all else on which a pass depends."""
    saved = op.saved(operands, results)
    kept = {extra.name for extra in saved.extra}
    every = frozenset((*(f"x{i}" for i in range(len(operands))), *(s.name for s in op.state(*operands))))
    kernels = op.kernels(operands, results, Wanted(is_single=False, gradients=every))
    steps = [([extra for extra in kernel.makes if extra.name not in kept], kernel.drops) for kernel in kernels]
    exactness = (op.is_derived_exactly(operands), op.is_known_in_half(operands), _casts_exactly(op, operands, results))
    scratch = op.training_scratch(operands, results), op.unknown_bytes(operands, results)
    own = op.name, op.category, op.autocast, op.keeps_weights, op.cast_late, op.is_view(*operands), op.state(*operands)
    return saved.extra, saved._replace(extra=()), op.saved_in_place(operands, results), exactness, scratch, steps, own


def run(facts: OpFacts, entry: Entry, batch: int, casts: frozenset[str]) -> Run:
    """What the operator of an entry makes and keeps.

    Args:
        casts: the operands that are cast for it, by name.
    """
    if facts.infers:
        return _run_inferring(entry, batch)
    saved, stands, op = facts.saved, entry.stands, entry.op
    results = tuple([of_type(type, Stands(stands.values, stands.values)) for type in entry.results])
    if not entry.needs_gradient:
        kernels = _kernels(op, entry, batch, {}, casts)
        forgotten = () if kernels else (*entry.forgotten, *saved.number)
        scratch = _sizes(forgotten, batch, stands)
        return Run(results, (), (), scratch, kernels, (), is_exact=True, refusal=refusal(op, stands.values))
    operands = [*saved.operands_for(len(entry.edges), entry.wants)]
    copies = {i: extra for i, extra in saved.copies if batch > 1 and i in operands}
    extras = [*saved.extras_for(entry.wants)]
    wanted_twins = saved._replace(extra=facts.twins or ()).extras_for(entry.wants)
    own, twins = _sizes(extras, batch, stands), _sizes([*wanted_twins], batch, stands)
    others = [(name, Size()) for name, _ in twins[len(own) :]]
    kept = dict((*own, *others))
    if facts.twins:  # of a GPU's operator so that what that makes besides has its place
        unkept = {extra.name: Size() for extra in facts.twins} | dict(_sizes(saved.extra, batch, stands))
        kernels = _kernels(facts.on_gpu, entry, batch, unkept | kept, casts)
    else:
        kernels = _kernels(op, entry, batch, kept, casts)
    unread = () if kernels else entry.unread(saved)
    return Run(
        results,
        (*own, *others, *_sizes([*copies.values()], batch, stands)),
        tuple([(f"x{i}", i) for i in operands if i not in copies]),
        () if kernels else _sizes((*facts.scratch, *unread), batch, stands),
        kernels,
        twins,
        # Whether both are there together is not known.
        not (unread and facts.scratch),
        refusal(op, stands.values),
    )


def _run_inferring(entry: Entry, batch: int) -> Run:
    """What it makes in inference: what comes before its result step by step."""
    op, types, values = entry.op, (entry.operands, entry.results), entry.stands.values
    results = tuple([of_type(type, Stands(values, values)) for type in entry.results])
    scratch = _sizes((*op.scratch(*types), *op.saved(*types).number), batch, entry.stands)
    steps = [_sizes(made, batch, entry.stands) for made in op.preparation(entry.operands)]
    kernels = [Sized(made, tuple([name for name, _ in made]), ()) for made in steps]
    if kernels:
        kernels.append(Sized(((RESULT, results[0]), *scratch), tuple([name for name, _ in scratch]), ()))
        scratch = ()
    return Run(results, (), (), scratch, tuple(kernels), (), is_exact=True, refusal=refusal(op, values))


def _kernels(op: Op, entry: Entry, batch: int, kept: Mapping[str, Size], casts: frozenset[str]) -> tuple[Sized, ...]:
    wanted = Wanted(batch == 1, frozenset(entry.names), casts)
    return tuple(
        [
            Sized(
                tuple([(name, kept.get(name, size)) for name, size in _sizes(made, batch, entry.stands)]), drops, late
            )
            for made, drops, late in op.kernels(entry.operands, entry.results, wanted)
        ]
    )


def numbers_kept(kept: Saved, entry: Entry) -> list[str]:
    """The names of the numbers that are kept."""
    is_read = any(map(entry.wants, kept.numbers_for)) if kept.numbers_for else entry.needs_gradient
    return [f"number {i}" for i in range(kept.numbers * is_read)]


def kernels_again(run: Run, facts: OpFacts, entry: Entry, *, in_half: bool) -> int:
    """How many kernels of an operator that ends a second run do so again, 0 where that is not known.

    It stops where the operator says; else before the result, where the kernel before that makes the last of the tensors to be
    kept, none of which is spared. In half precision some are cast between, but not where there are no weights and each step
    is an operator of its own; and weights between may be read first.
    """
    makes = [{name for name, _ in kernel.makes} for kernel in run.kernels]
    if len(makes) < 2 or not entry.holders:
        return 0
    if entry.op.stops_behind:
        return 1 + max(i for i, made in enumerate(makes) if entry.op.stops_behind in made)
    takes_all_as_it_is = not in_half or (entry.op.is_composed and not facts.state)
    is_spared = len(run.extras) < len(facts.saved.extra)
    if not takes_all_as_it_is or is_spared or facts.saved.result or entry.op.weights_for:
        return 0
    kept = {name for name, _ in run.extras}
    return len(makes) - 1 if RESULT in makes[-1] and not kept & makes[-1] and kept & makes[-2] else 0


def _sizes(extras: Sequence[Extra], batch: int, stands: Stands) -> tuple[tuple[str, Size], ...]:
    return tuple([(extra.name, of_extra(extra, batch, stands)) for extra in extras])


def ways(entry: Entry, incoming: Incoming) -> tuple[Way, ...]:
    """How the gradients of an entry are made: those that are wanted, and what leads to them."""
    derivatives = entry.op.backward(entry.operands, entry.results, incoming)
    wanted = entry.wanted
    if len(derivatives) == 1:
        return (_way(entry, derivatives[0], wanted, frozenset(), is_first=True, reads=True),)
    for derivative in reversed(derivatives):
        if not wanted.isdisjoint([gradient.of for gradient in derivative.gives]):
            wanted.update(derivative.takes)
    given = [not wanted.isdisjoint([gradient.of for gradient in derivative.gives]) for derivative in derivatives]
    end = len(given) - given[::-1].index(True)
    derivatives, unused = derivatives[:end], derivatives[end:]
    frees = [frozenset[str](), *map(_frees, derivatives[1:])]
    if end > 1:  # what the rest would let go of nobody keeps but those that are left
        frees[-1] = frees[-1].union(*map(_frees, unused))
    later = frees[0] = frozenset[str]().union(*frees)
    names = entry.op.saved(entry.operands, entry.results).names
    reads = [not names or not names <= later, *(bool(names & own) for own in frees[1:-1]), True][: len(derivatives)]
    return tuple(
        _way(entry, derivative, wanted, frees[i], is_first=not i, reads=reads[i])
        for i, derivative in enumerate(derivatives)
    )


def _frees(derivative: Derivative) -> frozenset[str]:
    return frozenset((*derivative.frees, *(f"cast {gradient.of}" for gradient in derivative.gives)))


def _way(
    entry: Entry, derivative: Derivative, wanted: set[str], frees: frozenset[str], *, is_first: bool, reads: bool
) -> Way:
    stands = Stands(entry.stands.values, entry.stands.values)
    along = {name for g in derivative.gives if g.of in wanted for name in (g.of, *g.along)}
    gives = tuple([_made(entry, g, g.of in wanted) for g in derivative.gives if g.of in along])
    zeros, beside = ([of_type(type, stands) for type in made] for made in (derivative.fills, derivative.beside))
    # oneDNN has convolutions of float16 for some processors only.
    depends = stands.values == "float16" and entry.facts is not None and entry.op.category == "conv"
    is_exact = (derivative.is_sure and not depends) or all(made.is_wanted for made in gives)
    return Way(derivative.takes, gives, tuple(zeros), tuple(beside), frees, is_first, reads, is_exact)


def is_alike_on_gpu(facts: OpFacts, entry: Entry, incoming: Incoming, found: Iterable[Way]) -> bool:
    """Whether a GPU's operator makes the same gradients, and lets go of what it keeps when a CPU's does."""
    if facts.on_gpu is entry.op:
        return True
    pairs = zip(facts.saved.extra, facts.twins or (), strict=False)
    renamed = {name for own, twin in pairs if own.name != twin.name for name in (own.name, twin.name)}
    if not renamed.isdisjoint(name for way in found for name in way.frees):
        return False
    types = entry.operands, entry.results
    return facts.on_gpu.backward(*types, incoming) == entry.op.backward(*types, incoming)


def _made(entry: Entry, gradient: Gradient, is_wanted: bool) -> Made:
    what = f"{gradient.of} gradient" if gradient.of in entry.parameters else "gradient"
    if gradient.how in ("same", "view"):
        return Made(gradient, is_wanted, what)
    stands = FLOAT32 if gradient.is_float32 else entry.stands
    of_values = Stands(stands.values, stands.values)
    if OPERAND.fullmatch(gradient.of):  # with a batch axis or without, it is as precise as the kernel
        stands = of_values
    size = of_type(gradient.type, stands)
    larger = gradient.whole or gradient.room
    whole = size if larger is None else of_type(larger, stands)
    scratch = tuple([of_type(type, of_values) for type in gradient.scratch])
    return Made(gradient, is_wanted, what, whole, size, scratch)
