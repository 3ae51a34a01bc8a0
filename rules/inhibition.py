"""Who silences whom: an alert whose cause is told already is not told as well. A crash mutes the stall that it leaves behind.

A muted rule does not begin to fire; one that fires already goes on. Nothing is lost: it fires as soon as what muted it is over.
"""

from __future__ import annotations

from collections.abc import Mapping

from rules.alert import FIRING
from rules.history import RunState

PACE = frozenset({"stall", "throughput", "walltime", "forecast", "phase"})
CURVE = frozenset({"spike", "plateau", "overfit", "forecast", "baseline"})

MUTES: Mapping[str, frozenset[str]] = {
    "crash": PACE,
    "job_state": PACE,
    "stall": frozenset({"throughput", "walltime"}),
    "not_finite": CURVE | {"divergence"},
    "divergence": CURVE,
    "overfit": frozenset({"plateau"}),
    "spike": frozenset({"plateau"}),
}
"""Kind that fires -> kinds that are then not told of the same run."""

MUTED_BY: Mapping[str, frozenset[str]] = {
    kind: frozenset(loud for loud, quiet in MUTES.items() if kind in quiet) for kind in frozenset().union(*MUTES.values())
}


def muted_by(run: RunState, kind: str, kinds: Mapping[str, str]) -> str | None:
    """The rule that fires for ``run`` and mutes a rule of ``kind``; None where there is none. ``kinds`` maps rule ids to kinds."""
    louder = MUTED_BY.get(kind)
    if not louder:
        return None
    return next((rule for rule, alert in run.alerts.items() if alert.state == FIRING and kinds.get(rule) in louder), None)
