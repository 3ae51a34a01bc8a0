"""A small vision transformer for gridded weather fields, in two versions that do not fit each other.

`pretrain` has the MLP of a timm block (`mlp.fc1`, `mlp.fc2`) everywhere and a three-layer head.
`finetune` gives block 0 an attention with two parameters of its own and an `nn.Sequential` MLP
(`mlp.0`, `mlp.2`), and the head is one Linear: eight keys that no checkpoint of `pretrain` holds.
"""

import torch
from torch import nn
from torch.nn import functional as F

VARS, GRID, PATCH = 15, 8, 2
OUT = VARS * PATCH * PATCH


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class Attention(nn.Module):
    def __init__(self, dim, heads, topo=False):
        super().__init__()
        self.heads, self.topo = heads, topo
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        if topo:
            self.elevation_alpha = nn.Parameter(torch.tensor(0.1))
            self.H_scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, x, elevation):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        bias = None
        if self.topo:  # moving air uphill costs
            climb = F.relu(elevation[:, None, :] - elevation[:, :, None])
            bias = (-self.elevation_alpha * climb / self.H_scale)[:, None]
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.proj(x.transpose(1, 2).reshape(b, n, d))


class Block(nn.Module):
    def __init__(self, dim, heads, topo=False):
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(dim), Attention(dim, heads, topo), nn.LayerNorm(dim)
        if topo:
            self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        else:
            self.mlp = Mlp(dim, 4 * dim)

    def forward(self, x, elevation):
        x = x + self.attn(self.norm1(x), elevation)
        return x + self.mlp(self.norm2(x))


class ClimaX(nn.Module):
    def __init__(self, stage, dim=64, depth=7, heads=4):
        super().__init__()
        self.patch_embed = nn.Linear(OUT, dim)
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, (GRID // PATCH) ** 2, dim))
        self.blocks = nn.ModuleList(Block(dim, heads, stage == "finetune" and i == 0) for i in range(depth))
        self.norm = nn.LayerNorm(dim)
        if stage == "finetune":
            self.head = nn.Linear(dim, OUT)
        else:
            self.head = nn.Sequential(
                nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, OUT)
            )

    def forward(self, tokens, elevation):
        x = self.patch_embed(tokens) + self.pos_embed
        for block in self.blocks:
            x = block(x, elevation)
        return self.head(self.norm(x))


class Forecaster(nn.Module):
    """The wrapper that puts `climax.` before every key."""

    def __init__(self, stage, **kwargs):
        super().__init__()
        self.climax = ClimaX(stage, **kwargs)

    def forward(self, tokens, elevation):
        return self.climax(tokens, elevation)


def weather(n, seed, noise=0.5):
    """Fields and their next state: a nonlinearity, a little wind, and noise that nobody can learn."""
    tokens_n = (GRID // PATCH) ** 2
    g = torch.Generator().manual_seed(7)
    modes, inside = torch.randn(6, OUT, generator=g) / 2, torch.randn(OUT, OUT, generator=g) / OUT**0.5
    between = torch.softmax(2 * torch.randn(tokens_n, tokens_n, generator=g), -1)
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, tokens_n, 6, generator=g) @ modes
    y = 2.2 * torch.tanh(x @ inside) + 0.2 * between @ x + 0.8 * x
    elevation = torch.rand(n, tokens_n, generator=g)
    return x, elevation, y + noise * torch.randn(y.shape, generator=g)
