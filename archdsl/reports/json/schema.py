"""The published schema of the JSON report, `archdsl.report/1`, as types; its file is docs/reference/report.schema.json.

Fields may be added; a field never changes its meaning. A size that is not known is a formula, as a string."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from archdsl.analyses.memory import OptimizerName
from archdsl.reports.json.schema_field import ReceptiveField
from archdsl.reports.json.schema_formulas import Formulas
from archdsl.reports.json.schema_parts import Size, Span
from archdsl.reports.json.schema_roofline import Roofline


class Input(TypedDict):
    """An input of the network."""

    name: str
    shape: tuple[Size, ...]
    """Without the batch axis, as all shapes."""
    dtype: str


class Totals(TypedDict):
    """Counts for one sample, without the parts that exist only while training."""

    params: int
    """Trainable elements, a shared instance once."""
    weights: int
    """Of these, those that are not biases."""
    buffers: int
    """Elements of state that is not trained."""
    macs: Size
    """Multiply-adds of convolutions, linear layers and products; FLOPs are twice as many."""
    activations: Size
    """Elements of the inputs and of the results of weight layers, `subsample` and pools: a lecture's sum."""
    neurons: Size
    connections: Size
    depth: int
    """Weight layers on the longest path."""
    params_with_training: int
    macs_with_training: Size


class Scope(TypedDict):
    """A group or block call, with the paths of what stands in it."""

    path: str
    call: str | None
    """`bottleneck(64)`; null for a group."""
    children: tuple[str, ...]
    repeat: int | None
    """How many scopes alike, in a row, this one stands for; null for one."""


class Call(TypedDict):
    """A call of a block around a layer."""

    block: str
    args: dict[str, Any]
    line: int
    file: str | None
    """Where the call is written; null for the document's file."""


class Working(TypedDict):
    """The arithmetic behind the figures of a layer; null where there is nothing to count."""

    params: str | None
    """`64*3*7*7 + 64`: the tensors that are trained."""
    macs: str | None
    """`(7*7*3)*64*112*112`: the weights that a result reads, times the results; of several products the sum."""


class Layer(TypedDict):
    """One operator, in the order they run."""

    path: str
    op: str
    category: str
    """What kind of operator it is: `conv`, `pool`, `linear`, `merge`."""
    summary: str
    """As tables write it: `conv 3x3, 64 /2`."""
    attrs: dict[str, Any]
    calls: tuple[Call, ...]
    """The block calls around it, outermost first."""
    span: Span
    """Line and column of its text, from 1, the end exclusive."""
    file: str | None
    """Where it is written; null for the document's file."""
    inputs: tuple[str, ...]
    """The layers or inputs whose results it reads."""
    output: tuple[Size, ...]
    """The shape of its result; of several, of the first."""
    outputs: tuple[tuple[Size, ...], ...] | None
    """The shapes of several results."""
    dtype: str
    batched: bool
    """Whether its results have a batch axis: learned tensors have none."""
    params: int
    """0 for a further use of a shared instance."""
    macs: Size
    bytes: Size
    """Of its results, for the batch, in `memory.precision`."""
    working: Working
    receptive_field: ReceptiveField | None
    repeat: int | None
    """How many layers alike this one stands for, in a row of turns or in all calls of a block; null for one. The figures are
    those of one."""


class Moment(TypedDict):
    """What is alive while one operator runs, without parameters, buffers and inputs."""

    step: int
    layer: str
    live: tuple[str, ...]
    """The layers that made what is alive."""
    bytes: Size


class Bytes(TypedDict):
    """A size for every batch."""

    single: Size
    """For a batch of one."""
    fixed: Size
    """For a batch of N > 1 it is `fixed + per_sample * N`."""
    per_sample: Size


class Storage(TypedDict):
    """One storage of inference, without parameters, buffers and inputs: what is alive at a step is those made and not freed."""

    layer: str
    """What made it."""
    what: str
    """`output`, or an operator's own name for what it makes besides: `indices`."""
    made: int
    """The step at which it is made, and the last one at which it is there."""
    freed: int
    used: tuple[int, ...]
    """The steps that read or write it: at the others it is only held."""
    bytes: Bytes


class Figure(TypedDict):
    """A figure with the convention that it follows and how sure it is."""

    name: str
    bytes: Size
    convention: Literal["lecture", "tensor bytes", "floor"]
    status: Literal["exact", "lower bound", "estimate"]


class Alive(TypedDict):
    """What is alive at the peak for one layer and one purpose."""

    layer: str
    """Its path, or that of a parameter; an input's name; `loss`, `optimizer`."""
    what: str
    """`output`, `gradient`, `weight gradient`, or an operator's own name for what only backward needs: `indices`."""
    bytes: int
    span: Span | None
    """Where the layer is written."""


class TrainingMoment(TypedDict):
    """A moment of the step at which something was made, with all bytes that are alive then."""

    step: int
    phase: Literal["zero_grad", "forward", "loss", "backward", "optimizer"]
    layer: str
    bytes: int
    sizes: Bytes | None
    """The same for every batch; null where a batch of one has other moments than a larger one."""


class CheckpointLevel(TypedDict):
    """A step with all blocks of one level checkpointed, each on its own."""

    paths: tuple[str, ...]
    """As `--checkpoint` takes them."""
    peak: int
    kept: int
    """What autograd holds after the forward pass."""
    recomputed_macs: int


class CudaTaken(TypedDict):
    """What the model of the caching allocator holds at the most."""

    requested: int
    allocated: int
    reserved: int


class Cuda(TypedDict):
    """The step on a GPU, estimated from the allocator's rules and not measured on one: bands, at the least and at the most."""

    status: Literal["estimate"]
    allocated: tuple[int, int]
    reserved: tuple[int, int]
    workspace: int
    """The most that a convolution may want besides."""
    cublas: tuple[int, int]
    """What workspaces of cuBLAS take, in the most of the bands: by `--on DEVICE`, else on any GPU."""
    context: tuple[int, int]
    """What the CUDA context takes outside of all that is reserved."""
    native: CudaTaken
    """Tensors alone, with the allocator's defaults."""
    expandable: CudaTaken
    """With `expandable_segments`."""


class Training(TypedDict):
    """One training step in the steady state, in bytes for the batch: there are gradients and state from the step before."""

    status: Literal["exact", "estimate"]
    """Exact are tensor bytes on a CPU; autocast, by CUDA's lists, and a few operators are an estimate."""
    estimated_for: tuple[str, ...]
    """What it is an estimate for: `CUDA's autocast`, or operators by their names; nothing where it is exact."""
    optimizer: OptimizerName
    weight_decay: bool
    implementation: Literal["for-loop", "foreach", "fused"]
    loss: Literal["cross-entropy", "mse", "none"]
    zero_grad: Literal["early", "late", "never"]
    precision: Literal["float32", "bfloat16", "float16", "bf16-mixed", "fp16-mixed"]
    autocast: Literal["cuda", "cpu"]
    """Whose lists a mixed precision follows."""
    frozen: tuple[str, ...]
    """The paths of what is not trained."""
    accumulate: int
    """Passes of forward and backward in a step, each of a batch."""
    checkpointed: tuple[str, ...]
    """The paths of what keeps only its inputs for backward."""
    recomputed_macs: int
    """Multiply-adds of what backward runs again, for one sample."""
    refused: tuple[str, ...]
    """The paths of layers that PyTorch does not train: where the batch is 1 norms over one value for each channel, and what has
    a number that its precision does not reach."""
    checkpoint_levels: tuple[CheckpointLevel, ...]
    """What it would save and cost to checkpoint the blocks of each level; empty where something is checkpointed."""
    phase: Literal["zero_grad", "forward", "loss", "backward", "optimizer"]
    """That of the peak."""
    target: int
    gradients: int
    """Of all parameters, after backward."""
    optimizer_state: int
    optimizer_temporary: int
    """What the optimizer makes and drops within its step."""
    phases: dict[str, int]
    """The peak of each phase; 0 where it does not happen."""
    alive: tuple[Alive, ...]
    """At the peak, beside parameters, buffers, inputs, target and optimizer state; the largest first."""
    timeline: tuple[TrainingMoment, ...]
    cuda: Cuda | None
    """Null where turns of a loop are not written out."""


class Memory(TypedDict):
    """Bytes for the batch. `peak` = `parameters` + `buffers` + `inputs` + `activation_peak`.

    Of a training step, `peak` = `parameters` + `buffers` + `inputs` + `training.target` + `training.optimizer_state` +
    `activation_peak`, which then counts gradients too.
    """

    mode: Literal["inference", "training"]
    peak: Size
    parameters: int
    """Those of parts that exist only while training too, which the module holds in inference as well."""
    buffers: int
    inputs: Size
    activation_peak: Size
    at: str | None
    """The layer that runs at the peak."""
    saved_for_backward: Size
    """What autograd holds after a forward pass in training mode: inputs included, parameters not. In the mode `training` the
    loss and its target are included."""
    figures: tuple[Figure, ...]
    """Those of inference and of what is kept, in `precision`."""
    precision: Literal["float32", "bfloat16", "float16", "bf16-mixed", "fp16-mixed"]
    autocast: Literal["cuda", "cpu"]
    """Whose lists a mixed precision follows."""
    estimated_for: tuple[str, ...]
    """What the peak of inference is an estimate for: `CUDA's autocast`, or operators by their names."""
    refused: tuple[str, ...]
    """The paths of layers with a number that the precision does not reach: PyTorch does not run them."""
    timeline: tuple[Moment, ...] | None
    """Of inference; null where layers are listed once for all calls of their block."""
    storages: tuple[Storage, ...] | None
    """Of inference, in the order of their making: the timeline for every batch. Null where `timeline` is."""
    training: Training | None
    """Null unless training was asked for."""


class Need(TypedDict):
    """Something that works for some sizes only."""

    condition: str
    operator: str
    line: int


class Fit(TypedDict):
    """What values of open sizes fit, and what leaves no others beside the `where` of the spec."""

    values: str
    needs: tuple[Need, ...]


class ForAll(TypedDict):
    """The network for all its open sizes together: figures as formulas in the language's arithmetic."""

    fits: tuple[Fit, ...]
    macs: Size
    activations: Size
    inputs: dict[str, tuple[Size, ...]]
    """The shapes of the inputs."""
    shapes: dict[str, tuple[Size, ...]]
    """Of the result of each layer, by its path."""
    params_of: dict[str, Size]
    """Of each layer that has some."""
    macs_of: dict[str, Size]
    """Of each layer that has some."""
    bytes_of: dict[str, Size]
    """Of the results of each layer, for one sample, in `memory.precision`."""
    """Of the results of each layer, for one sample."""
    storages: tuple[Bytes, ...] | None
    """The sizes of `memory.storages`; null where the sizes decide which storages there are."""


class Claim(TypedDict):
    """A published figure that the spec states."""

    text: str
    holds: bool
    """Whether the spec is right: an expected figure agrees, a disputed one does not."""
    disputed: bool
    value: int | float | str | tuple[Size, ...] | None
    """What was computed; null where it could not be."""
    source: str | None
    span: Span


class Label(TypedDict):
    """A place that a finding is about."""

    file: str
    span: Span
    text: str


class Finding(TypedDict):
    """A diagnostic."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    file: str | None
    span: Span | None
    labels: tuple[Label, ...]
    notes: tuple[str, ...]
    help: str | None


class Document(TypedDict):
    """What archdsl knows of one network of a file. Of a file without a network there are the diagnostics only."""

    schema: Literal["archdsl.report/1"]
    network: str | None
    file: str
    bindings: dict[str, Size]
    """The batch `N`, and the sizes that were given for symbols."""
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    made_by: dict[str, str]
    """Of each output, the layer or input that it is the result of."""
    totals: Totals | None
    scopes: tuple[Scope, ...]
    layers: tuple[Layer, ...]
    memory: Memory | None
    for_all: ForAll | None
    """Where sizes are open; all other figures are those at the sizes of `bindings`."""
    formulas: Formulas | None
    """Where `report formulas` was asked for."""
    roofline: Roofline | None
    """Where `--on` names a device."""
    claims: tuple[Claim, ...]
    diagnostics: tuple[Finding, ...]
