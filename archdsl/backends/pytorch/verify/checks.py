"""The checks of one network, and for what they find the smallest network that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archdsl.analyses import Facts
from archdsl.backends.pytorch.verify.compare import Check, Difference, Outcome, flops, peak, saved, shapes, state
from archdsl.backends.pytorch.verify.observe import Subject
from archdsl.backends.pytorch.verify.shrink import smallest
from archdsl.backends.pytorch.verify.support import fields
from archdsl.backends.pytorch.verify.text import spec_text
from archdsl.ir import Network, check_unfolded, unfold
from archdsl.source import first_line

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
    except (RuntimeError, AssertionError, ImportError):
        return False
    return True


def verify(
    network: Network, *, device: str = "meta", batch: int = 2, with_fields: bool = False, with_specs: bool = True
) -> Iterator[Verified]:
    """Compiles the network, runs it and compares, one check after the other.

    On the meta device nothing is computed and no memory taken: shapes, parameters, FLOPs and what is kept for backward
    are those of a CPU. What inference holds at its peak is measured on a CPU only, since a GPU's kernels hold other
    tensors; so is what backward keeps, unless on meta. FLOPs of a CPU are counted on the meta device: `FlopCounterMode`
    counts none for the attention kernels of a CPU, and none under `inference_mode`, which is not used.

    Args:
        device: `meta`, or one that `has_device` knows.
        with_fields: whether receptive fields are compared with the support of real gradients too, on a CPU.
        with_specs: whether the smallest spec is looked for that shows a difference.

    Raises:
        TooManyOperators: they are too many to be run.
    """
    import torch

    check_unfolded(network)
    runs = _Runs(unfold(network), batch)
    kind = torch.device(device).type
    for name, check in CHECKS.items():
        reason = _left_out(name, kind, with_fields)
        if reason is None:
            on = _device(name, kind) or device
            outcome = runs.check(check, on)
            part = runs.smallest(check, on) if outcome.differences and with_specs else None
            yield Verified(name, outcome, spec_text(part) if part else "")
        elif reason:
            yield Verified(name, Outcome("", gap=reason))


def _left_out(name: str, kind: str, with_fields: bool) -> str | None:
    """Why a check is not made; None where it is, nothing where nobody asked for it."""
    if name == "receptive fields":
        return None if with_fields else ""
    if name == "inference peak" and kind == "meta":
        return "nothing is allocated on the meta device; --device cpu measures it"
    if name in ("saved for backward", "inference peak") and kind not in ("meta", "cpu"):
        return "bytes are predicted for the kernels of a CPU"
    return None


def _device(name: str, kind: str) -> str:
    """Where a check is made, if not where it was asked for."""
    if name == "receptive fields":
        return "cpu"
    return "meta" if name == "FLOPs" and kind == "cpu" else ""


class _Runs:
    """A network with its facts, compiled once for each device."""

    def __init__(self, network: Network, batch: int) -> None:
        self.network = network
        self.batch = batch
        self._facts = Facts(network)
        self._subjects: dict[str, Subject] = {}

    def check(self, check: Check, device: str) -> Outcome:
        try:
            if device not in self._subjects:
                self._subjects[device] = Subject(self.network, device, self.batch)
            return check(self._facts, self._subjects[device], self.batch)
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            return Outcome("", (Difference("", "it runs", f"{type(error).__name__}: {first_line(error)}"),))

    def smallest(self, check: Check, device: str) -> Network:
        """The smallest part that shows a difference."""
        return smallest(self.network, lambda part: bool(_Runs(part, self.batch).check(check, device).differences))
