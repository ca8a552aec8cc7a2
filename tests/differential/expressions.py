"""Data at random: the same number in other words."""

from __future__ import annotations

import re
from random import Random

A_NUMBER = re.compile(r"(?<=[(=\[ ])\d+(?=[,)\]])")
"""A whole number that stands alone as an argument or in a list."""


def in_other_words(random: Random, text: str) -> str:
    """A call with one of its numbers written as an expression, if it has one."""
    found = list(A_NUMBER.finditer(text))
    if not found:
        return text
    chosen = random.choice(found)
    return text[: chosen.start()] + number(random, int(chosen.group())) + text[chosen.end() :]


def number(random: Random, value: int) -> str:
    """An expression of that value."""
    other = random.randint(1, 5)
    words = [
        f"{value + other} - {other}",
        f"{value * other} // {other}",
        f"({value} if {other} > 0 else {other})",
        f"({other} if not (1 <= 1 or false) else {value})",
        f"max({value}, {min(value, other)})",
        f"min([{value}, {value + other}])",
        f"sum([{value}, 0])",
        f"len(1..{value})" if value else "len(0..<0)",
        f"[{other}, {value}][-1]",
        f"reverse([{other}, {value}])[0]",
        f"([{other}] + [{value}, {other}][0..<1])[1]",
        f"[{other} * item for item in [{other}, {value}]][1] // {other}",
        f"len([item for item in 0..{value + other} if item < {value}])",
        f"floor({value} + 1/2)",
        f"ceil({value} - 0.5)",
        f"round({value} + 0.25)",
        f"round({value} + 0.25, even)",
        f"{value + 7 * other} % {value + 1 + 6}" if (value + 7 * other) % (value + 7) == value else f"{value}^1",
        f"-(-{value})",
        f"divisor({8 * value}, 8) // 8",
    ]
    return random.choice(words)
