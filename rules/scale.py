"""A curve as one that falls and stays above zero, whatever it is: what the rules compare are shares, and those need a zero.

A loss that is positive is taken as it is. One that has been at or below zero (a VAE, a flow, a Dice loss), and a score of which more is
better, have no zero of their own: they are measured from as far below their best as the best lies from where they began, so a change is a
share of all that was gained.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from rules.history import Series, goes_up


@dataclass(frozen=True, slots=True)
class Scale:
    """``sign`` is -1 where more is better; ``zero`` is in the log's unit."""

    zero: float = 0.0
    sign: int = 1

    def to(self, value: float) -> float:
        return self.sign * (value - self.zero)

    def back(self, scaled: float) -> float:
        """The log's own number."""
        return self.zero + self.sign * scaled

    def all(self, values: Iterable[float]) -> list[float]:
        return [self.sign * (value - self.zero) for value in values]

    @property
    def worse(self) -> str:
        return "risen" if self.sign > 0 else "fallen"


PLAIN = Scale()


def scale_of(metric: str, series: Series) -> Scale | None:
    """The scale of what ``series`` has shown; None where it has gained nothing yet from which to measure."""
    best, up = series.best, goes_up(metric)
    if best is None:
        return None
    if best > 0.0 and not up:
        return PLAIN
    early = [value for value in series.values[:3] if isfinite(value)]
    if not early:
        return None
    sign = -1 if up else 1
    span = sign * ((min(early) if up else max(early)) - best)
    return Scale(best - sign * span, sign) if 1e-290 < span < 1e290 else None
