"""The regular line that says how all runs stand: proof that the watcher lives, and one glance in the morning. Pure but for when."""

from __future__ import annotations

import sqlite3

from monitor.notify.channel import Channel
from monitor.notify.notification import MAX_NOTES, Notification, RunContext, notification
from monitor.notify.present import Present
from monitor.notify.queue import enqueue, read_memory, write_memory
from monitor.notify.wording import ordered, word
from rules.alert import FIRING
from rules.jsonable import short, step_number

KEY = "\x00digest"
"""Where the outbox keeps the time of a channel's last digest; no run can be called so."""
_ORDER = ("crashed", "failed", "silent", "training", "starting", "waiting", "ended")


def digest(now_present: Present, now: float) -> Notification:
    """One line for each run, those with alerts first."""
    runs = sorted(now_present.runs, key=lambda run: (not run.transitions, _place(run.context.state), run.run))
    alerts = sum(len(run.transitions) for run in runs)
    count = f"{len(runs)} run{'s' if len(runs) != 1 else ''}"
    stand = {0: "all is well", 1: "one alert stands"}.get(alerts, f"{alerts} alerts stand")
    lead = f"{count}, {stand}"
    rows = [row(run) for run in runs[: MAX_NOTES - 2]]
    left = runs[len(rows) :]
    if left:
        rows.append(f"and {len(left)} more runs{'' if left[0].transitions else ' without alerts'}")
    page = next((run.context.page_url.partition("#")[0] for run in runs if run.context.page_url), "")
    return notification("digest", "digest", now, notes=(lead, *rows), severity="info", context=RunContext(page_url=page))


def row(run: Notification) -> str:
    """``13503904 training, step 104 / 500, val_loss 1.07: worry step-100``."""
    context = run.context
    parts = [f"{run.run} {context.state}".strip()]
    if context.step is not None:
        total = f" / {step_number(context.total_steps)}" if context.total_steps else ""
        parts.append(f"step {step_number(context.step)}{total}")
    if context.values:
        parts.append(f"{context.metric} {short(context.values[-1])}")
    firing = ", ".join(f"{word(t)} {t.rule}" for t in ordered(run.transitions) if t.state == FIRING)
    return ", ".join(parts) + (f": {firing}" if firing else "")


def enqueue_digests(connection: sqlite3.Connection, channels: tuple[Channel, ...], now_present: Present, now: float) -> int:
    """Queue a digest for each channel whose last one is ``digest_s`` ago, inside the caller's transaction; how many that were.

    The first comes one interval after the channel was first seen, so that a restart does not send one.
    """
    made = 0
    for channel in channels:
        last_s = read_memory(connection, channel.name, KEY).get("last_s")
        if last_s is None:
            write_memory(connection, channel.name, KEY, {"last_s": now}, now)
        elif now - float(last_s) >= (channel.route.digest_s or 0.0):
            made += enqueue(connection, digest(now_present, now), [channel], now)
            write_memory(connection, channel.name, KEY, {"last_s": now}, now)
    return made


def next_digest_s(connection: sqlite3.Connection, channels: tuple[Channel, ...]) -> float | None:
    """When the next digest of any channel is due (Unix s); 0 where one has yet to be scheduled, None without channels."""
    lasts = [(channel, read_memory(connection, channel.name, KEY).get("last_s")) for channel in channels]
    return min((0.0 if last_s is None else float(last_s) + (channel.route.digest_s or 0.0) for channel, last_s in lasts), default=None)


def _place(state: str) -> int:
    return _ORDER.index(state) if state in _ORDER else len(_ORDER)
