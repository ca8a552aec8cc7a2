"""Outputs of compiled networks beside those of the modules that torchvision and timm publish, with the same weights.

    pip install torchvision==0.28.0 timm==1.0.31
    python tests/bench/peers.py

Each module gets random weights, statistics of batch norm included; the compiled network loads its `state_dict` with
`strict=True`, and both see the same images in evaluation mode. Prints a row for each network, with the largest difference
over the largest output; exits with 1 where it is over 1e-5. Arguments name networks, as `resnet50`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "specs", ROOT / "tests" / "data" / "outside")
TOLERANCE = 1e-5
BATCH = 2

TORCHVISION = {
    "alexnet": "alexnet:AlexNetTorchvision",
    "vgg11": "vgg:VGG_A",
    "vgg11_bn": "vgg:VGG_A_BN",
    "vgg13": "vgg:VGG_B",
    "vgg13_bn": "vgg:VGG_B_BN",
    "vgg16": "vgg16:VGG16",
    "vgg16_bn": "vgg:VGG_D_BN",
    "vgg19": "vgg:VGG_E",
    "vgg19_bn": "vgg:VGG_E_BN",
    "resnet18": "resnet:ResNet18",
    "resnet34": "resnet:ResNet34",
    "resnet50": "resnet:ResNet50",
    "resnet101": "resnet:ResNet101",
    "resnet152": "resnet:ResNet152",
    "wide_resnet50_2": "wide_resnet:WideResNet50_2",
    "wide_resnet101_2": "wide_resnet:WideResNet101_2",
    "resnext50_32x4d": "resnext:ResNeXt50_32x4d",
    "resnext101_32x8d": "resnext:ResNeXt101_32x8d",
    "resnext101_64x4d": "resnext:ResNeXt101_64x4d",
    "densenet121": "densenet:DenseNet121",
    "densenet161": "densenet:DenseNet161",
    "densenet169": "densenet:DenseNet169",
    "densenet201": "densenet:DenseNet201",
    "mobilenet_v2": "mobilenet_v2:MobileNetV2",
    "mobilenet_v3_large": "mobilenet_v3:MobileNetV3Large",
    "mobilenet_v3_small": "mobilenet_v3:MobileNetV3Small",
    "convnext_tiny": "convnext:ConvNeXtTiny",
    "convnext_small": "convnext:ConvNeXtSmall",
    "convnext_base": "convnext:ConvNeXtBase",
    "convnext_large": "convnext:ConvNeXtLarge",
    "vit_b_16": "vit:ViT_B16",
    "vit_b_32": "vit:ViT_B32",
    "vit_l_16": "vit:ViT_L16",
    "vit_l_32": "vit:ViT_L32",
    "vit_h_14": "vit:ViT_H14",
    **{f"efficientnet_b{i}": f"efficientnet:EfficientNetB{i}" for i in range(8)},
    "efficientnet_v2_s": "efficientnet_v2:EfficientNetV2_S",
    "mnasnet1_0": "mnasnet:MnasNet1_0",
    "r2plus1d_18": "r2plus1d:R2Plus1D",
    "shufflenet_v2_x1_0": "shufflenet_v2:ShuffleNetV2_x1_0",
    "squeezenet1_0": "squeezenet:SqueezeNet1_0",
}

TIMM = {
    "legacy_xception": "xception:Xception",
    "inception_v4": "inception_v4:InceptionV4",
    "inception_resnet_v2": "inception_v4:InceptionResNetV2",
    "nasnetalarge": "nasnet:NASNetALarge",
    "pnasnet5large": "pnasnet:PNASNet5Large",
    "senet154": "senet:SENet154",
    "seresnet50": "senet:SEResNet50",
    "mobilenetv1_100": "mobilenet:MobileNetV1",
    "resnetv2_18": "resnetv2:ResNetV2_18",
    "resnetv2_34": "resnetv2:ResNetV2_34",
    "resnetv2_50": "resnetv2:ResNetV2_50",
    "resnetv2_152": "resnetv2:ResNetV2_152",
    "resnetv2_50x1_bit": "resnetv2:BiT_50x1",
    "resnetv2_152x2_bit": "resnetv2:BiT_152x2",
    "resnetv2_152x4_bit": "resnetv2:BiT_152x4",
    "lambda_resnet26t": "lambda:LambdaResNet26t",
    "lambda_resnet26rpt_256": "lambda:LambdaResNet26rpt",
    "lambda_resnet50ts": "lambda:LambdaResNet50ts",
    "densenet264d": "densenet:DenseNet264d",
    "efficientnet_b0": "efficientnet:EfficientNetB0Timm",
    "efficientnet_l2": "efficientnet:EfficientNetL2",
    "gmlp_s16_224": "gmlp:GmlpS16",
    "mixer_b16_224": "mixer:MixerB16",
    "vit_base_patch16_224": "vit:ViT_B16_timm",
    "vit_huge_patch14_224": "vit:ViT_H14_timm",
}

Make = Callable[[], nn.Module]


def peers() -> dict[str, tuple[str, Make]]:
    """For each name the network and what makes the published module."""
    # Its kernels may be built for another PyTorch. None of them is run here, and no shapes of them are asked for.
    sys.modules["torchvision._meta_registrations"] = ModuleType("torchvision._meta_registrations")
    import timm
    from torchvision import models
    from torchvision.models.densenet import DenseNet
    from torchvision.models.resnet import Bottleneck, ResNet

    def resnet(*layers: int, **options: int) -> Make:
        return partial(ResNet, Bottleneck, list(layers), **options)

    def segmentation(aux_loss: bool) -> nn.Module:
        module: nn.Module = models.segmentation.fcn_resnet50(weights=None, weights_backbone=None, aux_loss=aux_loss)
        return module

    inception = {"weights": None, "init_weights": False}
    return {
        **{name: (network, partial(models.get_model, name)) for name, network in TORCHVISION.items()},
        **{f"timm {name}": (network, partial(timm.create_model, name)) for name, network in TIMM.items()},
        "googlenet": ("googlenet:GoogLeNetTorchvision", partial(models.googlenet, aux_logits=False, **inception)),
        "googlenet, aux": (
            "googlenet:GoogLeNetTorchvisionAux",
            partial(models.googlenet, aux_logits=True, **inception),
        ),
        "inception_v3": ("inception_v3:InceptionV3NoAux", partial(models.inception_v3, aux_logits=False, **inception)),
        "inception_v3, aux": ("inception_v3:InceptionV3", partial(models.inception_v3, aux_logits=True, **inception)),
        "efficientnet_b2 at 288": ("efficientnet:EfficientNetB2_at288", models.efficientnet_b2),
        "convnext_base at 384": ("convnext:ConvNeXtBase_at384", models.convnext_base),
        "vit_b_16 at 384": ("vit:ViT_B16_at384", partial(models.vit_b_16, image_size=384)),
        "vit_h_14 at 518": ("vit:ViT_H14_at518", partial(models.vit_h_14, image_size=518)),
        "mobilenet_v2 at width 1.4": ("mobilenet_v2:MobileNetV2_140", partial(models.mobilenet_v2, width_mult=1.4)),
        "fcn_resnet50": ("fcn:FCNResNet50", partial(segmentation, aux_loss=False)),
        "fcn_resnet50, aux": ("fcn:FCNResNet50Aux", partial(segmentation, aux_loss=True)),
        "densenet264": ("densenet:DenseNet264", partial(DenseNet, 32, (6, 12, 64, 48), 64)),
        "resnet200": ("resnet:ResNet200", resnet(3, 24, 36, 3)),
        "resnext101_32x4d": ("resnext:ResNeXt101_32x4d", resnet(3, 4, 23, 3, groups=32, width_per_group=4)),
        "resnext101_2x64d": ("resnext:ResNeXt101_2x64d", resnet(3, 4, 23, 3, groups=2, width_per_group=64)),
        "resnet101_1x100d": ("resnext:ResNet101_1x100d", resnet(3, 4, 23, 3, width_per_group=100)),
        "resnext101_32x48d": ("resnext:ResNeXt101_32x48d", resnet(3, 4, 23, 3, groups=32, width_per_group=48)),
    }


@torch.no_grad()
def stir(module: nn.Module) -> None:
    """Random numbers for all that a new module has as zeros and ones, so that no two of them can be taken for each other."""
    for parameter in module.parameters():
        if parameter.dim() == 1 or not parameter.std():
            parameter.add_(0.1 * torch.randn_like(parameter))
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 1.5)


def logits(outputs: Any) -> Tensor:
    """The main one of a module's outputs."""
    found = outputs["out"] if isinstance(outputs, dict) else outputs[0] if isinstance(outputs, tuple) else outputs
    assert isinstance(found, Tensor)
    return found


def difference(network: str, make: Make) -> float:
    """The largest difference of the outputs, over the largest output."""
    from archdsl.backends.pytorch import build
    from archdsl.pipeline import open_spec

    file, name = network.split(":")
    path = next(found for folder in FOLDERS if (found := folder / f"{file}.arch").exists())
    spec = open_spec(path).check(name).network
    assert spec is not None
    torch.manual_seed(0)
    theirs, ours = make().eval(), build(spec).eval()
    stir(theirs)
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(BATCH, *spec.input_types[0].shape)
    with torch.no_grad():
        mine, other = logits(ours(images)), logits(theirs(images))
    return ((mine - other).abs().max() / other.abs().max()).item()


def main() -> int:
    sys.path.insert(0, str(ROOT))
    errors = []
    for name, (network, make) in peers().items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        errors.append(difference(network, make))
        print(f"{name:<32}{errors[-1]:.1e}" if errors[-1] else f"{name:<32}equal", flush=True)
    equal, close = sum(e == 0 for e in errors), sum(0 < e <= TOLERANCE for e in errors)
    print(
        f"{len(errors)} modules: {equal} equal in every bit, {close} within {TOLERANCE:g}, {len(errors) - equal - close} not"
    )
    return 0 if equal + close == len(errors) else 1


if __name__ == "__main__":
    sys.exit(main())
