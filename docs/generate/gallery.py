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
    options: str
    """Of `archdsl draw`."""
    words: str

    @property
    def file(self) -> str:
        """Of `specs/`."""
        return self.network.partition(":")[0]

    @property
    def title(self) -> str:
        """What it shows: the first words."""
        return self.words.partition(":")[0].partition(" is ")[0].removesuffix(".")


PICTURES = {
    "vgg16_volumes": Picture("vgg16.arch", "--style volumes", "VGG-16 as its poster: what the layers make, to scale."),
    "vgg16": Picture("vgg16.arch", "", "VGG-16: the table of the paper, with what each layer costs."),
    "vgg16_params": Picture(
        "vgg16.arch", "--color-by params", "VGG-16 by its parameters: three of four are in one dense layer."
    ),
    "unet": Picture(
        "unet.arch:UNet", "", "U-Net as in its paper: what each level keeps is cut to size and joined on the way up."
    ),
    "resnet50": Picture(
        "resnet.arch:ResNet50",
        "--style overview",
        "ResNet-50: the stages as cards, and beside them the block with and without projection.",
    ),
    "resnet50_volumes": Picture("resnet.arch:ResNet50", "--style volumes", "ResNet-50 by its stages."),
    "densenet121": Picture(
        "densenet.arch:DenseNet121",
        "",
        "DenseNet-121: every layer joins all before it, so a block is a state that grows: 64 maps and six times 32.",
    ),
    "googlenet": Picture(
        "googlenet.arch:GoogLeNet",
        "",
        "GoogLeNet: nine modules, drawn once in their own parameters; the bar of the `concat` is divided as the channels are.",
    ),
    "googlenet_3a": Picture(
        "googlenet.arch:GoogLeNet", "--expand inception3a", "GoogLeNet: its first module in place, with its figures."
    ),
    "vit_b16": Picture(
        "vit.arch:ViT_B16", "", "ViT-B/16: twelve equal layers are drawn once; learned tensors come in from the side."
    ),
    "lenet5": Picture("lenet.arch:LeNet5", "", "LeNet-5 is one run, so it is one card: a row for each layer."),
    "lenet5_volumes": Picture("lenet.arch:LeNet5", "--style volumes", "LeNet-5: maps shrink, and become vectors."),
    "alexnet": Picture(
        "alexnet.arch:AlexNet", "", "AlexNet as it was trained: two towers, one for each GPU, that meet in one layer."
    ),
    "zfnet_volumes": Picture("zfnet.arch:ZFNet", "--style volumes", "ZFNet: what a smaller first window keeps."),
    "inception_v3": Picture(
        "inception_v3.arch:InceptionV3", "", "Inception v3: five kinds of modules, one of them forked twice."
    ),
    "senet50": Picture("senet.arch:SEResNet50", "", "SE-ResNet-50: a gate inside a residual unit inside a stage."),
    "resnext50": Picture(
        "resnext.arch:ResNeXt50_32x4d", "--style overview", "ResNeXt-50: the same picture as ResNet-50, with groups."
    ),
    "mobilenet_v2": Picture(
        "mobilenet_v2.arch:MobileNetV2",
        "--style overview",
        "MobileNet v2: inverted residuals, with and without a shortcut.",
    ),
    "efficientnet_b0": Picture(
        "efficientnet.arch:EfficientNetB0", "", "EfficientNet-B0: the same block at seven widths."
    ),
    "convnext_tiny": Picture(
        "convnext.arch:ConvNeXtTiny", "", "ConvNeXt-T: large windows, one map at a time, and a scale."
    ),
    "xception": Picture(
        "xception.arch:Xception",
        "--style overview",
        "Xception: separable convolutions in an entry, a middle and an exit flow.",
    ),
    "fcn8s": Picture("fcn.arch:FCN8s", "--style u", "FCN-8s: VGG-16, and scores of three levels added on the way up."),
    "deconvnet": Picture(
        "deconvnet.arch:DeconvNet", "", "DeconvNet: each unpooling puts values where its pool found them."
    ),
    "vnet": Picture("vnet.arch:VNet", "", "V-Net: the same for volumes, its stages drawn once."),
    "faster_rcnn": Picture(
        "faster_rcnn.arch:FasterRCNN",
        "--style overview",
        "Faster R-CNN: its body, the pyramid, the proposals folded into a row, and the heads for regions.",
    ),
    "autoencoder": Picture(
        "autoencoder.arch:Autoencoder",
        "--style u",
        "The autoencoder of Hinton and Salakhutdinov: levels by the length of vectors.",
    ),
}
"""By the name of the file in docs/images."""

FURTHER = {
    "alexnet_ablations": Picture(
        "alexnet_ablations.arch:AlexNetWithout3467", "--style volumes", "AlexNet without its layers 3, 4, 6 and 7."
    ),
    "allconv": Picture("allconv.arch:AllCNN_C", "", "All-CNN-C: strided convolutions in place of pools."),
    "amoebanet": Picture("amoebanet.arch:AmoebaNetA_6_190", "--style overview", "AmoebaNet-A, its cells drawn once."),
    "ciresan": Picture("ciresan.arch:CiresanN4", "", "The pixel classifier N4."),
    "convnet": Picture("convnet.arch:ConvNet", "", "A small network for digits."),
    "deepface": Picture("deepface.arch:DeepFace", "", "DeepFace: layers without shared weights."),
    "fractalnet": Picture("fractalnet.arch:FractalNet20", "--style overview", "FractalNet of 20 layers."),
    "inception_v2": Picture("inception_v2.arch:InceptionV2", "--style overview", "Inception v2."),
    "inception_v4": Picture("inception_v4.arch:InceptionV4", "--style overview", "Inception v4."),
    "lambda": Picture("lambda.arch:LambdaResNet50", "--style overview", "LambdaResNet-50."),
    "fully_convolutional": Picture(
        "lectures.arch:FullyConvolutional",
        "--style volumes",
        "Stages down to a 32nd of the image, and back by interpolation.",
    ),
    "reduced": Picture("lectures.arch:FiveByFiveReduced", "", "A 5×5 window through 16 maps."),
    "separable": Picture("lectures.arch:SeparableConvolution", "", "A separable convolution."),
    "mlp": Picture("mlp.arch:MLP", "", "A perceptron of two layers."),
    "mobilenet": Picture(
        "mobilenet.arch:MobileNetV1", "", "MobileNet v1: depthwise and pointwise convolutions in turn."
    ),
    "mobilenet_v3": Picture("mobilenet_v3.arch:MobileNetV3Large", "--style overview", "MobileNet v3 large."),
    "nasnet": Picture("nasnet.arch:NASNetALarge", "--style overview", "NASNet-A large, its cells drawn once."),
    "pnasnet": Picture("pnasnet.arch:PNASNet5Large", "--style overview", "PNASNet-5 large."),
    "polynet": Picture("polynet.arch:PolyNet", "--style overview", "PolyNet."),
    "pyramidnet": Picture(
        "pyramidnet.arch:PyramidNet110_48",
        "--style overview",
        "PyramidNet of 110 layers, which widens from unit to unit.",
    ),
    "resnet_cifar": Picture("resnet_cifar.arch:ResNet20", "--style overview", "ResNet-20 for CIFAR-10."),
    "resnetv2": Picture("resnetv2.arch:ResNetV2_50", "--style overview", "The pre-activation ResNet-50."),
    "siamese": Picture("siamese.arch:Siamese", "", "A Siamese network: two inputs, one set of weights."),
    "vgg": Picture("vgg.arch:VGG_E", "--style volumes", "VGG-19, configuration E."),
    "wide_resnet": Picture("wide_resnet.arch:WRN28_10", "--style overview", "The wide ResNet 28-10."),
}
"""Those that stand in the page of the specs alone."""

DRAWN = PICTURES | FURTHER

GALLERY = """
    Each picture comes from a spec alone, by `archdsl draw`: nothing is placed by hand. A run of layers is a card; an arrow is
    where something happens. What occurs several times is drawn once. The colours follow the reader's light or dark setting.
    """


def pictures_of(file: str) -> dict[str, Picture]:
    """The pictures of networks in a file of `specs/`: those for its page alone, else the first of the gallery."""
    further, shown = ({n: p for n, p in of.items() if p.file == file} for of in (FURTHER, PICTURES))
    return further or dict(list(shown.items())[:1])


def gallery_page() -> str:
    """All pictures with their words."""
    parts: list[Sequence[str]] = [cleandoc(GALLERY).split("\n")]
    for name, picture in PICTURES.items():
        options = f" {picture.options}" if picture.options else ""
        parts.append([picture.words])
        parts.append([f"![{picture.title}](images/{name}.svg)"])
        parts.append([f"`archdsl draw specs/{picture.network}{options} -o {name}.svg`"])
    return page("Gallery", *parts)
