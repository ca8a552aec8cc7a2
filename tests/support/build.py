"""Networks for tests, built without any text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from archdsl.ir import Builder, Module, Network, Op, Origin, Output, TensorType, Value
from archdsl.ops import find
from archdsl.source import Source, Span

HERE = Origin(Span(Source("test.arch", ""), 0, 0))
LABELLED = HERE._replace(is_labelled=True)


def op(name: str, *args: Any, **attributes: Any) -> Op:
    """An operator by its name in specs: `op("conv", 64, 3, pad=1)`."""
    kind = find(name)
    assert kind is not None, name
    fields = list(kind.fields())
    return kind(**dict(zip(fields, args, strict=False)), **attributes)


class Body:
    """A module being built. Unlabelled layers are numbered as in specs; a merge's name is the operator's."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._count = 0
        self._names: set[str] = set()

    def name(self, layer: Op | Module | None, label: str) -> str:
        if not label and (not isinstance(layer, Op) or layer.numbered):
            label, self._count = str(self._count), self._count + 1
        elif not label:
            assert isinstance(layer, Op)
            numbers = (f"_{n}" for n in count(2))
            label = layer.name
            while label in self._names:
                label = f"{layer.name}{next(numbers)}"
        self._names.add(label)
        return label

    def each(self, layer: Op | Module, *values: Value, label: str = "", training: bool = False) -> tuple[Value, ...]:
        """All results of a layer."""
        name, origin = self.name(layer, label), LABELLED if label else HERE
        if isinstance(layer, Module):
            return self.builder.call(name, layer, values, origin, training)
        return self.builder.apply(name, layer, values, origin, training)

    def one(self, layer: Op | Module, *values: Value, label: str = "", training: bool = False) -> Value:
        """The only result of a layer."""
        (result,) = self.each(layer, *values, label=label, training=training)
        return result

    def chain(self, value: Value, *layers: Op | Module | tuple[str, Op | Module]) -> Value:
        """Layers one after the other; a pair has a label."""
        for layer in layers:
            label, layer = layer if isinstance(layer, tuple) else ("", layer)
            value = self.one(layer, value, label=label)
        return value

    def group(
        self, label: str, value: Value, *layers: Op | Module | tuple[str, Op | Module], training: bool = False
    ) -> Value:
        """A labelled group of layers one after the other."""
        inner = Body(self.builder.group(label, LABELLED))
        result = inner.chain(value, *layers)
        self.builder.close(self.name(None, label), inner.builder, training)
        return result


def network(name: str, *inputs: TensorType | tuple[str, TensorType], doc: str = "") -> tuple[Body, tuple[Value, ...]]:
    """The body of a network and its inputs; `finish` makes the network of it."""
    builder = Builder("network", name, HERE, doc=doc)
    body = Body(builder)
    values = []
    for index, given in enumerate(inputs):
        label, type = given if not isinstance(given, TensorType) else (f"input{index}" if index else "image", given)
        value = builder.input(type)
        value.tap = label
        values.append(value)
    return body, tuple(values)


def finish(
    body: Body, *outputs: Value | tuple[str, Value], training: tuple[str, ...] = (), source: str = ""
) -> Network:
    """The network of a body; an output may have a name."""
    named = [o if isinstance(o, tuple) else (f"out{i}" if i else "logits", o) for i, o in enumerate(outputs)]
    for _, value in named:
        body.builder.output(value)
    module = body.builder.module
    found = tuple(Output(n, v, n in training) for (n, _), v in zip(named, module.outputs, strict=True))
    inputs = tuple(v.tap or "" for v in module.inputs)
    return Network(module.name, module, inputs, found, (source,) if source else ())


def block(name: str, *inputs: TensorType, doc: str = "") -> tuple[Body, tuple[Value, ...]]:
    """The body of a block and its inputs."""
    builder = Builder("block", name, HERE, doc=doc)
    return Body(builder), tuple(builder.input(t) for t in inputs)


def end(body: Body, *outputs: Value) -> Module:
    """The module of a block's body."""
    for value in outputs:
        body.builder.output(value)
    return body.builder.module


def image(channels: int = 3, height: int = 224, width: int | None = None) -> TensorType:
    return TensorType((channels, height, height if width is None else width))


def sequence(*layers: Op | Module | tuple[str, Op | Module], input: TensorType, name: str = "Net") -> Network:
    """A network of layers one after the other."""
    body, (x,) = network(name, input)
    return finish(body, body.chain(x, *layers))


VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def vgg16(*, size: int = 224, width: int = 1, hidden: int = 4096, classes: int = 1000) -> Network:
    """Configuration D of Simonyan & Zisserman 2015; all channels divided by `width`."""
    body, (x,) = network("VGG16", image(3, size), doc="Configuration D, with the average pool of torchvision.")
    x = body.group("features", x, *_vgg_features(width))
    x = body.one(op("adaptive_avgpool", 7), x, label="avgpool")
    x = body.one(op("flatten"), x)
    hidden_layers = [op("linear", hidden), op("relu"), op("dropout", 0.5)]
    x = body.group("classifier", x, *hidden_layers, *hidden_layers, op("linear", classes))
    return finish(body, x, source="Simonyan & Zisserman 2015, Tables 1 and 2")


def _vgg_features(width: int) -> Iterator[Op]:
    for channels, depth in VGG16:
        for _ in range(depth):
            yield op("conv", channels // width, 3, pad="half")
            yield op("relu")
        yield op("maxpool", 2)


def two_towers(*, width: int = 1, classes: int = 1000) -> Network:
    """AlexNet on two GPUs (Krizhevsky et al. 2012, Figure 2); all channels divided by `width`."""
    lrn, pool = op("lrn", 5, k=2), op("maxpool", 3, stride=2)
    body, (x,) = network("AlexNet", image(3, 227), doc="AlexNet on two GPUs.")
    early = (
        ("conv1", op("conv", 48 // width, 11, stride=4)),
        *(op("relu"), lrn, pool),
        ("conv2", op("conv", 128 // width, 5, pad=2)),
        *(op("relu"), lrn, pool),
    )
    late = (
        ("conv4", op("conv", 192 // width, 3, pad=1)),
        op("relu"),
        ("conv5", op("conv", 128 // width, 3, pad=1)),
        *(op("relu"), pool),
    )
    x = body.one(op("concat"), *(body.group(f"gpu{i}", x, *early) for i in range(2)))
    x = body.chain(x, ("conv3", op("conv", 384 // width, 3, pad=1)), op("relu"))
    maps = body.each(op("split", 2), x)
    x = body.one(op("concat"), *(body.group(f"gpu{i}_late", maps[i], *late) for i in range(2)))
    x = body.chain(x, op("flatten"))
    for i in (6, 7):
        x = body.chain(x, (f"fc{i}", op("linear", 4096 // width)), op("relu"), op("dropout", 0.5))
    x = body.chain(x, ("fc8", op("linear", classes)))
    return finish(body, x, source="Krizhevsky, Sutskever & Hinton 2012, Figure 2")


def bottleneck(input: TensorType, width: int, stride: int = 1) -> Module:
    """The residual block of ResNet-50 (He et al. 2015), module names as in torchvision."""
    body, (x,) = block("bottleneck", input, doc="1x1 down, 3x3, 1x1 up by four.")
    y = body.chain(
        x,
        ("conv1", op("conv", width, 1, bias=False)),
        ("bn1", op("bn")),
        op("relu"),
        ("conv2", op("conv", width, 3, stride=stride, pad=1, bias=False)),
        ("bn2", op("bn")),
        op("relu"),
        ("conv3", op("conv", 4 * width, 1, bias=False)),
        ("bn3", op("bn")),
    )
    if stride != 1 or input.channels != 4 * width:
        x = body.group("downsample", x, op("conv", 4 * width, 1, stride=stride, bias=False), op("bn"))
    return end(body, body.chain(body.one(op("add"), y, x), op("relu")))


def resnet(depths: tuple[int, ...] = (3, 4, 6, 3), *, size: int = 224, base: int = 64, classes: int = 1000) -> Network:
    """ResNet-50 (He et al. 2015), module names as in torchvision."""
    body, (x,) = network("ResNet50", image(3, size))
    x = body.chain(x, ("conv1", op("conv", base, 7, stride=2, pad=3, bias=False)), ("bn1", op("bn")), op("relu"))
    x = body.one(op("maxpool", 3, stride=2, pad=1), x, label="maxpool")
    for i, depth in enumerate(depths):
        inner, (y,) = block("layer", x.type)
        y = inner.one(bottleneck(y.type, base * 2**i, 1 if i == 0 else 2), y)
        if depth > 1:
            unit = bottleneck(y.type, base * 2**i)
            y = inner.chain(y, *[unit] * (depth - 1))
        x = body.one(end(inner, y), x, label=f"layer{i + 1}")
    x = body.chain(x, ("avgpool", op("avgpool", "global")), op("flatten"), ("fc", op("linear", classes)))
    return finish(body, x, source="He et al. 2015")
