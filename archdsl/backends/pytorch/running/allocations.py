"""What PyTorch's allocator on a CPU hands out while something runs, without what a kernel makes and frees inside itself.

A dispatch mode would not do for steps of training, since gradients are not summed in place while one is on.
"""

from __future__ import annotations

import gc
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

MARK = "phase "


class Event(NamedTuple):
    """A number of bytes allocated, or freed if negative."""

    time: int
    phase: str
    kernel: int | None
    """The operator within which it happened."""
    address: int
    bytes: int


def peaks(run: Callable[[], Any], before: int) -> dict[str, int]:
    """The most bytes alive in each phase, as `record_function` marks them, from those that were there before."""
    found: dict[str, int] = defaultdict(int)
    for event in without_scratch(events(run)):
        before += event.bytes
        found[event.phase] = max(found[event.phase], before)
    return found


def events(run: Callable[[], Any]) -> list[Event]:
    """The allocator's events while something runs, in order of time."""
    from torch.profiler import ProfilerActivity, profile

    with _quiet(), _without_collector(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    assert profiler.profiler is not None
    roots = profiler.profiler.kineto_results.experimental_event_tree()
    return sorted(event for root in roots for event in _events(root, "", None))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Python's collector would give back tensors of others meanwhile."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


@contextmanager
def _quiet() -> Iterator[None]:
    """The profiler writes lines of its own to standard error, past Python's."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _events(node: Any, phase: str, kernel: int | None) -> Iterator[Event]:
    from torch._C._profiler import _EventType

    if node.tag == _EventType.Allocation:
        fields = node.extra_fields
        yield Event(node.start_time_ns, phase, kernel, fields.ptr, fields.alloc_size)
        return
    if node.name.startswith(MARK):
        phase = node.name.removeprefix(MARK)
    elif kernel is None and is_kernel(node):
        kernel = node.start_time_ns
    for child in node.children:
        yield from _events(child, phase, kernel)


def without_scratch(found: Sequence[Event]) -> list[Event]:
    """The events without those of tensors that live and die within one kernel."""
    born: dict[int, int] = {}
    scratch: set[int] = set()
    for number, event in enumerate(found):
        if event.bytes > 0:
            born[event.address] = number
            continue
        start = born.pop(event.address, None)
        if start is not None and event.kernel is not None and found[start].kernel == event.kernel:
            scratch |= {start, number}
    return [event for number, event in enumerate(found) if number not in scratch]


def is_kernel(node: Any) -> bool:
    """Whether a node of the profiler's tree is an operator that is not composed of others. One that calls its namesake is."""
    if not node.name.startswith("aten::"):
        return False
    kind = composed(node.name)
    return kind == "never" or (kind == "sometimes" and all(child.name != node.name for child in node.children))


@cache
def composed(name: str) -> Literal["always", "sometimes", "never"]:
    """Whether PyTorch composes the overloads of an operator of others that autograd sees."""
    from torch import ops

    packet = getattr(ops.aten, name.removeprefix("aten::"), None)
    # For `out` there is no autograd.
    overloads = [] if packet is None else [overload for overload in packet.overloads() if overload != "out"]
    asked = (_has_composite_kernel(name if o == "default" else f"{name}.{o}") for o in overloads)
    found = [is_composed for is_composed in asked if is_composed is not None]
    return "always" if all(found) and found else "sometimes" if any(found) else "never"


def _has_composite_kernel(name: str) -> bool | None:
    """None of an overload of TorchScript alone, which autograd never sees."""
    from torch import _C

    try:
        return _C._dispatch_has_kernel_for_dispatch_key(name, "CompositeImplicitAutograd")
    except RuntimeError:
        return None
