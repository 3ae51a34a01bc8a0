"""How well the judgement judges: healthy curves, the same with a fault put in, the forecast on real curves, the cost of an observation.

    python bench/judge.py [--runs 1000] [--curves FILE.jsonl] [--only healthy,faults,variants,forecast,cost] [--seed 1]

A curve is a power law with noise (0.05 to 2 % of a validation, 0.5 to 20 % of a batch), a third each of constant, cosine and linear end,
printed to 2 to 6 digits (`bench/curves.py`). A fault is found when an alert of severity warning or worse is raised after it and at most 5
validation points or 50 training points later. It is named rightly when the worst of the alerts raised by then (of equals the first) is of
a kind that `RIGHT` lists for it. A flat loss is a fault only where it hides a fall: put where a healthy curve stands still, or where its
fall over five validations drowns in their noise, it is no different from health. It counts where the mean of that fall is `VISIBLE` times
the noise of one validation and `LEAST_FALL` or more. In the same way a rise put on a steep fall only slows it: it counts where the
validation comes `RISEN` noises and `LEAST_RISE` above its lowest. How many are counted is printed.
`variants` is the same on shapes that nothing was tuned to. Curves: `--curves`, else `LOSSWATCH_SHARED`/curves/real_val_loss.jsonl, else
that part is left out.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ahead import real_curves  # noqa: E402
from bench.curves import VARIANTS, Curve, make_curve, real_rows, with_fault  # noqa: E402
from monitor.rulesfile import load_rules  # noqa: E402
from rules.engine import Engine  # noqa: E402
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
VISIBLE, PLAIN, LEAST_FALL = 8.0, 16.0, 0.005
RISEN, LEAST_RISE = 4.0, 0.015
Raised = tuple[int, int, str, str, str]
"""Print, validations so far, kind, severity, message."""


def items_of(c: Curve) -> list[list[Observation]]:
    """What each print shows."""
    val_index = {int(i): k for k, i in enumerate(c.val_at)}
    prints = []
    for i in range(len(c.steps)):
        at, now = float(c.steps[i]), float(c.times[i])
        place = {"step": None, "epoch": at} if c.epochs else {"step": at}
        seen = []
        if c.shows != "val":
            seen.append(Observation("train_loss", round(float(c.train[i]), c.digits), time_s=now, **place))
        if i in val_index and c.shows != "train":
            seen.append(Observation("val_loss", round(float(c.val[val_index[i]]), c.digits), time_s=now, **place))
        prints.append(seen)
    return prints


def play(engine: Engine, c: Curve, silent_after: int | None = None) -> list[Raised]:
    """The alerts raised, of severity warning or worse."""
    run = RunState("bench", total_steps=c.total)
    raised: list[Raised] = []
    validations = 0
    for i, seen in enumerate(items_of(c)[: None if silent_after is None else silent_after + 1]):
        now = float(c.times[i])
        if seen:
            run.heard(now)
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


def visibility(c: Curve, at: int) -> float:
    """The fall over the next five validations that a flat loss at print ``at`` hides: their mean, in noises of one; 0 for none."""
    v = int(np.searchsorted(c.val_at, at))
    ahead = c.val_mean[v + 1 : v + 6]
    if len(ahead) < 5:
        return 0.0
    fall = float(np.mean(np.log(c.val_mean[v] / ahead)))
    return fall / math.hypot(c.noise, 10.0**-c.digits / float(ahead[-1])) if fall >= LEAST_FALL else 0.0


def rise_seen(c: Curve, at: int) -> float:
    """How far a validation that rises from print ``at`` comes above its lowest mean within five more, in noises; 0 below 1.5 %.

    Put on a curve that falls steeply, a rise only slows the fall.
    """
    v = int(np.searchsorted(c.val_at, at))
    rise = math.log(float(np.mean(c.val_mean[v + 3 : v + 6])) / float(np.min(c.val_mean[: v + 3]))) if v + 6 <= len(c.val_at) else 0.0
    return rise / math.hypot(c.noise, 10.0**-c.digits / float(c.val_mean[v])) if rise >= LEAST_RISE else 0.0


def healthy(engine: Engine, make: Callable[[np.random.Generator], Curve], runs: int, seed: int, name: str = "healthy curves") -> None:
    rng = np.random.default_rng(seed)
    kinds: Counter[str] = Counter()
    false, examples = 0, []
    for i in range(runs):
        c = make(rng)
        raised = play(engine, c)
        false += bool(raised)
        kinds.update({kind for _, _, kind, _, _ in raised})
        examples += [f"    run {i} {c.shape} noise {c.noise:.4f} batch {c.batch_noise:.3f} digits {c.digits}: {r[4]}" for r in raised[:1]]
    print(f"{name}: {runs}; with an alert of warning or worse: {false} ({false / runs:.1%}) {dict(kinds)}", flush=True)
    if os.environ.get("SHOW") or name == "healthy curves":
        print(*examples[:12], sep="\n", end="\n" if examples else "")


def fault(engine: Engine, make: Callable[[np.random.Generator], Curve], name: str, runs: int, seed: int) -> None:
    """Put one kind of fault into ``runs`` curves and print how it was found."""
    rng = np.random.default_rng(seed + 1)
    found = named = tried = 0
    delays, heads, missed, plain = [], Counter(), [], []
    for i in range(runs):
        c = make(rng)
        faulty, at = with_fault(rng, c, name)
        if (name == "flat" and visibility(c, at) < VISIBLE) or (name == "validation rises" and rise_seen(faulty, at) < RISEN):
            continue
        tried += 1
        before = int(np.searchsorted(c.val_at, at)) if c.shows != "train" else 0
        raised = [r for r in play(engine, faulty, at if name == "silence" else None) if r[0] >= at]
        raised = [r for r in raised if (c.shows != "train" and r[1] - before - 1 <= 5) or r[0] - at <= 50]
        found += bool(raised)
        if name == "flat" and visibility(c, at) >= PLAIN:
            plain.append(bool(raised))
        if raised:
            head = max(raised, key=lambda r: (Severity(r[3]).rank, -r[0]))
            heads[head[2]] += 1
            named += head[2] in RIGHT[name]
            delays.append((max(0, raised[0][1] - before - 1), raised[0][0] - at))
        if not raised or head[2] not in RIGHT[name]:
            missed.append(f"    run {i}: noise {c.noise:.4f} batch {c.batch_noise:.3f} digits {c.digits} {[r[4] for r in raised[:2]]}")
    middle = f"{np.median([d[0] for d in delays]):.0f} / {np.median([d[1] for d in delays]):.0f}" if delays else "-"
    print(f"{name:22} {tried:5} {found / max(tried, 1):7.1%} {named / max(found, 1):7.1%}   {middle:38} {dict(heads)}", flush=True)
    if plain:
        print(f"    of {len(plain)} that hide a fall of {PLAIN:g} noises: {np.mean(plain):.1%}")
    if os.environ.get("SHOW"):
        print(*missed[:8], sep="\n")


def faults(engine: Engine, make: Callable[[np.random.Generator], Curve], runs: int, seed: int, wanted: list[str]) -> None:
    print(f"{'fault':22} {'runs':>5} {'found':>7} {'named':>7}   delay, median (validations / prints)   raised")
    for name in RIGHT:
        if name in wanted:
            fault(engine, make, name, runs, seed)
    print(
        f"    of {runs} each; counted are the flat losses that hide a fall of {VISIBLE:g} noises and {LEAST_FALL:.1%}, and the rising "
        f"validations that come {RISEN:g} noises and {LEAST_RISE:.1%} above their lowest"
    )


def variants(engine: Engine, runs: int, seed: int, wanted: list[str], names: list[str]) -> None:
    """Every shape beside the set of the goals; a fault that a log cannot show (a validation that is not printed) is left out."""
    for name in names or list(VARIANTS):
        if name == "real" and not real_rows():
            continue
        healthy(engine, VARIANTS[name], runs, seed, f"-- {name}")
        shown = VARIANTS[name](np.random.default_rng(seed)).shows
        for kind in RIGHT:
            if kind in wanted and not (kind in ("validation rises", "flat") and shown == "train"):
                fault(engine, VARIANTS[name], kind, runs // 3, seed)


def cost(engine: Engine, seed: int) -> None:
    """CPU time of one observation: the curves of the goals, and logs of only train losses, of validations on every line, of both."""
    kinds: dict[str, Callable[[np.random.Generator], Curve]] = {
        "curves of the goals": make_curve, **{name: VARIANTS[name] for name in ("train only", "val on every line", "val only")},
    }  # fmt: skip
    for name, make in kinds.items():
        rng = np.random.default_rng(seed)
        spent, count = 0.0, 0
        for _ in range(30):
            c = make(rng)
            seen = [item for items in items_of(c) for item in items]
            run = RunState("bench", total_steps=c.total)
            begin = time.process_time()
            for item in seen:
                engine.see(run, item, item.time_s or 0.0)
            spent += time.process_time() - begin
            count += len(seen)
        print(f"one observation, {len(engine.rules)} rules of the default preset, {name}: {spent / count * 1e6:.1f} us of CPU ({count})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--fault-runs", type=int, default=300)
    parser.add_argument("--variant-runs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="healthy,faults,forecast,cost")
    parser.add_argument("--faults", default=",".join(RIGHT))
    parser.add_argument("--variants", default="", help="of these names only")
    parser.add_argument("--curves", type=Path)
    told = parser.parse_args()
    parts, wanted = told.only.split(","), told.faults.split(",")
    engine = Engine(load_rules(None).rules)
    if "cost" in parts:
        cost(engine, told.seed)
    if "healthy" in parts:
        healthy(engine, make_curve, told.runs, told.seed)
    if "faults" in parts:
        faults(engine, make_curve, told.fault_runs, told.seed, wanted)
    if "variants" in parts:
        variants(engine, told.variant_runs, told.seed, wanted, [name for name in told.variants.split(",") if name])
    shared = Path(os.environ.get("LOSSWATCH_SHARED", ROOT / ".." / "shared"))
    curves = told.curves or shared / "curves" / "real_val_loss.jsonl"
    if "forecast" in parts and curves.exists():
        real_curves(curves)


if __name__ == "__main__":
    main()
