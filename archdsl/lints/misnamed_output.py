"""`misnamed-output`: an output under the name of a result that it is not."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.ir import Value
from archdsl.lints.subject import Graph, Scope
from archdsl.source import Diagnostic, Kind, Label
from archdsl.syntax import tree

KIND = Kind(
    "misnamed-output",
    "warning",
    "`output y` gives the value that is current there the name `y`, whatever `as y` named before: `output y = y` gives that. "
    "Where the current value is meant, another name tells the two apart.",
)
ACCEPTED = (
    "network A {\n  input x: [3, 8, 8]\n  conv(3, 1x1) as y\n  add(x) -> relu\n  output y = y\n  output sum\n}",
    "network A {\n  input x: [3, 8, 8]\n  tanh as y\n  output z = y -> sigmoid\n  output y\n}",
)
REJECTED = (
    "network A {\n  input x: [3, 8, 8]\n  conv(3, 1x1) as y\n  add(x) -> relu -> add(y)\n  output y\n}",
    "network A {\n  input x: [3, 8, 8]\n  stem: { conv(3, 1x1) as y -> relu }\n  add(y)\n  output y\n}",
)


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    syntax = graph.text.networks.get(graph.network.name)
    if syntax is None:
        return
    nodes = list(tree.walk(syntax.body))
    taps = {node.name: node for node in nodes if isinstance(node, tree.Tap) and not node.appends}
    current = {node.name.text for node in nodes if isinstance(node, tree.Output) and node.chain is None}
    asked = current & taps.keys() - graph.text.unused_names
    named = _named(graph, asked) if asked else {}
    for name, value, _ in graph.network.outputs:
        if name in named and named[name] is not graph.origin(value, graph.scopes[0])[0]:
            yield Diagnostic(
                KIND,
                f"the output `{name}` is not the value called `{name}`",
                Label(graph.outputs[name], "the value that is current here"),
                (Label(taps[name].span, f"`{name}` is named here"),),
                helps=(f"`output {name} = {name}` gives the named one; for the current one take another name",),
            )


def _named(graph: Graph, asked: set[str]) -> dict[str, Value]:
    """What `as` calls by one of these names, in the network's own body and its groups."""
    own = (scope for scope in graph.scopes if _is_own(scope))
    results = ((value, scope) for scope in own for node in scope.module.nodes for value in node.results)
    return {value.tap: graph.origin(value, scope)[0] for value, scope in results if value.tap in asked}


def _is_own(scope: Scope) -> bool:
    """Whether a scope is the network's body or a group in it."""
    return scope.outer is None or (scope.module.kind == "group" and _is_own(scope.outer))
