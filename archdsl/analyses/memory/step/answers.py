"""What is known of an operator in a training step, in sizes: what it makes and keeps forward, and what its gradients take."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from archdsl.analyses.memory.size import Size
from archdsl.ir import Autocast, Extra, Gradient, Module, Op, Saved, State


class OpFacts(NamedTuple):
    """The answers, and what follows from them."""

    op: Op
    """As the device runs it."""
    saved: Saved
    scratch: tuple[Extra, ...]
    state: tuple[tuple[State, Size], ...]
    autocast: Autocast
    is_alias: bool
    """Whether it gives back its operand itself."""
    is_exact: bool
    """Whether its bytes are known."""
    casts_exactly: tuple[bool, bool]
    """The same under autocast, of operands in float32 and of such in lower precision."""
    has_pages: bool
    """Whether some tensor takes whole pages of memory."""
    on_gpu: Op
    """As a GPU runs it."""
    twins: tuple[Extra, ...] | None
    """What a GPU's operator makes to be kept besides, in place of each tensor and then more, where nothing else differs; None
    where more does."""
    workspace: Size | None
    """Of a convolution or attention all that it touches."""
    shared: int | None
    """The operand whose storage its results are in."""
    is_float: bool
    """Whether some result has a gradient."""
    program: Module | None
    """What it runs one by one."""
    infers: bool
    """Whether no gradients are made."""
    runs: dict[Hashable, Run]
    """What it makes, by all that this depends on besides."""
    ways: dict[Hashable, tuple[Way, ...]]
    """How its gradients are made, likewise."""


class Sized(NamedTuple):
    """A `Kernel` whose tensors have sizes."""

    makes: tuple[tuple[str, Size], ...]
    drops: tuple[str, ...]
    casts: tuple[str, ...]


class Run(NamedTuple):
    """What an operator makes and keeps in a forward pass in which certain gradients are wanted."""

    results: tuple[Size, ...]
    extras: tuple[tuple[str, Size], ...]
    """What is made to be kept, by name; without bytes what only a GPU's operator makes."""
    operands: tuple[tuple[str, int], ...]
    """The operands that are kept, by name."""
    scratch: tuple[tuple[str, Size], ...]
    kernels: tuple[Sized, ...]
    """Of an operator that is composed of several what each makes, what it drops, and what is cast for it."""
    twins: tuple[tuple[str, Size], ...]
    """What a GPU's operator makes in place of the first of that, where it is different."""
    is_exact: bool
    refusal: str
    """Why PyTorch does not run it, in words."""


class Made(NamedTuple):
    """A gradient that a kernel makes, whether it is wanted or not."""

    gradient: Gradient
    is_wanted: bool
    what: str
    """What it is for, in words."""
    size: Size = Size()
    """Of what is made at first."""
    summed: Size = Size()
    """Of what is left when repetitions are summed."""
    scratch: tuple[Size, ...] = ()


class Way(NamedTuple):
    """One node of autograd's graph run backwards where certain gradients are wanted."""

    takes: tuple[str, ...]
    gives: tuple[Made, ...]
    zeros: tuple[Size, ...]
    """What it makes for results whose gradients do not come in."""
    beside: tuple[Size, ...]
    """What it makes of what comes in, for its kernel alone."""
    frees: frozenset[str]
    """What it lets go of by name, casts of weights too whose gradients it gives; of the first one, what it leaves to others."""
    is_first: bool
    reads: bool
    """Whether it reads what was kept, as far as that is known."""
    is_exact: bool
    """Not where a convolution might make the gradient of frozen weights with that of the bias: that depends on the kernel."""
