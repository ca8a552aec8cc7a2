from __future__ import annotations


class Refusal(ValueError):
    """A picture that cannot be drawn as it was asked for; its text says why, and what can."""
