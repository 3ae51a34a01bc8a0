"""Writes the logs of this folder: one small real training each (a network of two layers, by numpy) into which a fault is put.

    python tests/endtoend/replays/make.py            # the logs
    python tests/endtoend/replays/make.py --expected  # what replay says of them: read the difference as a person who waits for the run

The losses are the training's own; the clock is set by the story, since nobody waits three hours for a test. Lines are those of Python's
logging module. Run it only to add a story: the expected events stand beside the logs, and another numpy may round otherwise.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
START = datetime(2026, 11, 20, 22, 0)
OOM = """\
[rank3]: Traceback (most recent call last):
[rank3]:   File "train.py", line 88, in <module>
[rank3]:     loss = model(batch)
[rank3]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.
"""


@dataclass
class Story:
    """What goes on beside the training. Each function takes the step."""

    steps: int = 600
    every: int = 10
    samples: int = 4000
    width: int = 24
    rate: Callable[[int], float] = lambda step: 0.05 / (1 + step / 200)
    wrong: Callable[[int], float] = lambda step: 1.0
    seconds: Callable[[int], float] = lambda step: 2.0
    says: dict[int, str] = field(default_factory=dict)
    head: str = ""
    gradients: bool = False
    ends: bool = True


def write(name: str, story: Story) -> None:
    rng = np.random.default_rng(13503904)
    teacher = rng.normal(0, 1, (8, 8)), rng.normal(0, 1, 8)

    def data(count: int) -> tuple[np.ndarray, np.ndarray]:
        x = rng.normal(0, 1, (count, 8))
        return x, np.tanh(x @ teacher[0]) @ teacher[1] + rng.normal(0, 0.5, count)

    x, y = data(story.samples)
    x_val, y_val = data(1000)
    a, b = rng.normal(0, 0.3, (8, story.width)), rng.normal(0, 0.3, story.width)
    at, lines = START, [story.head]

    def say(text: str) -> None:
        lines.append(f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} - INFO - {text}\n")

    say("training starts")
    seen = []
    for step in range(1, story.steps + 1):
        chosen = rng.integers(0, story.samples, 64)
        hidden = np.tanh(x[chosen] @ a)
        off = hidden @ b - y[chosen] * story.wrong(step)
        seen.append(float(np.mean(off**2)))
        grad_b = hidden.T @ off / 32
        grad_a = x[chosen].T @ (np.outer(off, b) * (1 - hidden**2)) / 32
        rate = story.rate(step)
        a, b = a - rate * grad_a, b - rate * grad_b
        at += timedelta(seconds=story.seconds(step))
        if step in story.says:
            lines.append(story.says[step]) if story.says[step].endswith("\n") else say(story.says[step])
        if step % story.every == 0:
            val = float(np.mean((np.tanh(x_val @ a) @ b - y_val) ** 2))
            norm = f", grad_norm = {float(np.sqrt((grad_a**2).sum() + (grad_b**2).sum())):.3f}" if story.gradients else ""
            say(f"Step {step}: train_loss = {np.mean(seen):.4f}, val_loss = {val:.4f}{norm}")
            seen = []
    if story.ends:
        say(f"`Trainer.fit` stopped: `max_steps={story.steps}` reached.")
    (HERE / (name if "." in name else f"{name}.log")).write_text("".join(lines))


def stories() -> dict[str, Story]:
    late = timedelta(minutes=25)
    ranks = "".join(f"Initializing distributed: GLOBAL_RANK: {rank}, MEMBER: {rank + 1}/4\n" for rank in (0, 1, 3, 2))
    ready = "All distributed processes registered. Starting with 4 processes"
    missing = (
        "_IncompatibleKeys(missing_keys=[" + ", ".join(f"'blocks.{i}.attn.alpha'" for i in range(12)) + "], unexpected_keys=[])\n"
    )
    noise = "libdrm/amdgpu.ids: No such file or directory\n"
    error = "2026-11-20 22:10:00,000 - ERROR - data/era5_2020.zarr: checksum of chunk 17 differs\n"
    return {
        "milestone": Story(),
        "not_finite": Story(rate=lambda step: 0.05 if step < 300 else 80.0),
        "divergence": Story(rate=lambda step: 0.05 / (1 + step / 200) if step < 300 else 0.9),
        "spike": Story(wrong=lambda step: 25.0 if step == 395 else 1.0),
        "plateau": Story(rate=lambda step: 0.01 if step < 250 else 0.0, steps=900),
        "overfit": Story(samples=48, width=96, rate=lambda _: 0.08, steps=900),
        "threshold": Story(gradients=True, wrong=lambda step: 4.0 if 400 <= step < 440 else 1.0),
        "baseline.before": Story(),
        "baseline": Story(rate=lambda step: 0.012 / (1 + step / 200)),
        "forecast": Story(rate=lambda step: 0.006, steps=500),
        "throughput": Story(seconds=lambda step: 2.0 if step < 350 else 4.2),
        "stall": Story(seconds=lambda step: 3 * 3600.0 if step == 420 else 2.0),
        "walltime": Story(seconds=lambda step: 2.0 if step < 200 else 7.0),
        "pattern": Story(says={120: noise, 300: error}),
        "phase": Story(head=ranks, says={1: ready}, seconds=lambda step: late.total_seconds() if step == 1 else 2.0),
        "missing_keys": Story(head=missing),
        "crash": Story(says={450: OOM}, steps=450, ends=False),
    }


def expect() -> None:
    for rules in sorted(HERE.glob("*.yaml")):
        log = rules.with_suffix(".log")
        told = subprocess.run([sys.executable, "-m", "monitor", "replay", log, "-r", rules, "--json"], capture_output=True, check=False)
        rules.with_suffix(".jsonl").write_bytes(told.stdout)


if __name__ == "__main__":
    if "--expected" in sys.argv:
        expect()
    else:
        with np.errstate(all="ignore"):  # what explodes is meant to
            for name, story in stories().items():
                write(name, story)
