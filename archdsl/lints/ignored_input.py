"""`ignored-input`: an input that no output depends on, or an output that depends on no input."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_

from archdsl.ir import Module, Value, modules
from archdsl.lints.subject import Graph
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "ignored-input",
    "warning",
    "Whatever is fed to the input, the outputs are the same: no chain leads from it to any of them. Or an output depends on no "
    "input at all, so it is the same for every sample.",
)
ACCEPTED = (
    "network A {\n  input x: [8]\n  input y: [8]\n  add { | x -> linear(8) | y }\n}",
    "network A {\n  input image: [8]\n  input text: [8]\n"
    "  output a = image -> linear(4)\n  output b = text -> linear(4)\n}",
)
REJECTED = (
    "network A {\n  input x: [8]\n  input y: [8]\n  x -> linear(8)\n}",
    "block first(other: tensor) { linear(other.features) }\n"
    "network A {\n  input x: [8]\n  input y: [8]\n  x -> first(y)\n}",
    "network A {\n  input x: [8]\n  output y = linear(4)\n  output z = table: parameter([4])\n}",
)


class Reads:
    """Which inputs of a module each of its outputs depends on, and what ends inside without an output, as bits."""

    __slots__ = ("lost", "outputs")

    def __init__(self, outputs: list[int], lost: int) -> None:
        self.outputs = outputs
        self.lost = lost


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    known: dict[Module, Reads] = {}
    for module in modules(graph.network):
        known[module] = _reads(module, known)
    found = known[graph.network.body]
    used = reduce(or_, found.outputs, found.lost)  # what ends without an output is reported where it ends
    for index, (name, span) in enumerate(graph.inputs.items()):
        if any(found.outputs) and not used >> index & 1:
            yield Diagnostic(
                KIND,
                f"no output depends on the input `{name}`",
                Label(span, "nothing reads its values"),
                helps=("start a chain from it, or take it out",),
            )
    for output, bits in zip(graph.network.outputs, found.outputs, strict=True):
        if not bits and graph.network.inputs:
            yield Diagnostic(
                KIND,
                f"the output `{output.name}` depends on no input",
                Label(graph.outputs[output.name], "is the same for every sample"),
                helps=("start its chain from an input",),
            )


def _reads(module: Module, known: dict[Module, Reads]) -> Reads:
    reads: dict[Value, int] = {value: 1 << index for index, value in enumerate(module.inputs)}
    lost = 0
    ends = {result for node in module.nodes for result in node.results} - set(module.outputs)
    for node in module.nodes:
        ends.difference_update(node.operands)
        operands = [reads[value] for value in node.operands]
        if isinstance(node.operator, Module):
            callee = known[node.operator]
            lost |= _gather(callee.lost, operands)
            results = [_gather(bits, operands) for bits in callee.outputs]
        else:
            results = [_gather(-1, operands)] * len(node.results)
        reads.update(zip(node.results, results, strict=True))
    lost = reduce(or_, (reads[end] for end in ends), lost)
    return Reads([reads[value] for value in module.outputs], lost)


def _gather(read: int, operands: list[int]) -> int:
    """The inputs behind those operands whose bits are set."""
    return reduce(or_, (operand for index, operand in enumerate(operands) if read >> index & 1), 0)
