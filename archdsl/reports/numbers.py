"""Numbers as reports write them."""

from __future__ import annotations

from math import prod

from archdsl.source import short


def exact(n: int) -> str:
    """`138_357_544`: as the language writes it, so that a figure can be pasted into an `expect`."""
    return f"{n:_}"


def rounded(n: int) -> str:
    """As lectures round: `3.2M`, `803K`, and what has up to four digits exactly."""
    if n < 10_000:
        return exact(n)
    if n < 999_500:
        return f"{n / 1e3:.0f}K"
    return f"{n / 1e6:.1f}M" if n < 999_950_000 else short(n)


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def product(factors: tuple[int, ...]) -> str:
    """`224*224*64`; one factor stands for itself."""
    return "*".join(map(str, factors))


def working(factors: tuple[int, ...]) -> str:
    """A product with its result: `224*224*64 = 3.2M`."""
    return product(factors) if len(factors) < 2 else f"{product(factors)} = {rounded(prod(factors))}"


def with_rounded(n: int) -> str:
    """`15_237_608 = 15.2M`, or the number alone where it is short."""
    return " = ".join(dict.fromkeys((exact(n), rounded(n))))


EIGHTHS = " ▏▎▍▌▋▊▉█"


CELLS = 12
"""Columns of a full bar."""


def bar(share: float, ascii: bool = False) -> str:
    """A bar of up to `CELLS` columns for a share of 0 to 1; what is there at all shows."""
    eighths = max(int(share * CELLS * 8), 1) if share > 0 else 0
    if ascii:
        return "#" * -(-eighths // 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (EIGHTHS[rest] if rest else "")
