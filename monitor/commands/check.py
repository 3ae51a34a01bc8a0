"""``check``: judge once from the whole log, print the verdict, leave with its code."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.commands.inputs import USAGE, report_problems, say, say_json, the_formats, the_rules
from monitor.ink import wants_color
from monitor.oneshot import Reading, read_runs
from monitor.outlook import Outlook
from monitor.snapshot import RunView
from monitor.verdictdoc import verdict_document, verdict_lines
from monitor.views import EXIT_CODES, crash_of, is_complete, run_view, worst_verdict
from rules.engine import Engine
from rules.history import RunState
from rules.rule import Rule
from rules.spec import Baseline

LONG_OVER_S = 24 * 3600.0
"""A log that nobody has written to for a day is over, not stalled."""


def check(paths: Sequence[str], rules: Path | None, *, json: bool, formats: Sequence[Path], forced: str | None = None) -> int:
    """The exit code that contract section 1 lists."""
    book, engine = the_rules(rules)
    reading = read_runs(paths, engine, the_formats(formats, forced), forced=forced)
    failed = report_problems(reading.problems)
    views = judged(reading, engine, baseline_document(book.baseline), time.time())
    if json:
        say_json(verdict_document(views))
    else:
        color = wants_color()
        for i, view in enumerate(views):
            if i:
                say()
            for line in verdict_lines(view, color):
                say(line)
    if not views:
        return USAGE if failed else EXIT_CODES["no_data"]
    return EXIT_CODES[worst_verdict(view.verdict for view in views)]


def judged(reading: Reading, engine: Engine, baseline: Mapping[str, Any] | None, now: float) -> list[RunView]:
    """The views of all runs after the clock has had its say on those that may still be running."""
    outlook = Outlook()
    views = []
    for run in reading.runs.values():
        reading.transitions += Engine([rule for rule in engine.rules if may_be_stalled(rule, run, now)]).tick(run, now)
        views.append(run_view(run, engine, forecasts=outlook.of(run, engine, now), baseline=baseline))
    return views


def may_be_stalled(rule: Rule, run: RunState, now: float) -> bool:
    """Whether silence of this log says anything, since most logs that are checked are simply over, many before their last step.

    The user's own rule says how long is too long (``after``), the log was written to within a day, and it did not say that it ended.
    """
    return rule.kind == "stall" and is_alive(run, now) and getattr(rule, "after_s", None) is not None


def is_alive(run: RunState, now: float) -> bool:
    """Whether the log may still grow: written to within a day, and neither its end nor a crash in it."""
    if run.last_line_s is None or now - run.last_line_s >= LONG_OVER_S:
        return False
    return run.ended is None and not is_complete(run) and crash_of(run) is None


def baseline_document(baseline: Baseline | None) -> dict[str, Any] | None:
    """The baseline as views carry it: ``values`` by metric, ``step``, ``label``, ``curves`` (steps, values) by metric."""
    if baseline is None:
        return None
    return {"values": dict(baseline.values), "step": baseline.step, "label": baseline.label, "curves": dict(baseline.curves)}
