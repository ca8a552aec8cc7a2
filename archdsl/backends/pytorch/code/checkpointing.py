"""Activation checkpointing in generated code: parts keep only their inputs for backward, which runs them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from archdsl.analyses.memory import buffers, naming, not_checkpointed
from archdsl.analyses.weights import PathError
from archdsl.ir import Helper, Module, Network, check_listed

Marks = frozenset[str]
"""Paths of calls within a module."""

NONE: Marks = frozenset()


class Recomputing(NamedTuple):
    """How code calls what runs twice."""

    template: str
    """Of the part and its operands."""
    imports: tuple[str, ...]
    """What that needs."""
    function: Helper | None
    """What the template calls, if that is of this file."""
    sequence: Helper
    """The class of a sequence whose parts all run twice."""


def marks(network: Network, patterns: Sequence[str]) -> Marks:
    """The paths of all calls that run twice.

    Raises:
        PathError: nothing with weights has one of the paths.
        TooManyOperators: there are too many paths.
    """
    if not patterns:
        return NONE
    check_listed(network)
    named: set[str] = set()

    def visit(module: Module, path: str) -> Iterator[str]:
        for node in module.nodes:
            own = f"{path}{node.name}"
            found = naming(node, own, patterns)
            named.update(found)
            if found:
                yield own
            if isinstance(node.operator, Module):
                yield from visit(node.operator, f"{own}.")

    found = frozenset(visit(network.body, ""))
    for pattern in patterns:
        if pattern not in named:
            raise PathError(not_checkpointed(network, pattern))
    return found


def within(marked: Marks, name: str) -> Marks:
    """The paths inside a part, as they are called there."""
    return frozenset(path.removeprefix(f"{name}.") for path in marked if path.startswith(f"{name}."))


def recomputing(network: Network) -> Recomputing:
    """How the code of a network does it: a batch norm that simply ran twice would follow the batch twice."""
    if any(True for node in network.body.nodes for _ in buffers(node)):
        return _recomputing("recomputed({}, {})", (), RECOMPUTED)
    return _recomputing("checkpoint({}, {}, use_reentrant=False)", ("checkpoint",))


def _recomputing(template: str, imports: tuple[str, ...], function: Helper | None = None) -> Recomputing:
    text = f'''
class RecomputedSequential(nn.Sequential):
    """Parts that each keep only their input for backward, which runs them again."""

    def forward(self, x: Tensor) -> Tensor:
        for part in self:
            x = {template.format("part", "x")}
        return x
'''
    return Recomputing(template, imports, function, Helper("RecomputedSequential", text, ("nn", "Tensor", *imports)))


RECOMPUTED = Helper(
    "recomputed",
    '''
def recomputed(part: nn.Module, *inputs: Tensor) -> Any:
    """Runs a part that keeps only its inputs for backward, which runs it again; batch norms follow each batch once."""
    if torch.compiler.is_compiling():
        return checkpoint(part, *inputs, use_reentrant=False)
    return checkpoint(part, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), unchanged_buffers(part)))


@contextmanager
def unchanged_buffers(part: nn.Module) -> Iterator[None]:
    before = [(buffer, buffer.clone()) for buffer in part.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, kept in before:
                buffer.copy_(kept)
''',
    ("torch", "nn", "Tensor", "Any", "Iterator", "contextmanager", "nullcontext", "checkpoint"),
)
"""What generated code has, and what `archdsl.checkpoint` runs."""
