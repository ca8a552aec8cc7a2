"""Well-known networks as graphs, built without any text: what tests of analyses and reports start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archdsl.ir import Builder, Module, Network, Op, Origin, Output, TensorType, Value
from archdsl.ops import find
from archdsl.source import Source, Span

ORIGIN = Origin(Span(Source("test.arch", "network Test {}\n"), 0, 7))


def op(name: str, **attributes: Any) -> Op:
    """An operator by its name in specs."""
    found = find(name)
    assert found is not None, name
    return found(**attributes)


class Sequential:
    """A module under construction: layers are numbered in order unless named, as `nn.Sequential` numbers them."""

    def __init__(self, builder: Builder, value: Value) -> None:
        self.builder = builder
        self.value = value
        self._count = 0

    def add(self, layer: Op | Module, *more: Value, name: str | None = None) -> Value:
        """Applies a layer to the current value and more operands; its first result is current afterwards."""
        label = self._label() if name is None else name
        operands = (self.value, *more)
        apply = self.builder.call if isinstance(layer, Module) else self.builder.apply
        self.value = apply(label, layer, operands, ORIGIN)[0]  # type: ignore[arg-type]
        return self.value

    def chain(self, *layers: Op) -> Sequential:
        for layer in layers:
            self.add(layer)
        return self

    def group(self, name: str, *layers: Op) -> Value:
        """A labelled group of numbered layers."""
        with_group = self.open(name)
        with_group.chain(*layers)
        return self.close(name, with_group)

    def open(self, name: str) -> Sequential:
        return Sequential(self.builder.group(name, ORIGIN), self.value)

    def close(self, name: str, inside: Sequential) -> Value:
        self.builder.close(name, inside.builder)
        self.value = inside.value
        return self.value

    def _label(self) -> str:
        self._count += 1
        return str(self._count - 1)


def start(shape: Sequence[int], name: str = "Net", dtype: str = "float32") -> Sequential:
    """A network's body with one input."""
    builder = Builder("network", name, ORIGIN)
    return Sequential(builder, builder.input(TensorType(tuple(shape), dtype)))


def finish(body: Sequential, output: str = "logits", input: str = "image") -> Network:
    """The network whose result is the current value."""
    body.builder.output(body.value)
    module = body.builder.module
    return Network(module.name, module, (input,), (Output(output, module.outputs[0]),))


def chain(shape: Sequence[int], *layers: Op, name: str = "Net") -> Network:
    """A network of one sequence, its layers numbered."""
    return finish(start(shape, name).chain(*layers))


def conv3(channels: int) -> Op:
    return op("conv", channels=channels, window=(3, 3), pad="half")


def vgg(table: Sequence[Sequence[int]], norm: bool = False, name: str = "VGG16") -> Network:
    """VGG, Simonyan & Zisserman 2015, Table 1, with the paths and the average pool of torchvision.

    The table has a list for each stage, its entries the output maps of a 3x3 convolution.
    """
    body = start((3, 224, 224), name)
    features: list[Op] = []
    for stage in table:
        for channels in stage:
            features += [conv3(channels), *([op("bn")] if norm else []), op("relu")]
        features.append(op("maxpool", window=(2, 2)))
    body.group("features", *features)
    body.add(op("adaptive_avgpool", out=(7, 7)), name="avgpool")
    body.add(op("flatten"), name="flatten")
    hidden = [op("linear", features=4096), op("relu"), op("dropout", p=0.5)]
    body.group("classifier", *hidden, *hidden, op("linear", features=1000))
    return finish(body)


def vgg16() -> Network:
    """Configuration D."""
    return vgg([[64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3])


def vgg11() -> Network:
    """Configuration A."""
    return vgg([[64], [128], [256] * 2, [512] * 2, [512] * 2], name="VGG11")


def vgg19_bn() -> Network:
    """Configuration E with batch normalization."""
    return vgg([[64] * 2, [128] * 2, [256] * 4, [512] * 4, [512] * 4], norm=True, name="VGG19")


def alexnet() -> Network:
    """torchvision's AlexNet: Krizhevsky 2014, one tower."""
    body = start((3, 224, 224), "AlexNet")
    pool = op("maxpool", window=(3, 3), stride=2)
    body.group(
        "features",
        op("conv", channels=64, window=(11, 11), stride=4, pad=2),
        op("relu"),
        pool,
        op("conv", channels=192, window=(5, 5), pad=2),
        op("relu"),
        pool,
        *(layer for channels in (384, 256, 256) for layer in (conv3(channels), op("relu"))),
        pool,
    )
    body.add(op("adaptive_avgpool", out=(6, 6)), name="avgpool")
    body.add(op("flatten"), name="flatten")
    hidden = [op("dropout", p=0.5), op("linear", features=4096), op("relu")]
    body.group("classifier", *hidden, *hidden, op("linear", features=1000))
    return finish(body)


def alexnet_two_gpus() -> Network:
    """Krizhevsky, Sutskever & Hinton 2012, Figure 2: each half of the maps on a GPU of its own, layer 3 sees both."""
    body = start((3, 227, 227), "AlexNet")
    image, tower = body.value, (op("relu"), op("lrn", k=2), op("maxpool", window=(3, 3), stride=2))
    halves = []
    for gpu in range(2):
        body.value = image
        inside = body.open(f"gpu{gpu}")
        inside.add(op("conv", channels=48, window=(11, 11), stride=4), name="conv1")
        inside.chain(*tower)
        inside.add(op("conv", channels=128, window=(5, 5), pad=2), name="conv2")
        inside.chain(*tower)
        halves.append(body.close(f"gpu{gpu}", inside))
    body.value = halves[0]
    body.add(op("concat"), halves[1], name="concat")
    body.add(conv3(384), name="conv3")
    body.add(op("relu"))
    maps = body.builder.apply("split", op("split", parts=2), (body.value,), ORIGIN)
    halves = []
    for gpu in range(2):
        body.value = maps[gpu]
        inside = body.open(f"gpu{gpu}_late")
        inside.add(conv3(192), name="conv4")
        inside.add(op("relu"))
        inside.add(conv3(128), name="conv5")
        inside.chain(op("relu"), op("maxpool", window=(3, 3), stride=2))
        halves.append(body.close(f"gpu{gpu}_late", inside))
    body.value = halves[0]
    body.add(op("concat"), halves[1], name="concat_2")
    body.add(op("flatten"))
    for name in ("fc6", "fc7"):
        body.add(op("linear", features=4096), name=name)
        body.chain(op("relu"), op("dropout", p=0.5))
    body.add(op("linear", features=1000), name="fc8")
    return finish(body)


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
    body = start((1, 32, 32), "LeNet5")
    tanh = op("tanh", gain=1.7159, slope=2 / 3)
    for name, layer in (
        ("c1", op("conv", channels=6, window=(5, 5))),
        ("s2", op("subsample", window=(2, 2))),
        ("c3", op("conv", channels=16, window=(5, 5), table=C3)),
        ("s4", op("subsample", window=(2, 2))),
        ("c5", op("conv", channels=120, window=(5, 5))),
    ):
        body.add(layer, name=name)
        body.add(tanh)
    body.add(op("flatten"))
    body.add(op("linear", features=84), name="f6")
    body.add(tanh)
    body.add(op("rbf", centers=10), name="rbf")
    return finish(body, "penalties")


def residual_block(type: TensorType, channels: int) -> Module:
    """Two 3x3 convolutions with batch normalization beside the identity, as a block of its own."""
    builder = Builder("block", "residual", ORIGIN, text=f"residual({channels})")
    x = builder.input(type)
    inside = Sequential(builder, x)
    inside.add(conv3(channels), name="conv1")
    inside.add(op("bn"), name="bn1")
    inside.add(op("relu"), name="relu1")
    inside.add(conv3(channels), name="conv2")
    inside.add(op("bn"), name="bn2")
    inside.add(op("add"), x, name="add")
    inside.add(op("relu"), name="relu2")
    builder.output(inside.value)
    return builder.module


def resnet(units: int = 3) -> Network:
    """A small residual network: a 7x7 convolution, a group of equal blocks, a head."""
    body = start((3, 32, 32), "ResNet")
    body.add(op("conv", channels=8, window=(7, 7), stride=2, pad=3, bias=False), name="conv1")
    body.add(op("bn"), name="bn1")
    body.add(op("relu"))
    block = residual_block(body.value.type, 8)
    inside = body.open("layer1")
    for _ in range(units):
        inside.add(block)
    body.close("layer1", inside)
    body.add(op("avgpool", window="global"), name="avgpool")
    body.add(op("flatten"), name="flatten")
    body.add(op("linear", features=10), name="fc")
    return finish(body)
