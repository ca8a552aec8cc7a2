"""What a Python program changes of a network -> settings, as specs write data."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import isfinite
from numbers import Integral
from typing import Any

from archdsl.analyses.options.options import OptionProblem
from archdsl.elaborate import Datum, Settings

TAKES = "sizes in a list without the batch, as [3, 224, 224]"


def settings_given(parameters: Mapping[str, Any], inputs: Mapping[str, Any] | None) -> Settings:
    """Values for parameters and shapes of inputs. Raises `OptionProblem`, and `TypeError` for what is no data."""
    if inputs is not None and not isinstance(inputs, Mapping):
        raise OptionProblem("inputs", f"is no {inputs!r}: by name, {{'image': [3, 224, 224]}}, or '' for the only one")
    return Settings(
        {name: _datum(name, value) for name, value in parameters.items()},
        {name: _shape(name, shape) for name, shape in (inputs or {}).items()},
    )


def _shape(name: str, shape: Any) -> tuple[int, ...]:
    """Its sizes are checked where the input is declared."""
    if not isinstance(shape, list | tuple):
        raise OptionProblem("inputs", f"has {shape!r} for {name!r}: {TAKES}")
    return tuple(int(size) if _is_whole(size) else size for size in shape)


def _datum(name: str, value: Any) -> Datum:
    """A Python value as the language has it: arithmetic is exact, so 0.1 is a tenth, and 3.0 is 3."""
    if isinstance(value, list | tuple):
        return tuple(_datum(name, item) for item in value)
    if _is_whole(value):
        return int(value)
    if isinstance(value, Fraction) or (isinstance(value, float) and isfinite(value)):
        exact = Fraction(str(value))
        return exact.numerator if exact.denominator == 1 else exact
    if isinstance(value, bool | str):
        return value
    raise TypeError(f"{name} is a number, boolean, string or list in specs, not {value!r}")


def _is_whole(value: Any) -> bool:
    """Whether it is a whole number, of numpy too."""
    return isinstance(value, Integral) and not isinstance(value, bool)
