"""What a curve's own past promises over its next points, and how far the points that came fell short of it.

The points before a window, over their last octave of steps, are a power law above a floor: a straight line through
``log(value - FLOOR * last)`` over ``log(step)`` (as in ``rules/forecast.py``, with one floor instead of a mixture: over the short way
to the end of a window the floor hardly matters). It is carried on from the mean of the last points before the window. Pure Python,
and at most 16 sums a judgement: this is asked at each validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from rules.noise import MEAN_TO_SIGMA, rounding

FLOOR = 0.5
"""Of the last value; what does not fall. Between 0 and 0.8 the promise over a fifth of the way differs by a tenth."""
FIT_OCTAVES = 1.2
LEAST_POINTS, MOST_POINTS = 6, 16
"""Points of the fit; more are taken together."""
ANCHOR_POINTS = 3
NOISE_POINTS = 24
TINY = 1e-290
"""Below it, and above its inverse, floats run out of digits or of room."""
FEW = 0.8
"""By how much a noise measured on few points is taken larger: ``1 + FEW / points`` times."""
STEEPER = 3.0
"""Noises by which the ends of the fit lie below its middle."""
MISFIT = 1.4
"""Times the misfit by which the slope may be off, where the points lie above their line at both ends."""
DOUBT = 0.12
"""Share of the promised fall by which healthy curves differ from their promise: other floors, ends of a schedule."""


@dataclass(frozen=True, slots=True)
class Fall:
    """Over the window, in logarithms: the mean fall that was promised, the one that came, and the standard error of the difference."""

    promised: float
    seen: float
    error: float
    noise: float
    within_promised: float
    within_seen: float
    """From the first two points of the window to its last two."""
    since: float
    middle: float
    """Steps at which the window begins, and its middle."""


def fall(steps: Sequence[float], values: Sequence[float], window: int, caution: float = 1.0) -> Fall | None:
    """How the last ``window`` points fell against what those before them promised.

    ``steps`` rise, ``values`` are finite; the noise is taken ``caution`` times as large. None where a value is not positive or fewer
    than six points with a step above 0 stand before the window.
    """
    stood = len(values) - window
    if stood < LEAST_POINTS or not TINY < min(values) <= max(values) < 1.0 / TINY:
        return None
    begin, start = steps[stood - 1], stood
    while start > 0 and (steps[start - 1] * 2.0**FIT_OCTAVES >= begin or stood - start < LEAST_POINTS) and steps[start - 1] > 0.0:
        start -= 1
    if stood - start < LEAST_POINTS:
        return None
    far = start
    while far > max(0, stood - NOISE_POINTS) and steps[far - 1] > 0.0:
        far -= 1
    xs, logs = [log(s) for s in steps[far:]], [log(v) for v in values[far:]]
    # The smaller: a warm-up among the older points is no noise, and the fit's own points may be few.
    noise = min(noise_between(xs, logs, window), noise_between(xs[start - far :], logs[start - far :], window))
    noise = max(noise, 0.5 * rounding(values[-8:]) / values[-1], 1e-6)
    xs, logs = xs[start - far :], logs[start - far :]
    before = logs[:-window]
    line = _Line.through(xs[:-window], before)
    off_line = _off(line, xs[:-window], before)
    if len(before) > LEAST_POINTS and _bend(off_line) < -STEEPER * noise:
        # A decay of the learning rate has set in: what was before it says too little.
        line = _Line.through(xs[-window - LEAST_POINTS : -window], before[-LEAST_POINTS:])
        off_line = _off(line, xs[:-window], before)[-LEAST_POINTS:]
    ahead = [line.at(x) for x in xs[-window:]]
    came = logs[-window:]
    noise *= caution
    anchor = min(max(ANCHOR_POINTS, window // 2), len(off_line))
    off = sum(off_line[-anchor:]) / anchor
    here = line.at(xs[-window - 1]) + off
    promised = here - off - sum(ahead) / window
    way = log(steps[stood + window // 2] / begin)
    # Points that lie above the line at both its ends: it flattens faster than the line says.
    misfit = 0.0 if _bend(off_line) < 0.0 else MISFIT**2 * max(sum(y * y for y in off_line) - len(off_line) * noise**2, 0.0)
    error = (noise**2 * (1.0 / window + 1.0 / anchor) + (DOUBT * promised) ** 2 + (noise**2 + misfit) * (line.reach * way) ** 2) ** 0.5
    return Fall(
        promised, here - sum(came) / window, error, noise, 0.5 * (ahead[0] + ahead[1] - ahead[-1] - ahead[-2]),
        0.5 * (came[0] + came[1] - came[-1] - came[-2]), steps[stood], steps[stood + window // 2],
    )  # fmt: skip


def _bend(off: list[float]) -> float:
    """Middle of the first and last third, above that of the points between."""
    third = len(off) // 3
    first, last, between = off[:third], off[-third:], off[third:-third]
    return 0.5 * (sum(first) / third + sum(last) / third) - sum(between) / len(between)


def noise_between(xs: Sequence[float], ys: Sequence[float], window: int = 0) -> float:
    """One point's standard deviation: how far each lies from the line between its neighbours. A kink where the window begins is none."""
    off, stood = [], len(xs) - window
    for i in range(1, len(xs) - 1):
        gap = xs[i + 1] - xs[i - 1]
        if (window and i in (stood - 1, stood)) or gap <= 0.0:
            continue
        share = (xs[i + 1] - xs[i]) / gap
        between = share * ys[i - 1] + (1.0 - share) * ys[i + 1]
        off.append(abs(ys[i] - between) / (1.0 + share**2 + (1.0 - share) ** 2) ** 0.5)
    return MEAN_TO_SIGMA * sum(off) / len(off) * (1.0 + FEW / len(off)) if off else 0.0


def _off(line: _Line, xs: list[float], ys: list[float]) -> list[float]:
    """How far the last points lie above the line."""
    return [y - line.at(x) for x, y in zip(xs[-NOISE_POINTS:], ys[-NOISE_POINTS:], strict=True)]


@dataclass(frozen=True, slots=True)
class _Line:
    """``log(value - floor) = height + slope * (log step - middle)``."""

    floor: float
    middle: float
    height: float
    slope: float
    reach: float
    """Standard error of the slope, in noises of one point."""

    @staticmethod
    def through(xs: list[float], ys: list[float]) -> _Line:
        """By least squares; ``ys`` are logarithms."""
        group = -(-len(xs) // MOST_POINTS)
        if group > 1:
            xs, ys = _grouped(xs, group), _grouped(ys, group)
        floor = FLOOR * exp(min(ys))
        excess = [log(exp(y) - floor) for y in ys]
        middle, height = sum(xs) / len(xs), sum(excess) / len(xs)
        spread = sum((x - middle) ** 2 for x in xs) or 1e-12
        slope = sum((x - middle) * (e - height) for x, e in zip(xs, excess, strict=True)) / spread
        return _Line(floor, middle, height, slope, (spread * group) ** -0.5)

    def at(self, x: float) -> float:
        return log(self.floor + exp(min(self.height + self.slope * (x - self.middle), 700.0)))


def _grouped(values: list[float], group: int) -> list[float]:
    return [sum(values[i : i + group]) / len(values[i : i + group]) for i in range(len(values) % group, len(values), group)]
