"""The checks of one network, and for what they find the smallest network that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from archdsl.analyses import Facts
from archdsl.backends.pytorch.verify.compare import Check, Difference, Outcome, flops, peak, saved, shapes, state
from archdsl.backends.pytorch.verify.observe import Subject
from archdsl.backends.pytorch.verify.shrink import smallest
from archdsl.backends.pytorch.verify.support import fields
from archdsl.backends.pytorch.verify.text import spec_text
from archdsl.ir import Network

CHECKS: dict[str, Check] = {
    "shapes": shapes,
    "parameters": state,
    "FLOPs": flops,
    "saved for backward": saved,
    "inference peak": peak,
    "receptive fields": fields,
}
"""In the order in which they are made."""


class Verified(NamedTuple):
    """One check of a network."""

    name: str
    outcome: Outcome
    spec: str = ""
    """The smallest spec that shows the first difference."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        return self.outcome.differences


def has_device(name: str) -> bool:
    """Whether PyTorch can make tensors there."""
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):
        return False
    return True


def verify(network: Network, *, device: str = "meta", batch: int = 2, with_fields: bool = False) -> Iterator[Verified]:
    """Compiles the network, runs it and compares, one check after the other.

    On the meta device nothing is computed and no memory taken: shapes, parameters, FLOPs and what is kept for backward
    are those of a CPU. What inference holds at its peak is measured on a CPU only, since a GPU's kernels hold other
    tensors; so is what backward keeps, unless on meta. FLOPs of a CPU are counted on the meta device: `FlopCounterMode`
    counts none for the attention kernels of a CPU, and none under `inference_mode`, which is not used.

    Args:
        device: `meta`, or one that `has_device` knows.
        with_fields: whether receptive fields are compared with the support of real gradients too, on a CPU.
    """
    for name, check in CHECKS.items():
        reason = _left_out(name, device.partition(":")[0], with_fields)
        if reason is None:
            yield _verified(name, _on(check, _device(name, device), batch), network)
        elif reason:
            yield Verified(name, Outcome("", gap=reason))


def _left_out(name: str, device: str, with_fields: bool) -> str | None:
    """Why a check is not made; None where it is, nothing where nobody asked for it."""
    if name == "receptive fields":
        return None if with_fields else ""
    if name == "inference peak" and device == "meta":
        return "nothing is allocated on the meta device; --device cpu measures it"
    if name in ("saved for backward", "inference peak") and device not in ("meta", "cpu"):
        return "bytes are predicted for the kernels of a CPU"
    return None


def _device(name: str, device: str) -> str:
    if name == "receptive fields":
        return "cpu"
    return "meta" if name == "FLOPs" and device == "cpu" else device


def _on(check: Check, device: str, batch: int) -> Callable[[Network], Outcome]:
    def run(network: Network) -> Outcome:
        try:
            return check(Facts(network), Subject(network, device, batch), batch)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            message = next(iter(str(error).splitlines()), "")
            return Outcome("", (Difference("", "it runs", f"{type(error).__name__}: {message}"),))

    return run


def _verified(name: str, run: Callable[[Network], Outcome], network: Network) -> Verified:
    outcome = run(network)
    if not outcome.differences:
        return Verified(name, outcome)
    return Verified(name, outcome, spec_text(smallest(network, lambda part: bool(run(part).differences))))
