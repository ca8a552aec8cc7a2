"""Layer 5: the claims of a spec against the facts. `expect` must hold, `dispute` must not."""

from archdsl.claims.claims import CLAIM_FAILS, Verdict, are_decided, undecided, verify
from archdsl.claims.limits import Limit, exceeded

__all__ = ["CLAIM_FAILS", "Limit", "Verdict", "are_decided", "exceeded", "undecided", "verify"]
