"""A rules file learned from finished runs: at a few steps, what such a run had reached by then.

At each chosen step the curves are read by a straight line between their points. Of several runs the band is the median and the robust
spread over the runs (median absolute deviation); of one run it is a share of the value, as no spread can be known. A milestone is
missed above twice the spread and worries above four times. Steps are chosen evenly in their logarithm, where curves are straight, among
those at which a run was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log

from rules.history import goes_up
from rules.median import median
from rules.noise import MAD_TO_SIGMA
from rules.references import value_at

Curve = tuple[Sequence[float], Sequence[float]]
"""Steps (rising) and values of one metric of one run."""

MILESTONES = 7
LEAST_SPREAD, ALONE_SPREAD = 0.01, 0.03
"""Relative: runs of one recipe differ by about a percent; of a single run nobody knows."""
MISSED, WORRY = 2.0, 4.0
SMALLEST_SHARE = 1e-6
"""Of the last step: earlier ones are no milestones."""
SHOWN_RUNS = 6


@dataclass(frozen=True, slots=True)
class Band:
    """At ``step``: the median over ``runs`` runs, and their spread (one standard deviation), both in the log's unit."""

    step: float
    middle: float
    spread: float
    runs: int


def bands(curves: Sequence[Curve], milestones: int = MILESTONES) -> list[Band]:
    """The bands of ``curves`` at a few steps, earliest first; empty where no curve has two points.

    A step is taken where at least half of the runs have been.
    """
    clean = [_finite(curve) for curve in curves]
    clean = [(steps, values) for steps, values in clean if len(steps) > 1]
    if not clean:
        return []
    # The steps of the run whose length is in the middle: at a step where no run validates, a milestone would be judged later.
    middle_run, _ = sorted(clean, key=lambda curve: curve[0][-1])[(len(clean) - 1) // 2]
    found = []
    for step in chosen_steps(middle_run, milestones):
        seen = [value for steps, values in clean if (value := value_at((steps, values), step)) is not None]
        if 2 * len(seen) < len(clean) or not seen:
            continue
        middle = median(seen)
        spread = MAD_TO_SIGMA * median([abs(value - middle) for value in seen])
        least = abs(middle) * (ALONE_SPREAD if len(seen) < 3 else LEAST_SPREAD)
        found.append(Band(step, middle, max(spread, least), len(seen)))
    return found


def chosen_steps(seen: Sequence[float], count: int) -> list[float]:
    """At most ``count`` of the steps ``seen`` (rising): the last, and before it evenly in the logarithm."""
    last = seen[-1]
    places = [step for step in seen if step > last * SMALLEST_SHARE]
    if not places or places[0] >= last or count < 2:
        return [last]
    ratio = (last / places[0]) ** (1.0 / (count - 1))
    wanted = (places[0] * ratio**i for i in range(count - 1))
    return sorted({*(min(places, key=lambda step, at=at: abs(log(step / at))) for at in wanted), last})  # type: ignore[misc]


def learned_rules(runs: Mapping[str, Mapping[str, Curve]], metric: str = "val_loss", milestones: int = MILESTONES) -> str:
    """The text of a rules file. ``runs`` maps a run's name to its curves by metric. Raises ValueError where none has the metric."""
    told = {name: curves[metric] for name, curves in runs.items() if metric in curves}
    found = bands(list(told.values()), milestones)
    if not found:
        known = sorted({name for curves in runs.values() for name in curves})
        raise ValueError(f"no run has a curve of {metric}; they have {', '.join(known) or 'none at all'}")
    upwards = goes_up(metric)
    shown = ", ".join(_plain(name) for name in list(told)[:SHOWN_RUNS])
    more = f" and {len(told) - SHOWN_RUNS} more" if len(told) > SHOWN_RUNS else ""
    of_runs = f"{len(told)} run{'s' if len(told) > 1 else ''}"
    least = "at least 1 % of the value" if len(told) > 2 else "of fewer than three runs 3 % of the value"
    lines = [
        f"# Learned from {of_runs}: {shown}{more}.",
        f"# At each step the median {'minus' if upwards else 'plus'} {MISSED:g} spreads is missed, {WORRY:g} spreads worry.",
        f"# A spread is one robust standard deviation over the runs, {least}.",
        "version: 1",
        f"metric: {metric}",
        f"baseline: {{{metric}: {_digits(found[-1].middle)}, step: {found[-1].step:.15g}, label: learned from {of_runs}}}",
        "milestones:",
        *(_line(band, upwards) for band in found),
        "preset: default",
        "",
    ]
    return "\n".join(lines)


def _line(band: Band, upwards: bool) -> str:
    sign, op, worse = (-1, ">", "<") if upwards else (1, "<", ">")
    missed, worry = (_digits(band.middle + sign * times * band.spread) for times in (MISSED, WORRY))
    seen = f"median {_digits(band.middle)}, spread {band.spread:.2g}, {band.runs} run{'s' if band.runs > 1 else ''}"
    return f"  - step {band.step:.15g} {op} {missed}, worry {worse} {worry}    # {seen}"


def _finite(curve: Curve) -> Curve:
    pairs = [(s, v) for s, v in zip(*curve, strict=True) if isfinite(v)]
    return [s for s, _ in pairs], [v for _, v in pairs]


def _digits(value: float) -> str:
    return f"{value:.4g}"


def _plain(name: str) -> str:
    """A run's name as a comment may hold it: one line, bounded."""
    return "".join(c if c.isprintable() else "?" for c in name)[:80]
