"""Which queued notifications become the next message of a channel: one, several of a run together, or one summary of a storm. Pure.

Only a prefix of the queue is ever taken, so the order holds; every notification is delivered by itself or named in ``covers`` of the one
that stands for it, so none is lost. The same rows always give the same message with the same id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from monitor.notify.notification import MAX_NOTES, NO_CONTEXT, Notification
from monitor.notify.text import cut
from monitor.notify.wording import ordered, word
from rules.alert import FIRING, RESOLVED, Transition
from rules.verdict import Severity

STORM = 10
"""From so many queued notifications of several runs on, a channel sends one summary: nobody reads the tenth message of a minute."""

_JOINED = ("transitions", "catch_up", "ended")


def take(queued: Sequence[Notification], *, coalesces: bool = True) -> tuple[int, Notification]:
    """The next message, and how many of ``queued`` (at least one, from the front) it stands for. Raises IndexError without any."""
    if not coalesces or queued[0].kind not in _JOINED:
        return 1, queued[0]
    plain = next((i for i, told in enumerate(queued) if told.kind not in _JOINED), len(queued))
    if plain >= STORM:
        return plain, combine(queued[:plain])
    same = next((i for i, told in enumerate(queued[:plain]) if told.run != queued[0].run), plain)
    return same, combine(queued[:same])


def combine(told: Sequence[Notification]) -> Notification:
    """One message for all of ``told``: itself, one about their run with all that happened to it, or a summary of several runs."""
    if len(told) == 1:
        return told[0]
    return _of_one_run(told) if len({each.run for each in told}) == 1 else _summary(told)


def _of_one_run(told: Sequence[Notification]) -> Notification:
    last = told[-1]
    transitions = tuple(t for each in told for t in each.transitions)
    return Notification(
        id=_id(told), run=last.run, kind=next((each.kind for each in told if each.kind == "ended"), told[0].kind),
        severity=_worst(told), time_s=last.time_s, transitions=transitions, context=last.context,
        notes=tuple(note for each in told for note in each.notes)[:MAX_NOTES], covers=tuple(each.id for each in told),
    )  # fmt: skip


def _summary(told: Sequence[Notification]) -> Notification:
    transitions = tuple(t for each in told for t in each.transitions)
    runs = list(dict.fromkeys(each.run for each in told))
    page = next((each.context.page_url for each in reversed(told) if each.context.page_url), "")
    rows = [_row(run, [each for each in told if each.run == run]) for run in runs[: MAX_NOTES - 2]]
    left = runs[MAX_NOTES - 2 :]
    if left:
        rows.append(cut(f"{len(left)} more runs: {', '.join(left)}", 1500))
    return Notification(
        id=_id(told), run=runs[0] if len(runs) == 1 else f"{len(runs)} runs", kind="summary", severity=_worst(told), time_s=told[-1].time_s,
        transitions=transitions, context=replace(NO_CONTEXT, page_url=page), covers=tuple(each.id for each in told),
        notes=(f"{len(told)} messages put together, {_span(told)}: {_counts(transitions)}", *rows),
    )  # fmt: skip


def _row(run: str, told: Sequence[Notification]) -> str:
    """One run of a summary: how many events, what still stands, the worst in its own words, the others by name."""
    transitions = tuple(t for each in told for t in each.transitions)
    last = {t.rule: t for t in transitions}
    standing = [t for t in last.values() if t.state == FIRING]
    ended = [each for each in told if each.kind == "ended"]
    said = ordered(standing or transitions)[:1]
    parts = [f"{run}: {len(transitions)} events, {len(standing)} still standing"]
    parts += [f"{word(said[0])} {said[0].rule}: {cut(said[0].message, 200)}"] if said else []
    others = [f"{word(t)} {t.rule}" for t in ordered(last.values()) if t not in said]
    parts += [f"also {', '.join(others)}"] if others else []
    parts += [f"{ended[-1].context.state or 'ended'}"] if ended else []
    return cut(" · ".join(parts), 400)


def _counts(transitions: Sequence[Transition]) -> str:
    names = [f"{t.state} {t.severity}" if t.state == FIRING else t.state for t in transitions]
    order = [f"{FIRING} critical", f"{FIRING} warning", f"{FIRING} info", RESOLVED, "met"]
    return ", ".join(f"{names.count(name)} {name}" for name in order if name in names) or "no events"


def _span(told: Sequence[Notification]) -> str:
    first, last = (datetime.fromtimestamp(each.time_s).astimezone() for each in (told[0], told[-1]))
    until = last.strftime("%H:%M:%S" if first.date() == last.date() else "%Y-%m-%d %H:%M:%S")
    return f"{first:%Y-%m-%d %H:%M:%S} to {until}"


def _worst(told: Sequence[Notification]) -> str:
    return max((each.severity for each in told), key=lambda s: Severity(s).rank)


def _id(told: Sequence[Notification]) -> str:
    return hashlib.sha256("\x00".join(each.id for each in told).encode()).hexdigest()[:24]


