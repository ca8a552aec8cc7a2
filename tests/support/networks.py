"""Published networks as graphs, built without any text: what tests of analyses and reports compare with known figures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from archdsl.ir import Module, Network, Op, TensorType, Value
from archdsl.pipeline import open_spec
from tests.support.build import block, end, finish, image, network, op, vgg16

__all__ = [
    "alexnet",
    "alexnet_two_gpus",
    "lenet5",
    "published",
    "residual_block",
    "resnet",
    "vgg",
    "vgg11",
    "vgg16",
    "vgg19_bn",
]


def vgg(table: Sequence[Sequence[int]], name: str, norm: bool = False) -> Network:
    """VGG, Simonyan & Zisserman 2015, Table 1, with the paths and the average pool of torchvision.

    The table has a list for each stage, its entries the output maps of a 3x3 convolution.
    """
    body, (x,) = network(name, image())
    features: list[Op] = []
    for stage in table:
        for channels in stage:
            features += [op("conv", channels, 3, pad="half"), *([op("bn")] if norm else []), op("relu")]
        features.append(op("maxpool", 2))
    x = body.group("features", x, *features)
    x = body.chain(x, ("avgpool", op("adaptive_avgpool", 7)), op("flatten"))
    hidden = [op("linear", 4096), op("relu"), op("dropout", 0.5)]
    return finish(body, body.group("classifier", x, *hidden, *hidden, op("linear", 1000)))


def vgg11() -> Network:
    """Configuration A."""
    return vgg([[64], [128], [256] * 2, [512] * 2, [512] * 2], "VGG11")


def vgg19_bn() -> Network:
    """Configuration E with batch normalization."""
    return vgg([[64] * 2, [128] * 2, [256] * 4, [512] * 4, [512] * 4], "VGG19", norm=True)


def alexnet() -> Network:
    """torchvision's AlexNet: Krizhevsky 2014, one tower."""
    body, (x,) = network("AlexNet", image())
    pool, relu = op("maxpool", 3, stride=2), op("relu")
    late = [layer for channels in (384, 256, 256) for layer in (op("conv", channels, 3, pad=1), relu)]
    first, second = op("conv", 64, 11, 4, pad=2), op("conv", 192, 5, pad=2)
    x = body.group("features", x, first, relu, pool, second, relu, pool, *late, pool)
    x = body.chain(x, ("avgpool", op("adaptive_avgpool", 6)), op("flatten"))
    hidden = [op("dropout", 0.5), op("linear", 4096), relu]
    return finish(body, body.group("classifier", x, *hidden, *hidden, op("linear", 1000)))


def alexnet_two_gpus() -> Network:
    """Krizhevsky, Sutskever & Hinton 2012, Figure 2: each half of the maps on a GPU of its own, layer 3 sees both."""
    body, (x,) = network("AlexNet", image(3, 227))
    relu, lrn, pool = op("relu"), op("lrn", k=2), op("maxpool", 3, stride=2)
    conv1, conv2 = ("conv1", op("conv", 48, 11, 4)), ("conv2", op("conv", 128, 5, pad=2))
    halves = [body.group(f"gpu{i}", x, conv1, relu, lrn, pool, conv2, relu, lrn, pool) for i in range(2)]
    x = body.chain(body.one(op("concat"), *halves), ("conv3", op("conv", 384, 3, pad=1)), relu)
    maps = body.each(op("split", 2), x)
    conv4, conv5 = ("conv4", op("conv", 192, 3, pad=1)), ("conv5", op("conv", 128, 3, pad=1))
    halves = [body.group(f"gpu{i}_late", maps[i], conv4, relu, conv5, relu, pool) for i in range(2)]
    x = body.chain(body.one(op("concat"), *halves), op("flatten"))
    for name in ("fc6", "fc7"):
        x = body.chain(x, (name, op("linear", 4096)), relu, op("dropout", 0.5))
    return finish(body, body.one(op("linear", 1000), x, label="fc8"))


C3 = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)
"""Which maps of S2 feed each map of C3: LeCun et al. 1998, Table I."""


def lenet5() -> Network:
    """LeCun et al. 1998, section II.B."""
    body, (x,) = network("LeNet5", image(1, 32))
    tanh = op("tanh", gain=1.7159, slope=2 / 3)
    layers = {
        "c1": op("conv", 6, 5),
        "s2": op("subsample", 2),
        "c3": op("conv", 16, 5, table=C3),
        "s4": op("subsample", 2),
        "c5": op("conv", 120, 5),
    }
    for label, layer in layers.items():
        x = body.chain(x, (label, layer), tanh)
    return finish(body, body.chain(x, op("flatten"), ("f6", op("linear", 84)), tanh, ("rbf", op("rbf", 10))))


def residual_block(type: TensorType) -> Module:
    """Two 3x3 convolutions with batch normalization beside the identity, as a block of its own."""
    body, (x,) = block("residual", type)

    def unit(value: Value, number: int) -> Value:
        conv = op("conv", type.channels, 3, pad=1)
        return body.chain(value, (f"conv{number}", conv), (f"bn{number}", op("bn")))

    y = unit(body.one(op("relu"), unit(x, 1)), 2)
    return end(body, body.chain(body.one(op("add"), y, x), op("relu")))


def resnet(units: int = 3, size: int = 32) -> Network:
    """A small residual network: a 7x7 convolution, a group of equal blocks, a head."""
    body, (x,) = network("ResNet", image(3, size))
    x = body.chain(x, ("conv1", op("conv", 8, 7, 2, pad=3, bias=False)), ("bn1", op("bn")), op("relu"))
    x = body.group("layer1", x, *[residual_block(x.type)] * units)
    return finish(body, body.chain(x, ("avgpool", op("avgpool", "global")), op("flatten"), ("fc", op("linear", 10))))


IN_SPECS = {
    "resnet18": ("resnet", "ResNet18"),
    "resnet50": ("resnet", "ResNet50"),
    "mobilenet_v2": ("mobilenet_v2", "MobileNetV2"),
    "densenet121": ("densenet", "DenseNet121"),
    "vit_b_16": ("vit", "ViT_B16"),
}


@cache
def published(model: str) -> Network:
    """One of torchvision's models by its name there."""
    if model not in IN_SPECS:
        built: Network = globals()[model]()
        return built
    file, name = IN_SPECS[model]
    found = open_spec(Path(__file__).parents[2] / "specs" / f"{file}.arch").check(name).network
    assert found is not None
    return found
