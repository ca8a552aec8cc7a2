"""How weights start, after the papers: code for the end of a network's constructor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import NamedTuple

from archdsl.analyses.options import OptionProblem
from archdsl.backends.pytorch.code.layout import INDENT

_LAYERS = re.compile(r"\bnn\.(?:Conv(?:Transpose)?[123]d|Linear)\b")


class Initialiser(NamedTuple):
    """A way to draw the weights of convolutions, linear layers and attention; their biases start at 0."""

    function: str
    """Of `torch.nn.init`."""
    arguments: str
    says: str
    bound: str = ""
    """What the arguments name so. As they do, it may name `fan_in` and `fan_out`, which `torch.nn.init` counts otherwise
    where layers have groups, a table, or are transposed."""


INITIALISERS = {
    "he": Initialiser(
        "normal_",
        "std=(2 / fan_out) ** 0.5",
        "He et al. 2015, section 2.2: of variance 2 / fan-out, which keeps gradients behind ReLUs as large.",
    ),
    "he-in": Initialiser(
        "normal_",
        "std=(2 / fan_in) ** 0.5",
        "He et al. 2015, section 2.2: of variance 2 / fan-in, which keeps values behind ReLUs as large.",
    ),
    "glorot": Initialiser(
        "uniform_",
        "-bound, bound",
        "Glorot & Bengio 2010, equation 16: uniform, of variance 2 / (fan-in + fan-out).",
        "(6 / (fan_in + fan_out)) ** 0.5",
    ),
    "lecun": Initialiser("normal_", "std=fan_in**-0.5", "LeCun et al. 1998, section 4.6: of variance 1 / fan-in."),
    "krizhevsky": Initialiser("normal_", "std=0.01", "Krizhevsky et al. 2012, section 5: of standard deviation 0.01."),
    "devlin": Initialiser(
        "trunc_normal_",
        "std=0.02, a=-0.04, b=0.04",
        "Devlin et al. 2019, in their code: normal, of standard deviation 0.02, cut off at twice that.",
    ),
    "saxe": Initialiser("orthogonal_", "", "Saxe et al. 2014, section 3: orthogonal."),
}
"""By the name of the first author."""


def check_initialiser(name: str) -> None:
    """Raises `OptionProblem` where there is none of the name, which may be nothing."""
    if name and name not in INITIALISERS:
        raise OptionProblem("init", f"is no {name!r}: {', '.join(INITIALISERS)}")


def initialise(name: str, source: str) -> list[str]:
    """The lines of a function for `nn.Module.apply`, for the layers that the source has.

    Raises:
        OptionProblem: the source has no such layers, or a convolution with a table is to be orthogonal.
        KeyError: there is no such initialiser.
    """
    way = INITIALISERS[name]
    has_attention = "nn.MultiheadAttention" in source
    layers = {*_LAYERS.findall(source), *(["nn.Linear"] if has_attention else [])}
    if not layers:
        raise OptionProblem("init", "is about convolutions, linear layers and attention, and there are none")
    if name == "saxe" and "class TableConv" in source:
        raise OptionProblem("init", "cannot be 'saxe': the weights of maps that a table joins are not orthogonal")
    function = ["def initialise(module: nn.Module) -> None:", f'{INDENT}"""{way.says}"""']
    if "nn.utils.parametriz" in source:
        function += [f"{INDENT}if nn.utils.parametrize.is_parametrized(module):", f"{INDENT * 2}return"]
    function += [f"{INDENT}if isinstance(module, {' | '.join(sorted(layers))}):", *_of_layers(way, layers, source)]
    if has_attention:
        function += [f"{INDENT}if isinstance(module, nn.MultiheadAttention):", *_of_attention(way)]
    return function


def _of_layers(way: Initialiser, layers: Set[str], source: str) -> Iterator[str]:
    """The fans are those of one output and of one input: all weights, by the number of outputs or of inputs."""

    def of_kind(of_linear: str, of_conv: str) -> str:
        if len(layers) > 1 and "nn.Linear" in layers:
            return f"{of_linear} if isinstance(module, nn.Linear) else {of_conv}"
        return of_linear if "nn.Linear" in layers else of_conv

    for fan, side in (("fan_in", "out"), ("fan_out", "in")):
        if fan in f"{way.arguments} {way.bound}":
            yield f"{INDENT * 2}{side}puts = {of_kind(f'module.{side}_features', f'module.{side}_channels')}"
            yield f"{INDENT * 2}{fan} = module.weight.numel() / {side}puts"
    groups = of_kind("1", "module.groups") if "groups=" in source else "1"
    yield from _drawn(way, "weight", groups)
    yield f"{INDENT * 2}if module.bias is not None:"
    yield f"{INDENT * 3}nn.init.zeros_(module.bias)"


def _of_attention(way: Initialiser) -> Iterator[str]:
    """Queries, keys and values are three linear layers in one tensor; what joins the heads again is an `nn.Linear`."""
    fans = [fan for fan in ("fan_in", "fan_out") if fan in f"{way.arguments} {way.bound}"]
    if fans:
        yield f"{INDENT * 2}{' = '.join(fans)} = module.embed_dim"
    yield from _drawn(way, "in_proj_weight", "3")


def _drawn(way: Initialiser, tensor: str, parts: str) -> Iterator[str]:
    """The values of a tensor; orthogonal ones of each of its parts."""
    if way.bound:
        yield f"{INDENT * 2}bound = {way.bound}"
    if way.function == "orthogonal_" and parts != "1":
        yield f"{INDENT * 2}for weight in module.{tensor}.detach().chunk({parts}):"
        yield f"{INDENT * 3}nn.init.orthogonal_(weight)"
    else:
        yield f"{INDENT * 2}nn.init.{way.function}({', '.join(filter(None, (f'module.{tensor}', way.arguments)))})"
