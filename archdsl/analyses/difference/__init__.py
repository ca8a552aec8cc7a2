"""What differs between two networks."""

from archdsl.analyses.difference.difference import Change, ScopeChange, difference, matched

__all__ = ["Change", "ScopeChange", "difference", "matched"]
