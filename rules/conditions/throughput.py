"""``throughput``: the run is slower than it was.

A stretch is a print, or as many as take two seconds; its pace is steps a second by the times of the lines or, where the lines have no
times, what the log says of its own speed (tokens a second, seconds a step and the like). Three quarters of the stretches of the last
``prints`` prints must be slower than ``below`` times the median of the stretches before: a validation or a checkpoint between two
prints makes one stretch slow, not most of them. The last 64 stretches are kept, so a judgement costs the same however long the
run is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from statistics import median
from typing import Any, ClassVar

from pydantic import Field

from rules.curve import FINE
from rules.history import RunState, Series
from rules.observation import Item, Observation
from rules.pace import speed_sign
from rules.rule import ANY_METRIC, Context, Rule, RuleBase, RuleSpec
from rules.units import Ratio
from rules.verdict import UNKNOWN, Severity, Status, Verdict

MIN_STRETCH_S = 2.0
CHOSEN_AFTER = 8
"""Prints after which a metric is chosen to be the clock: the first that gets there is the densest."""
MIN_LATELY, MIN_PAST, KEPT = 3, 5, 64
JUDGED_EVERY = 4
"""Stretches between two judgements."""
RESOLVED_SHARE = 0.5
"""It resolves when half of the gap to the limit is closed: between the limit and the past pace."""


class Spec(RuleSpec):
    """Steps a second fell against the run's own past."""

    kind: ClassVar[str] = "throughput"
    default_severity: ClassVar[Severity] = Severity.WARNING
    below: Ratio = Field(0.7, gt=0.0, lt=1.0, description="share of the past pace below which it is slow")
    prints: int = Field(16, ge=3, le=1000, description="prints that must be slow")

    def build(self, context: Context) -> Rule:
        return Throughput(**self.base({ANY_METRIC}), below=self.below, prints=self.prints)


@dataclass(frozen=True, slots=True)
class Throughput(RuleBase):
    below: float = 0.7
    prints: int = 16

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        mark = run.marks.get(self.id)
        if mark is None:
            mark = run.marks[self.id] = {}
        if item is None:
            return self._verdict(run, mark, explained=True)
        if not isinstance(item, Observation) or mark.get("metric", item.metric) != item.metric:
            return UNKNOWN
        series = run.series[item.metric]
        if "metric" not in mark and not self._choose(mark, item, series):
            return UNKNOWN
        mark["prints"] += 1
        ended = self._clocked(mark, item) if mark["sign"] == 0 else self._spoken(mark, series)
        if ended is None:
            return UNKNOWN
        mark["paces"] = [*mark["paces"][-KEPT:], [ended, mark["prints"]]]
        mark.update(prints=0, step=item.at, time_s=item.time_s, ended=mark["ended"] + 1)
        return UNKNOWN if mark["ended"] % JUDGED_EVERY else self._verdict(run, mark)

    def _choose(self, mark: dict[str, Any], item: Observation, series: Series) -> bool:
        """The clock of the run: any metric whose lines have times, else a metric that is a speed."""
        if series.count < CHOSEN_AFTER:
            return False
        sign = 0 if item.time_s is not None else speed_sign(item.metric)
        if item.time_s is None and item.metric == "time":
            # Seconds a step (nanoGPT, MMEngine, detectron2), or the time since the start: that only grows.
            first = series.values[:CHOSEN_AFTER]
            sign = -1 if any(b < a for a, b in pairwise(first)) else 0
        if item.time_s is None and sign == 0:
            return False
        mark.update(metric=item.metric, sign=sign, prints=0, ended=0, paces=[], step=item.at, time_s=item.time_s)
        return True

    def _clocked(self, mark: dict[str, Any], item: Observation) -> float | None:
        """Steps a second since the last stretch ended; None while that is too short, or where a time is unknown."""
        if item.time_s is None or mark["time_s"] is None or item.time_s < mark["time_s"] or item.at <= mark["step"]:
            mark.update(prints=0, step=item.at, time_s=item.time_s)
            return None
        elapsed: float = item.time_s - mark["time_s"]
        return (item.at - mark["step"]) / elapsed if elapsed >= MIN_STRETCH_S else None

    def _spoken(self, mark: dict[str, Any], series: Series) -> float | None:
        said = series.values[-1]
        if not isfinite(said) or said <= 0:
            return None
        return said if mark["sign"] > 0 else 1.0 / said

    def _verdict(self, run: RunState, mark: dict[str, Any], explained: bool = False) -> Verdict:
        paces = mark.get("paces", [])
        split, prints = len(paces), 0
        while split > 0 and (prints < self.prints or len(paces) - split < MIN_LATELY):
            split -= 1
            prints += paces[split][1]
        if split < MIN_PAST:
            return UNKNOWN
        lately = sorted(pace for pace, _ in paces[split:])
        past = mark.get("past") or median(pace for pace, _ in paces[:split])
        unit = "steps/s" if mark["sign"] == 0 else mark["metric"] if mark["sign"] > 0 else f"1/{mark['metric']}"
        now, enough = median(lately), past * (self.below + RESOLVED_SHARE * (1.0 - self.below))
        numbers = {"pace_now": now, "pace_before": past, "unit": unit, "share": f"{now / past:.0%}", "limit": f"{self.below:.0%}"}
        if lately[3 * len(lately) // 4] < self.below * past:
            # Kept while it is slow, or the slow stretches would become the past.
            mark["past"] = past
            return Verdict(
                Status.BREACHED, f"{now:.3g} {unit} at step {mark['step']:g}, {now / past:.0%} of the {past:.3g} before", run.step, None,
                numbers=numbers, resolves_when=f"it is above {enough:.3g} {unit} again",
            )  # fmt: skip
        if "past" not in mark and not explained:
            return FINE
        if "past" in mark and now < enough:
            return UNKNOWN
        if not explained:
            del mark["past"]
        return Verdict(Status.OK, f"{now:.3g} {unit}, {now / past:.0%} of the pace before", run.step, numbers=numbers)
