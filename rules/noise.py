"""How far apart the points of a curve lie by chance: a robust scatter, with the printed rounding as its floor.

All relative: a curve that is positive is looked at in logarithms, so 0.01 means one percent. Pure Python, since the windows are
short and a call to an array library costs more than the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import exp, isfinite, log

from rules.median import median

MAD_TO_SIGMA = 1.4826
"""Of a normal distribution; Rousseeuw and Croux 1993, doi:10.1080/01621459.1993.10476408."""

MANY_STEPS = 12
LARGEST_POWER = 709.0
MEAN_TO_SIGMA = 1.2533
"""Mean absolute deviation to standard deviation, of a normal distribution."""
SPARSE_WORDS = ("val", "eval", "test", "dev", "valid")


@lru_cache(maxsize=1024)
def is_sparse(metric: str) -> bool:
    """Whether a metric of this name is measured now and then over much data (a validation), and not on each batch."""
    return metric.lower().replace("-", "_").split("_", 1)[0] in SPARSE_WORDS


def bounded_exp(power: float) -> float:
    """``exp`` that ends at the largest number instead of failing: a log may print 1e308."""
    return exp(min(power, LARGEST_POWER))


def rounding(values: Sequence[float]) -> float:
    """The step in which the values were printed (0.01 for 0.71 and 0.7), by their shortest decimal form; 0 for none."""
    most = 0
    for value in values:
        if not isfinite(value):
            continue
        mantissa, _, exponent = repr(value).partition("e")
        decimals = len(mantissa.partition(".")[2]) - (int(exponent) if exponent else 0)
        most = max(most, decimals if not mantissa.endswith(".0") else decimals - 1)
    return float(10.0**-most) if values else 0.0


def relative(values: Sequence[float]) -> list[float] | None:
    """The logarithms of finite positive values; None where one is neither."""
    if not values or min(values) <= 0.0 or not all(map(isfinite, values)):
        return None
    return [log(value) for value in values]


def unrest(logs: Sequence[float]) -> float:
    """The same by the mean of the second differences: not robust, but of few points twice as certain."""
    bends = [abs(logs[i] - 2.0 * logs[i - 1] + logs[i - 2]) for i in range(2, len(logs))]
    return MEAN_TO_SIGMA * sum(bends) / len(bends) / 6.0**0.5 if bends else 0.0


def scatter(logs: Sequence[float], values: Sequence[float]) -> float:
    """One point's standard deviation about the local trend, relative, never below one printed digit.

    By the median absolute deviation of second differences, over the root of 6, into which no slope enters; of few points the same of
    successive differences about their own median, over the root of 2, is taken where it is smaller. A few outliers do not matter.
    ``values`` are those that ``logs`` came from.
    """
    steps = [b - a for a, b in pairwise(logs)]
    if len(steps) < 3:
        return 0.1
    rough = median([abs(b - a) for a, b in pairwise(steps)]) / 6.0**0.5
    if len(steps) < MANY_STEPS:
        middle = median(steps)
        rough = min(rough, median([abs(step - middle) for step in steps]) / 2.0**0.5)
    digit = rounding(values[-8:]) / max(median(values), 1e-300)
    spread: float = MAD_TO_SIGMA * rough
    return max(spread, digit, 1e-6)
