"""The seed's case in real torch modules: a checkpoint of timm-like blocks and a three-layer head, a model that changed both."""

from __future__ import annotations

import torch
from torch import nn


class Mlp(nn.Module):
    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim)


class Attention(nn.Module):
    def __init__(self, dim: int, *, topoflow: bool) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        if topoflow:
            self.elevation_alpha = nn.Parameter(torch.zeros(()))
            self.H_scale = nn.Parameter(torch.tensor(1000.0))


class Block(nn.Module):
    def __init__(self, dim: int, *, topoflow: bool) -> None:
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(dim), Attention(dim, topoflow=topoflow), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)) if topoflow else Mlp(dim, 4 * dim)


class ClimaX(nn.Module):
    """``now=False`` is what the checkpoint holds, ``now=True`` the model that loads it."""

    def __init__(self, *, now: bool, dim: int = 768, depth: int = 8, out: int = 60) -> None:
        super().__init__()
        self.token_embed = nn.Conv2d(15, dim, 2, 2)
        self.pos_embed = nn.Parameter(torch.zeros(1, 8192, dim))
        self.blocks = nn.ModuleList(Block(dim, topoflow=now and i == 0) for i in range(depth))
        self.norm = nn.LayerNorm(dim)
        linear = nn.Linear(dim, out)
        self.head = linear if now else nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim), nn.GELU(), linear)


class Wrapped(nn.Module):
    """As a LightningModule holds it: every key begins with ``model.``."""

    def __init__(self, *, now: bool, dim: int = 768, depth: int = 8) -> None:
        super().__init__()
        self.model = nn.Module()
        self.model.climax = ClimaX(now=now, dim=dim, depth=depth)


def small(*, now: bool) -> ClimaX:
    torch.manual_seed(0)
    return ClimaX(now=now, dim=16, depth=2, out=6)
