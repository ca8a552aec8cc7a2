"""MLP, 203_530 parameters."""

from torch import nn


class MLP(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Flatten(),  # [784]
            nn.Linear(784, 256),  # [256]
            nn.ReLU(inplace=True),
            nn.Linear(256, 10),  # [10]
            nn.Softmax(dim=1),
        )
