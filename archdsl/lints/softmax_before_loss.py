"""`softmax-before-loss`: a softmax at the end of a network."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lints.subject import Graph
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "softmax-before-loss",
    "info",
    "PyTorch's `CrossEntropyLoss` takes scores and applies a softmax itself. On probabilities it works without an error, and "
    "trains slowly: the second softmax flattens them. Probabilities as outputs are right for inference.",
)
ACCEPTED = (
    "network A {\n  input x: [8]\n  linear(4)\n  output logits\n}",
    "network A {\n  input x: [8]\n  linear(4) -> log_softmax\n}",
    "network A {\n  input x: [8]\n  linear(8) -> softmax -> multiply(x)\n}",
)
REJECTED = ("network A {\n  input x: [8]\n  linear(4) -> softmax\n  output probabilities\n}",)


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    for output in graph.network.outputs:
        use = graph.maker(output.value, graph.scopes[0])
        if use is not None and use.op.name == "softmax":
            yield Diagnostic(
                KIND,
                f"the output `{output.name}` is a softmax",
                Label(use.span, "`CrossEntropyLoss` would apply another one"),
                helps=("for training end with the scores, or use `log_softmax` with `NLLLoss`",),
            )
