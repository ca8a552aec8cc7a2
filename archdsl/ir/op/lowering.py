"""What an operator becomes in PyTorch, as inert data: the op describes, one emitter writes.

Nothing here is code that runs, and no text of a spec enters it: arguments are numbers, booleans, strings out of
closed sets and tuples of these, which the emitter writes with `repr`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

Literal = int | float | bool | str | None | tuple["Literal", ...]


class Code(str):
    """An expression among the arguments of a call, written as it stands. An operator makes it; no text of a spec is in it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Call(NamedTuple):
    """A constructor call: `nn.Conv2d(3, 64, 3, padding=1)`."""

    target: str
    args: tuple[Literal, ...] = ()
    keywords: tuple[tuple[str, Literal], ...] = ()
    inplace: bool = False
    """Whether the target takes `inplace=True`; the emitter adds it where the graph proves it safe."""


class Expression(NamedTuple):
    """A Python expression over tensors: `torch.flatten({0}, 1)`.

    `{0}`, `{1}`, ... are the operands, `{*}` all of them joined by commas; `{inplace}` becomes `, inplace=True` or nothing.
    An expression that gives a tuple is unpacked into as many names as the operator has results.
    """

    template: str
    imports: tuple[str, ...] = ()
    """Of `torch`, `nn`, `F`, `math`: the names that the template uses."""
    accumulates: str | None = None
    """The in-place form of a merge of two, `+=`, where the first operand may be overwritten."""


class Helper(NamedTuple):
    """A class or function that PyTorch lacks, written once into the generated file. Its text is ours alone."""

    name: str
    text: str
    imports: tuple[str, ...] = ("torch", "nn", "F")

    @property
    def names(self) -> frozenset[str]:
        """What means something in a file that has it: what the text defines, and what it imports."""
        return frozenset(re.findall(r"^(?:class|def) (\w+)", self.text, re.MULTILINE)) | {*self.imports}


class Lowering(NamedTuple):
    """How to write one operator: as a module, as an expression, or as either where it has no state; or as a tensor, learned
    or constant."""

    module: Call | None = None
    function: Expression | None = None
    helper: Helper | None = None
    parameter: Call | None = None
    """The values that a learned tensor starts from: `torch.zeros(1, 1, 768)`."""
    buffer: Call | None = None
    """The values of a constant tensor."""
    general: Lowering | None = None
    """The same in a way that can say more: for a class some of whose instances need that one."""

    @property
    def ways(self) -> tuple[Lowering, ...]:
        """It and, if there is one, its general form."""
        return (self,) if self.general is None else (self, self.general)

    @property
    def code(self) -> Lowering:
        """What all uses of a shared instance have in common: nothing of its other way, nor of what accumulates in place."""
        function = None if self.function is None else self.function._replace(accumulates=None)
        return self._replace(function=function, general=None)
