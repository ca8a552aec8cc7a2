"""What is asked of a picture: the options of `archdsl draw`, checked as soon as they are put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_type_hints

from archdsl.analyses.options import Natural, Paths, check_option
from archdsl.backends.drawing.refusal import Refusal

Format = Literal["svg", "png", "pdf", "dot", "tikz", "mermaid"]

Theme = Literal["auto", "light", "dark", "mono"]

Style = Literal["auto", "expanded", "overview", "u", "volumes"]

Shading = Literal["macs", "params", "memory"]
"""What rows are shaded by: multiply-adds, parameters, or the bytes of what their layers make for a sample."""


@dataclass(frozen=True)
class Look:
    """How a picture looks and what it opens.

    `style="overview"` draws every block once, beside the network, `"expanded"` draws all calls in place, `"auto"` takes
    the first where the second would have more than 60 rows, and `"u"`, two arms, for an encoder-decoder that joins what it
    kept in reverse order. In an overview the calls at the paths `expand` are drawn in place too, and those within `depth`
    levels. `shading` is the figure by which rows are shaded. `across` places cards from left to right. Without `fuses`
    norms, activations and dropout have rows of their own.

    Raises:
        OptionProblem: an option does not take a value.
        Refusal: a format or a direction does not go with the style.
    """

    format: Format = "svg"
    theme: Theme = "auto"
    style: Style = "auto"
    expand: Paths = ()
    depth: Natural = 0
    shading: Shading | None = None
    across: bool = False
    fuses: bool = True

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(Look, include_extras=True).items():
            check_option(name, getattr(self, name), hint)
        if self.format in ("dot", "mermaid") and self.style == "volumes":
            raise Refusal("volumes are a picture and no graph: take SVG, PNG or PDF (`--format svg`)")
        if self.across and self.style in ("u", "volumes"):
            raise Refusal(f"the style `{self.style}` has a direction of its own: leave out `--lr`")

    @property
    def seeks_arms(self) -> bool:
        """Whether an encoder-decoder is found by itself: not where cards run across, nor for Mermaid, which places them."""
        is_free = self.style == "auto" and not (self.across or self.expand or self.depth)
        return is_free and self.format != "mermaid"


USUAL = Look()
