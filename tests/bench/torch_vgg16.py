"""The other side of the comparison: VGG-16 written by hand in PyTorch, summed up by torchinfo.

`python torch_vgg16.py` does it as torchinfo's manual shows, with weights allocated; with `--meta` the network is built
on the meta device, where nothing is allocated or computed.
"""

from __future__ import annotations

import sys

import torch
import torchinfo
from torch import Tensor, nn

STAGES = (64, 64, "pool", 128, 128, "pool", *(256,) * 3, "pool", *(512,) * 3, "pool", *(512,) * 3, "pool")


class VGG16(nn.Module):
    """Configuration D of Simonyan & Zisserman 2015, Table 1."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for stage in STAGES:
            if isinstance(stage, int):
                layers += [nn.Conv2d(channels, stage, 3, padding=1), nn.ReLU(inplace=True)]
                channels = stage
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 1000),
        )

    def forward(self, image: Tensor) -> Tensor:
        x = self.avgpool(self.features(image))
        return self.classifier(torch.flatten(x, 1))


def main() -> None:
    device = "meta" if "--meta" in sys.argv else "cpu"
    with torch.device(device):
        model = VGG16()
    summary = torchinfo.summary(model, (1, 3, 224, 224), device=device, verbose=0)
    print(summary)
    assert summary.total_params == 138_357_544


if __name__ == "__main__":
    main()
