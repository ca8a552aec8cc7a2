"""Whether paths that settings name tell the turns of a loop apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from archdsl.ir import Module, Network, Node, split_name, stands_for

WILDCARD = re.compile(r"[*?\[]")


def tells_turns_apart(network: Network, patterns: Iterable[str]) -> bool:
    """Whether some turns may match one of the patterns that others, for which the same nodes stand, do not match."""
    return _tells_apart(network.body, [pattern.split(".") for pattern in patterns])


def _tells_apart(module: Module, patterns: list[list[str]]) -> bool:
    if not patterns:
        return False
    repeats = {repeat for node in module.nodes for repeat in node.repeats}
    growing = {node for repeat in repeats for node, growth in repeat.growths().items() if growth}
    heads = {head for head, *_ in patterns}
    if any(stands_for(module, head) in growing for head in heads if not WILDCARD.search(head)):
        return True
    for node in module.nodes:
        if node in growing and any(_may_be_of_some(node, head) for head in heads if WILDCARD.search(head)):
            return True
        if isinstance(node.operator, Module):
            inside = [rest for head, *rest in patterns if rest and fnmatchcase(node.name, head)]
            if _tells_apart(node.operator, inside):
                return True
    return False


def _may_be_of_some(node: Node, pattern: str) -> bool:
    """Whether a pattern with wildcards may match the name of a node, whose number grows, in some turns and not in others."""
    stem, _ = split_name(node.name)
    if pattern.endswith("*") and fnmatchcase(stem, pattern):
        return False
    start = WILDCARD.split(pattern, maxsplit=1)[0]
    if not start.startswith(stem):
        return stem.startswith(start)
    return start[len(stem) : len(stem) + 1] in ("", *"0123456789")
