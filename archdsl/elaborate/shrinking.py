"""How a map became as small as it is, where a window no longer fits."""

from __future__ import annotations

from archdsl.ir import Node, Value

STEPS = 8
"""Steps that are shown; those that shrink most."""
TEXT = 32


def shrinking(value: Value) -> tuple[str, ...]:
    """The steps that made a map smaller, as a note in the order of the network; none for what entered as it is."""
    steps: list[tuple[Node, tuple[int, ...], tuple[int, ...]]] = []
    while (node := value.producer) is not None and node.operands:
        before, after = _sizes(node.operands[0]), _sizes(value)
        if len(before) != len(after):
            break
        if before and after[0] < before[0]:
            steps.append((node, before, after))
        value = node.operands[0]
    shown = sorted(steps, key=lambda step: step[2][0] / step[1][0])[:STEPS]
    parts = [f"to {_written(step[2])} by {_where(step[0])}" for step in reversed(steps) if step in shown]
    if not parts:
        return ()
    left = f", and in {len(steps) - len(parts)} smaller steps" if len(steps) > len(parts) else ""
    return (f"the map came down from {_written(steps[-1][1])}: {', '.join(parts)}{left}",)


def _sizes(value: Value) -> tuple[int, ...]:
    sizes = value.type.shape[1:]
    return sizes if all(isinstance(size, int) for size in sizes) else ()


def _written(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))


def _where(node: Node) -> str:
    text = " ".join(node.origin.span.text.split())
    return f"`{text if len(text) <= TEXT else text[: TEXT - 3] + '...'}` on line {node.origin.span.line}"
