"""Where nodes go: the module being built, and the names of its children."""

from __future__ import annotations

import keyword

from archdsl.elaborate.kinds import BAD_LABEL, DUPLICATE_PATH
from archdsl.elaborate.problems import Fault
from archdsl.ir import Builder, CallFrame, Origin
from archdsl.source import Label, Span

MODULE_ATTRIBUTES = frozenset(
    """
    T_destination _apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl
    _forward_hooks _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks
    _forward_pre_hooks_with_kwargs _get_backward_hooks _get_backward_pre_hooks _get_name _is_full_backward_hook
    _load_from_state_dict _load_state_dict_post_hooks _load_state_dict_pre_hooks
    _maybe_warn_non_full_backward_hook _modules _named_members _non_persistent_buffers_set _parameters
    _register_load_state_dict_pre_hook _register_state_dict_hook _replicate_for_data_parallel
    _save_to_state_dict _slow_forward _state_dict_hooks _state_dict_pre_hooks _version _wrapped_call_impl
    add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval
    extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
    modules mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu zero_grad
    """.split()  # noqa: SIM905 - a hundred quoted strings read worse
)
"""Attributes of `torch.nn.Module` that a child's name would hide."""


class Place:
    """A module under construction: its builder, the names taken in it, and the inlined calls around what is added."""

    __slots__ = ("_next", "_taken", "builder", "frames", "training")

    def __init__(self, builder: Builder, training: bool = False) -> None:
        self.builder = builder
        self.frames: tuple[CallFrame, ...] = ()
        self.training = training
        self._taken: dict[str, Span] = {}
        self._next = 0

    def origin(self, span: Span, doc: str = "") -> Origin:
        return Origin(span, self.frames, doc)

    def take(self, label: str, span: Span) -> str:
        """Gives a child its label. Raises `Fault` where the label cannot be an attribute or is taken."""
        check_label(label, span)
        first = self._taken.get(label)
        if first is not None:
            raise Fault(
                DUPLICATE_PATH,
                f"two children of one scope are called `{label}`",
                span,
                "the second",
                labels=(Label(first, "the first"),) if first != span else (),
                helps=('in a loop, put the variable into the label: `"' + label + '{i}": ...`',)
                if first == span
                else (),
            )
        self._taken[label] = span
        if label.isdecimal():
            self._next = max(self._next, int(label) + 1)
        return label

    def number(self, span: Span) -> str:
        """The next number, for an unlabelled child."""
        name = str(self._next)
        self._taken[name] = span
        self._next += 1
        return name

    def report_name(self, op: str, span: Span) -> str:
        """A name for reports only, for what has no module: `add`, `add_2`."""
        name, count = op, 1
        while name in self._taken:
            count += 1
            name = f"{op}_{count}"
        self._taken[name] = span
        return name


def check_label(label: str, span: Span) -> None:
    """Raises `Fault` for a label that PyTorch would not take or that generated code could not hold."""
    if not label:
        reason = "a label may not be empty"
    elif "." in label:
        reason = f"`{label}` holds a dot: a label is one part of a path"
    elif not label.isprintable() or len(label) > 200 or any(c in label for c in "\"'\\`"):
        reason = "a label holds printable characters, no quotes and no backslash, and at most 200"
    elif keyword.iskeyword(label):
        reason = f"`{label}` is a keyword of Python"
    elif label in MODULE_ATTRIBUTES or label.startswith("__"):
        reason = f"`{label}` is an attribute of every PyTorch module"
    else:
        return
    raise Fault(BAD_LABEL, reason, span, helps=(f"call it `{label}_`",) if label.isidentifier() else ())
