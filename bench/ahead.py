"""The forecast on real curves: standing at 30 and 50 % of a run, looking 1.25, 1.5 and 2 times as far.

Its constants were chosen on these recipes. So it is also told what they are worth on recipes that they have not seen: the recipes
are halved, the constants are chosen anew on one half (a coordinate search from a plain start, not from the values in use), and the
other half is forecast with them; both ways.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rules.forecast as ahead
from rules.forecast import forecast, probability

RATIOS = (1.25, 1.5, 2.0)
GOALS = {1.25: 0.0040, 1.5: 0.0065, 2.0: 0.0110}
SEARCHED: dict[str, tuple[Any, ...]] = {
    "DECAY_GAIN": (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5), "DECAY_FROM": (0.4, 0.5, 0.55, 0.6, 0.7),
    "UNKNOWN_DECAY": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5), "FIT_OCTAVES": (0.75, 1.0, 1.25, 1.5), "MISFIT": (0.003, 0.005, 0.01, 0.02),
    "FLOOR_PRIOR": ("even", "low", "high"),
}  # fmt: skip
START = {"DECAY_GAIN": 0.25, "DECAY_FROM": 0.5, "UNKNOWN_DECAY": 0.1, "FIT_OCTAVES": 1.25, "MISFIT": 0.01, "FLOOR_PRIOR": "even"}
PRIORS = {"even": np.full(8, 0.125), "low": np.array([0.1, 0.2, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05]), "high": ahead.FLOOR_PRIOR}
"""Of the asymptote: anywhere, half of the lowest value or less, mostly 0.7 to 0.8 of it (the one in use)."""
SPREADS = (0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.22, 0.24, 0.27, 0.3, 0.35)
"""Of ``DROP_SHARE`` or ``KNOWN_SHARE``: chosen last, for an interval that holds 80 %."""


@dataclass(frozen=True)
class Case:
    """A place to stand, a step to forecast, and what came."""

    recipe: str
    steps: np.ndarray
    values: np.ndarray
    at: float
    ratio: float
    truth: float
    total: float


@dataclass(frozen=True)
class Outcome:
    recipe: str
    ratio: float
    error: float
    held: bool


def cases(path: Path) -> list[Case]:
    found = []
    for row in map(json.loads, path.read_text().splitlines()):
        steps, values = np.array(row["steps"], float), np.array(row["val_loss"])
        recipe = "/".join(row["path"].split("/")[1:3])
        for share in (0.3, 0.5):
            n = int((steps <= steps[-1] * share).sum())
            for ratio in RATIOS:
                at = float(steps[n - 1] * ratio)
                found.append(Case(recipe, steps[:n], values[:n], at, ratio, float(np.interp(at, steps, values)), float(steps[-1])))
    return found


def outcomes(standing: list[Case], told: bool) -> list[Outcome]:
    """What became of the forecasts that were not refused; ``told`` whether the total is known."""
    found = []
    for case in standing:
        made = forecast(case.steps, case.values, case.at, total_steps=case.total if told else None)
        if made is not None:
            held = made.low <= case.truth <= made.high
            found.append(Outcome(case.recipe, case.ratio, abs(math.log(made.value / case.truth)), held))
    return found


def by_recipe(found: list[Outcome], ratio: float) -> tuple[float, float]:
    """Mean error and share held, each recipe counting once."""
    each = defaultdict(list)
    for one in found:
        if one.ratio == ratio:
            each[one.recipe].append((one.error, one.held))
    means = np.array([np.mean(rows, axis=0) for rows in each.values()])
    return float(means[:, 0].mean()), float(means[:, 1].mean())


def report(found: list[Outcome], naive: Mapping[float, float] | None = None) -> None:
    for ratio in RATIOS:
        mine = [one for one in found if one.ratio == ratio]
        error, held = by_recipe(found, ratio)
        line = f"; a line in log-log {naive[ratio]:.2%}" if naive else ""
        print(
            f"    {ratio:4} times as far: mean error of log loss {np.mean([one.error for one in mine]):.2%}, by recipe {error:.2%}{line}; "
            f"80 % interval holds {np.mean([one.held for one in mine]):.1%}, by recipe {held:.1%}"
        )


def real_curves(path: Path) -> None:
    standing = cases(path)
    naive = {
        ratio: float(np.mean([abs(math.log(line_in_log_log(c.steps, c.values, c.at) / c.truth)) for c in standing if c.ratio == ratio]))
        for ratio in RATIOS
    }
    recipes = sorted({case.recipe for case in standing})
    for told in (False, True):
        found, known = outcomes(standing, told), "known" if told else "unknown"
        print(f"forecast, real curves of {len(recipes)} recipes, total steps {known}: {len(found)}; refused {len(standing) - len(found)}")
        report(found, naive)
        print(f"    all: 80 % interval holds {np.mean([one.held for one in found]):.1%}")
        brier(standing, told)
    for told in (False, True):
        print(f"the same with constants chosen on the other half of the recipes, total steps {'known' if told else 'unknown'}")
        report(left_out(standing, recipes, told))


def left_out(standing: list[Case], recipes: list[str], told: bool) -> list[Outcome]:
    """Each half of the recipes, forecast with constants that were chosen on the other."""
    found = []
    for half in (recipes[::2], recipes[1::2]):
        mine, others = ([c for c in standing if (c.recipe in half) is inside] for inside in (True, False))
        chosen = choose(others, told)
        print(f"    chosen on {len(recipes) - len(half)} recipes: {', '.join(f'{k} {v}' for k, v in chosen.items())}")
        with constants(chosen):
            found += outcomes(mine, told)
    return found


def choose(standing: list[Case], told: bool) -> dict[str, Any]:
    """Constants with the least error by recipe, each horizon in units of its goal; then the width of the interval."""
    chosen: dict[str, Any] = dict(START)
    spread = "KNOWN_SHARE" if told else "DROP_SHARE"
    for _ in range(2):
        for name, values in SEARCHED.items():
            chosen[name] = min(values, key=lambda value, name=name: _error(standing, told, {**chosen, name: value}))  # type: ignore[misc]
    chosen[spread] = min(SPREADS, key=lambda share: abs(_held(standing, told, {**chosen, spread: share}) - 0.8))
    return chosen


def _error(standing: list[Case], told: bool, values: Mapping[str, Any]) -> float:
    with constants(values):
        found = outcomes(standing, told)
    return sum(by_recipe(found, ratio)[0] / GOALS[ratio] for ratio in RATIOS)


def _held(standing: list[Case], told: bool, values: Mapping[str, Any]) -> float:
    with constants(values):
        found = outcomes(standing, told)
    return sum(by_recipe(found, ratio)[1] for ratio in RATIOS) / len(RATIOS)


@contextmanager
def constants(values: Mapping[str, Any]) -> Iterator[None]:
    """The forecast with other constants, for as long as the block lasts."""
    before = {name: getattr(ahead, name) for name in values}
    for name, value in values.items():
        setattr(ahead, name, PRIORS[value] if name == "FLOOR_PRIOR" else value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(ahead, name, value)


def brier(standing: list[Case], told: bool) -> None:
    """How good the chance of a milestone is, for thresholds around what came."""
    chances, point = [], []
    for case in standing:
        made = forecast(case.steps, case.values, case.at, total_steps=case.total if told else None)
        for offset in (-0.02, -0.01, -0.005, 0.005, 0.01, 0.02) if made is not None else ():
            limit = case.truth * (1 + offset)
            chances.append((probability(made, lambda v, limit=limit: v < limit) - (case.truth < limit)) ** 2)
            point.append(((made.value < limit) - (case.truth < limit)) ** 2)
    print(f"    Brier {np.mean(chances):.3f}; base rate 0.250; point forecast {np.mean(point):.3f}")


def line_in_log_log(steps: np.ndarray, values: np.ndarray, at: float) -> float:
    """The yardstick: a straight line through the last octave (three points at least)."""
    keep = steps > 0
    x, y = np.log(steps[keep]), np.log(values[keep])
    n = max(3, int((steps[keep] >= steps[-1] / 2).sum()))
    return float(np.exp(np.polyval(np.polyfit(x[-n:], y[-n:], 1), math.log(at))))
