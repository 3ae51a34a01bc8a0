"""``throughput``: the run is slower than it was.

A stretch is a print, or as many as take two seconds; its pace is steps a second by the times of the lines or, where the lines have no
times, what the log says of its own speed (tokens a second, seconds a step and the like). Of the last ``prints`` prints three quarters of
the stretches must be slower than ``below`` times the median of the stretches before: a validation or a checkpoint between two prints
makes one stretch slow, not most of them. Where validations come between most prints, the fastest stretches are compared instead. Where a
stretch takes half a minute or more, five slow ones in a row are enough, if such were rare before. The last 64 stretches are kept, so a
judgement costs the same however long the run is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any, ClassVar, NamedTuple

from pydantic import Field

from rules.curve import FINE
from rules.fields import Ratio
from rules.history import RunState, Series
from rules.jsonable import step_text
from rules.kind import Context, RuleSpec
from rules.median import median
from rules.observation import Item, Observation
from rules.pace import speed_sign
from rules.rule import ANY_METRIC, Rule, RuleBase
from rules.verdict import UNKNOWN, Severity, Status, Verdict

MIN_STRETCH_S, PRINTS = 2.0, 16
SETTLING, MOST_PRINTS = 5, 64
"""Stretches by which it is settled of how many prints one is, and the most."""
CHOSEN_AFTER, CLOCKED_AFTER = 8, 3
"""Prints (with times: of lines) after which a metric is chosen to be the clock: the first that gets there is the densest."""
MIN_LATELY, MIN_PAST, KEPT = 3, 5, 64
JUDGED_EVERY, LONG_STRETCH_S, LONG_SHARE = 2, 30.0, 0.02
"""Stretches between two judgements; and seconds of a stretch, or share of the time since the first, after which it is judged at once."""
USUAL_EVERY = 8
"""Stretches after which the usual pace is taken anew: while a stretch is not slower than that, nothing is judged."""
IN_A_ROW, ROW_PAST, BY_CHANCE = 5, 4, 0.167
"""Long stretches that must be slow, and the share of the past that may have been: five in a row are then one chance in 8,000."""
MIN_ENDS, FAST_END = 8, 0.85
"""Stretches of which the fastest are compared, and the quantile that they are."""
RESOLVED_SHARE = 0.5
"""It resolves when half of the gap to the limit is closed: between the limit and the past pace."""

Paces = list[list[float]]
"""Of each stretch: steps a second, prints in it, and 1 where it was long."""


class Spec(RuleSpec):
    """Steps a second fell against the run's own past."""

    kind: ClassVar[str] = "throughput"
    default_severity: ClassVar[Severity] = Severity.WARNING
    below: Ratio = Field(0.7, gt=0.0, lt=1.0, description="share of the past pace below which it is slow")
    prints: int = Field(PRINTS, ge=3, le=1000, description="prints that must be slow")

    def build(self, context: Context) -> Rule:
        return Throughput(**self.base({ANY_METRIC}), below=self.below, prints=self.prints)


@dataclass(frozen=True, slots=True)
class Throughput(RuleBase):
    below: float = 0.7
    prints: int = PRINTS

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
        long = mark["sign"] == 0 and self._is_long(mark, item)
        mark["paces"] = [*mark["paces"][-KEPT:], [ended, mark["prints"], int(long)]]
        mark.update(prints=0, step=item.at, time_s=item.time_s, ended=mark["ended"] + 1)
        if mark["ended"] % USUAL_EVERY == 0:
            mark["usual"] = median([entry[0] for entry in mark["paces"]])
        if "past" not in mark and ended >= self.below * mark.get("usual", ended * 2.0 / self.below):
            return UNKNOWN
        return UNKNOWN if mark["ended"] % JUDGED_EVERY and not long else self._verdict(run, mark)

    def _choose(self, mark: dict[str, Any], item: Observation, series: Series) -> bool:
        """The clock of the run: any metric whose lines have times, else a metric that is a speed."""
        if series.count < (CHOSEN_AFTER if item.time_s is None else CLOCKED_AFTER):
            return False
        sign = 0 if item.time_s is not None else speed_sign(item.metric)
        if item.time_s is None and item.metric == "time":
            # Seconds a step (nanoGPT, MMEngine, detectron2), or the time since the start: that only grows.
            first = series.values[:CHOSEN_AFTER]
            sign = -1 if any(b < a for a, b in pairwise(first)) else 0
        if item.time_s is None and sign == 0:
            return False
        mark.update(metric=item.metric, sign=sign, prints=0, ended=0, paces=[], step=item.at, time_s=item.time_s)
        mark.update(begun_s=item.time_s or 0.0, per=1)
        return True

    def _clocked(self, mark: dict[str, Any], item: Observation) -> float | None:
        """Steps a second since the last stretch ended; None while that is too short, or where a time is unknown."""
        if item.time_s is None or mark["time_s"] is None or item.time_s < mark["time_s"] or item.at <= mark["step"]:
            mark.update(prints=0, step=item.at, time_s=item.time_s)
            return None
        elapsed: float = item.time_s - mark["time_s"]
        if elapsed < MIN_STRETCH_S or mark["prints"] < mark["per"]:
            return None
        if mark["ended"] < SETTLING:
            # From then on of as many prints, or slow prints would be another mixture of training and validation.
            mark["per"] = min(max(mark["per"], mark["prints"]), MOST_PRINTS)
        pace: float = (item.at - mark["step"]) / elapsed
        return pace

    def _is_long(self, mark: dict[str, Any], item: Observation) -> bool:
        now = item.time_s or 0.0
        elapsed = now - (mark["time_s"] or now)
        return elapsed >= LONG_STRETCH_S or elapsed >= LONG_SHARE * (now - mark["begun_s"]) > 0.0

    def _spoken(self, mark: dict[str, Any], series: Series) -> float | None:
        said = series.values[-1]
        if not isfinite(said) or said <= 0:
            return None
        return said if mark["sign"] > 0 else 1.0 / said

    def _verdict(self, run: RunState, mark: dict[str, Any], explained: bool = False) -> Verdict:
        paces, how = mark.get("paces", []), mark.get("how")
        ways = WAYS if how is None else {how: WAYS[how]}
        seen = {name: pair for name, way in ways.items() if (pair := way(paces, self.prints, self.below, mark.get("past")))}
        if not seen:
            return UNKNOWN
        how = next((name for name, pair in seen.items() if pair.slow), next(iter(seen)))
        now, past, slow = seen[how].now, seen[how].past, seen[how].slow
        unit = "steps/s" if mark["sign"] == 0 else mark["metric"] if mark["sign"] > 0 else f"1/{mark['metric']}"
        enough = past * (self.below + RESOLVED_SHARE * (1.0 - self.below))
        numbers = {"pace_now": now, "pace_before": past, "unit": unit, "share": f"{now / past:.0%}", "limit": f"{self.below:.0%}"}
        if slow:
            # Kept while it is slow, or the slow stretches would become the past.
            mark.update(past=past, how=how)
            said = f"{now:.3g} {unit} at step {step_text(mark['step'])}, {now / past:.0%} of the {past:.3g} before"
            return Verdict(
                Status.BREACHED, said, run.step, None,
                numbers=numbers, resolves_when=f"it is above {enough:.3g} {unit} again",
            )  # fmt: skip
        if "past" not in mark and not explained:
            return FINE
        if "past" in mark and now < enough:
            return UNKNOWN
        if not explained:
            del mark["past"], mark["how"]
        return Verdict(Status.OK, f"{now:.3g} {unit}, {now / past:.0%} of the pace before", run.step, numbers=numbers)


class Pair(NamedTuple):
    """The pace now, the pace before, and whether that is slow."""

    now: float
    past: float
    slow: bool


def _split(paces: Paces, prints: int, least: int) -> tuple[list[float], list[float]] | None:
    """The paces of the last ``prints`` prints, ``least`` or more of them, and those before, each from slow to fast."""
    split, counted = len(paces), 0.0
    while split > 0 and (counted < prints or len(paces) - split < least):
        split -= 1
        counted += paces[split][1]
    if split < MIN_PAST:
        return None
    return sorted(entry[0] for entry in paces[split:]), sorted(entry[0] for entry in paces[:split])


def _most(paces: Paces, prints: int, below: float, kept: float | None) -> Pair | None:
    """Three quarters of the last prints against the median before. ``kept`` is the pace before, where the alert stands already."""
    parts = _split(paces, prints, MIN_LATELY)
    if parts is None:
        return None
    lately, past = parts[0], kept or median(parts[1])
    return Pair(median(lately), past, lately[3 * len(lately) // 4] < below * past)


def _in_a_row(paces: Paces, prints: int, below: float, kept: float | None) -> Pair | None:
    """The last five stretches where all are long, against the median before; not where more prints are wanted than by default."""
    if prints > PRINTS:
        return None
    lately, before = paces[-IN_A_ROW:], [entry[0] for entry in paces[:-IN_A_ROW]]
    if len(before) < ROW_PAST or not (kept is not None or all(entry[2] for entry in lately)):
        return None
    past = kept or median(before)
    rare = kept is not None or sum(pace < below * past for pace in before) + 1 <= BY_CHANCE * (len(before) + 2)
    return Pair(median([entry[0] for entry in lately]), past, rare and max(entry[0] for entry in lately) < below * past)


def _fastest(paces: Paces, prints: int, below: float, kept: float | None) -> Pair | None:
    """The fastest of the last prints against the fastest before, where all together are slower as well."""
    parts = _split(paces, prints, MIN_ENDS)
    if parts is None or len(parts[1]) < MIN_ENDS:
        return None
    lately, before = parts
    now, past = lately[int(FAST_END * len(lately))], kept or before[int(FAST_END * len(before))]
    slower = kept is not None or sum(lately) / len(lately) < below * sum(before) / len(before)
    return Pair(now, past, slower and now < below * past)


WAYS = {"most": _most, "in a row": _in_a_row, "fastest": _fastest}
