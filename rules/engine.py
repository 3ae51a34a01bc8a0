"""The loop over the rules: which of them look at an item, what becomes of their alerts, what there is to tell.

Pure: no clock, no I/O; ``now`` is Unix seconds. One engine serves every run that has the same rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rules.alert import FIRING, INACTIVE, RESOLVED, Alert, Change, Transition, repeat, step
from rules.ending import close_at_end
from rules.history import RunState
from rules.inhibition import muted_by
from rules.milestone import Milestone
from rules.observation import Event, Item, Observation
from rules.rule import ANY_METRIC, TICK, LinePattern, Rule
from rules.verdict import UNKNOWN, Status, Verdict


class Engine:
    """The rules of one file, indexed by what wakes them."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._by_topic: dict[str, list[Rule]] = defaultdict(list)
        for rule in self.rules:
            for topic in rule.topics:
                self._by_topic[topic].append(rule)
        self._cache: dict[str, tuple[Rule, ...]] = {}
        self._kinds = {rule.id: rule.kind for rule in self.rules}
        self._repeating = tuple(rule for rule in self.rules if rule.repeat_s is not None)

    @property
    def milestones(self) -> tuple[Milestone, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Milestone))

    @property
    def patterns(self) -> dict[str, LinePattern]:
        """Rule id -> the lines that it wants to see."""
        return {rule.id: rule.lines for rule in self.rules if rule.lines is not None}

    def rule(self, rule_id: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def see(self, run: RunState, item: Item, now: float) -> list[Transition]:
        """Let ``run`` take ``item``, and say what changed."""
        if not run.see(item):
            return []
        told = self._close_attempt(run, now) if run.judged_attempt != run.attempt else []
        for rule in self._awake(item):
            told += self._apply(rule, run, now, item)
        if isinstance(item, Event) and item.kind == "ended":
            told += close_at_end(self.rules, run, now)
        return told

    def tick(self, run: RunState, now: float) -> list[Transition]:
        """Time has passed: ask the rules that look at the clock."""
        told: list[Transition] = []
        for rule in self._by_topic.get(TICK, ()):
            told += self._apply(rule, run, now, None)
        return told + self._repeats(run, now)

    def _awake(self, item: Item) -> tuple[Rule, ...]:
        if isinstance(item, Observation):
            topic, extra = item.metric, ANY_METRIC
        elif isinstance(item, Event):
            topic, extra = f"event:{item.kind}", "event:any"
        else:
            topic, extra = "progress", ANY_METRIC
        awake = self._cache.get(topic)
        if awake is None:
            wanted = (topic, extra)
            awake = self._cache[topic] = tuple(rule for rule in self.rules if any(t in rule.topics for t in wanted))
            if len(self._cache) > 4096:  # hostile logs may invent metric names without end
                self._cache.clear()
        return awake

    def judge(self, rule: Rule, run: RunState, now: float, item: Item | None) -> Verdict:
        """What ``rule`` thinks; the one place where a witness (``explain``) may listen."""
        return rule.judge(run, now, item)

    def _apply(self, rule: Rule, run: RunState, now: float, item: Item | None) -> Iterable[Transition]:
        verdict = self.judge(rule, run, now, item)
        if verdict is UNKNOWN:
            return ()
        status, before = verdict.status, run.alerts.get(rule.id, _NEW)
        if status is Status.UNKNOWN or (status is Status.OK and before.state == INACTIVE):
            return ()
        if status is Status.BREACHED and before.state != FIRING and muted_by(run, rule.kind, self._kinds):
            return ()
        after, changes = step(before, verdict, now=now, severity=rule.severity, hold=rule.hold, keep=rule.keep)
        if after is not before:
            run.alerts[rule.id] = after if after.kind else replace(after, kind=rule.kind)
        return [_told(run, rule, change, now) for change in changes]

    def _repeats(self, run: RunState, now: float) -> list[Transition]:
        """What still stands after a rule's repeat interval is told again."""
        told = []
        for rule in self._repeating:
            alert = run.alerts.get(rule.id)
            if alert is None or rule.repeat_s is None:
                continue
            run.alerts[rule.id], change = repeat(alert, rule.repeat_s, now=now)
            if change is not None:
                told.append(_told(run, rule, change, now))
        return told

    def _close_attempt(self, run: RunState, now: float) -> list[Transition]:
        """A new attempt judges anew, once its first step is known: alerts resolve, but for milestones below that step."""
        if run.first_step is None:
            return []
        attempt, run.judged_attempt = run.judged_attempt, run.attempt
        told: list[Transition] = []
        for rule in self.rules:
            alert = run.alerts.get(rule.id)
            if isinstance(rule, Milestone):
                if rule.mark(run)["attempt"] != run.attempt:
                    continue
            else:
                run.marks.pop(rule.id, None)
            if alert is None or alert.state == INACTIVE:
                continue
            run.alerts[rule.id] = Alert()
            if alert.state == FIRING:
                reason = f"attempt {run.attempt} began, it is judged anew"
                told.append(Transition(run.run, attempt, rule.id, rule.kind, alert.severity, RESOLVED, run.step, None, reason, now))
        return told


_NEW = Alert()


def _told(run: RunState, rule: Rule, change: Change, now: float) -> Transition:
    return Transition(
        run.run, run.attempt, rule.id, rule.kind, change.severity, change.state, change.step, change.value, change.message, now,
    )  # fmt: skip
