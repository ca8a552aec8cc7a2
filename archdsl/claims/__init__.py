"""Layer 5: the claims of a spec against the facts. `expect` must hold, `dispute` must not."""

from archdsl.claims.claims import CLAIM_FAILS, Verdict, undecided, verify

__all__ = ["CLAIM_FAILS", "Verdict", "undecided", "verify"]
