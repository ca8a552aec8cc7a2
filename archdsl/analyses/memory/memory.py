from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Literal, NamedTuple

from archdsl.analyses.memory.inference import InferenceFacts, Moment
from archdsl.analyses.memory.lecture import LectureFacts, lecture
from archdsl.analyses.memory.saved import SavedFacts
from archdsl.analyses.memory.settings import Arithmetic
from archdsl.analyses.memory.size import Stands, of_type, total
from archdsl.analyses.memory.state import state_of
from archdsl.ir import Flat, Network

Convention = Literal["lecture", "tensor bytes", "floor"]
Status = Literal["exact", "lower bound", "estimate"]


class Figure(NamedTuple):
    """A number of bytes with its convention and how sure it is."""

    name: str
    bytes: int
    convention: Convention
    status: Status


class MemoryFacts:
    """The memory of a network for one batch size: in inference, and what it keeps for backward.

    Each part is worked out when it is first asked for.

    Args:
        values: the sum of the lectures' table.
        listed: lists the operators for that. Raises `TooManyOperators`.
        keep: works out what is kept for backward.
        play: plays a forward pass for the batch.
        arithmetic: in what it computes; the lectures count 4 bytes for a value all the same.
    """

    def __init__(
        self,
        network: Network,
        batch: int,
        values: int,
        listed: Callable[[], Flat],
        keep: Callable[[], SavedFacts],
        play: Callable[[], InferenceFacts],
        arithmetic: Arithmetic,
    ) -> None:
        self.network = network
        self.batch = batch
        self.values = values
        self.arithmetic = arithmetic
        self._listed = listed
        self._keep = keep
        self._play = play
        self.parameters, self.buffers, self.for_training = state_of(network, arithmetic.parameter_dtype)
        """Bytes of trainable tensors, a shared instance once, and of all other state; of both those of parts for training."""

    @property
    def inputs(self) -> int:
        stands = Stands(self.arithmetic.parameter_dtype, self.arithmetic.parameter_dtype)
        return total(of_type(type, stands) for type in self.network.input_types).at(self.batch)

    @cached_property
    def lecture(self) -> LectureFacts:
        """The lectures' table. Raises `TooManyOperators`."""
        return lecture(self.network, self._listed())

    @cached_property
    def inference(self) -> InferenceFacts:
        return self._play()

    @cached_property
    def saved(self) -> SavedFacts:
        return self._keep()

    @property
    def at(self) -> Moment | None:
        """The moment of the inference peak."""
        return self.inference.peak

    @property
    def activation_peak(self) -> int:
        return 0 if self.at is None else self.at.bytes

    @property
    def held(self) -> int:
        """What the caller holds throughout: parameters, buffers and inputs."""
        return self.parameters + self.buffers + self.inputs

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The named figures, as `expect memory(name)` and the JSON report know them."""
        return tuple(map(self.figure, FIGURES))

    def figure(self, name: str) -> Figure:
        """Raises `KeyError` for an unknown name."""
        if name not in FIGURES:
            raise KeyError(f"there is no figure {name!r}: {', '.join(FIGURES)}")
        bytes, convention, status = FIGURES[name]
        return Figure(name, bytes(self), convention, "estimate" if self.estimated_for(name) else status)

    def estimated_for(self, name: str) -> tuple[str, ...]:
        """The operators, by name, of which not all is known that a figure tells."""
        if name in COUNTED:
            return ()
        return self.saved.estimated_for if name == "saved_for_backward" else self.inference.estimated_for


FIGURES: dict[str, tuple[Callable[[MemoryFacts], int], Convention, Status]] = {
    "activations": (lambda m: 4 * m.values * m.batch, "lecture", "exact"),
    "parameters": (lambda m: m.parameters, "tensor bytes", "exact"),
    "buffers": (lambda m: m.buffers, "tensor bytes", "exact"),
    "inputs": (lambda m: m.inputs, "tensor bytes", "exact"),
    "activation_peak": (lambda m: m.activation_peak, "tensor bytes", "exact"),
    "peak": (lambda m: m.held + m.activation_peak, "tensor bytes", "exact"),
    "floor": (lambda m: m.held + m.inference.floor, "floor", "lower bound"),
    "saved_for_backward": (lambda m: m.saved.bytes, "tensor bytes", "exact"),
}
"""By name: what it is of a network's memory, by which convention, and how sure that is."""
COUNTED = {"activations", "parameters", "buffers", "inputs"}
"""Those that no operator's way of running decides."""
