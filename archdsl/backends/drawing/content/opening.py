"""Which calls a picture draws in place of a row."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.backends.drawing.refusal import Refusal
from archdsl.ir import Module, Network
from archdsl.source import nearest


class Opening(NamedTuple):
    """What is opened: all calls, those of runs, those down to a depth, or single ones."""

    everything: bool = False
    runs: bool = False
    """Calls that are nothing but a run of layers, or take and give several values."""
    depth: int = 0
    calls: frozenset[tuple[str, int]] = frozenset()
    """The path of the caller and the identity of the module called, so that equal calls in a row open as one."""

    def opens(self, path: str, module: Module, *, is_run: bool) -> bool:
        if self.everything or path.count(".") < self.depth:
            return True
        if self.runs and (is_run or min(len(module.inputs), len(module.outputs)) > 1):
            return True
        return (path.rpartition(".")[0], id(module)) in self.calls

    def opens_within(self, path: str) -> bool:
        """Whether a call inside of the one at this path may be opened too."""
        if self.everything or path.count(".") + 1 < self.depth:
            return True
        return any(caller == path or caller.startswith(path + ".") for caller, _ in self.calls)


def calls_at(network: Network, paths: tuple[str, ...]) -> frozenset[tuple[str, int]]:
    """The calls at these paths and those around them, as `Opening` has them. Raises `Refusal`."""
    return frozenset(call for path in paths for call in _calls_on_the_way(network, path))


def _calls_on_the_way(network: Network, path: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    module, caller, rest = network.body, "", path
    while rest:
        called = {n.name: n.operator for n in module.nodes if isinstance(n.operator, Module)}
        names = [name for name in called if rest == name or rest.startswith(name + ".")]
        if not names:
            prefix = caller + "." if caller else ""
            close = nearest(path, [prefix + name for name in called])
            raise Refusal(f"no block is called at `{path}`" + (f"; did you mean `{close}`?" if close else ""))
        name = max(names, key=len)
        module = called[name]
        found.append((caller, id(module)))
        caller, rest = f"{caller}.{name}" if caller else name, rest[len(name) + 1 :]
    return found
