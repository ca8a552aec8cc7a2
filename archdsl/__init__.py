"""archdsl: think about a neural network before it runs.

    text --parse--> tree --Program--> graph --Facts--> facts --verify, lint--> verdicts
                                       |                 |
                                  emit, drawing        report

`load` takes a spec to a network object with its figures; `open_spec` gives the file with all its problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.api import NetworkSpec, SpecError, load
    from archdsl.pipeline import open_spec

__all__ = ["NetworkSpec", "SpecError", "load", "open_spec"]


def __getattr__(name: str) -> object:
    if name in ("NetworkSpec", "SpecError", "load"):
        from archdsl import api

        return getattr(api, name)
    if name == "open_spec":
        from archdsl.pipeline import open_spec

        return open_spec
    raise AttributeError(f"module 'archdsl' has no attribute {name!r}")
