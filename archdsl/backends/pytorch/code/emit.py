"""Plan -> Python source: one file that reads as if a person had written it, and needs torch alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import NamedTuple

from archdsl.analyses.cost import cost
from archdsl.analyses.options import OptionProblem, Paths, check_option
from archdsl.analyses.storage import StorageFacts
from archdsl.backends.pytorch.code.classes import Classes
from archdsl.backends.pytorch.code.inference import Inference, fold_function, for_inference
from archdsl.backends.pytorch.code.initialisers import check_initialiser, initialise
from archdsl.backends.pytorch.code.layout import INDENT, docstring
from archdsl.backends.pytorch.code.names import TUPLE_ATTRIBUTES, unique, variable_name
from archdsl.backends.pytorch.code.plan import Plan, plan
from archdsl.backends.pytorch.code.rows import NoLoop
from archdsl.ir import Helper, Network, unfold


def emit(
    network: Network,
    checkpoint: Sequence[str] = (),
    init: str = "",
    *,
    inference: bool = False,
    formulas: Network | None = None,
) -> str:
    """The network as a Python file: formatted, without a dependency on archdsl, the same whenever it is written.

    Args:
        checkpoint: paths of parts, `"layer*.*"`, that keep only their inputs for backward, which runs them again.
        init: how the weights start, one of `INITIALISERS`; as PyTorch starts them if not given.
        inference: the network for inference, with the function that folds weights of the one for training.
        formulas: the same network with a formula for each size, where the spec leaves some open. What is written holds for all
            of them then, or says for which sizes it does.

    Raises:
        OptionProblem: there is no such initialiser, or what is about training is asked for beside inference.
        PathError: no part with weights has one of the paths, or one is within another.
        TooManyOperators: a loop has turns that no loop of the file can say, or parts are checkpointed, and turns are too many.
        ValueError: the uses of a shared instance need different code, or for inference more layers than a file may name.
    """
    return source(network, None, checkpoint, init, inference=inference, formulas=formulas).text


class Written(NamedTuple):
    """A Python file, and the name of the network's class in it."""

    text: str
    class_name: str
    only_for: str = ""
    """The sizes, of those that the spec leaves open, that it is right for; nothing where it is for all."""


def source(
    network: Network,
    facts: StorageFacts | None = None,
    checkpoint: Sequence[str] = (),
    init: str = "",
    *,
    inference: bool = False,
    formulas: Network | None = None,
) -> Written:
    """What `emit` writes. A row of turns is a loop, or written out where its turns are not alike as text.

    Args:
        facts: which operators run in place, if not those that `storage` decides on.

    The other arguments, and what it raises, are those of `emit`.
    """
    check_initialiser(init)
    check_option("checkpoint", checkpoint, Paths)
    formulas = None if formulas is network else formulas
    if inference:
        check_inference(checkpoint=checkpoint, init=init)
        folded = for_inference(network)
        return _written(plan(folded.network, formulas=formulas and for_inference(formulas).network), folded)

    def written(known: Callable[[Network], Network]) -> Written:
        planned = plan(known(network), facts, checkpoint, formulas and known(formulas))
        return _written(planned._replace(init=init))

    if checkpoint:  # a path may be of some turns only
        return written(unfold)
    try:
        return written(lambda network: network)
    except NoLoop:
        return written(unfold)


def _written(plan: Plan, inference: Inference | None = None) -> Written:
    return Written(write(plan, inference), plan.class_name, plan.only_for)


def check_inference(**options: object) -> None:
    """Raises `OptionProblem` for what is about training, beside inference."""
    for option, value in options.items():
        if value:
            raise OptionProblem(option, "is about training, and what is for inference cannot be trained")


def write(plan: Plan, inference: Inference | None = None) -> str:
    """The text of a plan."""
    return _Writer(plan, inference).text()


def source_of(helper: Helper) -> str:
    """A helper of generated code as a file by itself."""
    return "\n".join((*_imports(set(helper.imports)), helper.text))


STANDARD = {
    "collections": ("OrderedDict",),
    "collections.abc": ("Iterator",),
    "contextlib": ("contextmanager", "nullcontext"),
    "typing": ("Any", "NamedTuple"),
}
TORCH = {"torch": ("Tensor", "nn"), "torch.utils.checkpoint": ("checkpoint",)}
"""Modules with what generated code imports of them."""


def _from(modules: Mapping[str, Sequence[str]], names: Set[str]) -> list[str]:
    """An import for each module that some of the names are of."""
    wanted = {module: [name for name in known if name in names] for module, known in modules.items()}
    return [f"from {module} import {', '.join(found)}" for module, found in wanted.items() if found]


def _imports(names: Set[str]) -> list[str]:
    standard = [*(["import math"] if "math" in names else []), *_from(STANDARD, names)]
    third = [
        *(["import torch"] if "torch" in names else []),
        *(["import torch.nn.functional as F  # noqa: N812"] if "F" in names else []),
        *_from(TORCH, names),
    ]
    return [*standard, *([""] if standard and third else []), *third]


class _Writer:
    def __init__(self, plan: Plan, inference: Inference | None) -> None:
        self.plan = plan
        self.inference = inference
        self.classes = Classes(plan)

    def text(self) -> str:
        parts = [self.classes.write(family) for family in self.plan.families if family.class_name]
        if self.plan.output_class:
            parts.insert(-1, self._output_class())
        if self.inference is not None:
            found = fold_function(self.inference)
            self.classes.imports |= {"torch", "Tensor"} if found else set()
            parts += found
        helpers = [helper.text.strip("\n").split("\n") for helper in self.classes.helpers.values()]
        if self.plan.init:
            written = "\n".join(line for part in (*helpers, *parts) for line in part)
            helpers.append(initialise(self.plan.init, written))
        head = [*self._title(), "", *_imports(self.classes.imports)]
        return "\n\n\n".join("\n".join(part) for part in (head, *helpers, *parts)) + "\n"

    def _title(self) -> list[str]:
        """The file's docstring: the network, its parameters and where it comes from, on one line if it fits."""
        network = self.plan.network
        purpose = " for inference" if self.inference is not None else ""
        title = f"{network.name}{purpose}, {cost(network).total.params:_} parameters"
        sources = [s.strip() for s in network.sources if s.strip()]
        short = docstring(": ".join([title, *sources]).rstrip(".") + ".", "")
        return short if len(short) == 1 and len(sources) < 2 else docstring("\n\n".join([f"{title}.", *sources]), "")

    def _output_class(self) -> list[str]:
        self.classes.imports |= {"NamedTuple", "Tensor"}
        fields: dict[str, str] = {}
        for output in sorted(self.plan.network.outputs, key=lambda o: o.training):
            name = variable_name(output.name) or "output"
            name = unique(f"{name}_" if name in TUPLE_ATTRIBUTES else name, fields)
            fields[name] = f"{INDENT}{name}: Tensor{' | None = None' if output.training else ''}"
        return [f"class {self.plan.output_class}(NamedTuple):", *fields.values()]
