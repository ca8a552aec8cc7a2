"""Training a part of a network: what is frozen, and what learns at which rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from archdsl.analyses.weights import selected

if TYPE_CHECKING:
    from torch import nn


def freeze(module: nn.Module, *paths: str, up_to: str | None = None, all_but: Iterable[str] = ()) -> None:
    """Freezes parts of a module: they get no gradient, and their batch norms neither learn nor follow the batches.

    `module.train()` lets batch norms follow the batches again: freeze after it.

    Args:
        paths: paths, which may have wildcards; all below them is meant: `"features"`, `"layer*.0"`.
        up_to: freezes this and what stands before it in the network, as its `state_dict` lists it.
        all_but: freezes everything else: `["fc"]` is a linear probe.

    Raises:
        PathError: the module has no weights at one of the paths.
    """
    frozen = frozen_by(list(module.state_dict()), paths, up_to, all_but)
    for name, parameter in module.named_parameters():
        if name in frozen:
            parameter.requires_grad_(False)
    for path, part in module.named_modules():
        own = [n for n, _ in (*part.named_parameters(path, recurse=False), *part.named_buffers(path, recurse=False))]
        if own and frozen.issuperset(own):
            part.training = False


def frozen_by(names: list[str], paths: Iterable[str], up_to: str | None, all_but: Iterable[str]) -> set[str]:
    """Of the names of a `state_dict`, in its order, those that `freeze` freezes. Raises `PathError`."""
    frozen = set(selected(names, paths))
    if up_to is not None:
        last = selected(names, [up_to])[-1]
        frozen |= set(names[: names.index(last) + 1])
    if spared := set(selected(names, all_but)):
        frozen |= set(names) - spared
    return frozen


def parameter_groups(module: nn.Module, lr: float, lr_of: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
    """The parameters that are not frozen, as optimizers take them: one group for each learning rate that is asked for.

    Args:
        lr: the learning rate of what no path names.
        lr_of: learning rates by path, which may have wildcards; of several that match, the last holds.

    Raises:
        PathError: the module has no parameters at one of the paths.
    """
    parameters = dict(module.named_parameters())
    rates = dict.fromkeys(parameters, lr)
    owner = dict.fromkeys(parameters, "")
    for path, rate in (lr_of or {}).items():
        for name in selected(list(parameters), [path]):
            rates[name], owner[name] = rate, path
    groups: dict[str, dict[str, Any]] = {}
    for name, parameter in parameters.items():
        if parameter.requires_grad:
            group = groups.setdefault(owner[name], {"params": [], "lr": rates[name]})
            group["params"].append(parameter)
    return list(groups.values())
