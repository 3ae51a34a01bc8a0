"""``explain``: why a rule fired or did not: the numbers that it saw, and what would resolve it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.commands.inputs import USAGE, fail, report_problems, say, say_json, the_formats
from monitor.commands.status import earlier_runs, known_run
from monitor.ink import paint, wants_color
from monitor.oneshot import read_runs
from monitor.rulesfile import load_rules
from monitor.yamlfile import ConfigErrors
from rules.alert import FIRING, PENDING, Transition
from rules.curve import CurveRule
from rules.engine import Engine
from rules.entries import did_you_mean
from rules.history import RunState
from rules.jsonable import jsonable, short, step_number
from rules.milestone import Milestone
from rules.observation import Item
from rules.rule import Rule
from rules.verdict import Status, Verdict


@dataclass(slots=True)
class Reasons:
    """What one rule thought of one run: its last verdict, its last breach, and what it told."""

    last: Verdict | None = None
    breach: Verdict | None = None
    judged: int = 0
    told: list[Transition] = field(default_factory=list)


class Witness(Engine):
    """The engine, with a memory for the reasons. By run and rule."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        super().__init__(rules)
        self.reasons: dict[tuple[str, str], Reasons] = {}

    def judge(self, rule: Rule, run: RunState, now: float, item: Item | None) -> Verdict:
        verdict = super().judge(rule, run, now, item)
        seen = self.reasons.setdefault((run.run, rule.id), Reasons())
        seen.judged += 1
        if verdict.reason:
            seen.last = verdict
        if verdict.status is Status.BREACHED:
            seen.breach = verdict
        return verdict


def explain(target: str, rule: str | None, rules: Path | None, *, json: bool, formats: Sequence[Path], state: Path | None) -> int:
    """0 where there was something to explain, 2 where the run or the rule is not known."""
    paths, known_rules = known_run(target, state)
    try:
        book = load_rules(rules or known_rules)
    except ConfigErrors as wrong:
        fail(wrong)
    engine = Witness(book.rules)
    if rule is not None and engine.rule(rule) is None:
        ids = [one.id for one in engine.rules]
        fail(f"no rule `{rule}`; {did_you_mean(rule, ids) or 'known: ' + ', '.join(ids)}")
    reading = read_runs(paths, engine, the_formats(formats), before=earlier_runs(state).give)
    report_problems(reading.problems)
    if not reading.runs:
        return USAGE
    now = time.time()
    for run in reading.runs.values():
        reading.transitions += engine.tick(run, now)
    for told in reading.transitions:
        engine.reasons.setdefault((told.run, told.rule), Reasons()).told.append(told)
    for run in reading.runs.values():
        wanted = [one for one in engine.rules if rule in (None, one.id)]
        documents = [_document(run, one, engine.reasons.get((run.run, one.id), Reasons())) for one in wanted]
        for document in documents:
            if json:
                say_json(document)
            else:
                _print(document)
    return 0


def _document(run: RunState, rule: Rule, seen: Reasons) -> dict[str, Any]:
    alert = run.alerts.get(rule.id)
    standing = alert is not None and alert.state in (FIRING, PENDING)
    shown = seen.breach if standing and seen.breach is not None else seen.last
    if not standing and isinstance(rule, (CurveRule, Milestone)):
        shown = rule.explained(run) or shown
    return {
        "run": run.run, "rule": rule.id, "kind": rule.kind, "state": alert.state if alert is not None and standing else "inactive",
        "severity": alert.severity if alert is not None and standing else None, "judged": seen.judged,
        "reason": shown.reason if shown else None, "numbers": jsonable(shown.numbers) if shown else {},
        "resolves_when": alert.resolves_when if alert is not None and standing else None, "told": [t.as_json() for t in seen.told],
    }  # fmt: skip


def _print(document: dict[str, Any]) -> None:
    color = wants_color()
    state = document["state"]
    style = {"firing": "red", "pending": "yellow"}.get(state, "dim")
    say(f"{document['run']}  {document['rule']}  {paint(' '.join(filter(None, (state, document['severity']))), style, color)}")
    reason = document["reason"] or ("nothing in this log concerns it" if not document["judged"] else "too little was seen to say")
    say(f"  {reason}")
    for name, value in document["numbers"].items():
        say(f"    {name.replace('_', ' '):<24} {short(value) if isinstance(value, float) else value}")
    if document["resolves_when"]:
        say(f"  resolves when {document['resolves_when']}")
    for told in document["told"]:
        say(f"  {told['state']:<9} at step {step_number(told['step']) if told['step'] is not None else '-'}: {told['message']}")
