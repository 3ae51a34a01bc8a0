"""Lists of literals that ship as data: harmless noise (``noise.txt``), and what a line must contain to matter (``wanted.txt``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path


def literals(name: str) -> tuple[bytes, ...]:
    """The literals of the data file ``name`` in its order: one a line, spaces count, ``#`` starts a comment line."""
    text = Path(__file__).with_name(name).read_text("utf-8")
    return tuple(line.encode() for line in text.split("\n") if line.strip() and not line.startswith("#"))


@cache
def noise_literals() -> tuple[bytes, ...]:
    """The literals of ``noise.txt``: lines that look like trouble and are none."""
    return literals("noise.txt")


def is_noise(line: bytes) -> bool:
    """Whether ``line`` contains one of the literals of harmless noise."""
    return any(map(line.__contains__, noise_literals()))
