"""The run's life line: queued, started, ranks, checkpoint, first step, first validation, saving, the end; each with its step and time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from monitor.report.document import Block, Section, Table
from monitor.report.inputs import Inputs
from monitor.snapshot import EventView, MetricView
from rules.jsonable import short, step_number
from rules.observation import TRAIN_LOSS, VAL_LOSS
from rules.units import human_duration

MOST = 40
LONGEST_BANNER = 80
"""Characters of a launcher's announcement that still say something; a longer one is advice about its settings."""
WORDS = {
    "started": "started",
    "rank_member": "ranks are missing",
    "ranks_ready": "all ranks are there",
    "checkpoint_loaded": "checkpoint loaded",
    "missing_keys": "keys missing",
    "unexpected_keys": "keys ignored",
    "mismatched_keys": "shapes do not match",
    "resumed": "resumed",
    "checkpoint_saved": "checkpoint saved",
    "requeued": "requeued",
    "crash": "crashed",
    "recovered": "went on",
    "ended": "ended",
    "attempt": "new attempt",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment: what, at which step, when (Unix s)."""

    what: str
    note: str = ""
    step: float | None = None
    time_s: float | None = None


def life(inputs: Inputs) -> Section | None:
    marks = life_line(inputs)
    if not marks:
        return None
    timed = any(m.time_s is not None for m in marks)
    start = next((m.time_s for m in marks if m.time_s is not None), None)
    rows = [
        (
            *((_clock(m.time_s), human_duration(m.time_s - start) if m.time_s is not None and start is not None else "") if timed else ()),
            f"{step_number(m.step):,}" if m.step is not None else "",
            m.what,
            m.note,
        )
        for m in marks
    ]
    head = (*(("time", "after") if timed else ()), "step", "what", "")
    blocks: list[Block] = [Table(head, rows, frozenset({1, 2} if timed else {0}))]
    return Section("Events", blocks)


def life_line(inputs: Inputs) -> list[Mark]:
    """At most ``MOST`` marks in the order of the log; checkpoints saved in a row are one line."""
    facts, marks = inputs.run.facts, []
    for key, what in (("submit_time_s", "queued"), ("start_time_s", "started by SLURM")):
        if isinstance(facts.get(key), (int, float)):
            marks.append(Mark(what, "", None, float(facts[key])))
    body = [*_saved_together(inputs.run.events), *_firsts(inputs)]
    marks += sorted(body, key=_place)
    last = inputs.metric
    if last is not None and not any(m.what in ("crashed", "ended") for m in marks):
        marks.append(Mark("the last value", f"{last.name or last.metric} {short(last.last)}", last.last_step, _time(last, -1)))
    return marks if len(marks) <= MOST else [*marks[: MOST // 2], Mark(f"{len(marks) - MOST} more"), *marks[-MOST // 2 :]]


def _place(mark: Mark) -> float:
    """By step; what comes before the first step stands first, what ended the run last."""
    end = {"ended": 0.2, "crashed": 0.1}.get(mark.what, 0.0)
    return (mark.step if mark.step is not None else (math.inf if end else -math.inf)) + end


def _saved_together(events: tuple[EventView, ...]) -> list[Mark]:
    out: list[Mark] = []
    saved: list[EventView] = []
    for event in events:
        if event.kind == "checkpoint_saved":
            saved.append(event)
            continue
        out.append(Mark(WORDS.get(event.kind, event.kind), _note(event), event.step, event.time_s))
    if saved:
        last = saved[-1]
        path = str(last.fields.get("path") or "")
        what = "checkpoint saved" if len(saved) == 1 else f"{len(saved)} checkpoints saved, the last"
        out.append(Mark(what, path.rpartition("/")[2], last.step, last.time_s))
    return out


def _note(event: EventView) -> str:
    if event.kind == "crash":
        return f"{event.fields.get('class')}: {event.text}"
    path = event.fields.get("path")
    if event.kind == "started" and len(event.text) > LONGEST_BANNER:
        return ""
    if event.kind.endswith("_keys"):
        return str(event.fields.get("count", ""))
    if event.kind in ("checkpoint_loaded", "resumed") and path:
        loaded, of = event.fields.get("loaded"), event.fields.get("of")
        return f"{path}" + (f", {loaded} of {of} keys" if loaded is not None else "")
    return event.text


def _firsts(inputs: Inputs) -> list[Mark]:
    out = []
    for metric, what in ((TRAIN_LOSS, "first step"), (VAL_LOSS, "first validation")):
        view = inputs.run.metrics.get(metric)
        if view is not None and view.series.length:
            value = f"{view.name or metric} {short(view.series.values[0])}"
            out.append(Mark(what, value, view.series.steps[0], _time(view, 0)))
    return out


def _time(view: MetricView, index: int) -> float | None:
    time_s = view.series.times[view.series.length - 1 if index < 0 else index]
    return time_s if math.isfinite(time_s) else None


def _clock(time_s: float | None) -> str:
    return "" if time_s is None else f"{datetime.fromtimestamp(time_s):%d %b %H:%M}"
