"""The crash that counts of those that a run has shown."""

from __future__ import annotations

from rules.history import RunState
from rules.observation import Event


def first_cause(run: RunState) -> Event | None:
    """The event that counts of those since the last recovery; the lowest tier (nearest to the cause), and of equals the first."""
    best: Event | None = None
    for event in run.events:
        if event.kind in ("recovered", "requeued", "attempt"):
            best = None
        elif event.kind == "crash" and (best is None or _tier(event) < _tier(best)):
            best = event
    return best


def _tier(event: Event) -> int:
    tier = event.fields.get("tier", 0)
    return tier if isinstance(tier, int) else 0
