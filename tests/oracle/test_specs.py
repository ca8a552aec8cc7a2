"""Every network of `specs/`, compiled and run: what archdsl says of it is what PyTorch does.

All of it on the meta device, for every network; the bytes with real tensors, for a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from archdsl.analyses import Facts
from archdsl.backends.pytorch import build
from archdsl.ir import TensorType, flatten
from archdsl.pipeline import open_spec
from tests.support.live import activation_peak, saved_bytes

torch.set_num_threads(1)
SPECS = Path(__file__).parents[2] / "specs"
NETWORKS = [(file.name, name) for file in sorted(SPECS.glob("*.arch")) for name in open_spec(file).networks]
TABLES = {"LeCun1989", "LeNet1990", "LeNet1", "LeNet5"}
"""With `conv(table=...)` only the joined pairs count, and PyTorch runs all: the one difference to `FlopCounterMode`."""
MEASURED = [
    ("alexnet.arch", "AlexNet"),
    ("alexnet.arch", "AlexNetTorchvision"),
    ("convnet.arch", "ConvNet"),
    ("densenet.arch", "DenseNetCifarBC100_12"),
    ("densenet.arch", "DenseNet121"),
    ("efficientnet.arch", "EfficientNetB0"),
    ("fractalnet.arch", "FractalNet20"),
    ("googlenet.arch", "GoogLeNet"),
    ("googlenet.arch", "GoogLeNetTorchvisionAux"),
    ("lenet.arch", "LeNet1990"),
    ("lenet.arch", "LeNet5"),
    ("mlp.arch", "MLP"),
    ("mobilenet.arch", "MobileNetV1"),
    ("mobilenet_v2.arch", "MobileNetV2"),
    ("mobilenet_v3.arch", "MobileNetV3Small"),
    ("resnet.arch", "ResNet18"),
    ("resnet.arch", "ResNet50"),
    ("resnext.arch", "ResNeXt50_32x4d"),
    ("senet.arch", "SEResNet50"),
    ("vgg.arch", "VGG_A_BN"),
]
"""Networks that are trained a step for their bytes: of each family the small ones. The others are measured apart."""


class Subject(NamedTuple):
    """A network of a spec: what archdsl says of it, the module, and what one pass through that counted and returned."""

    name: str
    facts: Facts
    module: nn.Module
    flops: tuple[int, int]
    """Of inference, and of a pass while training: the same, unless some parts are for training only."""
    shapes: dict[str, tuple[tuple[int, ...], ...]]
    """Of the results of each module of the spec that was run, without the batch axis."""
    results: list[tuple[int, ...]]


def facts_of(file: str, name: str) -> Facts:
    checked = open_spec(SPECS / file).check(name)
    assert checked.network is not None, checked.problems
    return checked.facts


def sample(types: tuple[TensorType, ...], batch: int, device: str = "cpu") -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(batch, *t.shape, device=device) for t in types]


def shapes_of(results: Tensor | tuple[Tensor, ...]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(r.shape[1:]) for r in ((results,) if isinstance(results, Tensor) else results))


@pytest.fixture(scope="module", params=NETWORKS, ids="-".join)
def subject(request: pytest.FixtureRequest) -> Subject:
    """Built and run once for all tests of a network."""
    file, name = request.param
    facts = facts_of(file, name)
    module = build(facts.network, device="meta").eval()
    seen: dict[str, tuple[tuple[int, ...], ...]] = {}

    def note(path: str) -> Callable[[Any, Any, Any], None]:
        return lambda _module, _inputs, results: seen.update({path: shapes_of(results)})

    for path, child in module.named_modules():
        if path in facts.flat.paths and path not in facts.network.inputs:
            child.register_forward_hook(note(path))
    flops, results = counted(module, facts)
    shapes = dict(seen)
    only_training = facts.cost.training != facts.cost.total
    training_flops = counted(module.train(), facts)[0] if only_training else flops
    return Subject(name, facts, module, (flops, training_flops), shapes, list(shapes_of(results)))


def counted(module: nn.Module, facts: Facts) -> tuple[int, Any]:
    """What PyTorch counts for one sample, and the results for two."""
    with FlopCounterMode(display=False) as counter:
        results = module(*sample(facts.network.input_types, 2, "meta"))
    return counter.get_total_flops() // 2, results


def test_parameters_and_buffers_are_pytorchs(subject: Subject) -> None:
    said = subject.facts.cost.training
    parameters = dict(subject.module.named_parameters())
    assert sum(p.numel() for p in parameters.values()) == said.params
    assert sum(t.numel() for key, t in subject.module.state_dict().items() if key not in parameters) == said.buffers


def test_multiply_adds_are_pytorchs(subject: Subject) -> None:
    if subject.name not in TABLES:
        assert subject.flops == (subject.facts.cost.total.flops, subject.facts.cost.training.flops)


def test_shapes_are_pytorchs(subject: Subject) -> None:
    """By hooks on every module that has a path in the spec, and by the results of the network."""
    facts = subject.facts
    assert subject.results == [facts.flat.types[v].shape for v in facts.flat.outputs]
    said = {path: tuple(facts.flat.types[v].shape for v in facts.flat.paths[path]) for path in subject.shapes}
    assert subject.shapes == said
    weighted = {layer.path for layer in facts.flat.layers if any(s.name for s in layer.op.state(*layer.operand_types))}
    assert weighted <= set(subject.shapes), "a layer with weights that no hook saw"


def test_the_state_dict_has_the_paths_of_the_spec(subject: Subject) -> None:
    expected = {
        f"{layer.path}.{state.name}".removesuffix("."): state.shape
        for layer in flatten(subject.facts.network, training=True).layers
        for state in layer.op.state(*layer.operand_types)
    }
    assert {key: tuple(t.shape) for key, t in subject.module.state_dict().items()} == expected


@pytest.mark.parametrize(("file", "name"), MEASURED)
def test_bytes_are_pytorchs(file: str, name: str) -> None:
    """What a training pass keeps, and what inference holds at its peak, with real tensors on the CPU."""
    facts = facts_of(file, name)
    module = build(facts.network)
    for batch in (1, 2):
        inputs = sample(facts.network.input_types, batch)
        memory = facts.memory_at(batch)
        assert saved_bytes(module, *inputs) == memory.saved.bytes
        assert activation_peak(module, *inputs) == memory.activation_peak
