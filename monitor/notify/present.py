"""How all runs stand at one moment: what is shown anew at a steady pace (a headline edited in place, alerts re-sent, a digest). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.notify.notification import Notification, notification
from monitor.snapshot import RunView, Snapshot
from monitor.telling import context_of
from rules.alert import FIRING, Transition

STALE_S = 120.0
"""A snapshot older than this comes from a loop that no longer turns."""


@dataclass(frozen=True, slots=True)
class Present:
    """``runs`` has one notification a run, its transitions being the alerts that stand; ``time_s`` is when the loop last turned."""

    time_s: float
    runs: tuple[Notification, ...] = ()

    def is_stale(self, now: float) -> bool:
        return now - self.time_s > STALE_S


def present(snapshot: Snapshot, page_url: str | None = None) -> Present:
    """What ``snapshot`` shows, silenced alerts left out."""
    return Present(snapshot.time_s, tuple(_standing(run, snapshot, page_url) for run in snapshot.runs))


def _standing(run: RunView, snapshot: Snapshot, page_url: str | None) -> Notification:
    alerts = tuple(
        Transition(run.run, run.attempt, a.rule, a.kind, a.severity, FIRING, a.step, a.value, a.message, a.since_s)
        for a in run.alerts
        if a.state == FIRING and not a.silenced
    )
    return notification(run.run, "catch_up", snapshot.time_s, alerts, context=context_of(run, page_url or snapshot.address))
