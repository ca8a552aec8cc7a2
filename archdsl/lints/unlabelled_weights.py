"""`unlabelled-weights`: a layer with weights and no label, beside labelled ones."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.ir import Module, Node, modules
from archdsl.lints.subject import Graph, Scope
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "unlabelled-weights",
    "info",
    "A layer without a label takes the next number of its scope as its name, and its weights stand under that number in the "
    "`state_dict`. Beside labelled layers such a name tells nothing, and it changes when a layer is put in before it.",
)
ACCEPTED = (
    "network A {\n  input x: [8]\n  fc1: linear(16) -> relu -> dropout(0.5)\n  fc2: linear(8)\n}",
    "network A {\n  input x: [8]\n  linear(16) -> relu\n  linear(8)\n}",
    "network A {\n  input x: [8]\n  shared fc = linear(8)\n  fc -> relu -> fc\n  1: linear(8)\n}",
)
REJECTED = (
    "network A {\n  input x: [8]\n  fc1: linear(16) -> relu\n  linear(8)\n}",
    "block unit { linear(8) }\nnetwork A {\n  input x: [8]\n  fc1: linear(16)\n  unit\n}",
    "network A {\n  input x: [8]\n  fc1: linear(16) -> relu\n  # the head:\n  linear(8)\n}",
)


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    weighted: dict[Module, list[Node]] = {}
    for module in modules(graph.network):
        weighted[module] = [node for node in module.instances() if _has_weights(node, weighted)]
    for scope in graph.scopes:
        nodes = weighted[scope.module]
        labelled = [node.name for node in nodes if node.origin.is_labelled]
        if labelled:
            yield from (_diagnostic(node, scope, labelled) for node in nodes if not node.origin.is_labelled)


def _has_weights(node: Node, weighted: dict[Module, list[Node]]) -> bool:
    """Whether it owns tensors; of a call, whether anything in it does."""
    if isinstance(node.operator, Module):
        return bool(weighted[node.operator])
    return bool(node.state)


def _diagnostic(node: Node, scope: Scope, labelled: list[str]) -> Diagnostic:
    beside = ", ".join(f"`{name}`" for name in labelled[:3]) + (", ..." if len(labelled) > 3 else "")
    text = node.origin.span.text
    return Diagnostic(
        KIND,
        f"the weights of this layer stand under `{scope.path}{node.name}`, beside {beside}",
        Label(node.origin.span, "has weights and no label"),
        helps=(f"label it: `name: {text}`" if len(text) <= 40 and "\n" not in text else "label it",),
    )
