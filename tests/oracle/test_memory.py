"""Predicted bytes against a real run: modules written by hand in the form that generated code has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from archdsl.analyses import Facts
from archdsl.backends.pytorch import build
from archdsl.ir import Network, TensorType
from tests.support.build import finish, image, network, op, sequence, vgg16
from tests.support.live import activation_peak, saved_bytes
from tests.support.networks import resnet
from tests.unit.test_turns import doubling

torch.set_num_threads(1)


class Case(NamedTuple):
    network: Callable[[], Network]
    module: Callable[[], nn.Module]
    shape: tuple[int, ...]


def small_vgg() -> nn.Module:
    layers: list[nn.Module] = []
    channels = 3
    for width in (8, 8, 0, 16, 16, 0, 32, 32, 32, 0, 64, 64, 64, 0, 64, 64, 64, 0):
        if width:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        else:
            layers.append(nn.MaxPool2d(2))
    hidden = [nn.Linear(64 * 49, 16), nn.ReLU(inplace=True), nn.Dropout(0.5)]
    more = [nn.Linear(16, 16), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(16, 10)]
    head = [nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Sequential(*hidden, *more)]
    return nn.Sequential(nn.Sequential(*layers), *head)


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x)
        y = self.bn1(y)
        y = nn.functional.relu(y, inplace=True)
        y = self.conv2(y)
        y = self.bn2(y)
        y += x
        return nn.functional.relu(y, inplace=True)


def small_resnet() -> nn.Module:
    units = nn.Sequential(*(Residual(8) for _ in range(3)))
    stem = [nn.Conv2d(3, 8, 7, 2, padding=3, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)]
    return nn.Sequential(*stem, units, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))


def mixed() -> Network:
    """Groups within groups, local response normalization, activations that keep their input, a shared tap."""
    body, (x,) = network("Mixed", image(3, 24))
    x = body.group("stem", x, op("conv", 8, 5, 2), op("relu"), op("lrn"), op("maxpool", 3, 2, round="ceil"))
    left = body.group("left", x, op("conv", 8, 3, pad="half"), op("bn"), op("silu"))
    right = body.group("right", x, op("avgpool", 3, 1, pad=1), op("conv", 4, 1), op("leaky_relu"), op("dropout", 0.2))
    joined = body.one(op("concat"), left, right, x)
    return finish(body, body.chain(joined, op("tanh"), op("flatten"), ("fc", op("linear", 6)), op("sigmoid")))


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU(inplace=True), nn.LocalResponseNorm(5), pool)
        self.left = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU())
        activation = nn.LeakyReLU(0.01, inplace=True)
        self.right = nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.Conv2d(8, 4, 1), activation, nn.Dropout(0.2))
        self.fc = nn.Linear(20 * 25, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        left = self.left(x)
        right = self.right(x)
        x = torch.cat([left, right, x], dim=1)
        del left, right
        x = torch.tanh(x)
        x = torch.flatten(x, 1)
        x = self.fc(x)
        return torch.sigmoid(x)


def mlp() -> Network:
    return sequence(op("flatten"), op("linear", 32), op("relu"), op("dropout", 0.5), op("linear", 5), input=image(1, 8))


def small_mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(32, 5))


CASES = {
    "vgg": Case(lambda: vgg16(size=32, width=8, hidden=16, classes=10), small_vgg, (3, 32, 32)),
    "resnet": Case(resnet, small_resnet, (3, 32, 32)),
    "mixed": Case(mixed, Mixed, (3, 24, 24)),
    "mlp": Case(mlp, small_mlp, (1, 8, 8)),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_the_inference_peak_is_the_real_one(name: str, batch: int) -> None:
    case = CASES[name]
    facts = Facts(case.network(), batch).memory
    assert facts.activation_peak == activation_peak(case.module(), torch.randn(batch, *case.shape))


@pytest.mark.parametrize("batch", [2, 3])
@pytest.mark.parametrize("name", CASES)
def test_saved_bytes_are_the_real_ones(name: str, batch: int) -> None:
    case = CASES[name]
    saved = Facts(case.network(), batch).memory.saved
    image, target = torch.randn(batch, *case.shape), torch.zeros(batch, dtype=torch.int64)
    assert saved.bytes == saved_bytes(case.module(), image)
    assert saved.bytes_with_loss == saved_bytes(case.module(), image, target=target)


@pytest.mark.parametrize("name", CASES)
def test_state_is_the_real_one(name: str) -> None:
    case = CASES[name]
    facts, module = Facts(case.network()).memory, case.module()
    assert facts.parameters == sum(p.nbytes for p in module.parameters())
    assert facts.buffers == sum(b.nbytes for b in module.buffers())


class FlatResnet(nn.Module):
    """The same operators without a module around each unit."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = small_resnet()

    def forward(self, x: Tensor) -> Tensor:
        conv1, bn1, relu, units, pool, flatten, fc = self.layers.children()
        x = relu(bn1(conv1(x)))
        unit: Any  # its layers are attributes
        for unit in units.children():
            y = unit.conv1(x)
            y = unit.bn1(y)
            y = unit.conv2(y.relu_())
            y = unit.bn2(y)
            y += x
            x = y.relu_()
        return fc(flatten(pool(x)))


def test_code_without_frames_holds_what_the_floor_says() -> None:
    facts = Facts(resnet(), 2).memory
    assert facts.inference.floor == activation_peak(FlatResnet(), torch.randn(2, 3, 32, 32)) < facts.activation_peak


def test_a_layer_that_needs_no_gradient_keeps_nothing() -> None:
    """Pooling, activation and dropout of the image itself leave nothing for backward."""
    net = sequence(op("maxpool", 2), op("relu"), op("dropout", 0.5), op("conv", 4, 3), input=image(3, 12))
    module = nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(3, 4, 3))
    assert Facts(net, 2).memory.saved.bytes == saved_bytes(module, torch.randn(2, 3, 12, 12))


def test_what_data_becomes_in_place_is_kept_where_it_was_made() -> None:
    """The first activation makes the storage that the second one overwrites and the layer keeps; neither has a gradient."""
    net = sequence(op("leaky_relu"), op("hard_swish"), op("linear", 2), input=TensorType((3, 4, 8)))
    assert Facts(net, 2).memory.saved.bytes == saved_bytes(build(net), torch.randn(2, 3, 4, 8)) == 2 * 3 * 4 * 8 * 4


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("levels", [1, 3, 5])
def test_blocks_that_double_hold_what_is_composed(levels: int, batch: int) -> None:
    net = doubling(levels)
    memory, module = Facts(net, batch).memory, build(net)
    data = torch.randn(batch, 8, 6, 6)
    assert memory.activation_peak == activation_peak(module, data)
    assert memory.saved.bytes == saved_bytes(module, data)
