"""`archdsl fit`: the largest batch for a device, and what the next doubling would need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from archdsl.analyses.memory import HISTORY, FitFacts, Need, Otherwise, TrainingSettings
from archdsl.reports.numbers import exact
from archdsl.reports.settings import NOTHING_TRAINED, in_words, not_run, not_trained, settings_data
from archdsl.reports.table import Column, Row, Table, row, text
from archdsl.source import binary
from archdsl.source.styled import Piece

OTHERWISE = (
    Column("option", "what fits otherwise", wraps=True),
    Column("certain", "certain", "count"),
    Column("likely", "likely", "count"),
    Column("again", "run again", "share"),
)
COLUMNS = (Column("what", "largest batch"), Column("batch", "N"), Column("working", "", wraps=True))


def fit_table(name: str, facts: FitFacts, settings: TrainingSettings, refused: Sequence[str] = ()) -> Table:
    """The answer with its working.

    Args:
        refused: the layers that PyTorch does not train on a single sample.
    """
    title = (Piece(name, "heading"), Piece(f"   {in_words(settings)}, {binary(facts.memory)}"))
    words = "certain and likely are a band from PyTorch's sources; it was never measured on a GPU"
    scaled = "what the allocator takes was worked out for fewer turns of the loops, and grows with the tensors"
    notes = (words, scaled) if facts.is_scaled else (words,)
    pieces = [(Piece(note, "dim"),) for note in notes]
    if refused and 1 in (*facts.on_gpu.batches, facts.tensors, facts.doubled.batch):
        pieces.insert(0, (Piece(not_trained(refused), "warning"),))
    if not facts.trains:
        pieces.insert(0, (Piece(NOTHING_TRAINED, "warning"),))
    pieces = [*((Piece(words, "warning"),) for words in not_run(facts.refused)), *pieces]
    return Table("fit", COLUMNS, tuple(_rows(facts)), notes=tuple(pieces), title=title)


def _rows(facts: FitFacts) -> Iterator[Row]:
    yield row("certain", _batch(facts.certain), _certain(facts.certain))
    yield row("likely", _batch(facts.likely), _likely(facts.likely))
    tensors = "any" if facts.tensors is None else exact(facts.tensors)
    how = "exact on a CPU" if facts.status == "exact" else "estimated for a CPU"
    yield row("tensor bytes alone", tensors, f"{how}; a GPU takes more")
    doubled = facts.doubled
    needs = f"would need {binary(doubled.likely)} to {binary(doubled.certain)}: {_likely(doubled)}"
    name = "the next doubling" if doubled.batch > 1 else "one sample"
    yield row(text(name, "dim"), exact(doubled.batch), needs)


def _batch(need: Need | None) -> str:
    return exact(need.batch) if need is not None else "none"


def _likely(need: Need | None) -> str:
    if need is None:
        return "not even one sample fits"
    parts = f"tensors {binary(need.tensors)}, reserved for them {binary(need.reserved)}"
    return f"{parts}, cuBLAS {binary(need.profile.cublas.least)}, context {binary(need.profile.context.least)}"


def _certain(need: Need | None) -> str:
    if need is None:
        return "not even one sample is sure to fit"
    parts = f"tensors {binary(need.tensors)}, reserved for them {binary(need.reserved)} x {HISTORY}"
    cublas, context = binary(need.profile.cublas.most), binary(need.profile.context.most)
    return f"{parts}, workspace {binary(need.workspace)}, cuBLAS {cublas}, context {context}"


def otherwise_table(settings: TrainingSettings, ways: Sequence[Otherwise], step_macs: int) -> Iterator[Table]:
    """The batches by other settings, each with the work that it adds to a step; nothing where there are none."""
    rows = []
    for way in ways:
        again = way.recomputed_macs / step_macs if way.recomputed_macs else None
        rows.append(row(_options(settings, way.settings), *way.on_gpu.batches, again))
    words = "run again: of the MACs of a step, by checkpointed blocks"
    notes = ((Piece(words, "dim"),),) if any(way.recomputed_macs for way in ways) else ()
    if rows:
        yield Table("otherwise", OTHERWISE, tuple(rows), notes=notes)


def _options(given: TrainingSettings, other: TrainingSettings) -> str:
    """What is to be added to the command line."""
    precision = [f"--precision {other.precision}"] if other.precision != given.precision else []
    return " ".join([*precision, *(f"--checkpoint '{path}'" for path in other.checkpoint)])


def fit_data(
    name: str, facts: FitFacts, settings: TrainingSettings, ways: Sequence[Otherwise] = (), refused: Sequence[str] = ()
) -> dict[str, Any]:
    """The same as data: `archdsl.fit/1`."""
    return {
        "schema": "archdsl.fit/1",
        "network": name,
        "memory": facts.memory,
        "settings": settings_data(settings),
        "tensors": {"batch": facts.tensors, "status": facts.status},
        "likely": _data(facts.likely),
        "certain": _data(facts.certain),
        "doubled": _data(facts.doubled),
        "scaled": facts.is_scaled,
        "trains": facts.trains,
        "refused": list(facts.refused),
        "refused_alone": list(refused),
        "otherwise": [
            {
                "settings": settings_data(way.settings),
                "likely": _data(way.on_gpu.likely),
                "certain": _data(way.on_gpu.certain),
                "recomputed_macs": way.recomputed_macs,
            }
            for way in ways
        ],
    }


def _data(need: Need | None) -> dict[str, Any]:
    if need is None:
        return {"batch": 0, "status": "band"}
    return {**need._asdict(), "profile": need.profile._asdict(), "needs": [need.likely, need.certain], "status": "band"}
