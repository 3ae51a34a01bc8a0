"""``explain``: why a rule fired or did not: the numbers that it saw, and what would resolve it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from monitor.commands.check import is_alive
from monitor.commands.inputs import USAGE, fail, report_problems, say, say_json, the_formats
from monitor.commands.status import earlier_runs, known_run
from monitor.explanation import Reasons, explanation, explanation_lines
from monitor.ink import wants_color
from monitor.mistake import ConfigErrors
from monitor.oneshot import read_runs
from monitor.outlook import Outlook
from monitor.rulesfile import load_rules
from rules.engine import Engine
from rules.entries import did_you_mean
from rules.history import RunState
from rules.observation import Item
from rules.rule import Rule
from rules.verdict import Status, Verdict


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
    now, outlook = time.time(), Outlook()
    for run in reading.runs.values():
        if is_alive(run, now):
            reading.transitions += engine.tick(run, now)
    for told in reading.transitions:
        engine.reasons.setdefault((told.run, told.rule), Reasons()).told.append(told)
    color = wants_color()
    for run in reading.runs.values():
        forecasts = outlook.of(run, engine)
        for one in engine.rules:
            if rule in (None, one.id):
                seen = engine.reasons.get((run.run, one.id), Reasons())
                document = explanation(run, one, seen, forecasts.get(one.id))
                if json:
                    say_json(document)
                else:
                    say("\n".join(explanation_lines(document, one, seen, color)))
    return 0
