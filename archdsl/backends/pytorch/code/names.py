"""Names in generated code: whatever a spec is called, what is written is an identifier that hides nothing."""

from __future__ import annotations

import builtins
import re
from collections.abc import Container
from keyword import iskeyword

from archdsl.ir import MODULE_ATTRIBUTES

RESERVED = frozenset(
    {"self", "torch", "nn", "F", "math", "Any", "NamedTuple", "OrderedDict", "Tensor", "i", "layer", "layers"}
    | {"FOLDED", "EPSILONS", "TRANSPOSED", "DROPPED", "fold", "initialise"}
    | {name for name in dir(builtins) if not name.startswith("_")}
)
"""What generated code itself refers to: no class and no variable takes these names. Not `_`: an interactive
interpreter keeps its last result there."""

SEQUENTIAL_ATTRIBUTES = frozenset({"_get_item_by_idx", "append", "extend", "insert", "pop"})
"""What `nn.Sequential` adds to the attributes of `nn.Module`."""

DICT_ATTRIBUTES = frozenset({"clear", "items", "keys", "pop", "update", "values"})
"""What `nn.ModuleDict` adds."""

TUPLE_ATTRIBUTES = frozenset({"count", "index"})
"""The methods of tuples: an output of such a name would hide one in the `NamedTuple` of outputs."""


def is_identifier(name: str) -> bool:
    """Whether code can say the name as it stands. Python rewrites names with two underscores and beyond ASCII."""
    return name.isascii() and name.isidentifier() and not iskeyword(name) and not name.startswith("__")


def unique(name: str, taken: Container[str]) -> str:
    """The name, or the first of `name_2`, `name_3`, ... that is not taken; of `Name2`, `Name3`, ... for a class."""
    joint = "_" if not name[:1].isupper() else "V" if name[-1:].isdigit() else ""
    number = 1
    found = name
    while found in taken:
        number += 1
        found = f"{name}{joint}{number}"
    return found


def child_name(label: str, taken: Container[str] = ()) -> str:
    """The name of a child module: its label, which is its path, unless `nn.Module` cannot hold that."""
    name = label.replace(".", "_") or "_"
    while name in MODULE_ATTRIBUTES or name in taken or (name.startswith("__") and name.endswith("__")):
        name = f"child{name}" if name.startswith("__") else f"{name}_"
    return name


def class_name(name: str) -> str:
    """`dense_layer` -> `DenseLayer`."""
    parts = re.findall(r"[A-Za-z0-9]+", name)
    camel = "".join(part[0].upper() + part[1:] for part in parts)
    return camel if is_identifier(camel) and camel[0].isupper() else f"Block{camel}"


def variable_name(name: str) -> str:
    """A local name after one in the spec, or nothing where code could not say it, or where it looks like 1; `_` tells it from
    what Python calls so."""
    found = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
    if found in RESERVED or iskeyword(found):
        return f"{found}_"
    return found if is_identifier(found) and found != "l" else ""
