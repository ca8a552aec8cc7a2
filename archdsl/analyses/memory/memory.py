from __future__ import annotations

from typing import Literal, NamedTuple

from archdsl.analyses.memory.inference import InferenceFacts, Moment
from archdsl.analyses.memory.lecture import LectureFacts, lecture
from archdsl.analyses.memory.saved import SavedFacts, saved
from archdsl.analyses.memory.size import Storage
from archdsl.analyses.memory.state import state_of
from archdsl.ir import Flat, Network


class Figure(NamedTuple):
    """A number of bytes with its convention and how sure it is."""

    name: str
    bytes: int
    convention: Literal["lecture", "tensor bytes", "floor"]
    status: Literal["exact", "lower bound"] = "exact"


class MemoryFacts(NamedTuple):
    """The memory of a network for one batch size."""

    batch: int
    parameters: int
    """Bytes of trainable tensors, a shared instance once."""
    buffers: int
    """Bytes of all other state."""
    inputs: int
    lecture: LectureFacts
    inference: InferenceFacts
    saved: SavedFacts

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
        return (
            Figure("activations", self.lecture.bytes * self.batch, "lecture"),
            Figure("parameters", self.parameters, "tensor bytes"),
            Figure("buffers", self.buffers, "tensor bytes"),
            Figure("inputs", self.inputs, "tensor bytes"),
            Figure("activation_peak", self.activation_peak, "tensor bytes"),
            Figure("peak", self.held + self.activation_peak, "tensor bytes"),
            Figure("floor", self.held + self.inference.floor, "floor", "lower bound"),
            Figure("saved_for_backward", self.saved.bytes, "tensor bytes"),
        )

    def figure(self, name: str) -> Figure:
        """Raises `KeyError` for an unknown name."""
        named = {figure.name: figure for figure in self.figures}
        if name not in named:
            raise KeyError(f"there is no figure {name!r}: {', '.join(named)}")
        return named[name]


def memory(
    network: Network, flat: Flat, training: Flat, storage: Storage, inference: InferenceFacts, batch: int = 1
) -> MemoryFacts:
    """The memory of a network in inference and what it keeps for backward.

    Args:
        training: the network with the parts that exist only while training.
        inference: how it was played for the batch.
    """
    parameters, buffers = state_of(flat)
    return MemoryFacts(
        batch,
        parameters,
        buffers,
        sum(type.bytes for type in network.input_types) * batch,
        lecture(network, flat),
        inference,
        saved(network, training, storage, batch),
    )
