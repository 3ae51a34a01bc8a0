"""The curve ahead: the expected value at a later step, an 80 % interval, and the chance that a condition holds there.

Method. Loss curves of a training at a constant learning rate fall as ``E + A * step**-b`` (Hestness et al. 2017,
arXiv 1712.00409; Hoffmann et al. 2022, arXiv 2203.15556). ``E`` cannot be read from a young curve, so it is not fitted but
averaged over: for each of eight fractions ``E / lowest value`` a straight line is fitted to ``log(value - E)`` over
``log(step)``, over the last 1.25 octaves of steps, and the eight are weighted by a prior times how well each explains the last
two and a half octaves. The decay of the learning rate pulls a curve below that (Tissue et al. 2024, arXiv 2408.11029; Luo
et al. 2025, arXiv 2503.12811): it is taken as extra training time, ``exp(DECAY_GAIN)`` times the steps at the end of a decay,
where the total or the schedule is known, and as its average over unknown totals where it is not.

The error is proportional to how far the curve still has to go: sigma is a share of the expected drop that grows with the horizon,
plus the noise of the points. Curves of earlier runs, where they are given, replace most of this by what those runs did over the same steps.

What it is worth. The constants below were chosen on 76 real curves of 26 recipes, all small language models, most with a linear decay
to zero. Chosen anew on one half of the recipes and measured on the other, both ways (``bench/judge.py --only forecast`` prints it), the
error of the log loss at 1.25, 1.5 and 2 times the steps was 0.30, 0.39 and 0.99 % (0.28, 0.37, 0.94 on all), with the total told 0.29,
0.35 and 0.82 % (0.24, 0.32, 0.81), and the 80 % interval held 81 and 79 %.
On other kinds of curve nothing is promised but that the interval widens with the noise, and that it refuses.

Known weakness: it knows nothing of a schedule that it is not told, of a second phase (new data, longer context), or of
overfitting that has not begun. Points of the warm-up weigh little, because the fit looks back less than three octaves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Curve = tuple[Sequence[float], Sequence[float]]
"""Steps (rising) and values."""

Z80 = 1.2815515655446004
"""Half of the 80 % interval of a normal distribution, in sigmas."""

MIN_POINTS = 4
"""Fewer finite points than this: no forecast. One of them may be step 0, which a power law cannot place."""

MAX_LOG_HALF_WIDTH = math.log(1.6)
"""A wider 80 % interval (a third below to 60 % above) says nothing that a person would act on."""

MAX_LOG_VALUE = 690.0
"""Beyond e**690 in size there are no losses, and soon no floats."""

MAX_HORIZON = 30.0
"""Times the present step; beyond it a young curve is a guess."""

FLOOR_FRACTIONS = np.array([0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
FLOOR_PRIOR = np.array([0.01, 0.02, 0.03, 0.06, 0.12, 0.35, 0.40, 0.01])
"""The asymptote as a share of the lowest value so far, and how often it is that (language models: 1.7 of 2.3 to 3.5 nats)."""

FIT_OCTAVES, WEIGH_OCTAVES = 1.25, math.log2(6.0)
MISFIT = 0.003
"""Residual (log loss) by which one weight of the mixture loses a factor sqrt(e) a point."""
MOST_WEIGHT = 5.0
"""Points that may vote against the prior: the residuals of neighbours are not independent."""

DECAY_GAIN, DECAY_FROM = 0.30, 0.55
"""A finished decay is worth exp(0.30) times the steps; where it begins, as a share of the total, if nobody says."""
UNKNOWN_DECAY = 0.30
"""The same for an unknown total: 0.30 * log(at / now) ** 2, the average over how far the end may be."""


DROP_SHARE, KNOWN_SHARE, DROP_GROWTH = 0.2, 0.24, 0.7
"""Sigma is 0.2 of the expected drop of the log loss, times the log steps ahead to the power 0.7; 0.24 where the total or the schedule is
told, since a drop that is expected from both the curve and an unknown end is larger for the same doubt."""
TRUSTED_SLOPE_ERROR = 0.5
"""Relative error of a slope above which the fit looks further back."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the learning rate does: ``constant``, or a decay to (near) zero that starts at ``decay_from`` of the total steps (a cosine: at
    once, if nobody says)."""

    kind: Literal["constant", "linear", "cosine"] = "linear"
    decay_from: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected value at a step in the log's own unit, its 80 % interval, and sigma of the logarithm of ``value - offset``.

    ``sign`` is -1 where the curve is a score below 1 that rises; then ``1 - value`` is what falls.
    """

    value: float
    low: float
    high: float
    sigma: float
    method: str
    points: int
    sign: int = 1


def forecast(
    steps: Sequence[float], values: Sequence[float], at: float, *,
    total_steps: float | None = None, schedule: Schedule | None = None, references: Sequence[Curve] = (), higher_is_better: bool = False,
) -> Forecast | None:  # fmt: skip
    """What a curve will be at step ``at``. None where it refuses: too few points, a step that is reached, an interval that says
    nothing, a curve that is not finite now, or values that no power law can have (at or below 0).

    ``steps`` rise, in the log's own axis; ``total_steps`` and ``at`` are in the same. ``references`` are curves of earlier runs. A
    metric of which more is better (an accuracy) must lie below 1: its distance to 1 is what falls.
    """
    x, y = np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if not len(x) or not math.isfinite(y[-1]) or not x[-1] < at <= MAX_HORIZON * x[-1]:
        return None
    finite = np.isfinite(y)
    points = int(finite.sum())
    keep = finite & (x > 0)
    x, y = x[keep], y[keep]
    if points < MIN_POINTS or len(x) < MIN_POINTS - 1:
        return None
    sign = -1 if higher_is_better else 1
    y = y if sign > 0 else 1.0 - y
    if np.min(y) <= 0:
        return None
    gain = _decay_gain(x[-1], at, total_steps, schedule)
    with np.errstate(all="ignore"):  # a log may print 1e308; what comes of it is not finite and refused below
        ahead = _continue(x, y, at, gain, KNOWN_SHARE if total_steps is not None or schedule is not None else DROP_SHARE)
    method = "power law"
    shown = _from_references(x, y, at, references, ahead.noise)
    if shown is not None:
        ahead, method = _combine(ahead, shown), f"power law and {len(references)} earlier runs"
    half = Z80 * ahead.sigma
    if not half <= MAX_LOG_HALF_WIDTH or not abs(ahead.log_value) < MAX_LOG_VALUE:
        return None
    low, middle, high = (math.exp(ahead.log_value + side) for side in (-half, 0.0, half))
    if sign < 0:
        low, middle, high = 1.0 - high, 1.0 - middle, 1.0 - low
    return Forecast(middle, low, high, ahead.sigma, method, points, sign)


def probability(forecast: Forecast, holds: Callable[[float], bool]) -> float:
    """The chance (0 to 1) that the value will satisfy ``holds``, by the quantiles of the forecast's distribution."""
    centre = math.log(forecast.value if forecast.sign > 0 else 1.0 - forecast.value)
    met = 0
    for z in _NORMAL_QUANTILES:
        value = math.exp(centre + forecast.sigma * z)
        met += bool(holds(value if forecast.sign > 0 else 1.0 - value))
    return met / len(_NORMAL_QUANTILES)


def past_errors(
    steps: Sequence[float], values: Sequence[float], horizon: float, *, total_steps: float | None = None, schedule: Schedule | None = None,
    most: int = 8,
) -> list[tuple[float, float]]:  # fmt: skip
    """What this method would have got wrong on this run so far: (step, log of value over forecast), looking ``horizon`` times as far.

    At most the last ``most`` points are tried; a point that no earlier one could forecast is left out.
    """
    found = []
    for i in range(max(0, len(steps) - most), len(steps)):
        stood = sum(1 for s in steps if s <= steps[i] / horizon)
        made = forecast(steps[:stood], values[:stood], steps[i], total_steps=total_steps, schedule=schedule) if stood else None
        if made is not None and values[i] > 0 and made.value > 0:
            found.append((float(steps[i]), math.log(values[i] / made.value)))
    return found


@dataclass(frozen=True, slots=True)
class _Ahead:
    log_value: float
    sigma: float
    noise: float


def _decayed(progress: float, start: float) -> float:
    """How much of the gain of a learning-rate decay has come in: 0 before ``start``, 1 at the end, slow at both."""
    z = min(1.0, max(0.0, (progress - start) / (1.0 - start)))
    return z * z * (3.0 - 2.0 * z)


def _decay_gain(now: float, at: float, total_steps: float | None, schedule: Schedule | None) -> float:
    """The learning rate's decay between ``now`` and ``at`` as extra log steps."""
    if schedule is not None and schedule.kind == "constant":
        return 0.0
    if total_steps is None or total_steps < at * 0.999:
        return min(DECAY_GAIN, UNKNOWN_DECAY * math.log(at / now) ** 2)
    start = DECAY_FROM if schedule is None or schedule.kind != "cosine" else 0.0
    if schedule is not None and schedule.decay_from is not None:
        start = min(0.99, max(0.0, schedule.decay_from))
    return DECAY_GAIN * (_decayed(at / total_steps, start) - _decayed(now / total_steps, start))


def _since(x: Floats, octaves: float, least: int) -> int:
    """How many of the last points lie within ``octaves`` of the last step; at least ``least``."""
    return max(int((x >= x[-1] / 2.0**octaves * (1 - 1e-9)).sum()), min(least, len(x)))


def _continue(x: Floats, y: Floats, at: float, gain: float, drop_share: float) -> _Ahead:
    """The mixture of eight power laws at ``at``; see the head of the file. ``drop_share`` is the share of the drop that is unsure."""
    wide = _since(x, WEIGH_OCTAVES, 3)
    x, y = x[-wide:], y[-wide:]
    log_x, log_y, weight = np.log(x / x[-1]), np.log(y), x / x[-1]
    horizon = math.log(at / x[-1])
    target = horizon + gain
    octaves, slope_error = FIT_OCTAVES, math.inf
    while True:
        fit = _since(x, octaves, 3)
        ahead, residuals, slope = _mixture(log_x, log_y, y, weight, fit, target)
        noise = _noise(residuals, weight)
        spread = float((weight[-fit:] * (log_x[-fit:] - np.average(log_x[-fit:], weights=weight[-fit:])) ** 2).sum())
        slope_error = noise / math.sqrt(spread) if spread > 0 else math.inf
        # A noisy curve needs a longer look back before its slope means anything.
        if fit >= wide or slope_error < TRUSTED_SLOPE_ERROR * abs(slope):
            break
        octaves += 0.5
    drop = abs(ahead - float(log_y[-1]))
    unsure = drop_share * drop * horizon**DROP_GROWTH
    sigma = math.sqrt(unsure**2 + noise**2 + (slope_error * target) ** 2)
    return _Ahead(ahead, sigma, noise)


def _noise(residuals: Floats, weight: Floats) -> float:
    """Standard deviation of the points about the curve, from successive differences, which a smooth misfit hardly enters
    (von Neumann 1941, doi:10.1214/aoms/1177731677)."""
    difference, w = np.diff(residuals), weight[1:]
    return math.sqrt(float((w * difference**2).sum() / (2.0 * w.sum()))) * (1.0 + 1.0 / len(difference))


def _mixture(log_x: Floats, log_y: Floats, y: Floats, weight: Floats, fit: int, target: float) -> tuple[float, Floats, float]:
    """The expected log value ``target`` log steps ahead, the residuals of the mixture, its slope now."""
    floors = FLOOR_FRACTIONS[:, None] * float(np.min(y))
    excess = np.log(y[None, :] - floors)
    w = weight[-fit:] / weight[-fit:].sum()
    middle_x = float((w * log_x[-fit:]).sum())
    middle_y = (w * excess[:, -fit:]).sum(axis=1)
    off = log_x[-fit:] - middle_x
    slope = (w * off * (excess[:, -fit:] - middle_y[:, None])).sum(axis=1) / max(float((w * off**2).sum()), 1e-12)
    if slope[0] > 0:
        # Rising: a line in log-log, and only half of it is carried on; no law says how overfitting continues.
        line = float(middle_y[0]) + float(slope[0]) * (log_x - middle_x)
        return float(middle_y[0]) - float(slope[0]) * middle_x + 0.5 * float(slope[0]) * target, log_y - line, float(slope[0])
    fitted = np.log(floors + np.exp(middle_y[:, None] + slope[:, None] * (log_x[None, :] - middle_x)))
    residuals = log_y[None, :] - fitted
    counted = min(float(weight.sum()), MOST_WEIGHT)
    evidence = -0.5 * (weight * (residuals / MISFIT) ** 2).sum(axis=1) / weight.sum() * counted + np.log(FLOOR_PRIOR)
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    ahead = np.log(floors[:, 0] + np.exp(middle_y + slope * (target - middle_x)))
    local = slope * (1.0 - FLOOR_FRACTIONS * float(np.min(y)) / float(y[-1]))
    return float((share * ahead).sum()), (share[:, None] * residuals).sum(axis=0), float((share * local).sum())


def _from_references(x: Floats, y: Floats, at: float, references: Sequence[Curve], noise: float) -> _Ahead | None:
    """What earlier runs did between the present step and ``at``, carried over to this run's level; None where none got that far."""
    drops = []
    for their_steps, their_values in references:
        their_x, their_y = np.asarray(their_steps, dtype=np.float64), np.asarray(their_values, dtype=np.float64)
        good = np.isfinite(their_y) & (their_y > 0)
        their_x, their_y = their_x[good], their_y[good]
        if len(their_x) < 2 or their_x[-1] < at * 0.999 or their_x[0] > x[-1]:
            continue
        recent = x >= max(x[-1] / 1.5, their_x[0])
        level = float(np.mean(np.log(y[recent]) - np.log(np.interp(x[recent], their_x, their_y))))
        drops.append(level + math.log(float(np.interp(at, their_x, their_y))))
    if not drops:
        return None
    expected = float(np.median(drops))
    way = abs(expected - math.log(float(y[-1])))
    spread = float(np.std(drops)) if len(drops) > 2 else 0.0
    return _Ahead(expected, math.sqrt((0.08 * way) ** 2 + spread**2 + noise**2), noise)


def _combine(one: _Ahead, other: _Ahead) -> _Ahead:
    """Both, weighted by their certainty."""
    first, second = (1.0 / max(a.sigma, 1e-9) ** 2 for a in (one, other))
    share = first / (first + second)
    middle = share * one.log_value + (1.0 - share) * other.log_value
    apart = share * (1.0 - share) * (one.log_value - other.log_value) ** 2
    return _Ahead(middle, math.sqrt(1.0 / (first + second) + apart), one.noise)


def _normal_quantiles(count: int) -> tuple[float, ...]:
    from statistics import NormalDist

    normal = NormalDist()
    return tuple(normal.inv_cdf((i + 0.5) / count) for i in range(count))


_NORMAL_QUANTILES = _normal_quantiles(400)
