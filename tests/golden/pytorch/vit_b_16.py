"""ViT_B16, 86_567_656 parameters: Dosovitskiy et al. 2021, Table 1."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn


class SelfAttention(nn.MultiheadAttention):
    """Multi-head attention of tokens to each other (Vaswani et al. 2017)."""

    def __init__(self, features: int, heads: int, **kwargs: Any) -> None:
        super().__init__(features, heads, batch_first=True, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x, x, need_weights=False)[0].contiguous()


class EncoderLayer(nn.Module):
    """Figure 1, right: attention, then the MLP, each behind a norm and beside a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(768, eps=1e-6)
        self.self_attention = SelfAttention(768, 12)
        self.dropout = nn.Dropout(0.0)
        self.ln_2 = nn.LayerNorm(768, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(768, 3072),  # [197, 3072]
            nn.GELU(),
            nn.Dropout(0.0),
            nn.Linear(3072, 768),  # [197, 768]
            nn.Dropout(0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        y = self.dropout(self.self_attention(y))
        seen = x + y
        del y
        x = self.ln_2(seen)
        x = self.mlp(x)
        return seen + x


class Encoder(nn.Module):
    """Equation 1: position embeddings; then `depth` layers, and a last norm."""

    def __init__(self) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.zeros(1, 197, 768))
        self.dropout = nn.Dropout(0.0)
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", EncoderLayer()) for i in range(12)))
        self.ln = nn.LayerNorm(768, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pos_embedding
        x = self.dropout(x)
        x = self.layers(x)
        return self.ln(x)


class ViT_B16(nn.Module):  # noqa: N801
    def __init__(self) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(3, 768, 16, stride=16)
        self.class_token = nn.Parameter(torch.zeros(1, 1, 768))
        self.encoder = Encoder()
        self.heads = nn.Sequential(OrderedDict(head=nn.Linear(768, 1000)))

    def forward(self, x: Tensor) -> Tensor:
        patches = torch.flatten(self.conv_proj(x), 2)  # [768, 196]
        patches = patches.permute(0, 2, 1)  # [196, 768]
        x = torch.cat([self.class_token.expand(patches.shape[0], -1, -1), patches], dim=1)  # [197, 768]
        del patches
        x = self.encoder(x)[:, 0]  # [768]
        return self.heads(x)  # [1000]
