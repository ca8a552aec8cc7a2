"""Layer 5: the claims of a spec against the facts. `expect` must hold, `dispute` must not."""

from archdsl.claims.claims import CLAIM_FAILS, Verdict, undecided, verify
from archdsl.claims.limits import Limit, exceeded

__all__ = ["CLAIM_FAILS", "Limit", "Verdict", "exceeded", "undecided", "verify"]
