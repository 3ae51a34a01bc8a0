"""The median. That of ``statistics`` brings fractions, decimals and a random generator along: 4 ms of every start."""

from __future__ import annotations

from collections.abc import Iterable


def median(values: Iterable[float]) -> float:
    """The middle one, of an even number the mean of the two in the middle. Raises ValueError where there is none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no median of nothing")
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
