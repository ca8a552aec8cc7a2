"""What differs between two networks."""

from archdsl.analyses.difference.difference import Change, Difference, Resized, ScopeChange, difference
from archdsl.analyses.difference.wires import Two

__all__ = ["Change", "Difference", "Resized", "ScopeChange", "Two", "difference"]
