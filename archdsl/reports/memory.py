"""`archdsl report memory`: what a lecture counts, what PyTorch holds, and when that is most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from archdsl.analyses.memory import (
    PHASES,
    Block,
    CudaFacts,
    LectureRow,
    MemoryFacts,
    Moment,
    TrainingFacts,
    TrainingSettings,
)
from archdsl.reports.layers import LAYER, layer_row, or_blank, path_cell, see_more, setting, shapes, summary_cell, title
from archdsl.reports.numbers import exact, product, with_rounded, working
from archdsl.reports.options import Options
from archdsl.reports.outline import Entry, outline
from archdsl.reports.settings import NOTHING_TRAINED, estimated_for, in_words, not_run, not_trained
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Row, Table, row, text
from archdsl.source import binary
from archdsl.source.styled import Piece

LAYERS = (
    *LAYER,
    Column("output", "output", "shape"),
    Column("bytes", "memory", "bytes"),
    Column("alive", "alive", "bytes"),
    Column("kept", "kept", "bytes"),
    Column("bar", "", "bar", optional=True),
)
FORMULAS = (
    *LAYER,
    Column("output", "output", "shape", optional=True),
    Column("values", "values"),
    Column("bytes", "memory", "bytes"),
    Column("weights", "weights", wraps=True),
)
FIGURES = (Column("figure", "figure"), Column("bytes", "bytes", "bytes"), Column("working", "working", wraps=True))
CHECKPOINTING = (
    Column("checkpoint", "--checkpoint", wraps=True),
    Column("peak", "peak", "bytes"),
    Column("of", "of it", "share"),
    Column("kept", "kept", "bytes"),
    Column("again", "run again", "count"),
    Column("work", "of a step", "share"),
)
SHOWN = 5
"""How many of the tensors alive at a peak are listed."""

Note = tuple[Piece, ...]


def report(subject: Subject, options: Options) -> list[Table]:
    """The layers and then the figures; with `formulas` the layers as lectures list them. Of a training step also what
    checkpointing the blocks of each level would save and cost."""
    layers = _formulas(subject) if options.formulas else _layers(subject, options)
    own = subject._replace(training=None, precision="float32") if options.formulas else subject
    return [layers._replace(title=title(subject, setting(own))), _figures(subject), *_checkpointing(subject)]


def _layers(subject: Subject, options: Options) -> Table:
    """For the batch: what a layer makes, what is alive while it runs, and what backward will need of it."""
    entries = [e for e in outline(subject, options) if not (options.is_flat and e.is_opened)]
    figures = _PerEntry(subject, entries)
    facts = subject.memory
    first = [
        row(
            name,
            text("input", "dim"),
            str(type),
            type.in_type(subject.dtype).bytes * subject.facts.batch,
            None,
            or_blank(figures.kept[name]),
            None,
        )
        for name, type in zip(subject.facts.network.inputs, subject.facts.network.input_types, strict=True)
    ]
    rows = [_layer_row(subject, entry, figures) for entry in entries]
    total = row("total", None, None, None, facts.activation_peak, facts.saved.bytes, None, style="total")
    words = "memory: of the results · alive: while it runs, in inference · kept: for backward"
    notes: tuple[Note, ...] = ((Piece(words, "dim"),), *see_more(entries, options, subject.facts.operators))
    return Table("memory", LAYERS, (*first, *rows), (total,), notes=notes)


class _PerEntry:
    """The memory of the rows of an outline, by the path of a row."""

    def __init__(self, subject: Subject, entries: list[Entry]) -> None:
        rows = {path: entry.path for entry in entries for path in entry.paths}
        rows |= {name: name for name in subject.facts.network.inputs}
        self.alive: dict[str, int] = defaultdict(int)
        self.kept: dict[str, int] = defaultdict(int)
        facts = subject.memory
        for path, alive in facts.inference.alive(rows).items():
            self.alive[rows[path]] = max(self.alive[rows[path]], alive)
        for path, size in facts.saved.of(rows).items():
            self.kept[rows[path]] += size.at(facts.batch)


def _layer_row(subject: Subject, entry: Entry, figures: _PerEntry) -> Row:
    if entry.is_opened:
        return layer_row(entry, *[Cell(None)] * 5)
    types = subject.result_types(entry.path, entry.outputs)
    size = sum(type.bytes_for(subject.facts.batch) for type in types) * entry.times
    alive = figures.alive[entry.path]
    peak = subject.memory.activation_peak
    is_peak = subject.memory.at is not None and alive == peak
    shown = (Piece(binary(alive), "peak"),) if is_peak else None
    kept = or_blank(figures.kept[entry.path])
    return layer_row(
        entry,
        shapes(entry.outputs),
        Cell(size),
        Cell(alive, shown) if alive else Cell(None),
        kept,
        Cell(alive / peak if peak else 0.0),
    )


def _formulas(subject: Subject) -> Table:
    facts = subject.facts.memory.lecture
    rows = tuple(_formula_row(subject, r) for r in facts.rows)
    biases = f" + {exact(facts.biases)} biases = {exact(facts.weights + facts.biases)}" if facts.biases else ""
    total = row(
        "total",
        None,
        None,
        with_rounded(facts.values),
        facts.bytes * subject.facts.batch,
        f"{exact(facts.weights)}{biases}",
        style="total",
    )
    return Table("memory", FORMULAS, rows, (total,))


def _formula_row(subject: Subject, r: LectureRow) -> Row:
    counts = bool(r.values)
    return row(
        path_cell(r.path, r.times),
        summary_cell(r.layer.op) if r.layer else text(r.operation, "dim"),
        str(r.output),
        working((*r.values, r.times) if r.times > 1 else r.values) if counts else "",
        r.bytes * subject.facts.batch if counts else None,
        _weights(r),
    )


def _weights(r: LectureRow) -> str:
    """`(3*3*64)*64 = 36_864`; biases are in the total, but for layers that have nothing else."""
    if not r.weights:
        return f"{exact(r.biases)} biases" if r.biases else ""
    if not r.fan_in:
        return exact(r.weights)
    several = f"*{r.times}" if r.times > 1 else ""
    return f"{_factor(r.fan_in)}*{_factor(r.outputs)}{several} = {exact(r.weights)}"


def _factor(factors: tuple[int, ...]) -> str:
    return product(factors) if len(factors) == 1 else f"({product(factors)})"


def _figures(subject: Subject) -> Table:
    rows = [*_lecture_figures(subject), *_tensor_figures(subject)]
    if subject.training is not None:
        rows += _training_figures(subject.training)
        refused = subject.facts.refused_alone if subject.training.batch == 1 else ()
        warnings = [not_trained(refused)] if refused else []
        warnings += [] if subject.training.trains else [NOTHING_TRAINED]
        warnings += not_run(subject.training.refused)
        rows += [row("", None, text(warning, "warning"), indent=1) for warning in warnings]
        on_gpu = subject.facts.on_cuda(subject.training.settings, subject.training.batch, subject.on)
        rows += _cuda_figures(on_gpu, subject.training.settings) if on_gpu is not None else ()
    return Table("memory figures", FIGURES, tuple(rows), notes=tuple(_disputes(subject)), is_list=True)


def _lecture_figures(subject: Subject) -> Iterator[Row]:
    facts = subject.facts.memory
    values = f"{exact(facts.values)} values x 4 bytes"
    values += f" x {subject.facts.batch} samples" if subject.facts.batch != 1 else ""
    size = facts.figure("activations").bytes
    yield row(text("lecture", "heading"), size, f"{values} = {exact(size)}; × 2 for backward")
    if facts.parameters:
        with_state = f"× 4 with gradients and Adam: {binary(4 * facts.parameters)}"
        yield row("parameters", facts.parameters, with_state, indent=1)


def _tensor_figures(subject: Subject) -> Iterator[Row]:
    facts, arithmetic = subject.memory, subject.arithmetic
    kind = "" if arithmetic.precision == "float32" else f"; {'' if arithmetic.is_mixed else 'all in '}{arithmetic}"
    words = f"exact: what PyTorch's tensors hold; no rounding, no workspaces{kind}"
    yield row(text("tensor bytes", "heading"), None, words)
    yield row("inference peak", facts.figure("peak").bytes, _estimated(facts, "peak") + _parts(subject), indent=1)
    if facts.at is not None:
        yield row("", None, _moment(facts.at), indent=1)
    for warning in not_run(facts.inference.refused, "pass"):
        yield row("", None, text(warning, "warning"), indent=1)
    floor = facts.figure("floor")
    if floor.bytes < facts.figure("peak").bytes:
        yield row("lower bound", floor.bytes, "if no frame of a call held its operands", indent=1)
    if facts.saved.sizes:
        yield row(
            "kept for backward", facts.saved.bytes, _estimated(facts, "saved_for_backward") + _kept(subject), indent=1
        )
    if loss := facts.saved.bytes_with_loss - facts.saved.bytes:
        note = f"mean cross entropy and its target: {exact(loss)} more"
        yield row("with the loss", facts.saved.bytes_with_loss, note, indent=1)


def _training_figures(facts: TrainingFacts) -> Iterator[Row]:
    """The peak of a training step, when that is, what it consists of, and what is alive then."""
    held, place = facts.held, "" if facts.at.layer == facts.at.phase else f" of {facts.at.layer}"
    parts = (
        ("parameters", held.parameters),
        ("buffers", held.buffers),
        ("inputs and target", held.inputs.plus(held.target).at(facts.batch)),
        (f"state of {facts.settings.optimizer}", held.optimizer_state),
        ("gradients and values", facts.activation_peak),
    )
    yield row(
        "training peak", facts.peak, f"{estimated_for(facts.estimated_for)}in {PHASES[facts.at.phase]}{place}", indent=1
    )
    yield row("", None, f"with {in_words(facts.settings)}", indent=1)
    yield row("", None, _sum([f"{name} {binary(size)}" for name, size in parts if size], facts.peak), indent=1)
    yield row("", None, f"alive then: {_alive(facts)}", indent=1)
    kept = f"kept after forward: {binary(facts.saved_for_backward)}, with the loss"
    if facts.settings.checkpoint:
        kept += f"; run again: {exact(facts.recomputed_macs)} MACs a sample"
    yield row("", None, kept, indent=1)
    phases = (f"{words} {binary(size)}" for phase, words in PHASES.items() if (size := facts.phase_peak(phase)))
    yield row("", None, f"peaks: {' · '.join(phases)}", indent=1)
    yield row("", None, "--format json lists all that is alive and the timeline", indent=1)


def _estimated(facts: MemoryFacts, figure: str) -> str:
    return estimated_for(facts.estimated_for(figure))


def _cuda_figures(found: CudaFacts, settings: TrainingSettings) -> Iterator[Row]:
    """The same step on a GPU: bands, from the allocator's rules."""
    usual = "; PyTorch's default there is `--implementation foreach`" if settings.implementation == "for-loop" else ""
    yield row(text("CUDA", "heading"), None, f"bands, from PyTorch's sources; never measured on a GPU{usual}")
    for name, band in (("allocated", found.allocated), ("reserved", found.reserved)):
        native, expandable = getattr(found.native, name), getattr(found.expandable, name)
        words = f"to {binary(band.most)}; tensors alone {binary(native)}, {binary(expandable)} with expandable segments"
        yield row(name, band.least, words, indent=1)
    most = f"at the most cuBLAS {binary(found.profile.cublas.most)}, a workspace of {binary(found.workspace)}"
    yield row("", None, f"{most}; to what is reserved the CUDA context comes", indent=1)


def _checkpointing(subject: Subject) -> Iterator[Table]:
    """The levels of blocks, each with the step that would be if all of its blocks were checkpointed."""
    training = subject.training
    levels = subject.facts.checkpoint_levels(training.settings) if training is not None else ()
    if training is None or not levels:
        return
    step = sum(subject.facts.step_macs(training.settings))
    rows = [row(text("nothing", "dim"), training.peak, 1.0, training.saved_for_backward, None, None)]
    for level in levels:
        paths = " ".join(f"'{path}'" for path in level.paths)
        again = level.recomputed_macs
        rows.append(
            row(paths, level.peak, level.peak / training.peak, level.kept, again, again / step if step else None)
        )
    words = "blocks that keep only their inputs for backward, which runs them again: MACs for one sample"
    yield Table("checkpointing", CHECKPOINTING, tuple(rows), notes=((Piece(words, "dim"),),))


def _alive(facts: TrainingFacts) -> str:
    """The largest few, each with its layer."""
    alive = facts.alive
    shown, rest = alive[:SHOWN], alive[SHOWN:]
    parts = [_shown(*a) for a in shown]
    if rest:
        parts.append(f"{len(rest)} more {binary(sum(a.bytes for a in rest))}")
    return " + ".join(parts)


def _shown(layer: str, what: str, bytes: int) -> str:
    """`fc1.weight cast 93.8 KiB`."""
    return f"{layer} {'' if what == 'output' else what + ' '}{binary(bytes)}"


def _parts(subject: Subject) -> str:
    facts = subject.memory
    held = [("parameters", facts.parameters), ("buffers", facts.buffers), ("inputs", facts.inputs)]
    parts = [f"{name} {binary(size)}" for name, size in (*held, ("activations", facts.activation_peak)) if size]
    idle = f", {binary(facts.for_training)} of it parts for training" if facts.for_training else ""
    return _sum(parts, facts.figure("peak").bytes) + idle


def _sum(parts: Sequence[str], bytes: int) -> str:
    return f"{' + '.join(parts)} = {exact(bytes)} bytes"


def _moment(moment: Moment) -> str:
    """What is alive at a moment: the operator's own blocks, then what others hold."""
    parts = [f"its {_role(moment, block)} {binary(block.bytes)}" for block in moment.touched if block in moment.live]
    by_others = [block for block in moment.live if block not in moment.touched]
    if len(by_others) > SHOWN:
        by_others.sort(key=lambda block: -block.bytes)
    held = [_shown(block.layer, block.what, block.bytes) for block in by_others[:SHOWN]]
    if by_others[SHOWN:]:
        held.append(f"{len(by_others) - SHOWN} more {binary(sum(block.bytes for block in by_others[SHOWN:]))}")
    return f"at {moment.layer}: {' + '.join(parts)}" + (f"; held: {' + '.join(held)}" if held else "")


def _role(moment: Moment, block: Block) -> str:
    if block.what != "output":
        return block.what
    return "output" if block.layer == moment.layer else "input"


def _kept(subject: Subject) -> str:
    """`values 58.3 MiB + indices 11.7 MiB (int64)`."""
    parts = []
    for (what, dtype), size in subject.memory.saved.sizes.items():
        name = "values" if what == "value" else what
        kind = "" if dtype in ("", "float32") else f" ({dtype})"
        parts.append(f"{name} {binary(size.at(subject.facts.batch))}{kind}")
    return _sum(parts, subject.memory.saved.bytes)


def _disputes(subject: Subject) -> Iterator[Note]:
    """Published figures about memory that the spec says are wrong, with what the rows add up to."""
    for claim in subject.claims:
        if claim.disputed and isinstance(claim.value, int):
            if "memory(" in claim.text:
                found = f"{exact(claim.value)} bytes = {claim.value / 1e6:.2f} MB"
            elif "activations" in claim.text:
                found = f"{exact(claim.value)} values"
            else:
                continue
            source = f" ({claim.source})" if claim.source else ""
            yield (Piece("disputed", "warning"), Piece(f"  {claim.text}: the rows add up to {found}{source}"))
