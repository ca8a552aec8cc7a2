"""archdsl: think about a neural network before it runs.

    text --parse--> tree --Program--> graph --Facts--> facts --verify, lint--> verdicts
                                       |                 |
                                  emit, drawing        report

`load` takes a spec to a network object with its figures, `loads` one that is text; `open_spec` gives a file with all its
problems.
`load_weights`, `freeze`, `parameter_groups` and `checkpoint` prepare a module for training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.api import NetworkSpec, load, loads
    from archdsl.backends.pytorch import checkpoint, freeze, load_weights, parameter_groups
    from archdsl.errors import SpecError
    from archdsl.pipeline import open_spec

__all__ = [
    "NetworkSpec",
    "SpecError",
    "checkpoint",
    "freeze",
    "load",
    "load_weights",
    "loads",
    "open_spec",
    "parameter_groups",
]


def __getattr__(name: str) -> object:
    if name in ("NetworkSpec", "SpecError", "load", "loads"):
        from archdsl import api

        return getattr(api, name)
    if name == "open_spec":
        from archdsl.pipeline import open_spec

        return open_spec
    if name in ("checkpoint", "freeze", "load_weights", "parameter_groups"):
        from archdsl.backends import pytorch

        return getattr(pytorch, name)
    raise AttributeError(f"module 'archdsl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
