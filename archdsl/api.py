"""The Python API: a spec as an object.

net = archdsl.load("specs/vgg.arch:VGG_D", classes=10)
net.params, net.macs, net.report("memory"), net.to_torch()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.analyses.options import Bytes, Positive, check_known, check_option, settings_given
from archdsl.elaborate import Settings
from archdsl.errors import SpecError, told
from archdsl.ir import TooManyOperators
from archdsl.pages import html_of, picture_of, report_of
from archdsl.pipeline import Checked, open_source
from archdsl.source import Diagnostic, Source, counted
from archdsl.source.styled import plain
from archdsl.targets import Target, open_target, single_network, target_of

if TYPE_CHECKING:
    import networkx

    from archdsl.analyses.memory import FitFacts, TrainingFacts
    from archdsl.backends.drawing import Style, Theme
    from archdsl.backends.pytorch import Device, ElementType, MemoryFormat, TorchModule, TorchTensor
    from archdsl.ir import Network
    from archdsl.reports import Table

MIME_BUNDLE_WIDTH = 100


class Report(str):
    """A report's text. An interactive Python shows it as a terminal would, a notebook as tables."""

    _tables: Sequence[Table] = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str | None:
        from archdsl.reports.html import tables_html

        return tables_html(self._tables) if self._tables else None


class NetworkSpec:
    """One network of a spec, checked, with its figures. Figures are for one sample unless they are about memory."""

    def __init__(self, checked: Checked, root: Path) -> None:
        self._checked = checked
        self._root = root

    def __reduce__(self) -> tuple[Any, ...]:
        """What `pickle` and `copy` take: the text of the spec, to be checked again where it is read."""
        checked, source = self._checked, self._checked.program.source
        return _again, ((source.path, source.text), self._root, self.name, checked.batch, checked.settings)

    @property
    def name(self) -> str:
        return self._checked.name

    @property
    def graph(self) -> Network:
        """The typed graph."""
        return self._checked.facts.network

    @property
    def params(self) -> int:
        """Trainable parameters, without the parts that exist only while training."""
        return self._checked.facts.cost.total.params

    @property
    def macs(self) -> int:
        """Multiply-adds for one sample."""
        return self._checked.facts.cost.total.macs

    @property
    def flops(self) -> int:
        """Twice the multiply-adds."""
        return self._checked.facts.cost.total.flops

    @property
    def activations(self) -> int:
        """The sum of a lecture's table: values of the inputs, weight layers and pools."""
        return self._checked.facts.cost.values

    @property
    def depth(self) -> int:
        """Weight layers on the longest path."""
        return self._checked.facts.cost.depth

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Input shapes by name, without the batch axis."""
        return {n: t.shape for n, t in zip(self.graph.inputs, self.graph.input_types, strict=True)}

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Output shapes by name, without the batch axis and without what exists only while training."""
        return {o.name: o.value.type.shape for o in self.graph.outputs if not o.training}

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """Claims that fail, and lints."""
        return tuple(self._checked.problems)

    def memory(
        self, name: str = "peak", batch: int | None = None, precision: str = "float32", autocast: str = "cuda"
    ) -> int:
        """Bytes: peak, activation_peak, floor, parameters, buffers, inputs, saved_for_backward; or activations, at four each.

        Args:
            precision: of all tensors, `float32`, `bfloat16` or `float16`; or with autocast, `bf16-mixed` or `fp16-mixed`.
            autocast: whose, `cuda` or `cpu`.

        Raises:
            KeyError: for another name.
            ValueError: for a batch without samples, or another precision.
        """
        from archdsl.analyses.memory import arithmetic_of

        arithmetic = arithmetic_of(precision, autocast)
        return self._checked.facts.memory_at(self._samples(batch), arithmetic).figure(name).bytes

    def training(self, batch: int | None = None, **settings: Any) -> TrainingFacts:
        """The memory of a training step: `peak`, `saved_for_backward`, `gradients`, `timeline`, `alive` at the peak, in bytes.

        Args:
            settings: as `archdsl.analyses.memory.TrainingSettings` has them: `optimizer="adamw"`, `precision="bf16-mixed"`.

        Raises:
            ValueError: a batch without samples, a setting that there is not, a value that it does not take, or a path that the
                network does not have.
        """
        from archdsl.analyses.memory import settings_of

        return self._checked.facts.training(settings_of(settings), self._samples(batch))

    def _samples(self, batch: int | None) -> int:
        """A batch size, that of the network unless told otherwise. Raises `ValueError`."""
        if batch is None:
            return self._checked.facts.batch
        check_option("batch", batch, Positive)
        return batch

    def fit(
        self, memory: int, *, expandable_segments: bool = False, on: str | None = None, **settings: Any
    ) -> FitFacts:
        """The largest batch for a training step in so many bytes of a device: `certain.batch` and `likely.batch`.

        Args:
            on: the device, `h200` or `a100`, whose libraries take what is known of them; None for any GPU.
            settings: as `training` takes them, but for `implementation`, which is `foreach` as on a GPU unless told otherwise.

        Raises:
            ValueError: no number of bytes, or as `training` raises it.
        """
        from archdsl.analyses.memory import settings_on_gpu
        from archdsl.analyses.roofline import GPU_MEMORY

        check_option("memory", memory, Bytes)
        if on is not None:
            check_known("device", [on], GPU_MEMORY)
        return self._checked.facts.fit(settings_on_gpu(settings), memory, expandable=expandable_segments, on=on)

    def report(
        self,
        name: str = "summary",
        *,
        format: str = "text",
        width: int | None = None,
        training: Mapping[str, Any] | None = None,
        on: str | None = None,
        precision: str = "float32",
        autocast: str = "cuda",
        **options: Any,
    ) -> Report:
        """A report as `archdsl report NAME` writes it: text, html, csv, markdown, latex or json.

        Args:
            training: settings of a training step, as `training` takes them; memory is reported of it too.
            on: a device, `h200`, `a100` or `cpu`: `flops` bounds the time of each layer there, at a precision, of a
                step with `training`, else forwards; `memory` tells of its libraries with `training`.
            precision: of the time on a device, and of memory in inference, with `autocast` whose; a training step has that of
                its settings.
            options: `formulas`, `depth`, `full`, `sort`, `top`, `unit`, and `effective`, which needs PyTorch.

        Raises:
            ValueError: for a report, format, column, option, device, setting, path or unit that there is not.
        """
        from archdsl.analyses.memory import settings_of
        from archdsl.reports import asked, render_text

        check_option("width", width, Positive | None)
        computed: Any = {"on": on, "precision": precision, "autocast": autocast}
        settings = None if training is None else settings_of(training)
        tables = report_of([self._checked], asked(name, format, options, training=settings, **computed))
        if isinstance(tables, str):
            return Report(tables)
        found = Report(plain(render_text(tables, width)))
        found._tables = tables
        return found

    def to_source(self, *, inference: bool = False, checkpoint: Sequence[str] = (), init: str = "") -> str:
        """The network as PyTorch source; needs no PyTorch.

        Args:
            inference: the network for inference, with a function that folds weights of the other for it. It cannot be trained.
            checkpoint: paths of parts, `"layer*.*"`, that keep only their inputs for backward, which runs them again.
            init: how the weights start, after a paper: `he`, `he-in`, `glorot`, `lecun`, `krizhevsky`, `devlin` or `saxe`. As
                PyTorch starts them if not given.

        Raises:
            OptionProblem: there is no such way to start, or what is about training is asked for beside inference.
            PathError: no part with weights has one of the paths, or one is within another.
        """
        from archdsl.backends.pytorch import emit

        return emit(self.graph, checkpoint, init, inference=inference, formulas=self._checked.in_sizes[0].network)

    def to_torch(
        self,
        device: Device | None = None,
        dtype: ElementType | None = None,
        memory_format: MemoryFormat | None = None,
        *,
        inference: bool = False,
        checkpoint: Sequence[str] = (),
        init: str = "",
    ) -> TorchModule:
        """The network as a PyTorch module in training mode, made from the text of `to_source`.

        Args:
            device: where its weights are made; `meta` allocates nothing.
            dtype: the type of its floating-point tensors.
            memory_format: how weights of four axes lie in memory: `torch.channels_last`.
            inference: the network for inference, in evaluation mode: batch norms are folded into the layers before them,
                dropout and parts for training are gone. `fold` turns weights of the other into its own.
            checkpoint: paths of parts, `"layer*.*"`, that keep only their inputs for backward, which runs them again.
            init: how the weights start, as for `to_source`.

        Raises:
            OptionProblem: there is no such way to start, or what is about training is asked for beside inference.
            PathError: no part with weights has one of the paths, or one is within another.
        """
        from archdsl.backends.pytorch import build

        more: Any = {"inference": inference, "formulas": self._checked.in_sizes[0].network}
        return build(self.graph, device, dtype, memory_format, checkpoint=checkpoint, init=init, **more)

    def dynamic_shapes(self) -> tuple[dict[int, Any], ...]:
        """What `torch.export` calls so: an open batch and, with what the spec asks of them, its open sizes, for each input."""
        from archdsl.backends.pytorch import dynamic_shapes

        facts, domain = self._checked.in_sizes
        return dynamic_shapes(facts.network, domain)

    def fold(self, state: Mapping[str, TorchTensor]) -> dict[str, TorchTensor]:
        """Weights of the network, its `state_dict`, as those of `to_torch(inference=True)`.

        Raises:
            KeyError: weights of a layer or a batch norm are missing.
        """
        from archdsl.backends.pytorch import fold

        return fold(self.graph, state)

    def to_networkx(self) -> networkx.MultiDiGraph[str]:
        """The operators as nodes, named by path, with `op`, `shape`, `params` and `macs`; inputs and outputs too.

        An edge for each operand, with its number as key and `operand`, the `result` that it is, and its `shape`.
        """
        from archdsl.backends.networkx import to_networkx

        return to_networkx(self.graph)

    def to_svg(self, *, theme: Theme = "auto", style: Style = "auto") -> str:
        """The picture that `archdsl draw` makes."""
        from archdsl.backends.drawing import Look

        return picture_of(self._checked, Look(theme=theme, style=style)).decode("utf-8")

    def __repr__(self) -> str:
        return f"<{self.name}: {self.params:_} params, {self.macs:_} MACs, {counted(self.depth, 'weight layer')}>"

    def __str__(self) -> str:
        return self.report("summary")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What Jupyter shows: diagram and details to click through, the picture, or the summary as text."""
        text = str(self.report("summary", width=MIME_BUNDLE_WIDTH))
        bundle = {"text/plain": text, "image/svg+xml": self.to_svg()}
        with suppress(TooManyOperators):
            bundle["text/html"] = html_of(self._checked, is_cell=True)
        return bundle


def load(
    spec: str | Path,
    *,
    batch: int = 1,
    inputs: Mapping[str, Sequence[int]] | None = None,
    root: str | Path | None = None,
    **parameters: Any,
) -> NetworkSpec:
    """A network of a spec: a path, or `path:NETWORK` where the file has several, or the name of a bundled spec or network.

    Args:
        batch: samples for the figures about memory.
        inputs: shapes of inputs by name, without the batch axis; the empty name is the only input.
        root: the folder that imports may read; the spec's own if not given.
        parameters: values for the network's parameters and symbols (`classes=10`).

    Raises:
        SpecError: the file cannot be read, does not hold together, or does not declare the network.
        TypeError: a parameter is no number, boolean, string or (nested) list of these.
        ValueError: a batch without samples, or a shape that is no list of sizes.
    """
    with told():
        return _network(open_target(str(spec), None if root is None else str(root)), batch, inputs, parameters)


def loads(
    text: str,
    *,
    network: str | None = None,
    batch: int = 1,
    inputs: Mapping[str, Sequence[int]] | None = None,
    root: str | Path = ".",
    **parameters: Any,
) -> NetworkSpec:
    """A network of a spec that is given as text; otherwise as `load`.

    Args:
        network: its name, where the text has several.
        root: the folder that imports are read from.
    """
    check_option("text", text, str)
    spec = open_source(Source(str(Path(root, "<text>")), text), Path(root))
    with told():
        return _network(target_of(spec, network), batch, inputs, parameters)


def _network(
    target: Target, batch: int, inputs: Mapping[str, Sequence[int]] | None, parameters: Mapping[str, Any]
) -> NetworkSpec:
    """Raises `SpecError`, `OptionProblem`, `UnknownTarget` and `TypeError`."""
    check_option("batch", batch, Positive)
    return _checked(target, batch, settings_given(parameters, inputs))


def _checked(target: Target, batch: int, settings: Settings) -> NetworkSpec:
    if target.spec.problems:
        raise SpecError(target.spec.problems)
    checked = target.spec.check(single_network(target), settings, batch)
    if checked.network is None:
        raise SpecError(checked.problems)
    return NetworkSpec(checked, target.spec.root)


def _again(source: tuple[str, str], root: Path, name: str, batch: int, settings: Settings) -> NetworkSpec:
    return _checked(Target(open_source(Source(*source), root), name), batch, settings)
