from __future__ import annotations


class Refusal(ValueError):
    """A picture that cannot be drawn as it was asked for; its text says why, and what can."""


class RenderError(Exception):
    """Nothing could draw the picture: `reason` says why, `help` what to do. SVG and DOT need no renderer."""

    def __init__(self, reason: str, help: str) -> None:
        super().__init__(f"{reason}; {help}")
        self.reason = reason
        self.help = help
