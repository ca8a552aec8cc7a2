"""Names in generated code: whatever a spec is called, what is written is an identifier that hides nothing."""

from __future__ import annotations

import builtins
import re
from collections.abc import Container
from keyword import iskeyword

RESERVED = frozenset(
    {"self", "torch", "nn", "F", "math", "Any", "NamedTuple", "OrderedDict", "Tensor"} | set(dir(builtins))
)
"""What generated code itself refers to: no class and no variable takes these names."""

MODULE_ATTRIBUTES = frozenset(
    """
    T_destination _apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs
    _get_backward_hooks _get_backward_pre_hooks _get_name _is_full_backward_hook _load_from_state_dict
    _load_state_dict_post_hooks _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules
    _named_members _non_persistent_buffers_set _parameters _register_load_state_dict_pre_hook
    _register_state_dict_hook _replicate_for_data_parallel _save_to_state_dict _slow_forward _state_dict_hooks
    _state_dict_pre_hooks _version _wrapped_call_impl add_module apply bfloat16 buffers call_super_init children
    compile cpu cuda double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule half ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters
    parameters register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty
    train training type xpu zero_grad
    """.split()  # noqa: SIM905 - a hundred quoted strings read worse
)
"""The attributes of `nn.Module` (torch 2.13): a child of such a name could not be reached."""

SEQUENTIAL_ATTRIBUTES = frozenset({"_get_item_by_idx", "append", "extend", "insert", "pop"})
"""Those that `nn.Sequential` adds."""


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
    """A local name after one in the spec, or nothing where code could not say it."""
    found = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
    return found if is_identifier(found) and found not in RESERVED else ""
