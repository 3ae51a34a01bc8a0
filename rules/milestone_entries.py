"""The milestones of a rules file: a line or a mapping each, and the finished rules of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rules.entries import Entries, did_you_mean
from rules.milestone import Condition, MalformedError, Milestone, MilestoneForm, condition, parse_milestone
from rules.problem import Loc
from rules.rule import ANY_METRIC, ENDED, TICK
from rules.verdict import Severity

MILESTONE_OPS = {"below": "<", "at_most": "<=", "above": ">", "at_least": ">="}
MILESTONE_KEYS = ("step", "epoch", "metric", *MILESTONE_OPS, "in", "worry", "severity", "name")
T = TypeVar("T")


class MilestoneEntries(Entries):
    """Reads ``milestones:``."""

    def _milestones(self, given: Any, default_metric: str) -> list[Milestone]:
        found: list[Milestone] = []
        seen: set[str] = set()
        for i, entry in enumerate(self._list({"milestones": given}, "milestones")):
            form = self._milestone_form(entry, ("milestones", i))
            if form is None:
                continue
            built = build_milestone(form, default_metric)
            if built.id in seen:
                self.problem(("milestones", i), f"`{built.id}` is there twice", "take one out, or give it a name")
            seen.add(built.id)
            found.append(built)
        return found

    def _milestone_form(self, entry: Any, loc: Loc) -> MilestoneForm | None:
        if isinstance(entry, str):
            return self._understood(lambda: parse_milestone(entry), loc)
        if isinstance(entry, Mapping):
            return self._milestone_mapping(entry, loc)
        self.problem(loc, "a milestone is a line or a mapping", "write step 100 < 0.9 or {step: 100, below: 0.9}")
        return None

    def _understood(self, parse: Callable[[], T], loc: Loc) -> T | None:
        try:
            return parse()
        except MalformedError as wrong:
            self.problem(loc, wrong.problem, wrong.advice, at=wrong.at, length=wrong.length)
            return None

    def _milestone_mapping(self, entry: Mapping[str, Any], loc: Loc) -> MilestoneForm | None:
        before = len(self.problems)
        self._known_keys(entry, MILESTONE_KEYS, loc)
        axes = [axis for axis in ("step", "epoch") if axis in entry]
        tests = [key for key in (*MILESTONE_OPS, "in") if key in entry]
        if len(axes) != 1:
            self.problem(loc, "a milestone has a step or an epoch", "write {step: 100, below: 0.9}")
        if len(tests) != 1 and len(self.problems) == before:
            self.problem(loc, f"a milestone has one of {', '.join((*MILESTONE_OPS, 'in'))}", "write {step: 100, below: 0.9}")
        if len(self.problems) > before:
            return None
        place = self._number(entry[axes[0]], (*loc, axes[0]), least=0.0)
        key = tests[0]
        expect: Condition | None
        if key == "in":
            expect = self._understood(lambda: condition(f"in {entry['in']}", -3), (*loc, "in"))
        else:
            value = self._number(entry[key], (*loc, key))
            expect = None if value is None else Condition(MILESTONE_OPS[key], value, written=str(entry[key]))
        worry = self._understood(lambda: condition(str(entry["worry"])), (*loc, "worry")) if "worry" in entry else None
        severity = self._severity(entry["severity"], (*loc, "severity")) if "severity" in entry else None
        if place is None or expect is None:
            return None
        return MilestoneForm(axes[0], place, expect, entry.get("metric"), worry, severity, entry.get("name"))

    def _severity(self, text: Any, loc: Loc) -> Severity | None:
        try:
            return Severity(text)
        except ValueError:
            known = [severity.value for severity in Severity]
            self.problem(loc, f"`{text}` is no severity", did_you_mean(str(text), known) or f"write {', '.join(known)}")
            return None


def build_milestone(form: MilestoneForm, default_metric: str) -> Milestone:
    """The rule of a form; its id is ``step-50``, with the metric before it when that is not the default."""
    metric = form.metric or default_metric
    plain = f"{form.axis}-{form.step:g}" if form.step < 1e6 else f"{form.axis}-{form.step:.15g}"
    name = form.name or (plain if metric == default_metric else f"{metric}-{plain}")
    return Milestone(
        id=name, kind="milestone", severity=form.severity or Severity.WARNING, topics=frozenset({metric, ANY_METRIC, ENDED, TICK}),
        metric=metric, axis=form.axis, step=form.step, expect=form.expect, worry=form.worry,
        asked=f"{form.axis} {form.step:.15g} {metric} {form.expect} worry {form.worry}",
    )  # fmt: skip
