"""AlexNet, 60_965_224 parameters: Krizhevsky, Sutskever & Hinton 2012, Figure 2."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Gpu(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 48, 11, stride=4)
        self.conv2 = nn.Conv2d(48, 128, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x), inplace=True)  # [48, 55, 55]
        x = F.local_response_norm(x, 5, k=2.0)
        x = F.max_pool2d(x, 3, stride=2)  # [48, 27, 27]
        x = F.relu(self.conv2(x), inplace=True)  # [128, 27, 27]
        x = F.local_response_norm(x, 5, k=2.0)
        return F.max_pool2d(x, 3, stride=2)  # [128, 13, 13]


class GpuLate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv4 = nn.Conv2d(192, 192, 3, padding=1)
        self.conv5 = nn.Conv2d(192, 128, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv4(x), inplace=True)
        x = F.relu(self.conv5(x), inplace=True)  # [128, 13, 13]
        return F.max_pool2d(x, 3, stride=2)  # [128, 6, 6]


class AlexNet(nn.Module):
    """AlexNet on two GPUs."""

    def __init__(self) -> None:
        super().__init__()
        self.gpu0 = Gpu()
        self.gpu1 = Gpu()
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.gpu0_late = GpuLate()
        self.gpu1_late = GpuLate()
        self.fc6 = nn.Linear(9216, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, x: Tensor) -> Tensor:
        gpu0 = self.gpu0(x)  # [128, 13, 13]
        x = self.gpu1(x)  # [128, 13, 13]
        x = torch.cat([gpu0, x], dim=1)  # [256, 13, 13]
        del gpu0
        x = F.relu(self.conv3(x), inplace=True)  # [384, 13, 13]
        x, y = torch.chunk(x, 2, dim=1)  # [192, 13, 13] each
        x = self.gpu0_late(x)  # [128, 6, 6]
        y = self.gpu1_late(y)  # [128, 6, 6]
        x = torch.flatten(torch.cat([x, y], dim=1), 1)  # [9216]
        del y
        x = F.relu(self.fc6(x), inplace=True)  # [4096]
        x = F.dropout(x, 0.5, self.training)
        x = F.relu(self.fc7(x), inplace=True)
        x = F.dropout(x, 0.5, self.training)
        return self.fc8(x)  # [1000]
