"""What the end of a run does to its alerts.

What is about the pace of a run or its future is over with it, and resolves with the reason. What the run has shown (a milestone that
was missed, a loss that diverged, a crash) is its result and stands, until the watcher lets go of the run: then everything is closed,
so that no receiver keeps an alert of a run that nobody watches.
"""

from __future__ import annotations

from collections.abc import Iterable

from rules.alert import INACTIVE, Transition, close
from rules.history import RunState
from rules.inhibition import PACE
from rules.rule import Rule


def close_at_end(rules: Iterable[Rule], run: RunState, now: float) -> list[Transition]:
    """The run has ended: alerts about its pace and its future resolve. ``now`` in Unix seconds."""
    return close_all((rule for rule in rules if rule.kind in PACE), run, now, f"the run ended: {run.ended or 'its log is complete'}")


def close_all(rules: Iterable[Rule], run: RunState, now: float, reason: str) -> list[Transition]:
    """Every alert of ``rules`` becomes inactive; those that fired are resolved with ``reason``."""
    told = []
    for rule in rules:
        alert = run.alerts.get(rule.id)
        if alert is None or alert.state == INACTIVE:
            continue
        run.alerts[rule.id], change = close(alert, reason, run.step)
        if change is not None:
            told.append(Transition(
                run.run, run.attempt, rule.id, rule.kind, change.severity, change.state, change.step, change.value, change.message, now,
            ))  # fmt: skip
    return told
