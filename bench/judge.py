"""How well the judgement judges: healthy curves, the same with a fault put in, the forecast on real curves, the cost of an observation.

    python bench/judge.py [--runs 1000] [--curves FILE.jsonl] [--only healthy,faults,forecast,cost] [--seed 1]

A curve is a power law with noise (0.05 to 2 % of a validation, 0.5 to 20 % of a batch), a third each of constant, cosine and linear end,
printed to 2 to 6 digits. A fault is found when an alert of severity warning or worse is raised after it and at most 5 validation points
or 50 training points later; a flat loss counts where the fall that it hides is eight times the noise of a validation. It is named
rightly when the worst of the alerts raised by then (of equals the first) is of a kind that `RIGHT` lists for it.
Curves: `--curves`, else `LOSSWATCH_SHARED`/curves/real_val_loss.jsonl, else that part is left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from monitor.rulesfile import load_rules  # noqa: E402
from rules.engine import Engine  # noqa: E402
from rules.forecast import forecast, probability  # noqa: E402
from rules.history import RunState  # noqa: E402
from rules.observation import Observation  # noqa: E402
from rules.verdict import Severity  # noqa: E402

RIGHT = {
    "nan": {"not_finite"},
    "divergence": {"divergence"},
    "spike and recovery": {"spike"},
    "spike and no recovery": {"spike", "divergence"},
    "flat": {"plateau"},
    "half speed": {"throughput"},
    "silence": {"stall"},
    "validation rises": {"overfit"},
}
START_S = 1_700_000_000.0


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


def make_curve(rng: np.random.Generator) -> Curve:
    """A power law with noise; half of them end in a cosine or a linear decay."""
    prints = int(rng.integers(100, 1200))
    every = int(rng.choice([1, 5, 10, 50, 100]))
    steps = np.arange(1, prints + 1) * float(every)
    validations = int(rng.integers(12, 80))
    val_at = np.unique(np.linspace(prints / validations, prints, validations).astype(int) - 1)
    floor, start, power = rng.uniform(0.05, 3.0), rng.uniform(1.2, 8.0), rng.uniform(0.15, 0.8)
    begin = steps[-1] * rng.uniform(0.002, 0.05)
    t = (steps + begin) / begin
    progress = steps / steps[-1]
    shape = str(rng.choice(["constant", "cosine", "linear"]))
    ends = {"constant": 0.0 * progress, "cosine": 0.5 * (1 - np.cos(np.pi * progress)), "linear": np.clip((progress - 0.6) / 0.4, 0, 1)}
    decay = ends[shape]
    excess = floor * (start - 1.0) * t**-power
    mean = floor + excess * (1.0 - rng.uniform(0.1, 0.4) * decay)
    noise = float(rng.choice([0.0005, 0.002, 0.005, 0.01, 0.02]))
    batch_noise = float(rng.choice([0.005, 0.02, 0.05, 0.1, 0.2]))
    digits = int(rng.integers(2, 7))
    gap = 1.0 + rng.uniform(0.0, 0.05)
    val_mean = mean[val_at] * gap
    seconds = every * rng.uniform(0.2, 3.0) * rng.lognormal(0.0, 0.05, prints)
    seconds[val_at[:-1] + 1] += rng.uniform(1.0, 20.0) * np.median(seconds)
    return Curve(
        steps, val_at, mean, val_mean, noisy(rng, mean, batch_noise), noisy(rng, val_mean, noise), START_S + np.cumsum(seconds),
        noise, batch_noise, digits, shape,
    )  # fmt: skip


def noisy(rng: np.random.Generator, mean: np.ndarray, sigma: float) -> np.ndarray:
    return mean * np.exp(rng.normal(0.0, sigma, len(mean)))


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
    return Curve(c.steps, c.val_at, mean, val_mean, train, val, times, c.noise, c.batch_noise, c.digits, c.shape), at


def play(engine: Engine, c: Curve, silent_after: int | None = None) -> list[tuple[int, int, str, str, str]]:
    """The alerts raised: (print, validations so far, kind, severity, message)."""
    run = RunState("bench", total_steps=float(c.steps[-1]))
    raised = []
    val_index = {int(i): k for k, i in enumerate(c.val_at)}
    validations = 0
    for i in range(len(c.steps) if silent_after is None else silent_after + 1):
        now = float(c.times[i])
        run.heard(now)
        seen = [Observation("train_loss", round(float(c.train[i]), c.digits), float(c.steps[i]), time_s=now)]
        if i in val_index:
            seen.append(Observation("val_loss", round(float(c.val[val_index[i]]), c.digits), float(c.steps[i]), time_s=now))
        for item in seen:
            validations += item.metric == "val_loss"
            raised += [(i, validations, t.kind, t.severity, t.message) for t in engine.see(run, item, now) if t.state == "firing"]
    if silent_after is not None:
        now = float(c.times[silent_after])
        for minute in range(1, 24 * 60):
            told = engine.tick(run, now + 60.0 * minute)
            raised += [(silent_after, validations, t.kind, t.severity, t.message) for t in told if t.state == "firing"]
            if raised and raised[-1][0] == silent_after:
                break
    return [r for r in raised if Severity(r[3]).rank >= Severity.WARNING.rank]


def visible(c: Curve, fault: str, at: int) -> bool:
    """Whether a flat loss hides a fall that could be seen: over the five points, on average eight times the noise of one."""
    if fault != "flat":
        return True
    v = int(np.searchsorted(c.val_at, at))
    ahead = c.val_mean[v + 1 : v + 6]
    if len(ahead) < 5:
        return False
    sigma = math.hypot(c.noise, 10.0**-c.digits / float(ahead[-1]))
    return float(np.mean(np.log(c.val_mean[v] / ahead))) > 8.0 * sigma


def healthy(engine: Engine, runs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds: Counter[str] = Counter()
    false, examples = 0, []
    for i in range(runs):
        c = make_curve(rng)
        raised = play(engine, c)
        false += bool(raised)
        kinds.update({kind for _, _, kind, _, _ in raised})
        examples += [f"    run {i} {c.shape} noise {c.noise} batch {c.batch_noise} digits {c.digits}: {r[4]}" for r in raised[:1]]
    print(f"healthy curves: {runs}; with an alert of warning or worse: {false} ({false / runs:.1%}) {dict(kinds)}")
    for line in examples[:12]:
        print(line)


def faults(engine: Engine, runs: int, seed: int, wanted: list[str]) -> None:
    print(f"{'fault':22} {'runs':>5} {'found':>7} {'named':>7}   delay, median (validations / prints)   raised")
    for fault, right in RIGHT.items():
        if fault not in wanted:
            continue
        rng = np.random.default_rng(seed + 1)
        found = named = tried = 0
        delays, heads, missed = [], Counter(), []
        for i in range(runs):
            c = make_curve(rng)
            faulty, at = with_fault(rng, c, fault)
            if not visible(c, fault, at):
                continue
            tried += 1
            before = int(np.searchsorted(c.val_at, at))
            raised = [r for r in play(engine, faulty, at if fault == "silence" else None) if r[0] >= at]
            raised = [r for r in raised if r[1] - before - 1 <= 5 or r[0] - at <= 50]
            found += bool(raised)
            if raised:
                head = max(raised, key=lambda r: (Severity(r[3]).rank, -r[0]))
                heads[head[2]] += 1
                named += head[2] in right
                delays.append((max(0, raised[0][1] - before - 1), raised[0][0] - at))
            if not raised or head[2] not in right:
                missed.append(f"    run {i}: noise {c.noise} batch {c.batch_noise} digits {c.digits} {[r[4] for r in raised[:2]]}")
        middle = f"{np.median([d[0] for d in delays]):.0f} / {np.median([d[1] for d in delays]):.0f}" if delays else "-"
        print(f"{fault:22} {tried:5} {found / tried:7.1%} {named / max(found, 1):7.1%}   {middle:38} {dict(heads)}")
        if os.environ.get("SHOW"):
            print(*missed[:8], sep="\n")


def real_curves(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for told in (False, True):
        errors: dict[float, list[float]] = defaultdict(list)
        naive: dict[float, list[float]] = defaultdict(list)
        by_recipe: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
        brier, point, refused = [], [], 0
        for row in rows:
            steps, values = np.array(row["steps"], float), np.array(row["val_loss"])
            recipe = "/".join(row["path"].split("/")[1:3])
            for share in (0.3, 0.5):
                n = int((steps <= steps[-1] * share).sum())
                for ratio in (1.25, 1.5, 2.0):
                    at = steps[n - 1] * ratio
                    truth = float(np.interp(at, steps, values))
                    made = forecast(steps[:n], values[:n], at, total_steps=steps[-1] if told else None)
                    if made is None:
                        refused += 1
                        continue
                    error = abs(math.log(made.value / truth))
                    errors[ratio].append(error)
                    by_recipe[recipe].append((ratio, error, made.low <= truth <= made.high))
                    naive[ratio].append(abs(math.log(line_in_log_log(steps[:n], values[:n], at) / truth)))
                    for offset in (-0.02, -0.01, -0.005, 0.005, 0.01, 0.02):
                        limit = truth * (1 + offset)
                        brier.append((probability(made, lambda v, limit=limit: v < limit) - (truth < limit)) ** 2)
                        point.append(((made.value < limit) - (truth < limit)) ** 2)
        inside = [hit for found in by_recipe.values() for _, _, hit in found]
        known = "known" if told else "unknown"
        print(f"forecast on {len(rows)} real curves of {len(by_recipe)} recipes, total steps {known}; refused: {refused}")
        for ratio in errors:
            each = np.mean([np.mean([e for r, e, _ in found if r == ratio]) for found in by_recipe.values()])
            print(
                f"    {ratio:4} times as far: mean error of log loss {np.mean(errors[ratio]):.2%}, by recipe {each:.2%}; "
                f"a line in log-log {np.mean(naive[ratio]):.2%}"
            )
        each = np.mean([np.mean([hit for _, _, hit in found]) for found in by_recipe.values()])
        print(f"    80 % interval holds {np.mean(inside):.1%} of the truths, by recipe {each:.1%}")
        print(f"    Brier {np.mean(brier):.3f}; base rate 0.250; point forecast {np.mean(point):.3f}")


def line_in_log_log(steps: np.ndarray, values: np.ndarray, at: float) -> float:
    """The yardstick: a straight line through the last octave (three points at least)."""
    keep = steps > 0
    x, y = np.log(steps[keep]), np.log(values[keep])
    n = max(3, int((steps[keep] >= steps[-1] / 2).sum()))
    return float(np.exp(np.polyval(np.polyfit(x[-n:], y[-n:], 1), math.log(at))))


def cost(engine: Engine, seed: int) -> None:
    rng = np.random.default_rng(seed)
    spent, count = 0.0, 0
    for _ in range(30):
        c = make_curve(rng)
        items = [("train_loss", c.train[i], c.steps[i], c.times[i]) for i in range(len(c.steps))]
        items += [("val_loss", c.val[k], c.steps[i], c.times[i]) for k, i in enumerate(c.val_at)]
        items.sort(key=lambda item: item[2])
        seen = [Observation(m, round(float(v), c.digits), float(s), time_s=float(t)) for m, v, s, t in items]
        run = RunState("bench", total_steps=float(c.steps[-1]))
        begin = time.process_time()
        for item in seen:
            engine.see(run, item, item.time_s)
        spent += time.process_time() - begin
        count += len(seen)
    print(f"one observation, {len(engine.rules)} rules of the default preset: {spent / count * 1e6:.1f} us of CPU ({count} observations)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--fault-runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="healthy,faults,forecast,cost")
    parser.add_argument("--faults", default=",".join(RIGHT))
    parser.add_argument("--curves", type=Path)
    told = parser.parse_args()
    parts = told.only.split(",")
    engine = Engine(load_rules(None).rules)
    if "cost" in parts:
        cost(engine, told.seed)
    if "healthy" in parts:
        healthy(engine, told.runs, told.seed)
    if "faults" in parts:
        faults(engine, told.fault_runs, told.seed, told.faults.split(","))
    shared = Path(os.environ.get("LOSSWATCH_SHARED", ROOT / ".." / "shared"))
    curves = told.curves or shared / "curves" / "real_val_loss.jsonl"
    if "forecast" in parts and curves.exists():
        real_curves(curves)


if __name__ == "__main__":
    main()
