"""ResNet50 for inference, 25_530_472 parameters: He, Zhang, Ren & Sun 2016, Table 1."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up by four (ResNet-50, 101, 152): Figure 5, right.
    `early` puts the stride where the paper has it.
    ResNeXt and Wide ResNet are this block with other `groups` and `base`;
    segmentation spreads its 3x3 by `dilation`.
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1)
        self.conv3 = nn.Conv2d(width, 4 * width, 1)
        self.downsample = None
        if stride != 1 or in_channels != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(in_channels, 4 * width, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.conv1(x), inplace=True)
        y = F.relu(self.conv2(y), inplace=True)
        y = self.conv3(y)
        y += x if self.downsample is None else self.downsample(x)
        return F.relu(y, inplace=True)


class ResNet50(nn.Module):
    """torchvision's, with the stride in the 3x3; NVIDIA calls it version 1.5."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *[Bottleneck(256, 64) for _ in range(2)])
        self.layer2 = nn.Sequential(Bottleneck(256, 128, stride=2), *[Bottleneck(512, 128) for _ in range(3)])
        self.layer3 = nn.Sequential(Bottleneck(512, 256, stride=2), *[Bottleneck(1024, 256) for _ in range(5)])
        self.layer4 = nn.Sequential(Bottleneck(1024, 512, stride=2), *[Bottleneck(2048, 512) for _ in range(2)])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x), inplace=True)  # [64, 112, 112]
        x = self.maxpool(x)  # [64, 56, 56]
        x = self.layer1(x)  # [256, 56, 56]
        x = self.layer2(x)  # [512, 28, 28]
        x = self.layer3(x)  # [1024, 14, 14]
        x = self.layer4(x)  # [2048, 7, 7]
        x = torch.flatten(self.avgpool(x), 1)  # [2048]
        return self.fc(x)  # [1000]


# The layer that has taken up each batch norm, its sibling.
FOLDED = {"bn1": "conv1", "bn2": "conv2", "bn3": "conv3", "1": "0"}


def fold(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the network for training as the one here takes them: `model.load_state_dict(fold(state))`."""
    state = dict(state)
    for norm in [key.removesuffix(".running_var") for key in state if key.endswith(".running_var")]:
        scope, dot, name = norm.rpartition(".")
        key = norm if norm in FOLDED else name
        if FOLDED.get(key) is None:
            continue
        layer = f"{scope}{dot}{FOLDED[key]}"
        weight, shift = state[f"{layer}.weight"], state.pop(f"{norm}.bias")
        mean, variance = state.pop(f"{norm}.running_mean"), state.pop(f"{norm}.running_var")
        state.pop(f"{norm}.num_batches_tracked", None)
        scale = state.pop(f"{norm}.weight") / torch.sqrt(variance + 1e-5)
        state[f"{layer}.weight"] = weight * scale.view(-1, *[1] * (weight.ndim - 1))
        state[f"{layer}.bias"] = shift + scale * (state.get(f"{layer}.bias", 0) - mean)
    return state
