"""Large numbers as people read them; exact ones are written `138_357_544`, as the language writes them."""

from __future__ import annotations

UNITS = "KMGTP"
KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40


def short(n: int) -> str:
    """Three digits and a unit: `118M`, `1.03G`; below a thousand the number itself."""
    if abs(n) < 1000:
        return str(n)
    power = next((p for p in range(1, len(UNITS)) if abs(n) < 999.5 * 1000**p), len(UNITS))
    scaled = n / 1000**power
    digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
    return f"{scaled:.{digits}f}{UNITS[power - 1]}"


def total(n: int) -> str:
    """For headings: exact below a million, else with two decimals: `60_000`, `138.36M`."""
    if n < 10**6:
        return f"{n:_}"
    power = next((p for p in (2, 3) if n < 999.995 * 1000**p), 4)
    return f"{n / 1000**power:.2f}{UNITS[power - 1]}"


def binary(n: int) -> str:
    """Bytes in powers of 1024: `512 B`, `16.0 KiB`, `12.25 MiB`, `527.8 MiB`."""
    if abs(n) < KIB:
        return f"{n} B"
    if abs(n) < 0.095 * MIB:
        return f"{n / KIB:.1f} KiB"
    if abs(n) < 1023.95 * MIB:
        return f"{n / MIB:.{2 if abs(n) < 16 * MIB else 1}f} MiB"
    return f"{n / GIB:.2f} GiB" if abs(n) < 1023.995 * GIB else f"{n / TIB:.2f} TiB"


def counted(n: int, word: str) -> str:
    """`1 layer`, `6_000 layers`, `2 axes`."""
    several = f"{word.removesuffix('axis')}axes" if word.endswith("axis") else f"{word}s"
    return f"{n:_} {word if n == 1 else several}"
