"""Earlier runs of the same job that are over: what a run of its kind did. Pure; the edge gives them to a run as it begins.

Two runs of one job name may be two recipes (a sweep), so an earlier curve counts in a forecast only where it has run side by side with
the present one so far: over the last two octaves of steps their ratio stays the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, log

from rules.median import median
from rules.series import Series

Curve = tuple[Sequence[float], Sequence[float]]
"""Steps (rising) and values, in the log's units."""

MOST_RUNS = 5
MOST_METRICS, MOST_POINTS = 32, 200
"""Of an earlier run that is kept: metrics, and points of each, evenly chosen."""
LOOKED_BACK = 4.0
"""How many times the step has grown over what is compared."""
LEAST_POINTS = 3
APART, DRIFT = log(1.25), 0.03
"""Log of the ratio, and its spread, beyond which an earlier run is another recipe."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One earlier run: its name and its curves by metric."""

    run: str
    curves: Mapping[str, Curve] = field(default_factory=dict)


def reference(run: str, series: Mapping[str, Series], earlier: Mapping[str, Series]) -> Reference:
    """What is kept of a run: of each metric its last attempt, and the one before for the steps that came first."""
    names = [name for name, one in series.items() if one.steps][:MOST_METRICS]
    return Reference(run, {name: _thinned(*_joined(earlier.get(name), series[name])) for name in names})


def alike(references: Sequence[Reference], metric: str, steps: Sequence[float], values: Sequence[float]) -> Iterator[tuple[str, Curve]]:
    """The earlier runs whose curve of ``metric`` runs beside this one, with their names."""
    for one in references:
        curve = one.curves.get(metric)
        if curve is not None and runs_beside(curve, steps, values):
            yield one.run, curve


def runs_beside(curve: Curve, steps: Sequence[float], values: Sequence[float]) -> bool:
    """Whether the ratio of the values to the curve has stayed the same over the last two octaves of steps."""
    ratios: list[float] = []
    for i in range(len(steps) - 1, -1, -1):
        step, value = steps[i], values[i]
        if step < steps[-1] / LOOKED_BACK or len(ratios) >= MOST_POINTS:
            break
        theirs = value_at(curve, step)
        if theirs is not None and theirs > 0 and value > 0 and isfinite(value) and isfinite(theirs):
            ratios.append(log(value) - log(theirs))
    if len(ratios) < LEAST_POINTS:
        return False
    middle = median(ratios)
    return abs(middle) <= APART and median([abs(ratio - middle) for ratio in ratios]) <= DRIFT


def value_at(curve: Curve, step: float) -> float | None:
    """The curve's value at ``step``, by a straight line between its points; None outside of them."""
    steps, values = curve
    i = bisect_left(steps, step)
    if i == len(steps) or (i == 0 and steps[0] != step):
        return None
    if steps[i] == step or i == 0:
        return values[i]
    share = (step - steps[i - 1]) / (steps[i] - steps[i - 1])
    return values[i - 1] + share * (values[i] - values[i - 1])


def _joined(before: Series | None, last: Series) -> Curve:
    cut = 0 if before is None else next((i for i, step in enumerate(before.steps) if step >= last.steps[0]), len(before.steps))
    steps, values = list(last.steps), list(last.values)
    return (steps, values) if before is None else ([*before.steps[:cut], *steps], [*before.values[:cut], *values])


def _thinned(steps: Sequence[float], values: Sequence[float]) -> Curve:
    if len(steps) <= MOST_POINTS:
        return tuple(steps), tuple(values)
    chosen = sorted({round(i * (len(steps) - 1) / (MOST_POINTS - 1)) for i in range(MOST_POINTS)})
    return tuple(steps[i] for i in chosen), tuple(values[i] for i in chosen)
