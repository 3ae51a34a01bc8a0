"""The sentences of a notification, the same on every channel: what happened first, then the numbers, then where it runs.

Everything here is plain text; a channel escapes and sets it in its own marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from monitor.notify.notification import Notification
from monitor.notify.text import cut, sparkline
from rules.alert import FIRING, MET, RESOLVED, Transition
from rules.jsonable import short, step_number
from rules.units import human_duration
from rules.verdict import Severity

MAX_HEADLINE = 200
"""Characters of a headline: what a lock screen shows of it; RFC 5322 allows a Subject of 998."""

_WORRY_LIMIT = re.compile(r", worry (?:above|below|[<>]=?|in|over|under) \S+")
_MILESTONE_WORD = {"critical": "worry", "warning": "missed", "info": "missed"}


def ordered(transitions: Iterable[Transition]) -> list[Transition]:
    """What matters first: what stands, then what resolved, then what fired and is over, then met; the worst first, else as it happened."""
    given = list(transitions)
    last = {(t.run, t.rule): t for t in given if t.state in (FIRING, RESOLVED)}
    place = {FIRING: 0, RESOLVED: 1, MET: 3}

    def key(t: Transition) -> tuple[int, int]:
        over = t.state == FIRING and last[t.run, t.rule] is not t
        return (2 if over else place.get(t.state, 4), -Severity(t.severity).rank)

    return sorted(given, key=key)


def word(transition: Transition) -> str:
    """The one word for a transition: ``worry``, ``missed``, ``critical``, ``warning``, ``info``, ``resolved``, ``met``."""
    if transition.state in (MET, RESOLVED):
        return transition.state
    if transition.kind == "milestone":
        return _MILESTONE_WORD.get(transition.severity, transition.severity)
    return transition.severity


def headline(told: Notification) -> str:
    """One line that says it all: ``13503904 worry: val_loss 1.07 at step 100, expected < 0.9``."""
    if told.title:
        return told.title
    return cut(f"{lead(told)}: {gist(told)}" if gist(told) else lead(told), MAX_HEADLINE)


def lead(told: Notification) -> str:
    """What stands before the colon: the run and the word for what happened to it; a template's title stands alone."""
    if told.title:
        return told.title
    if told.kind == "digest":
        return "loss-watch digest"
    if told.kind == "test":
        return "loss-watch test"
    if told.kind == "summary":
        return "loss-watch summary"
    if told.kind == "ended":
        return f"{told.run} {told.context.state or 'ended'}"
    first = ordered(told.transitions)[:1]
    if not first:
        return told.run
    still = "still " if told.kind == "catch_up" and first[0].state == FIRING else ""
    return f"{told.run} {still}{word(first[0])}"


def gist(told: Notification, *, whole: bool = False) -> str:
    """What stands behind the colon. ``whole`` keeps the worry limit that a subject line has no room for."""
    if told.title:
        return ""
    if not told.transitions or told.kind in ("digest", "test", "summary", "ended"):
        return told.notes[0] if told.notes else ""
    first, *others = ordered(told.transitions)
    said = first.message if whole else _WORRY_LIMIT.sub("", first.message)
    return f"{said} (and {len(others)} more)" if others else said


def further(told: Notification) -> list[str]:
    """The events behind the first one, and the notes that the headline has not said, a line each; or a template's body."""
    if told.body is not None:
        return list(told.body)
    rows: list[str] = []
    if told.kind in ("transitions", "catch_up", "ended"):
        events = ordered(told.transitions)
        rows = [f"{word(t)} {t.rule}: {t.message}" for t in (events if told.kind == "ended" else events[1:])]
    said_first = bool(told.notes) and gist(told) == told.notes[0]
    return rows + list(told.notes[1:] if said_first else told.notes)


def curve(told: Notification) -> str:
    """The sparkline, the last three values, how they stand to the baseline and what is expected next; empty without values."""
    if told.body is not None:
        return ""
    context = told.context
    parts = []
    if context.values:
        parts.append(f"{sparkline(context.values)} {' → '.join(short(v) for v in context.values[-3:])}")
    parts += [text for text in (context.baseline, context.forecast) if text]
    return " · ".join(parts)


def place(told: Notification) -> str:
    """The job, its nodes, how long it has run, where it is, and what would resolve the first alert."""
    if told.body is not None:
        return ""
    context = told.context
    where = context.job_name
    if context.nodes:
        gpus = f", {context.gpus} GPUs" if context.gpus else ""
        where = f"{where or told.run} on {context.nodes} node{'s' if context.nodes > 1 else ''}{gpus}"
    if context.elapsed_s is not None:
        where = ", ".join(part for part in (where, human_duration(context.elapsed_s)) if part)
    parts = [where] if where else []
    if context.step is not None and told.kind != "test":
        total = f" / {step_number(context.total_steps)}" if context.total_steps else ""
        parts.append(f"step {step_number(context.step)}{total}")
    resolves = [f"resolves when {context.resolves_when[t.rule]}" for t in ordered(told.transitions) if _open(t, told)]
    return " · ".join(parts + resolves[:1])


def _open(transition: Transition, told: Notification) -> bool:
    return transition.state == FIRING and bool(told.context.resolves_when.get(transition.rule))


def plain(told: Notification) -> list[str]:
    """The whole message as lines of plain text, the headline first; for mail, apprise, a terminal."""
    lines = [f"{lead(told)}: {gist(told, whole=True)}" if gist(told) else lead(told)]
    lines += [text for text in (curve(told), place(told)) if text]
    rows = further(told)
    if rows:
        lines += ["", *rows]
    if told.context.excerpt and told.body is None:
        lines += ["", "last lines of the log:", *(f"  {line}" for line in told.context.excerpt)]
    if told.context.page_url:
        lines += ["", told.context.page_url]
    return lines
