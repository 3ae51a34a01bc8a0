"""Synthetic trainings: healthy ones of many shapes, and the faults that are put into them.

``make_curve`` is the set that the goals speak of: power laws with noise, a third each of constant, cosine and linear end. ``VARIANTS``
are the shapes beside it on which nothing was tuned: other exponents and floors, a warm-up, restarts of the schedule, a jump after a
resume, tails, only one of the two losses, epochs, a validation on every line, no total.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
START_S = 1_700_000_000.0
FAULTS = ("nan", "divergence", "spike and recovery", "spike and no recovery", "flat", "half speed", "silence", "validation rises")


@dataclass
class Curve:
    """One synthetic run. ``noise`` and ``batch_noise`` are relative standard deviations, ``digits`` printed after the point."""

    steps: np.ndarray
    val_at: np.ndarray
    mean: np.ndarray
    val_mean: np.ndarray
    train: np.ndarray
    val: np.ndarray
    times: np.ndarray
    noise: float
    batch_noise: float
    digits: int
    shape: str
    total: float | None = None
    shows: str = "both"
    """``both``, ``train`` or ``val``: which losses the log prints."""
    epochs: bool = False
    """Whether the log counts epochs and no steps."""


def make_curve(rng: np.random.Generator) -> Curve:
    """A power law with noise; two thirds of them end in a cosine or a linear decay."""
    prints = int(rng.integers(100, 1200))
    every = int(rng.choice([1, 5, 10, 50, 100]))
    steps = np.arange(1, prints + 1) * float(every)
    validations = int(rng.integers(12, 80))
    val_at = np.unique(np.linspace(prints / validations, prints, validations).astype(int) - 1)
    floor, start, power = rng.uniform(0.05, 3.0), rng.uniform(1.2, 8.0), rng.uniform(0.15, 0.8)
    begin = steps[-1] * rng.uniform(0.002, 0.05)
    t = (steps + begin) / begin
    shape = str(rng.choice(["constant", "cosine", "linear"]))
    excess = floor * (start - 1.0) * t**-power
    mean = floor + excess * (1.0 - rng.uniform(0.1, 0.4) * decayed(shape, steps / steps[-1]))
    noise = float(rng.choice([0.0005, 0.002, 0.005, 0.01, 0.02]))
    batch_noise = float(rng.choice([0.005, 0.02, 0.05, 0.1, 0.2]))
    digits = int(rng.integers(2, 7))
    gap = 1.0 + rng.uniform(0.0, 0.05)
    val_mean = mean[val_at] * gap
    times = clock(rng, every, prints, val_at)
    return Curve(
        steps, val_at, mean, val_mean, noisy(rng, mean, batch_noise), noisy(rng, val_mean, noise), times, noise, batch_noise, digits,
        shape, float(steps[-1]),
    )  # fmt: skip


def decayed(shape: str, progress: np.ndarray) -> np.ndarray:
    """How much of a decay has come in, 0 to 1."""
    ends = {"constant": 0.0 * progress, "cosine": 0.5 * (1 - np.cos(np.pi * progress)), "linear": np.clip((progress - 0.6) / 0.4, 0, 1)}
    return ends[shape]


def clock(rng: np.random.Generator, every: float, prints: int, val_at: np.ndarray) -> np.ndarray:
    """Unix seconds of each print; a validation takes as long as some prints."""
    seconds = every * rng.uniform(0.2, 3.0) * rng.lognormal(0.0, 0.05, prints)
    if len(val_at) < prints:
        seconds[val_at[:-1] + 1] += rng.uniform(1.0, 20.0) * np.median(seconds)
    return START_S + np.cumsum(seconds)


def noisy(rng: np.random.Generator, mean: np.ndarray, sigma: float) -> np.ndarray:
    return mean * np.exp(rng.normal(0.0, sigma, len(mean)))


def _plain(rng: np.random.Generator, mean_of: Callable[[np.ndarray, np.random.Generator], np.ndarray], **told: object) -> Curve:
    """A curve whose mean is ``mean_of`` (of the progress, 0 to 1), otherwise like ``make_curve``."""
    prints = int(told.get("prints") or rng.integers(100, 1200))
    every = float(told.get("every") or rng.choice([1, 10, 50, 1000]))
    steps = np.arange(1, prints + 1) * every
    validations = int(told.get("validations") or rng.integers(12, 80))
    val_at = np.unique(np.linspace(prints / validations, prints, validations).astype(int) - 1)
    mean = mean_of(steps / steps[-1], rng)
    noise, batch_noise = _log_uniform(rng, 5e-4, 0.02), _log_uniform(rng, 5e-3, 0.2)
    val_mean = mean[val_at] * (1.0 + rng.uniform(-0.03, 0.1))
    times = clock(rng, every, prints, val_at)
    return Curve(
        steps, val_at, mean, val_mean, noisy(rng, mean, batch_noise), noisy(rng, val_mean, noise), times, noise, batch_noise,
        int(rng.integers(2, 7)), "constant",
    )  # fmt: skip


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _law(
    progress: np.ndarray, rng: np.random.Generator, floor: float | None = None, power: tuple[float, float] = (0.05, 1.0)
) -> np.ndarray:
    """``E + A t^-b`` from a first step of 0.02 to 5 % of the run, at any scale."""
    begin, b = _log_uniform(rng, 2e-4, 0.05), rng.uniform(*power)
    share = rng.uniform(0.0, 0.9) if floor is None else floor
    fall = ((progress + begin) / begin) ** -b
    shape = str(rng.choice(["constant", "cosine", "linear"]))
    fall = fall * (1.0 - rng.uniform(0.05, 0.4) * decayed(shape, progress))
    return _log_uniform(rng, 0.3, 12.0) * (share + (1.0 - share) * fall)


def _warm_up(progress: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first percents stand still, or bump, before the loss falls."""
    end, height = rng.uniform(0.01, 0.06), rng.uniform(0.0, 0.3)
    rest = _law(np.maximum(progress - end, 0.0), rng)
    return rest * (1.0 + height * np.sin(np.pi * np.clip(progress / end, 0.0, 1.0)))


def _restarts(progress: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cosine with warm restarts: within each cycle the decay pulls the loss down, at the restart it comes back up."""
    cycles, depth = int(rng.integers(2, 6)), rng.uniform(0.01, 0.06)
    phase = (progress * cycles) % 1.0
    return _law(progress, rng) * (1.0 + depth * 0.5 * (1.0 + np.cos(np.pi * phase)))


def _resume(progress: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """From some point on, another order of the data: the loss stands up to 2 % higher or lower."""
    return _law(progress, rng) * (1.0 + rng.uniform(-0.02, 0.02) * (progress > rng.uniform(0.2, 0.8)))


def _exponential(progress: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A fine-tuning that is done early: it falls like ``exp(-t)`` to its floor."""
    share = rng.uniform(0.2, 0.8)
    return rng.uniform(0.3, 5.0) * (share + (1.0 - share) * np.exp(-progress / rng.uniform(0.05, 0.4)))


def _heavy(rng: np.random.Generator) -> Curve:
    """Batches with the tails of Student's t (4 degrees of freedom), each like the one before it by a third."""
    c = _plain(rng, _law)
    drawn = rng.standard_t(4, len(c.train)) / math.sqrt(2.0)
    for i in range(1, len(drawn)):
        drawn[i] = drawn[i] * math.sqrt(1 - 0.33**2) + 0.33 * drawn[i - 1]
    return replace(c, train=c.mean * np.exp(c.batch_noise * np.clip(drawn, -5, 5)))


def _additive(rng: np.random.Generator) -> Curve:
    """Noise in the log's own unit: as large at the end as at the start."""
    c = _plain(rng, _law)
    level = float(np.median(c.mean))
    return replace(
        c, train=np.maximum(c.mean + rng.normal(0, 0.3 * c.batch_noise * level, len(c.mean)), 1e-3 * level),
        val=np.maximum(c.val_mean + rng.normal(0, c.noise * level, len(c.val_mean)), 1e-3 * level),
    )  # fmt: skip


@cache
def real_rows() -> tuple[dict[str, list[float]], ...]:
    """The real validation curves, where they are at hand."""
    place = Path(os.environ.get("LOSSWATCH_SHARED", ROOT / ".." / "shared")) / "curves" / "real_val_loss.jsonl"
    return tuple(json.loads(line) for line in place.read_text().splitlines()) if place.exists() else ()


def _real(rng: np.random.Generator) -> Curve:
    """A real validation curve as it is; the train loss beside it with the noise of batches."""
    row = real_rows()[int(rng.integers(len(real_rows())))]
    at, values = np.array(row["steps"], float), np.array(row["val_loss"], float)
    keep = at > 0
    at, values = at[keep], values[keep]
    steps = np.unique(np.concatenate([at, np.linspace(at[0], at[-1], 600)]))
    mean, val_at = np.interp(steps, at, values), np.searchsorted(steps, at)
    batch_noise = float(rng.choice([0.005, 0.02, 0.05]))
    times = START_S + np.cumsum(np.diff(steps, prepend=0.0) * rng.uniform(0.2, 2.0) * rng.lognormal(0.0, 0.05, len(steps)))
    return Curve(steps, val_at, mean, values.copy(), noisy(rng, mean, batch_noise), values, times, 0.001, batch_noise, 4, "real")


def _epochs(c: Curve) -> Curve:
    """A log that counts epochs and no steps; one takes some ten seconds or more."""
    return replace(c, epochs=True, times=START_S + 20.0 * (c.times - START_S))


VARIANTS: dict[str, Callable[[np.random.Generator], Curve]] = {
    "no total told": lambda rng: replace(make_curve(rng), total=None),
    "exponents 0.05 to 1": lambda rng: _plain(rng, _law),
    "no floor": lambda rng: _plain(rng, lambda p, r: _law(p, r, floor=0.0, power=(0.05, 0.4))),
    "high floor": lambda rng: _plain(rng, lambda p, r: _law(p, r, floor=0.95)),
    "warm-up": lambda rng: _plain(rng, _warm_up),
    "restarts of the schedule": lambda rng: _plain(rng, _restarts),
    "jump after a resume": lambda rng: _plain(rng, _resume),
    "exponential": lambda rng: _plain(rng, _exponential),
    "heavy tails": _heavy,
    "additive noise": _additive,
    "train only": lambda rng: replace(_plain(rng, _law), shows="train"),
    "val only": lambda rng: replace(_plain(rng, _law), shows="val"),
    "epochs only": lambda rng: _epochs(_plain(rng, _law, prints=int(rng.integers(12, 120)), every=1, validations=10_000)),
    "val on every line": lambda rng: _plain(rng, _law, prints=int(rng.integers(100, 600)), validations=10_000),
    "real": _real,
}


def with_fault(rng: np.random.Generator, c: Curve, fault: str) -> tuple[Curve, int]:
    """The curve with ``fault`` in it, and the index of the first print that shows it (at 35 to 65 % of the run, at a validation)."""
    v = int(rng.integers(max(6, int(0.35 * len(c.val_at))), max(7, int(0.65 * len(c.val_at)))))
    at = int(c.val_at[v])
    mean, val_mean, times = c.mean.copy(), c.val_mean.copy(), c.times.copy()
    between = max(1.0, float(np.median(np.diff(c.val_at))))
    since = np.maximum(0.0, (np.arange(len(mean)) - at) / between + 1.0) * (np.arange(len(mean)) >= at)
    val_since = since[c.val_at]
    if fault == "nan":
        mean[at:], val_mean[v:] = np.nan, np.nan
    elif fault == "divergence":
        growth = rng.uniform(1.3, 2.5)
        mean, val_mean = mean * np.minimum(growth**since, 50.0), val_mean * np.minimum(growth**val_since, 50.0)
    elif fault.startswith("spike"):
        height = rng.uniform(1.5, 5.0) - 1.0
        length = rng.uniform(0.5, 1.5)
        shape = (since > 0) * (np.exp(-np.maximum(since - 1.0, 0.0) / length) if fault == "spike and recovery" else 1.0)
        mean, val_mean = mean * (1 + height * shape), val_mean * (1 + height * shape[c.val_at])
    elif fault == "flat":
        mean[at:], val_mean[v:] = mean[at], val_mean[v]
    elif fault == "validation rises":
        val_mean = val_mean * (1.0 + rng.uniform(0.015, 0.08) + c.noise) ** val_since
    elif fault == "half speed":
        times[at + 1 :] = times[at] + 2.0 * (times[at + 1 :] - times[at])
    train, val = c.train * mean / c.mean, c.val * val_mean / c.val_mean
    return replace(c, mean=mean, val_mean=val_mean, train=train, val=val, times=times), at
