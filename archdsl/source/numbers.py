"""Large numbers as people read them; exact ones are written `138_357_544`, as the language writes them."""

from __future__ import annotations

UNITS = "KMGTP"


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
    for limit, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M")):
        if n >= limit:
            return f"{n / limit:.2f}{unit}"
    return f"{n:_}"
