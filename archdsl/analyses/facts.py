"""All facts of one network, each worked out when first asked for."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from archdsl.ir import (
    Flat,
    Layer,
    Network,
    OpenSize,
    Retyped,
    check_listed,
    flatten,
    is_listed,
    is_unfolded,
    modules,
    single,
    trained,
    unfold,
)

if TYPE_CHECKING:
    from archdsl.analyses.cost import Cost, CostFacts, Counts
    from archdsl.analyses.memory import (
        Arithmetic,
        CudaFacts,
        FitFacts,
        InferenceFacts,
        Kernels,
        Level,
        Lifetime,
        MemoryFacts,
        MemoryFormulas,
        Otherwise,
        Profile,
        SavedFacts,
        Simulation,
        TrainingFacts,
        TrainingSettings,
    )
    from archdsl.analyses.receptive_field import ComposedFields, FieldFacts
    from archdsl.analyses.roofline import PeakPrecision, RooflineFacts
    from archdsl.analyses.storage import StorageFacts


class Facts:
    """The analyses of a network at a batch size. An analysis is imported when it is first needed.

    Args:
        counts: what was counted of other networks that share modules with this one.
    """

    def __init__(self, network: Network, batch: int = 1, counts: Counts | None = None) -> None:
        self.network = network
        self.batch = batch
        self._counts = counts
        self._inference: dict[tuple[int, Arithmetic], InferenceFacts] = {}
        """Forward passes by their batch and arithmetic."""
        self._memory: dict[tuple[int, Arithmetic], MemoryFacts] = {}
        """Their memory likewise."""
        self._simulated: dict[tuple[TrainingSettings, Kernels, bool], Simulation] = {}
        """Training steps by their settings, where they run, and whether the batch has several samples: the last that was asked
        for."""

    @cached_property
    def flat(self) -> Flat:
        return flatten(self.network)

    @cached_property
    def training_flat(self) -> Flat:
        """The same with the parts that exist only while training."""
        has_parts = any(output.training for output in self.network.outputs) or any(
            node.training for module in modules(self.network) for node in module.nodes
        )
        return flatten(self.network, training=True) if has_parts else self.flat

    @cached_property
    def step_flat(self) -> Flat:
        """The same with the first output alone, of which a training step has the loss."""
        flat = self.training_flat
        return flat._replace(outputs=(flat.outputs[self.network.main_output],))

    @cached_property
    def is_listed(self) -> bool:
        """Whether its operators are few enough to be read in the order in which they run."""
        return is_listed(self.network)

    @cached_property
    def listing(self) -> Flat:
        """The layers as people read them: those of a block once for all calls, with their number, where they are too many."""
        return self.flat if self.is_listed else flatten(self.network, once=True)

    @property
    def operators(self) -> int:
        """How many it has, those of all turns and calls."""
        return sum(layer.times for layer in self.listing.layers)

    @property
    def is_unfolded(self) -> bool:
        """Whether every turn of its loops is written out."""
        return is_unfolded(self.network)

    def unfolded(self, most_turns: int | None = None) -> Facts:
        """The facts of the network with every turn written out, or no more than so many of each row.

        Raises `TooManyOperators`.
        """
        return self._unfolded if most_turns is None else Facts(unfold(self.network, most_turns), self.batch)

    @cached_property
    def _unfolded(self) -> Facts:
        whole = unfold(self.network)
        return self if whole is self.network else Facts(whole, self.batch)

    @cached_property
    def alone(self) -> Facts:
        """The facts of the network for a single sample, of which some values may lie in another way."""
        return self._retyped(single(self.network))

    @cached_property
    def trained(self) -> Facts:
        """The facts of the network in training on a CPU, where some values may lie in another way."""
        return self._retyped(trained(self.network))

    def _retyped(self, found: Retyped | None) -> Facts:
        if found is None:
            return self
        facts = Facts(found.network)
        facts.storage = self.storage.of(found.originals)
        return facts

    @cached_property
    def cost(self) -> CostFacts:
        from archdsl.analyses.cost import cost

        return cost(self.network, self._counts)

    def cost_of(self, layer: Layer) -> Cost:
        """The cost of a layer in one turn; of a further use of a shared instance without its parameters."""
        cost = self.cost.nodes[layer.node]
        return cost.as_reuse() if layer.is_reuse else cost

    @cached_property
    def fields(self) -> FieldFacts:
        from archdsl.analyses.receptive_field import receptive_field

        return receptive_field(self.network, self.flat)

    @cached_property
    def narrowest_fields(self) -> FieldFacts:
        """The same along the one path to each layer that reads least."""
        from archdsl.analyses.receptive_field import narrowest, receptive_field

        return receptive_field(self.network, self.flat, join=narrowest, known=self.fields)

    @cached_property
    def composed_fields(self) -> ComposedFields:
        """The same at single paths, of networks that are too large to be listed, too."""
        from archdsl.analyses.receptive_field import ComposedFields

        return ComposedFields(self.network)

    @cached_property
    def narrowest_composed_fields(self) -> ComposedFields:
        """Along the one path that reads least."""
        from archdsl.analyses.receptive_field import ComposedFields, narrowest

        return ComposedFields(self.network, narrowest)

    @cached_property
    def storage(self) -> StorageFacts:
        """Which operators run in place, and what is the same tensor. Raises `OpenSize`."""
        from archdsl.analyses.storage import storage

        return storage(self.network)

    @property
    def memory(self) -> MemoryFacts:
        return self.memory_at(self.batch)

    def memory_at(self, batch: int, arithmetic: Arithmetic | None = None) -> MemoryFacts:
        """The memory of the network for another batch size, or in another precision than float32."""
        from archdsl.analyses.memory import Arithmetic, MemoryFacts

        arithmetic = arithmetic or Arithmetic()
        key = batch, arithmetic
        if key not in self._memory:
            facts = self.alone if batch == 1 else self
            keep, play = partial(facts.saved, *key), partial(facts.inference, *key)
            self._memory[key] = MemoryFacts(
                facts.network, batch, self.cost.values, lambda: self.flat, keep, play, arithmetic
            )
        return self._memory[key]

    def saved(self, batch: int, arithmetic: Arithmetic) -> SavedFacts:
        """What a forward pass in training keeps for backward."""
        from archdsl.analyses.memory import saved, saved_under_autocast, settings_in

        if arithmetic.is_mixed:
            settings = settings_in(arithmetic)
            alone = self.training(settings._replace(loss="none"), batch)
            return saved_under_autocast(alone, self.training(settings, batch))
        facts = self.trained
        return saved(facts.network, facts.storage, batch, arithmetic.dtype)

    def inference(self, batch: int, arithmetic: Arithmetic) -> InferenceFacts:
        """What is alive in a forward pass while each operator runs."""
        from archdsl.analyses.memory import inference

        if (batch, arithmetic) not in self._inference:
            self._inference[batch, arithmetic] = inference(self.network, self.storage, batch, arithmetic)
        return self._inference[batch, arithmetic]

    def lifetimes(self, arithmetic: Arithmetic) -> tuple[Lifetime, ...]:
        """The storages of inference, for every batch."""
        from archdsl.analyses.memory import lifetimes

        found = self.inference(self.batch, arithmetic)
        if found.is_for_all:
            return lifetimes(found, found)
        return lifetimes(self.inference(1, arithmetic), self.inference(2, arithmetic))

    def training(self, settings: TrainingSettings, batch: int | None = None, kernels: Kernels = "cpu") -> TrainingFacts:
        """The memory of a training step, for its own batch size unless told another.

        Args:
            kernels: whose operators run.

        Raises:
            TooManyOperators: they are too many, or of the turns of a loop some are frozen or checkpointed, and these are too
                many to tell them apart.
        """
        from archdsl.analyses.memory import TrainingFacts

        batch = batch or self.batch
        return TrainingFacts(self._simulation(settings, batch, kernels), batch)

    @cached_property
    def refused_alone(self) -> tuple[str, ...]:
        """The paths of layers that PyTorch does not train on a single sample, of a block those of its first call alone."""
        layers = flatten(self.network, training=True, once=True).layers
        return tuple(dict.fromkeys(layer.path for layer in layers if not layer.op.trains_alone(*layer.operand_types)))

    def _simulation(self, settings: TrainingSettings, batch: int, kernels: Kernels) -> Simulation:
        from archdsl.analyses.memory import simulate

        key = settings, kernels, batch > 1
        found = self._simulated.get(key)
        if found is None or not found.holds_for(batch):
            on_cpu = self._simulated.get((settings, "cpu", batch > 1)) if kernels == "cuda" else None
            found = on_cpu.on_gpu() if on_cpu is not None and on_cpu.holds_for(batch) else None
            if found is None:
                facts = self.told_apart(settings)
                facts = facts.alone if batch == 1 else facts
                facts = facts.trained if kernels == "cpu" else facts
                found = simulate(facts.network, facts.storage, settings, batch, kernels)
            self._simulated[key] = found
        return found

    def on_cuda(self, settings: TrainingSettings, batch: int | None = None, on: str | None = None) -> CudaFacts | None:
        """What a training step takes on a GPU; None where turns of a loop are not written out, since what the allocator takes
        depends on every tensor that came before."""
        from archdsl.analyses.memory import cuda

        return cuda(self.training(settings, batch, "cuda"), _profile(on)) if self.is_unfolded else None

    def roofline(
        self, device: str, precision: PeakPrecision = "float32", settings: TrainingSettings | None = None
    ) -> RooflineFacts:
        """The least time of each layer on a device, for the batch.

        Args:
            settings: of a training step; without them a forward pass.

        Raises:
            KeyError: there is no such device.
            PathError: nothing has the name of what is to be frozen or checkpointed.
            TooManyOperators: a step is asked for, and which calls of a block want which gradients is too much to be told.
            ValueError: the device states no peak for the precision.
        """
        from archdsl.analyses.roofline import DEVICES, roofline, step_roofline
        from archdsl.analyses.weights import frozen_in

        if settings is None:
            return roofline(self.listing, DEVICES[device], precision, self.batch)
        facts = self.told_apart(settings)
        frozen = frozen_in(facts.network, settings.freeze)
        again = facts.training(settings, self.batch).recomputed if settings.checkpoint else {}
        return step_roofline(facts.step_flat, DEVICES[device], precision, self.batch, settings, frozen, again)

    def fit(
        self, settings: TrainingSettings, memory: int, *, expandable: bool = False, on: str | None = None
    ) -> FitFacts:
        """The largest batch for a training step in so many bytes of a device.

        Args:
            expandable: whether the allocator's segments grow.
            on: the device, whose libraries take what is known of them; None for any GPU.

        Raises:
            TooManyOperators: as `training` does.
        """
        from archdsl.analyses.memory import fit, needs

        on_gpu = needs(self, settings, expandable=expandable, profile=_profile(on))
        return fit(partial(self.training, settings), memory, on_gpu)

    def fit_otherwise(
        self, found: FitFacts, settings: TrainingSettings, *, expandable: bool = False, on: str | None = None
    ) -> tuple[Otherwise, ...]:
        """The largest batches by other settings, where they are larger than those found. Raises `TooManyOperators`."""
        from archdsl.analyses.memory import level_paths, needs, otherwise

        on_gpu = partial(needs, self, expandable=expandable, profile=_profile(on))
        return otherwise(found, settings, on_gpu, () if settings.checkpoint else level_paths(self.network))

    def step_macs(self, settings: TrainingSettings) -> tuple[int, int]:
        """Multiply-adds of one pass of a training step for one sample: forward and backward, without second runs."""
        from archdsl.analyses.cost import totals, works
        from archdsl.analyses.weights import frozen_in

        facts = self.told_apart(settings)
        return totals(works(facts.step_flat, frozen_in(facts.network, settings.freeze)))

    def told_apart(self, settings: TrainingSettings) -> Facts:
        """The facts of the network with all turns written out where settings tell them apart. Raises `TooManyOperators`."""
        from archdsl.analyses.weights import tells_turns_apart

        check_listed(self.network)
        named = (*settings.freeze, *settings.checkpoint)
        return self.unfolded() if tells_turns_apart(self.network, named) else self

    def memory_formulas(self, settings: TrainingSettings) -> MemoryFormulas:
        """Peaks, and what is kept for backward, as formulas of the batch and of open sizes."""
        from archdsl.analyses.memory import NO_FORMULAS, memory_formulas

        if not self.is_listed:
            return NO_FORMULAS
        facts, arithmetic = self.told_apart(settings), settings.arithmetic
        keep, play = partial(facts.saved, 2, arithmetic), partial(facts.inference, 2, arithmetic)
        try:
            return memory_formulas(
                facts.network, settings.parameter_dtype, keep, play, partial(facts.training, settings, 2)
            )
        except OpenSize:  # not even what runs in place can be said
            return NO_FORMULAS

    def checkpoint_levels(self, settings: TrainingSettings) -> tuple[Level, ...]:
        """What it would save and cost to checkpoint the blocks of each level.

        Nothing where something is checkpointed.
        """
        from archdsl.analyses.memory import levels

        return () if settings.checkpoint else levels(self.network, self.training, settings)


def _profile(device: str | None) -> Profile:
    """What a device takes beside tensors. Raises `KeyError` where there is no such device."""
    from archdsl.analyses.memory import profile_of
    from archdsl.analyses.roofline import DEVICES

    return profile_of(None if device is None else DEVICES[device].capability)
