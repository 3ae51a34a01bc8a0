"""The step-anchored verdict: at step N, the metric shall be so; given once an attempt, on the first observation at or after N.

========  ==============================================================================  ==========
status    when                                                                            tells
========  ==============================================================================  ==========
pending   no such observation yet, and the run has not clearly passed N                   nothing
met       the condition holds (``in LO..HI``: at or below HI; below LO it is ahead)       ``met``
missed    it does not hold                                                                warning
worry     it does not hold and the worry condition does                                   critical
no_data   the run passed N without the metric by more than two validation intervals,      warning
          or ended beyond N
========  ==============================================================================  ==========
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isnan

from rules.alert import FIRING
from rules.history import RunState, Series
from rules.jsonable import short, step_text
from rules.observation import Item, Observation
from rules.rule import RuleBase
from rules.verdict import UNKNOWN, Severity, Status, Verdict

PENDING, MET, MISSED, WORRY, NO_DATA = "pending", "met", "missed", "worry", "no_data"
STATUSES = (PENDING, MET, MISSED, WORRY, NO_DATA)

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_CONDITION = re.compile(rf"\s*(?:(<=|>=|<|>)\s*({_NUMBER})|in\s+({_NUMBER})\s*\.\.\s*({_NUMBER}))\s*")
_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "in": operator.le}
_SHORT = re.compile(r"\s*(\w+)\s+(\S+)\s+(?:([A-Za-z_][\w./@-]*)\s+)?(?=<|>|in\s)")


class MalformedError(ValueError):
    """A short form that cannot be read; ``at`` and ``length`` mark the fault in the text (characters)."""

    def __init__(self, problem: str, at: int = 0, length: int = 1, advice: str = "") -> None:
        super().__init__(problem)
        self.problem, self.at, self.length, self.advice = problem, at, length, advice


@dataclass(frozen=True, slots=True)
class Condition:
    """``<``, ``<=``, ``>``, ``>=`` against ``value``, or ``in`` the closed range from ``low`` to ``value``."""

    op: str
    value: float
    low: float | None = None
    written: str = field(default="", compare=False)
    """The numbers as the user wrote them, for messages: ``1.0`` stays ``1.0``."""

    def holds(self, seen: float) -> bool:
        """NaN satisfies nothing; ``in`` is met at or below its upper end."""
        if isnan(seen):
            return False
        return bool(_HOLDS[self.op](seen, self.value))

    def is_ahead(self, seen: float) -> bool:
        return self.op == "in" and self.low is not None and seen < self.low

    @property
    def wants_lower(self) -> bool:
        return self.op in ("<", "<=", "in")

    def __str__(self) -> str:
        return f"{self.op} {self.written or self._numbers()}"

    def words(self) -> str:
        """As a sentence goes on: ``< 0.9``, ``0.40 to 0.45``."""
        return str(self).removeprefix("in ").replace("..", " to ")

    def as_worry(self) -> str:
        """``worry > 1.0`` is a worry above 1.0."""
        return f"worry {'below' if self.wants_lower else 'above'} {self.written or self._numbers()}"

    def _numbers(self) -> str:
        return f"{self.low:g}..{self.value:g}" if self.low is not None else f"{self.value:g}"


def condition(text: str, at: int = 0) -> Condition:
    """``< 0.9`` or ``in 0.40..0.45``. Raises MalformedError; ``at`` is where ``text`` stands in what the user wrote."""
    found = _CONDITION.fullmatch(text)
    if not found:
        raise MalformedError(f"`{text.strip()}` is no condition", at, len(text), "write < 0.9, <= 0.9, > 0.7, >= 0.7 or in 0.40..0.45")
    if found[1]:
        return Condition(found[1], float(found[2]), written=found[2])
    low, high = float(found[3]), float(found[4])
    if low > high:
        raise MalformedError(f"the range {found[3]}..{found[4]} is empty", at, len(text), f"write in {found[4]}..{found[3]}")
    return Condition("in", high, low, f"{found[3]}..{found[4]}")


@dataclass(frozen=True, slots=True)
class MilestoneForm:
    """A milestone as the file gives it, in either form. ``metric`` None means the file's default."""

    axis: str
    step: float
    expect: Condition
    metric: str | None = None
    worry: Condition | None = None
    severity: Severity | None = None
    name: str | None = None


def parse_milestone(text: str) -> MilestoneForm:
    """``AXIS N [METRIC] OP VALUE [, worry OP VALUE] [, severity S]``. Raises MalformedError."""
    head, *rest = text.split(",")
    found = _SHORT.match(head)
    if not found:
        raise MalformedError(f"`{text.strip()}` is no milestone", 0, len(text), "write step 100 < 0.9, worry > 1.0")
    axis, number, metric = found[1], found[2], found[3]
    if axis not in ("step", "epoch"):
        raise MalformedError(f"`{axis}` is no axis", found.start(1), len(axis), _meant(axis, ("step", "epoch")) or "write step or epoch")
    form = MilestoneForm(axis, _place(number, found.start(2)), condition(head[found.end() :], found.end()), metric)
    at, worry, severity = len(head) + 1, None, None
    for part in rest:
        word, _, tail = part.strip().partition(" ")
        lead = len(part) - len(part.lstrip())
        if word == "worry":
            worry = condition(tail, at + lead + len(word) + 1)
        elif word == "severity":
            severity = _severity(tail.strip(), at + lead + len(word) + 1)
        else:
            length = len(part.strip()) or 1
            raise MalformedError(
                f"`{part.strip()}` is not understood", at + lead, length,
                _meant(word, ("worry", "severity")) or "write worry OP VALUE or severity S",
            )  # fmt: skip
        at += len(part) + 1
    return MilestoneForm(form.axis, form.step, form.expect, form.metric, worry, severity)


def _place(text: str, at: int) -> float:
    try:
        number = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e15:
        raise MalformedError(f"`{text}` is no step", at, len(text), "write a number such as 100")
    return number


def _severity(text: str, at: int) -> Severity:
    try:
        return Severity(text)
    except ValueError:
        advice = _meant(text, [severity.value for severity in Severity]) or "write info, warning or critical"
        raise MalformedError(f"`{text}` is no severity", at, max(1, len(text)), advice) from None


def _meant(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"did you mean `{near[0]}`?" if near else ""


@dataclass(frozen=True, slots=True)
class Milestone(RuleBase):
    """``step`` is on ``axis``; ``expect`` and ``worry`` are conditions on ``metric`` in the log's own unit."""

    metric: str = "val_loss"
    axis: str = "step"
    step: float = 0.0
    expect: Condition = Condition("<", 0.0)
    worry: Condition | None = None
    asked: str = ""
    """All that the verdict depends on, as text: a verdict that was given for something else is given anew."""

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        mark = self.mark(run)
        status = mark["status"]
        if status in (PENDING, NO_DATA) and (kept := self._kept(run)):
            return self._from_history(mark, kept)
        if isinstance(item, Observation) and item.metric == self.metric and (at := self.place(item)) is not None and at >= self.step:
            if status in (PENDING, NO_DATA):
                return self._first(mark, at, item.value)
            if status in (MISSED, WORRY) and mark["resolved"] is None and self.expect.holds(item.value):
                return self._resolved(mark, at, item.value)
            return UNKNOWN
        if status == PENDING and (passed := self._passed_without(run)):
            mark.update(status=NO_DATA)
            return Verdict(Status.BREACHED, passed, run.step, None, Severity.WARNING, resolves_when=f"{self.metric} is printed")
        if status == PENDING and self._stands(run):
            return Verdict(Status.OK, f"the milestone was changed, and {self.axis} {step_text(self.step)} is still ahead", run.step)
        return UNKNOWN

    def _stands(self, run: RunState) -> bool:
        alert = run.alerts.get(self.id)
        return alert is not None and alert.state == FIRING

    def _kept(self, run: RunState) -> list[tuple[float, float]]:
        """(place, value) of all that the run has shown at or after the milestone: more than one where the rule is younger than that."""
        series = run.metric(self.metric)
        if series is None or not series.steps:
            return []
        if not (series.steps if self.axis == "step" else series.epochs)[-1] >= self.step:
            return []
        if self.axis == "step":
            start = series.first_at_or_after(self.step)
            return list(zip(series.steps[start:], series.values[start:], strict=True))
        return [(epoch, value) for epoch, value in zip(series.epochs, series.values, strict=True) if epoch >= self.step]

    def _from_history(self, mark: dict[str, object], kept: list[tuple[float, float]]) -> Verdict:
        """The verdict on the first of ``kept``; where a later one satisfied the milestone since, it is resolved already."""
        verdict = self._first(mark, *kept[0])
        if verdict.status is Status.BREACHED:
            for at, value in kept[1:]:
                if self.expect.holds(value):
                    return self._resolved(mark, at, value)
        return verdict

    def _resolved(self, mark: dict[str, object], at: float, value: float) -> Verdict:
        mark["resolved"] = at
        said = f"{self.metric} {short(value)} at {self.axis} {step_text(at)}, now {self.expect.words()}"
        numbers = {"expected": str(self.expect), "observed": mark["value"], "at": mark["step"], "now": value}
        return Verdict(Status.OK, said, at, value, numbers=numbers)

    def explained(self, run: RunState) -> Verdict | None:
        """What a milestone that is still pending waits for; None for one that was judged. Changes no verdict."""
        if self.mark(run)["status"] != PENDING:
            return None
        reached, series = run.step if self.axis == "step" else run.epoch, run.metric(self.metric)
        where = f"; the run is at {self.axis} {step_text(reached)}" if reached is not None else ""
        seen = {"last": series.last, "last_step": series.last_step} if series is not None and series.steps else {}
        said = f"pending: no {self.metric} at or after {self.axis} {step_text(self.step)} yet{where}"
        return Verdict(Status.UNKNOWN, said, numbers={"expected": str(self.expect), **seen})

    def mark(self, run: RunState) -> dict[str, object]:
        """The verdict kept for this run; a new attempt that starts at or below the milestone opens it again, as does a change of it."""
        mark = run.marks.get(self.id)
        if (
            mark is None
            or mark.get("asked", self.asked) != self.asked
            or (mark["attempt"] != run.attempt and run.first_step is not None and self._is_ahead_of_start(run))
        ):
            mark = run.marks[self.id] = {
                "attempt": run.attempt, "status": PENDING, "step": None, "value": None, "resolved": None, "asked": self.asked,
            }  # fmt: skip
        return mark

    def place(self, item: Observation) -> float | None:
        return item.at if self.axis == "step" else item.epoch

    def _is_ahead_of_start(self, run: RunState) -> bool:
        if self.axis == "step":
            return run.first_step is not None and self.step >= run.first_step
        return run.first_epoch is None or self.step >= run.first_epoch

    def _first(self, mark: dict[str, object], at: float, value: float) -> Verdict:
        had_no_data = mark["status"] == NO_DATA
        status = MET if self.expect.holds(value) else WORRY if self.worry is not None and self.worry.holds(value) else MISSED
        mark.update(status=status, step=at, value=value, resolved=None)
        numbers = {"expected": str(self.expect), "observed": value, "at": at}
        if status == MET:
            said = f"{self.metric} {short(value)} {self._met(value)} at {self.axis} {step_text(at)}"
            return Verdict(Status.MET, said, at, value, numbers=numbers)
        worry = f", {self.worry.as_worry()}" if self.worry is not None else ""
        return Verdict(
            Status.BREACHED, f"{self.metric} {short(value)} at {self.axis} {step_text(at)}, expected {self.expect.words()}{worry}",
            at, value, Severity.CRITICAL if status == WORRY else self.severity, numbers, f"{self.metric} {self.expect.words()}",
            again=had_no_data,
        )  # fmt: skip

    def _met(self, value: float) -> str:
        if self.expect.op != "in":
            return str(self.expect)
        return f"is {'ahead of' if self.expect.is_ahead(value) else 'within'} {self.expect.words()}"

    def _passed_without(self, run: RunState) -> str | None:
        reached = run.step if self.axis == "step" else run.epoch
        if reached is None or reached < self.step:
            return None
        series = run.metric(self.metric)
        if run.ended is not None and reached > self.step:
            return f"the run ended at {self.axis} {step_text(reached)} without {self.metric} at or after {self.axis} {step_text(self.step)}"
        margin = 2 * self._usual_interval(run, series)
        if reached - self.step <= margin:
            return None
        return f"no {self.metric} at or after {self.axis} {step_text(self.step)}, and the run is at {self.axis} {step_text(reached)}"

    def _usual_interval(self, run: RunState, series: Series | None) -> float:
        """Of the metric in this attempt, else in the one before, else its first step; unseen so far: the milestone's own step."""
        for candidate in (series, run.earlier.get(self.metric)):
            if candidate is not None and candidate.steps:
                places = candidate.steps if self.axis == "step" else candidate.epochs
                gap = candidate.interval() if self.axis == "step" else None
                return gap or max(abs(places[0]), 1.0)
        return max(self.step, 1.0)
