"""Predicted steps with activation checkpointing against real ones: no tolerance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from archdsl.analyses import Facts
from archdsl.analyses.cost import totals, works
from archdsl.analyses.memory import Precision, TrainingSettings
from archdsl.analyses.weights import PathError
from archdsl.backends.pytorch import build as build_module
from archdsl.backends.pytorch import checkpoint
from archdsl.ir import Network, flatten
from archdsl.pipeline import open_source
from archdsl.source import Source
from tests.oracle.test_ops_torch import case_of, lines
from tests.oracle.test_training_memory import network
from tests.support import build
from tests.support.live import saved_bytes
from tests.support.steps import inputs, measured, predicted

torch.set_num_threads(1)
PARTS = (
    ("autoencoder:ConvAutoencoder", "*"),
    ("densenet:DenseNetCifar40_12", "*"),
    ("googlenet:GoogLeNet", "inception*"),
    ("lenet:LeNet5", "c*"),
    ("mobilenet_v3:MobileNetV3Small", "features.*"),
    ("resnet_cifar:ResNet20", "layer*"),
    ("resnet_cifar:ResNet20", "layer*.*"),
    ("siamese:Siamese", "*"),
    ("resnet_cifar:ResNet20", "layer* layer*.* layer*.*.*"),
    ("googlenet:GoogLeNet", "inception* inception*.*"),
    ("siamese:Siamese", "* *.*"),
)
"""Paths apart by blanks: with several, parts are in parts that run twice too."""


def compare(net: Network, batch: int, settings: TrainingSettings, *, is_written: bool = False) -> None:
    assert predicted(net, batch, settings) == measured(net, batch, settings, is_written=is_written)


@pytest.mark.parametrize(("batch", "is_written"), [(1, True), (2, False)], ids=["source", "module"])
@pytest.mark.parametrize(("name", "path"), PARTS)
def test_the_peaks_of_a_step_are_the_real_ones(name: str, path: str, batch: int, is_written: bool) -> None:
    compare(network(name), batch, TrainingSettings("momentum", checkpoint=tuple(path.split())), is_written=is_written)


WRITTEN = (*PARTS, ("densenet:DenseNetCifar40_12", "dense*.*"), ("autoencoder:ConvAutoencoder", "*.*"))


@pytest.mark.parametrize("name", ["checkpoint", "recomputed", "unchanged_buffers", "nullcontext", "Iterator"])
def test_a_network_may_be_called_as_what_runs_a_part_twice(name: str) -> None:
    text = f"network {name} {{\n  input x: [3, 4, 4]\n  a: {{ conv(2, 1x1) -> bn }}\n}}"
    net = open_source(Source("case.arch", text), Path()).check(name).facts.network
    module = build_module(net, "cpu", checkpoint=["a"])
    module(torch.rand(2, 3, 4, 4)).sum().backward()
    assert module.get_submodule("a.1").num_batches_tracked == 1


@pytest.mark.parametrize(("name", "path"), WRITTEN)
def test_source_that_is_checkpointed_computes_the_same(name: str, path: str) -> None:
    """Outputs, gradients and what batch norms learn, bit for bit; the second run draws the same random numbers."""
    net = network(name)
    plain, written = build_module(net).train(), build_module(net, checkpoint=path.split()).train()
    written.load_state_dict(plain.state_dict(), strict=True)
    assert list(written.state_dict()) == list(plain.state_dict())
    data, found = inputs(net, 2), []
    for module in (plain, written):
        torch.manual_seed(0)
        output = module(*data)
        first = output if isinstance(output, torch.Tensor) else output[0]
        first.square().sum().backward()
        found.append([first, *(p.grad for p in module.parameters()), *module.buffers()])
    assert all(a is b is None or torch.equal(a, b) for a, b in zip(*found, strict=True))


SETTINGS = {
    "adam late": TrainingSettings("adam", zero_grad="late", checkpoint=("layer1", "layer2.*")),
    "accumulated": TrainingSettings("adamw", accumulate=2, checkpoint=("layer*.*",)),
    "frozen": TrainingSettings(freeze=("conv1", "bn1", "layer1"), checkpoint=("layer*",)),
    "bfloat16": TrainingSettings("adam", precision="bfloat16", checkpoint=("layer*.*",)),
    "nested": TrainingSettings(
        "adam", zero_grad="late", freeze=("conv1", "bn1", "layer1.0"), checkpoint=("layer*", "layer*.*")
    ),
    "nested with autocast": TrainingSettings(precision="bf16-mixed", autocast="cpu", checkpoint=("layer*", "layer*.*")),
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_with_other_settings(settings: TrainingSettings) -> None:
    compare(network("resnet_cifar:ResNet20"), 3, settings)


def with_part(line: str, *, is_last: bool = False) -> Network | None:
    """An operator between two others, as one part, or behind one and last in it; None where it is not of this kind."""
    operator, types = case_of(line)
    if len(types) != 1 or [result.is_float for result in operator.infer(*types)] != [True]:
        return None
    (x,) = types
    if not (x.batched and x.is_float and x.rank) or x.places or not operator.is_derived_exactly(types):
        return None
    if operator.name in ("detach", "matmul"):  # nothing before it would have a gradient; of one value it is that
        return None
    body, (value,) = build.network("Derived", ("image", x._replace(strides=None)))
    factor = body.one(build.op("parameter", [1] * x.rank), label="factor")
    value = body.one(build.op("multiply"), value, factor)
    after = build.op("sigmoid")
    found = body.group("part", value, build.op("ln"), operator, *(() if is_last else (after,)))
    if not found.type.is_float or not found.type.batched:
        return None
    return build.finish(body, body.one(after, found) if is_last else found)


LINES = [line for line in lines() if "->" not in line]


@pytest.mark.parametrize("line", LINES[::3])
def test_operators_run_twice_as_in_pytorch(line: str) -> None:
    net = with_part(line)
    for checkpointed in (("part",), ("part", "part.*")):
        settings = TrainingSettings(loss="mse", checkpoint=checkpointed)
        if net is not None and Facts(net, 3).training(settings).status == "exact":
            compare(net, 3, settings)


@pytest.mark.parametrize("line", LINES[1::3])
def test_a_part_ends_with_an_operator_as_in_pytorch(line: str) -> None:
    """The second run stops at the last tensor that backward reads, which may be made within the operator."""
    net = with_part(line, is_last=True)
    for precision in ("float32", "bfloat16"):
        settings = TrainingSettings(loss="mse", checkpoint=("part",), precision=precision)
        if net is None or Facts(net, 3).training(settings).status != "exact":
            continue
        if precision == "float32" or _runs_in_half_precision(net):
            compare(net, 3, settings)


def _runs_in_half_precision(net: Network) -> bool:
    """Whether PyTorch's CPU has all kernels for it."""
    try:
        measured(net, 3, TrainingSettings(loss="mse", precision="bfloat16"))
    except RuntimeError as problem:
        assert "not implemented for" in str(problem)
        return False
    return True


BLOCKS = {
    "stochastic depth": "b: { linear(8) -> gelu -> drop_path(0.2) }\nadd(before)",
    "stochastic depth and a sum": "b: { add { | in | ln -> linear(8) -> drop_path(0.2) } }",
    "all samples dropped": "b: { linear(8) -> drop_path(1) }",
    "none dropped": "b: { linear(8) -> drop_path(0) }",
    "softsign": "b: { linear(8) -> softsign }",
    "root mean squares": "b: { linear(8) -> rms_norm }",
    "root mean squares of columns": "b: { linear(8) -> rms_norm(axis=0) }",
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "bf16-mixed"])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_end_as_in_pytorch(name: str, batch: int, precision: Precision) -> None:
    text = f"network N {{ input x: [6, 8]\nlinear(8) as before\n{BLOCKS[name]}\nlinear(2) }}"
    net = open_source(Source("blocks.arch", text), Path()).check("N").network
    assert net is not None
    settings = TrainingSettings(loss="mse", checkpoint=("b",), precision=precision, autocast="cpu")
    assert Facts(net, batch).training(settings).status == "exact"
    compare(net, batch, settings)


UNREAD = """
default conv(pad=half)
block early { in -> conv(8, 3x3) -> bn -> relu as a
  in -> conv(8, 3x3) -> sigmoid as b
  b -> conv(4, 1x1) -> tanh as c
  return a, c }
block late { in -> conv(8, 3x3) -> bn -> relu as a
  a -> conv(8, 3x3) -> silu -> conv(3, 3x3) as c
  return a, c }
block waiting { in -> conv(8, 3x3) -> silu as c
  in -> conv(8, 3x3) -> bn -> relu -> conv(8, 3x3) as a
  return a, c }
network Unread {
  input image: [8, 16, 16]
  conv(8, 3x3) -> first: early as x, _
  x -> second: late as y, _
  y -> third: early as z, _
  z -> fourth: waiting as w, _
  w -> conv(8, 3x3) -> flatten
}
"""


def test_what_needs_no_gradient_runs_as_where_nothing_is_learned() -> None:
    """A pool over one axis makes no indices then, in a first run neither."""
    text = (
        "network N { input x: [4, 400]\nb: { maxpool(2) -> conv(2, 3) -> relu -> conv(2, 3) }\nflatten -> linear(2) }"
    )
    net = open_source(Source("frozen.arch", text), Path()).check("N").network
    assert net is not None
    compare(net, 3, TrainingSettings(loss="mse", checkpoint=("b",)))


@pytest.mark.parametrize(
    "body", ["linear(9) -> relu -> permute([1, 0]) -> linear(3) -> relu", "conv(6, 3) -> permute([1, 0]) -> linear(6)"]
)
def test_a_linear_layer_of_permuted_values_runs_twice(body: str) -> None:
    """Its bias is added apart, so the gradient of that is there before the second run is."""
    spec = open_source(Source("permuted.arch", f"network Permuted {{ input x: [36, 9]\n{body} }}"), Path())
    net = spec.check("Permuted").network
    assert net is not None
    compare(net, 3, TrainingSettings(loss="mse", checkpoint=("*",)))


LAYERS = "input x: [16]\nfirst: linear(8)\nlinear(4)"
IN_A_PART = (
    "input image: [3, 6, 6]\npart: { a: { conv(4, 1x1) -> relu } ; b: { conv(4, 1x1) -> tanh } }\nflatten -> linear(3)"
)

DEEP = """input image: [3, 6, 6]
a: { b: { c: { conv(4, 1x1) -> relu } ; d: { conv(4, 1x1) -> tanh } } ; e: { conv(4, 1x1) -> tanh } }
flatten -> linear(3)"""


@pytest.mark.parametrize(
    ("body", "path", "frozen"),
    [
        (LAYERS, "first", "first.weight"),  # neither its weight nor its operand is read again
        (LAYERS, "*", "*.weight"),
        (IN_A_PART, "part part.*", "part.a"),  # the part in the part keeps nothing
        (IN_A_PART, "part part.a", "part.a"),
        (IN_A_PART, "part part.*", "part.b"),
        (IN_A_PART, "* part.*", "part.a"),
        (DEEP, "* *.* *.*.*", "a.b.c"),
        (DEEP, "a a.b a.b.c", "a.b.c"),
        (DEEP, "* *.* *.*.*", "a.b"),
    ],
)
@pytest.mark.parametrize("batch", [1, 2])
def test_what_keeps_no_tensor_holds_nothing(body: str, path: str, frozen: str, batch: int) -> None:
    net = open_source(Source("frozen.arch", f"network Frozen {{ {body} }}"), Path()).check("Frozen").network
    assert net is not None
    compare(net, batch, TrainingSettings(checkpoint=tuple(path.split()), freeze=(frozen,)))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_part_that_is_a_batch_norm_counts_its_batches(channels: int) -> None:
    """With a number of 8 bytes, more than the statistics of a single channel in half precision."""
    body = f"input image: [1, 4, 4]\nconv({channels}, 3x3, pad=1) -> b: bn -> softplus"
    net = open_source(Source("counted.arch", f"network Counted {{ {body} }}"), Path()).check("Counted").network
    assert net is not None
    for precision in ("float32", "bfloat16"):
        compare(net, 2, TrainingSettings(loss="none", precision=precision, checkpoint=("b",)))


@pytest.mark.parametrize("path", ["first", "second fourth", "*", "*.*"])
def test_what_nobody_reads_dies_in_both_runs(path: str) -> None:
    spec = open_source(Source("unread.arch", UNREAD), Path())
    net = spec.check(spec.networks[-1]).network
    assert net is not None
    settings = TrainingSettings("adam", loss="mse", checkpoint=tuple(path.split()))
    assert Facts(net, 3).training(settings).status == "exact"
    compare(net, 3, settings)


@pytest.mark.parametrize("last", ["bn", "ln", "relu", "conv(4, 1x1)"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_part_that_ends_with_what_nobody_reads_stops_there(last: str, batch: int) -> None:
    """What stops the second run holds the tensor that was to be kept last, and no other of that operator."""
    text = f"""block part {{ conv(4, 1x1) as x -> {last}
return x }}
network N {{ input x: [4, 6, 6]
part: part -> relu }}"""
    net = open_source(Source("ends.arch", text), Path()).check("N").network
    assert net is not None
    settings = TrainingSettings(loss="mse", checkpoint=("part",))
    assert Facts(net, batch).training(settings).status == "exact"
    compare(net, batch, settings)


@pytest.mark.parametrize(
    "body",
    [
        "scale(2) as u\npart: { u -> relu\nt -> conv(4, 1) }",
        "part: { average { | t | x }\nt -> conv(4, 1) -> relu }",
        "part: { dropout\naverage { | t -> conv(4, 1) | t } }",
    ],
)
def test_what_nobody_reads_in_a_part_dies_there(body: str) -> None:
    """What the part was called with lives on with what made it, as a number does; a number in the part does not."""
    text = f"network N {{ input image: [4, 6, 6]\nbn as x -> softplus as t\n{body} }}"
    net = open_source(Source("unread.arch", text), Path()).check("N").network
    assert net is not None
    settings = TrainingSettings(loss="none", checkpoint=("part",))
    assert Facts(net, 3).training(settings).status == "exact"
    compare(net, 3, settings)


@pytest.mark.parametrize(
    ("name", "path"),
    [("resnet_cifar:ResNet20", "layer*"), ("densenet:DenseNetCifar40_12", "*"), ("siamese:Siamese", "* *.*")],
)
def test_what_is_kept_is_the_real_thing(name: str, path: str) -> None:
    net = network(name)
    module = build_module(net)
    checkpoint(module, *path.split())
    data = inputs(net, 4)
    facts = Facts(net, 4).training(TrainingSettings(loss="none", checkpoint=tuple(path.split())))
    assert facts.saved_for_backward - facts.random_states == saved_bytes(module, *data)
    assert facts.random_states % torch.get_rng_state().nbytes == 0 < facts.random_states


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("resnet_cifar:ResNet20", "layer*.*"),
        ("densenet:DenseNetCifar40_12", "*"),
        ("resnet:ResNet50", "layer*"),
        ("resnet_cifar:ResNet20", "layer* layer*.* layer*.*.*"),
        ("densenet:DenseNetCifar40_12", "* dense*.*"),
    ],
)
def test_the_work_of_second_runs_is_counted_as_pytorch_counts_it(name: str, path: str) -> None:
    """They stop before the last convolution of a block that ends with one."""
    net = network(name)
    module = build_module(net, device="meta").train()
    checkpoint(module, *path.split())
    (data,) = (tensor.to("meta") for tensor in inputs(net, 2))
    loss = module(data).sum()
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    facts = Facts(net, 2).training(TrainingSettings(checkpoint=tuple(path.split())))
    assert backward.get_total_flops() == 2 * 2 * (totals(works(flatten(net, training=True)))[1] + facts.recomputed_macs)


NUMBERED = """
block unit {{ conv(8, 3x3, pad=1) -> relu }}
network N {{
  input image: [3, 8, 8]
  conv(8, 1x1)
  repeat {} {{ unit }}
}}
"""


@pytest.mark.parametrize(("turns", "paths"), [(4, ("1", "2", "3", "4")), (5, ("*",))])
def test_a_level_of_many_blocks_is_told_with_a_wildcard(turns: int, paths: tuple[str, ...]) -> None:
    """Even where that names single layers too: what it saves is what it really does by that path."""
    net = open_source(Source("numbered.arch", NUMBERED.format(turns)), Path()).check("N").network
    assert net is not None
    (level,) = Facts(net, 2).checkpoint_levels(TrainingSettings())
    assert level.paths == paths
    assert level.peak == max(measured(net, 2, TrainingSettings(checkpoint=paths)).values())


def test_no_path_of_a_level_names_what_another_one_names() -> None:
    text = (
        "block unit { conv(8, 3x3, pad=1) -> relu }\n"
        "network N { input x: [8, 8, 8]; mid1: unit -> mid_attn: unit -> mid2: unit -> up: unit }"
    )
    net = open_source(Source("covered.arch", text), Path()).check("N").network
    assert net is not None
    assert [level.paths for level in Facts(net, 2).checkpoint_levels(TrainingSettings())] == [("mid*", "up")]


def test_paths_are_checked() -> None:
    net = Facts(network("resnet_cifar:ResNet20"))
    with pytest.raises(PathError, match="called `layers"):
        net.training(TrainingSettings(checkpoint=("layers*",)))


def test_parts_without_weights_are_left_alone() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(3))
    image = torch.randn(2, 3, 5, 5)
    module(image)
    checkpoint(module, "*")
    cross_entropy(module(image), torch.zeros(2, dtype=torch.int64)).backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_constants_are_no_weights() -> None:
    text = """
        block mix { later: constant([4, 4], "1.0 if i < j else 0.0") as later; matmul { | later | in } }
        network A { input x: [4, 4]; linear(4) -> mix: mix -> linear(4) }
    """
    net = open_source(Source("constants.arch", text), Path()).check("A").network
    assert net is not None
    module: Any = build_module(net)
    checkpoint(module, "mix")
    assert type(module.mix).forward is module.mix.forward.__func__  # as it was
    with pytest.raises(PathError, match="has weights is called `mix`"):
        Facts(net).training(TrainingSettings(checkpoint=("mix",)))
