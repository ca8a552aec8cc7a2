"""Layer 5: the claims of a spec against the facts. `expect` must hold, `dispute` must not."""

from archdsl.claims.claims import Verdict, are_decided, undecided, verify
from archdsl.claims.limits import Limit, exceeded

__all__ = ["Limit", "Verdict", "are_decided", "exceeded", "undecided", "verify"]
