"""Time that passes by a log's own clock: what the rules that look at the clock would have said while the log grew.

A watcher asks them every second. Where a log is read afterwards, they are asked once a minute of the log's own time and throughout its
silences, so that a replay says ``stall`` where the log stood still. Pure: all times are Unix seconds out of the log.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.alert import Transition
from rules.engine import Engine
from rules.history import RunState

LOOK_S = 60.0
LATER = 1.1
"""Each look into a silence comes a tenth of it later than the one before, so that a year of it costs a hundred looks."""


def printed_at(engine: Engine, run: RunState, time_s: float) -> list[Transition]:
    """A line that said something was written at ``time_s``; what the rules say of the time that has passed until then."""
    if run.last_line_s is not None and time_s - run.last_line_s < LOOK_S:
        run.heard(time_s)  # whatever was written meanwhile: no silence was longer
    else:
        run.heard_in_passing(time_s)
    if run.looked_s is not None and time_s - run.looked_s < LOOK_S:
        return []
    first, run.looked_s = run.looked_s is None, time_s
    return [] if first else engine.tick(run, time_s)


def silent(engine: Engine, run: RunState, from_s: float, to_s: float, *, looked_at: bool = True) -> list[Transition]:
    """No line came from ``from_s`` to ``to_s``. Without ``looked_at`` nobody asks meanwhile: another file of the run may have grown."""
    if run.last_line_s is not None and to_s <= run.last_line_s:
        return []
    run.heard_in_passing(from_s)
    told: list[Transition] = []
    if looked_at:
        for time_s in looks(from_s, to_s):
            told += engine.tick(run, time_s)
        run.looked_s = to_s
        run.heard(to_s)
    else:
        run.heard_in_passing(to_s)
    return told


def looks(from_s: float, to_s: float) -> Iterator[float]:
    """When to look into a silence: after a minute, and then ever more rarely."""
    step_s = LOOK_S
    at = from_s + step_s
    while at < to_s:
        yield at
        step_s = max(LOOK_S, (LATER - 1.0) * (at - from_s))
        at += step_s
