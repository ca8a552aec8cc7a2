"""`archdsl report flops`: where the work is, by kind of layer and by part of the network."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from archdsl.analyses.memory import TrainingSettings
from archdsl.ir import Layer
from archdsl.reports.layers import LAYER, layer_cells, title
from archdsl.reports.numbers import exact
from archdsl.reports.options import Options
from archdsl.reports.outline import outline
from archdsl.reports.roofline import roofline_table
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Row, Table, natural, row
from archdsl.source import counted, short
from archdsl.source.styled import Piece

WORK = (Column("macs", "MACs", "short"), Column("share", "share", "share"), Column("bar", "", "bar", optional=True))
UNCOUNTED = ("normalization", "elementwise", "other")
"""What layers without multiply-adds do; others pool, move or make values."""
BY_KIND = (Column("kind", "by kind"), Column("layers", "", "number"), *WORK)
BY_BLOCK = (Column("block", "by block"), Column("operation", "", optional=True, wraps=True), *WORK)


def report(subject: Subject, options: Options) -> list[Table]:
    """Multiply-adds of convolutions, linear layers and products, for one sample."""
    total = subject.facts.cost.total
    head = title(subject, f"{exact(total.macs)} MACs = {short(total.flops)} FLOPs for one sample (1 MAC = 2 FLOPs)")
    blocks = _by_block(subject, options)
    if subject.roofline is not None:
        return [_by_kind(subject)._replace(title=head), roofline_table(subject, subject.roofline, options)]
    if options.is_flat:
        return [blocks._replace(name="flops", columns=(*LAYER, *WORK), title=head)]
    return [_by_kind(subject)._replace(title=head), blocks._replace(beside=True)]


def _by_kind(subject: Subject) -> Table:
    kinds: dict[str, list[Layer]] = defaultdict(list)
    sums: Counter[str] = Counter()
    uncounted: list[Layer] = []
    for layer in subject.facts.listing.layers:
        if macs := subject.facts.cost_of(layer).macs:
            kinds[_kind(layer)].append(layer)
            sums[_kind(layer)] += macs * layer.times
        else:
            uncounted.append(layer)
    rows = [_kind_row(subject, kind, kinds[kind], sums[kind]) for kind in sorted(kinds, key=lambda k: -sums[k])]
    notes = tuple((Piece(line, "dim"),) for line in (*_of_uncounted(uncounted), *_of_training(subject)))
    return Table("flops by kind", BY_KIND, tuple(rows), notes=notes)


def _of_uncounted(layers: Sequence[Layer]) -> Iterator[str]:
    """The elements that layers without multiply-adds compute, those of normalization and elementwise ones apart."""
    if layers:
        yield "no multiply-adds, so not counted:"
    for what in UNCOUNTED:
        if found := [layer for layer in layers if _work(layer) == what]:
            names = natural([*dict.fromkeys(layer.op.name for layer in found)])
            yield f"  {what}: {exact(sum(map(_elements, found)))} elements by {names}"


def _work(layer: Layer) -> str:
    op = layer.op
    if op.category in ("norm", "activation"):
        return "normalization" if op.category == "norm" else "elementwise"
    is_joined = op.category in ("merge", "regularization") and op.reach(*layer.operand_types) == "pointwise"
    return "elementwise" if is_joined else "other"


def _elements(layer: Layer) -> int:
    """What a layer without multiply-adds computes."""
    if layer.op.is_view(*layer.operand_types) or layer.op.is_identity_in_inference:
        return 0
    return layer.times * sum(type.numel for type in layer.result_types)


def _kind(layer: Layer) -> str:
    """The operator with its window, if it has one: `conv 3x3`."""
    window = getattr(layer.op, "window", None)
    return f"{layer.op.name} {'x'.join(map(str, window))}" if isinstance(window, tuple) else layer.op.name


def _of_training(subject: Subject) -> Iterator[str]:
    """The multiply-adds of a step; nothing where a block is listed once: calls may need different gradients."""
    if not subject.facts.is_listed:
        return
    step = subject.training
    settings = TrainingSettings() if step is None else step.settings
    forward, backward = subject.facts.step_macs(settings)
    again = 0 if step is None else step.recomputed_macs
    parts = [
        f"forward {exact(forward)}",
        f"backward {exact(backward)}",
        *([f"run again {exact(again)}"] if again else []),
    ]
    passes = settings.accumulate
    of = f" of {exact(passes)} passes" if passes > 1 else ""
    network = subject.facts.network
    loss = f" with the loss of {network.outputs[network.main_output].name} alone" if network.outputs[1:] else ""
    yield f"training{loss}: {', '.join(parts)}, a step{of} {exact(passes * (forward + backward + again))} MACs"


def _kind_row(subject: Subject, kind: str, layers: Iterable[Layer], macs: int) -> Row:
    members = list(layers)
    count = sum(layer.times for layer in members)
    head, blank, rest = kind.partition(" ")
    name = Cell(kind, (Piece(head, f"kind.{members[0].op.category}"), Piece(blank + rest)))
    return row(name, Cell(count, (Piece(counted(count, "layer")),)), macs, *_share(subject, macs))


def _share(subject: Subject, macs: int) -> tuple[float, float]:
    share = macs / subject.facts.cost.total.macs
    return share, share


def _by_block(subject: Subject, options: Options) -> Table:
    entries = outline(subject, options, depth=0)
    rows = [
        Row((*layer_cells(e), Cell(e.cost.macs), *map(Cell, _share(subject, e.cost.macs))), e.indent)
        for e in entries
        if e.cost.macs and not (options.is_flat and e.is_opened)
    ]
    return Table("flops by block", BY_BLOCK, tuple(rows))
