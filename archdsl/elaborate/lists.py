"""Lists: what a loop runs over, and what may stand in one."""

from __future__ import annotations

from typing import Any

from archdsl.elaborate.kinds import EMPTY_RANGE, KIND_MISMATCH
from archdsl.elaborate.problems import Fault
from archdsl.elaborate.values import Layer, Tensors, kind_of, show
from archdsl.source import Edit
from archdsl.syntax import tree


def items_of(value: Any, values: tree.Expression) -> tuple[Any, ...]:
    """What a loop runs over. Raises `Fault`."""
    if isinstance(value, Tensors) and value.items is not None:
        return tuple(Tensors((item,)) for item in value.items)
    if isinstance(value, tuple):
        return value
    counted = f"0..<{values.span.text}" if isinstance(value, int) and not isinstance(value, bool) else ""
    raise Fault(
        KIND_MISMATCH,
        f"a loop runs over a list, not {kind_of(value)}",
        values.span,
        kind_of(value),
        helps=(f"count with a range: `{counted}`",) if counted else (),
        edit=Edit(values.span, counted) if counted and isinstance(values, tree.Number | tree.Name) else None,
    )


def parts_of(item: Any, names: list[tree.Word], values: tree.Expression) -> dict[str, Any]:
    """The variables of one turn of a loop. Raises `Fault` where an item has other parts than there are names."""
    parts = (item,) if len(names) == 1 else item
    if not isinstance(parts, tuple) or len(parts) != len(names):
        raise Fault(
            KIND_MISMATCH,
            f"{len(names)} loop variables for {show(item)}",
            values.span,
            f"each item needs {len(names)} parts",
        )
    return {name.text: part for name, part in zip(names, parts, strict=True)}


def data_of(items: list[tuple[Any, tree.Expression]]) -> tuple[Any, ...]:
    """The items of a list. Raises `Fault` for one that is no datum."""
    for item, syntax in items:
        if isinstance(item, Layer | Tensors):
            help = f"a list of tensors comes from taps: `{syntax.span.text} as maps[]`, for each of them"
            raise Fault(
                KIND_MISMATCH,
                f"a list holds data, not {kind_of(item)}",
                syntax.span,
                kind_of(item),
                helps=(help,) if isinstance(item, Tensors) else (),
            )
    return tuple(item for item, _ in items)


def wrong_way(e: tree.Range, numbers: str, step: int, indexed: str) -> Fault:
    """A range that ends before it begins; as the index of a list, where it ends at a negative number, it may go to the end."""
    if indexed:
        help = f"`{e.first.span.text}..<len({indexed})` goes on to the end"
        return Fault(EMPTY_RANGE, f"the range {numbers} runs the wrong way", e.span, helps=(help,))
    ends = e.span._replace(start=e.last.span.end)
    by = "" if step == -1 else f" by {-step}"
    written = f"{e.span.text.removesuffix(ends.text)}{by}"
    return Fault(
        EMPTY_RANGE,
        f"the range {numbers}{f' by {step}' if e.step else ''} runs the wrong way",
        e.span,
        helps=(f"count {'down' if step > 0 else 'up'} with `{written}`",),
        edit=Edit(ends, by),
    )
