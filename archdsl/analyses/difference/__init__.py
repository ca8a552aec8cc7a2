"""What differs between two networks."""

from archdsl.analyses.difference.difference import Change, Difference, Resized, ScopeChange, difference

__all__ = ["Change", "Difference", "Resized", "ScopeChange", "difference"]
