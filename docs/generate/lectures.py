"""The page of what lectures say and no spec claims."""

from __future__ import annotations

import json
from pathlib import Path

from docs.generate.markdown import code, page, table

HEAD = """
    Five lectures on convolutional networks print or say {total} things that an architecture alone decides. The bundled specs
    claim or dispute {claimed} of them: `tests/data/lecture_claims.json` names the claims, and a test compares their values with
    what was worked out by hand. These are the {rest} others, and why no spec claims them.
    """


def lectures_page(data: Path) -> str:
    """The statements without a claim, by their reasons."""
    known = json.loads(data.read_text("utf-8"))
    claims, reasons = known["claims"], known["reasons"]
    rest = [claim for claim in claims if "claimed" not in claim]
    head = " ".join(HEAD.format(total=len(claims), claimed=len(claims) - len(rest), rest=len(rest)).split())
    parts: list[list[str]] = [[head]]
    for reason, text in reasons.items():
        rows = [
            (c["of"], c["says"], code(c["network"]) if "network" in c else "") for c in rest if c["reason"] == reason
        ]
        parts += [[f"## {text}"], table(("of", "statement", "spec"), rows)]
    return page("What lectures say and no spec claims", *parts)
