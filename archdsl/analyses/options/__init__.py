"""What a person may ask for: options by name, each checked by its type."""

from archdsl.analyses.options.given import settings_given
from archdsl.analyses.options.options import (
    LEAST_SIZE,
    Accepts,
    Bytes,
    Natural,
    OptionProblem,
    Paths,
    Positive,
    check_known,
    check_option,
    options_of,
)

__all__ = [
    "LEAST_SIZE",
    "Accepts",
    "Bytes",
    "Natural",
    "OptionProblem",
    "Paths",
    "Positive",
    "check_known",
    "check_option",
    "options_of",
    "settings_given",
]
