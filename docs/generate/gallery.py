"""The gallery: pictures of networks of the zoo, each drawn from its spec alone."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from typing import NamedTuple

from docs.generate.markdown import page


class Picture(NamedTuple):
    """A network to draw, and what to look at."""

    network: str
    """FILE:NETWORK below `specs/`."""
    style: str
    words: str


PICTURES = {
    "lenet5": Picture("lenet.arch:LeNet5", "auto", "LeNet-5 is one run, so it is one card: a row for each layer."),
    "alexnet": Picture(
        "alexnet.arch:AlexNet",
        "auto",
        "AlexNet as it was trained: two towers, one for each GPU, that meet in one layer.",
    ),
    "vgg16": Picture("vgg16.arch", "auto", "VGG-16: the table of the paper, with what each layer costs."),
    "googlenet": Picture(
        "googlenet.arch:GoogLeNet",
        "auto",
        "GoogLeNet: nine modules, drawn once in their own parameters; the bar of the `concat` is divided as the channels are.",
    ),
    "resnet50": Picture(
        "resnet.arch:ResNet50",
        "overview",
        "ResNet-50: the stages as cards, and beside them the block with and without projection.",
    ),
    "inception_v3": Picture(
        "inception_v3.arch:InceptionV3", "auto", "Inception v3: five kinds of modules, one of them forked twice."
    ),
    "senet50": Picture("senet.arch:SEResNet50", "auto", "SE-ResNet-50: a gate inside a residual unit inside a stage."),
    "resnext50": Picture(
        "resnext.arch:ResNeXt50_32x4d", "overview", "ResNeXt-50: the same picture as ResNet-50, with groups."
    ),
    "mobilenet_v2": Picture(
        "mobilenet_v2.arch:MobileNetV2", "overview", "MobileNet v2: inverted residuals, with and without a shortcut."
    ),
    "efficientnet_b0": Picture(
        "efficientnet.arch:EfficientNetB0", "auto", "EfficientNet-B0: the same block at seven widths."
    ),
    "densenet121": Picture(
        "densenet.arch:DenseNet121",
        "auto",
        "DenseNet-121: every layer joins all before it; the `concat`s are a staircase.",
    ),
    "xception": Picture(
        "xception.arch:Xception", "overview", "Xception: separable convolutions in an entry, a middle and an exit flow."
    ),
    "unet": Picture("unet.arch:UNet", "auto", "U-Net: what each level keeps is cut to size and joined on the way up."),
    "vit_b16": Picture(
        "vit.arch:ViT_B16",
        "auto",
        "ViT-B/16: twelve equal layers are drawn once; learned tensors come in from the side.",
    ),
}
"""By the name of the file in docs/images."""

GALLERY = """
    Each picture comes from a spec alone, by `archdsl draw`: nothing is placed by hand. A run of layers is a card; an arrow is
    where something happens. What occurs several times is drawn once. The colours follow the reader's light or dark setting.
    """


def gallery_page() -> str:
    """All pictures with their words."""
    parts: list[Sequence[str]] = [cleandoc(GALLERY).split("\n")]
    for name, picture in PICTURES.items():
        style = f" --style {picture.style}" if picture.style != "auto" else ""
        parts.append([picture.words])
        parts.append([f"![{picture.words.partition(':')[0].partition(' is ')[0]}](images/{name}.svg)"])
        parts.append([f"`archdsl draw specs/{picture.network}{style} -o {name}.svg`"])
    return page("Gallery", *parts)
