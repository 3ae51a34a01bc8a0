"""``throughput``: the run is slower than it was.

A stretch is eight prints of one metric and at least two seconds; its pace is steps a second by the times of the lines or, where
the lines have no times, the median of what the log says of its own speed (tokens a second, seconds a step and the like). The last
``stretches`` must all be slower than ``below`` times the median of the stretches before. Stretches are kept as they end, so a
judgement costs the same however long the run is.
"""

from __future__ import annotations

from dataclasses import dataclass
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

PRINTS, MIN_STRETCH_S = 8, 2.0
CHOSEN_AFTER = 8
"""Prints after which a metric is chosen to be the clock: the first that gets there is the densest."""
MIN_PAST, KEPT = 5, 64
RESOLVED_SHARE = 0.5
"""It resolves when half of the gap to the limit is closed: between the limit and the past pace."""


class Spec(RuleSpec):
    """Steps a second fell against the run's own past."""

    kind: ClassVar[str] = "throughput"
    default_severity: ClassVar[Severity] = Severity.WARNING
    below: Ratio = Field(0.7, gt=0.0, lt=1.0, description="share of the past pace below which it is slow")
    stretches: int = Field(3, ge=1, le=32, description="stretches of eight prints that must all be slow")

    def build(self, context: Context) -> Rule:
        return Throughput(**self.base({ANY_METRIC}), below=self.below, stretches=self.stretches)


@dataclass(frozen=True, slots=True)
class Throughput(RuleBase):
    below: float = 0.7
    stretches: int = 3

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
        if mark["prints"] < PRINTS:
            return UNKNOWN
        ended = self._clocked(mark, item) if mark["sign"] == 0 else self._spoken(mark, series)
        if ended is None:
            return UNKNOWN
        mark.update(prints=0, since=mark.get("step"), step=item.at, time_s=item.time_s)
        mark["paces"] = [*mark["paces"][-KEPT:], ended]
        return self._verdict(run, mark)

    def _choose(self, mark: dict[str, Any], item: Observation, series: Series) -> bool:
        """The clock of the run: any metric whose lines have times, else a metric that is a speed."""
        if series.count < CHOSEN_AFTER:
            return False
        sign = 0 if item.time_s is not None else speed_sign(item.metric)
        if item.time_s is None and sign == 0:
            return False
        mark.update(metric=item.metric, sign=sign, prints=0, paces=[], step=item.at, time_s=item.time_s)
        return True

    def _clocked(self, mark: dict[str, Any], item: Observation) -> float | None:
        """Steps a second since the last stretch ended; None while that is too short, or where a time is unknown."""
        if item.time_s is None or mark["time_s"] is None or item.time_s < mark["time_s"] or item.at <= mark["step"]:
            mark.update(prints=0, step=item.at, time_s=item.time_s)
            return None
        elapsed: float = item.time_s - mark["time_s"]
        return (item.at - mark["step"]) / elapsed if elapsed >= MIN_STRETCH_S else None

    def _spoken(self, mark: dict[str, Any], series: Series) -> float | None:
        said = [value for value in series.values[-PRINTS:] if isfinite(value) and value > 0]
        if not said:
            return None
        return median(said) if mark["sign"] > 0 else 1.0 / median(said)

    def _verdict(self, run: RunState, mark: dict[str, Any], explained: bool = False) -> Verdict:
        paces: list[float] = mark.get("paces", [])
        if len(paces) < MIN_PAST + self.stretches:
            return UNKNOWN
        lately = paces[-self.stretches :]
        past = mark.get("past") or median(paces[: -self.stretches])
        unit = "steps/s" if mark["sign"] == 0 else mark["metric"] if mark["sign"] > 0 else f"1/{mark['metric']}"
        now, enough = median(lately), past * (self.below + RESOLVED_SHARE * (1.0 - self.below))
        numbers = {"pace_now": now, "pace_before": past, "unit": unit, "share": f"{now / past:.0%}", "limit": f"{self.below:.0%}"}
        if max(lately) < self.below * past:
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
