"""One metric of one attempt: its values by step, in columns that grow at their ends."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import isfinite

from rules.median import median

KEPT_POINTS = 20_000
"""Points kept a metric and attempt; beyond it every second of the older half goes (a page shows fewer, a rule looks at the
last few hundred)."""

RANK_WINDOW = 512
"""Steps back in which the same (metric, step, value) counts as another rank's print of the same fact."""

UP_WORDS = (
    "acc", "auc", "map", "miou", "iou", "bleu", "f1", "ndcg", "reward", "rew_mean", "score", "precision", "recall", "psnr", "ssim", "r2",
)  # fmt: skip


@lru_cache(maxsize=1024)
def goes_up(metric: str) -> bool:
    """Whether a larger value of a metric of this name is better."""
    low = metric.lower()
    return "loss" not in low and any(word in low for word in UP_WORDS)


@dataclass(slots=True)
class Series:
    """One metric in one attempt: parallel arrays of steps (the log's axis), values, and times (Unix s, NaN if unknown)."""

    name: str
    steps: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    times: array[float] = field(default_factory=lambda: array("d"))
    epochs: array[float] = field(default_factory=lambda: array("d"))
    count: int = 0
    best: float | None = None
    best_step: float | None = None
    many_ranks: bool = False
    """Whether the same step was printed more than once by one file."""
    reached: dict[int, float] = field(default_factory=dict)
    """The last step that each of the run's files has shown: only within one file does a lower step mean anything."""

    @property
    def last(self) -> float | None:
        return self.values[-1] if self.values else None

    @property
    def last_step(self) -> float | None:
        return self.steps[-1] if self.steps else None

    def append(self, at: float, value: float, time_s: float | None, epoch: float | None = None, *, higher_is_better: bool = False) -> None:
        self.steps.append(at)
        self.values.append(value)
        self.times.append(float("nan") if time_s is None else time_s)
        self.epochs.append(float("nan") if epoch is None else epoch)
        self.count += 1
        if isfinite(value) and (self.best is None or (value > self.best if higher_is_better else value < self.best)):
            self.best, self.best_step = value, at
        if len(self.steps) > KEPT_POINTS:
            self._thin()

    def put(self, at: float, value: float, time_s: float | None, epoch: float | None = None, *, higher_is_better: bool = False) -> None:
        """Like ``append``, at its place where it comes late: another file of the run told it after later ones."""
        if not self.steps or at >= self.steps[-1]:
            self.append(at, value, time_s, epoch, higher_is_better=higher_is_better)
            return
        i = bisect_right(self.steps, at)
        self.steps.insert(i, at)
        self.values.insert(i, value)
        self.times.insert(i, float("nan") if time_s is None else time_s)
        self.epochs.insert(i, float("nan") if epoch is None else epoch)
        self.count += 1
        if isfinite(value) and (self.best is None or (value > self.best if higher_is_better else value < self.best)):
            self.best, self.best_step = value, at

    def has_step(self, at: float) -> bool:
        i = bisect_left(self.steps, at)
        return i < len(self.steps) and self.steps[i] == at

    def has_recent(self, at: float, value: float) -> bool:
        """Whether the same value stands at the same step among the last ``RANK_WINDOW`` points."""
        steps, values = self.steps, self.values
        for i in range(len(steps) - 1, max(-1, len(steps) - 1 - RANK_WINDOW), -1):
            if steps[i] == at and (values[i] == value or (value != value and values[i] != values[i])):
                return True
            if steps[i] < at:
                return False
        return False

    def first_at_or_after(self, step: float) -> int | None:
        """Index of the first point whose step is ``step`` or later, None where there is none."""
        i = bisect_left(self.steps, step)
        return i if i < len(self.steps) else None

    def interval(self) -> float | None:
        """The usual distance between two points on the axis (median of the last 32), None below two distinct steps."""
        tail = self.steps[-33:]
        gaps = [b - a for a, b in pairwise(tail) if b > a]
        return median(gaps) if gaps else None

    def _thin(self) -> None:
        half = len(self.steps) // 2
        for column in (self.steps, self.values, self.times, self.epochs):
            column[:half] = column[:half:2]
