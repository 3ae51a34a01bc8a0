"""What people are told, and when: live, each transition; after a catch-up, only what still stands at its end. Pure.

``RunState.told`` holds the rules whose alert people know of, so that after any stop the difference between what they were told
and what stands is what they are told next: nothing twice, nothing lost, no storm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rules.alert import FIRING, RESOLVED, Transition
from rules.engine import Engine
from rules.history import RunState
from rules.silence import Silence, silenced


def live(run: RunState, transitions: Sequence[Transition], silences: Sequence[Silence] = ()) -> tuple[Transition, ...]:
    """The transitions of ``run`` as they happened, but what is silenced, and a resolution that nobody was told the beginning of."""
    kept = []
    for told in transitions:
        if told.state != RESOLVED and silences and silenced(silences, run, told.rule, told.time_s or 0.0):
            continue
        if told.state == FIRING:
            run.told[told.rule] = told.severity
        elif told.state == RESOLVED and run.told.pop(told.rule, None) is None:
            continue
        kept.append(told)
    return tuple(kept)


def caught_up(run: RunState, engine: Engine, now: float, silences: Sequence[Silence] = ()) -> tuple[Transition, ...]:
    """What has changed for the reader since they were last told: alerts that stand and are new, alerts that are gone."""
    changed = []
    for rule, alert in run.alerts.items():
        if alert.state == FIRING and run.told.get(rule) != alert.severity and not silenced(silences, run, rule, now):
            run.told[rule] = alert.severity
            changed.append(_transition(run, engine, rule, alert.severity, FIRING, alert.step, alert.value, alert.message, now))
    for rule, severity in list(run.told.items()):
        standing = run.alerts.get(rule)
        if standing is None or standing.state != FIRING:
            del run.told[rule]
            changed.append(_transition(run, engine, rule, severity, RESOLVED, run.step, None, "it no longer stands", now))
    return tuple(changed)


def ends(run: RunState) -> bool:
    """Whether the end of ``run`` is to be told now: once an attempt."""
    if run.ended is None or run.end_told:
        return False
    run.end_told = True
    return True


def _transition(run: RunState, engine: Engine, rule_id: str, severity: str, state: str, *told: Any) -> Transition:
    rule = engine.rule(rule_id)
    return Transition(run.run, run.attempt, rule_id, rule.kind if rule else rule_id, severity, state, *told)
