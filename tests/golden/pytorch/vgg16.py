"""VGG16, 138_357_544 parameters: Simonyan & Zisserman 2015, Tables 1 and 2, column D."""

import torch
from torch import Tensor, nn


class VGG16(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1),  # [64, 224, 224]
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),  # [64, 112, 112]
            nn.Conv2d(64, 128, 3, padding=1),  # [128, 112, 112]
            nn.ReLU(inplace=True),
            nn.Conv2d(128, 128, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),  # [128, 56, 56]
            nn.Conv2d(128, 256, 3, padding=1),  # [256, 56, 56]
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),  # [256, 28, 28]
            nn.Conv2d(256, 512, 3, padding=1),  # [512, 28, 28]
            nn.ReLU(inplace=True),
            nn.Conv2d(512, 512, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(512, 512, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),  # [512, 14, 14]
            nn.Conv2d(512, 512, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(512, 512, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(512, 512, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),  # [512, 7, 7]
        )
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(25088, 4096),  # [4096]
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 1000),  # [1000]
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [512, 7, 7]
        x = torch.flatten(self.avgpool(x), 1)  # [25088]
        return self.classifier(x)  # [1000]
