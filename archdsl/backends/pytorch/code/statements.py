"""What a `forward` is made of: how each node is written, and the statements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archdsl.ir import Helper


class Application(NamedTuple):
    """How a node is written: `F.relu({0}, inplace=True)`, or `self.conv1` called with the operands."""

    template: str = ""
    """Ours alone: no text of a spec is in it. Of a callee: how it is called, if not as a function."""
    allocates: bool = True
    copies: bool = False
    keeps: bool = False
    """Whether backward keeps its first operand."""
    accumulates: str = ""
    """`+=` where it is a statement that changes its first operand."""
    imports: tuple[str, ...] = ()
    helper: Helper | None = None
    callee: str = ""
    """The module that is called, where there is one."""


class Statement(NamedTuple):
    """One line: `x = ` and an expression, or `return `, or `del ` and names."""

    prefix: str
    expression: str
    comment: str = ""
    """The result's type where it is not the operand's."""
    training: bool = False
    """Whether it runs only while training."""


class Forward(NamedTuple):
    """A whole `forward`."""

    parameters: tuple[str, ...]
    statements: tuple[Statement, ...]
    returns: str
    """The annotation of its result."""
    imports: frozenset[str] = frozenset()
    helpers: tuple[Helper, ...] = ()

    def reading(self, sizes: Mapping[str, tuple[int, int]]) -> Forward:
        """With a name for some axes of its parameters, given by their numbers."""
        places = ((name, f"{self.parameters[index]}.shape[{axis}]") for name, (index, axis) in sizes.items())
        given = (Statement(f"{name} = ", text, "noqa: N806") for name, text in places)
        return self._replace(statements=(*given, *self.statements))

    @property
    def code(self) -> object:
        """What it says, without the comments."""
        return self.parameters, self.returns, tuple(s._replace(comment="") for s in self.statements)
