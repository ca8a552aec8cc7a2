"""How weights start, after the papers: code for the end of a network's constructor."""

from __future__ import annotations

import re
from typing import NamedTuple

from archdsl.backends.pytorch.code.layout import INDENT

_LAYERS = re.compile(r"\bnn\.(?:Conv(?:Transpose)?[123]d|Linear)\b")


class Initialiser(NamedTuple):
    """A way to draw the weights of convolutions and linear layers; their biases start at 0."""

    function: str
    """Of `torch.nn.init`."""
    arguments: str
    says: str


INITIALISERS = {
    "he": Initialiser(
        "kaiming_normal_",
        ', mode="fan_out", nonlinearity="relu"',
        "He et al. 2015, section 2.2: of variance 2 / fan-out, which keeps gradients behind ReLUs as large.",
    ),
    "he-in": Initialiser(
        "kaiming_normal_",
        ', nonlinearity="relu"',
        "He et al. 2015, section 2.2: of variance 2 / fan-in, which keeps values behind ReLUs as large.",
    ),
    "glorot": Initialiser(
        "xavier_uniform_", "", "Glorot & Bengio 2010, equation 16: uniform, of variance 2 / (fan-in + fan-out)."
    ),
    "lecun": Initialiser(
        "kaiming_normal_", ', nonlinearity="linear"', "LeCun et al. 1998, section 4.6: of variance 1 / fan-in."
    ),
    "krizhevsky": Initialiser(
        "normal_", ", std=0.01", "Krizhevsky et al. 2012, section 5: of standard deviation 0.01."
    ),
    "devlin": Initialiser(
        "trunc_normal_", ", std=0.02", "Devlin et al. 2019, and ViT after it: of standard deviation 0.02, cut off at 2."
    ),
    "saxe": Initialiser("orthogonal_", "", "Saxe et al. 2014, section 3: orthogonal."),
}
"""By the name of the first author."""


def initialise(name: str, source: str) -> list[str]:
    """The lines of a function for `nn.Module.apply`, for the layers that the source has.

    Raises:
        KeyError: there is no such initialiser.
    """
    way = INITIALISERS[name]
    layers = " | ".join(sorted(set(_LAYERS.findall(source)))) or "nn.Linear"
    return [
        "def initialise(module: nn.Module) -> None:",
        f'{INDENT}"""{way.says}"""',
        f"{INDENT}if isinstance(module, {layers}):",
        f"{INDENT * 2}nn.init.{way.function}(module.weight{way.arguments})",
        f"{INDENT * 2}if module.bias is not None:",
        f"{INDENT * 3}nn.init.zeros_(module.bias)",
    ]
