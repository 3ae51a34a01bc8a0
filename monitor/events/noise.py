"""The list of harmless noise (``noise.txt``): lines that look like trouble and are none."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def noise_literals() -> tuple[bytes, ...]:
    """The literals of ``noise.txt``, in its order."""
    text = files("monitor.events").joinpath("noise.txt").read_text("utf-8")
    return tuple(line.rstrip("\n").encode() for line in text.split("\n") if line.strip() and not line.startswith("#"))


def is_noise(line: bytes) -> bool:
    """Whether ``line`` contains one of the literals."""
    return any(literal in line for literal in noise_literals())
