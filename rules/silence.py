"""Silences: who is not told of what, until a step, a time, or the end of the run. The alert itself lives on unheard.

When a silence ends and its alert still stands, it is told then (``monitor/announce.py`` compares what stands with what was told).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rules.history import RunState
from rules.jsonable import step_text
from rules.units import duration_s, human_duration

_STEP = re.compile(r"step\s+(\d[\d_,]*)")


@dataclass(frozen=True, slots=True)
class Silence:
    """``run`` and ``rule`` are names or globs (``*`` is all). One of the last two is set; neither means until the end of the run.

    ``until_s`` is Unix seconds, ``until_step`` a step on the log's axis.
    """

    id: int
    run: str
    rule: str = "*"
    until_s: float | None = None
    until_step: float | None = None
    created_s: float = 0.0

    def covers(self, run: RunState, rule: str, now: float) -> bool:
        return fnmatchcase(run.run, self.run) and fnmatchcase(rule, self.rule) and not self.is_over(run, now)

    def is_over(self, run: RunState, now: float) -> bool:
        if self.until_s is not None:
            return now >= self.until_s
        if self.until_step is not None:
            return run.step is not None and run.step >= self.until_step
        return run.ended is not None

    def __str__(self) -> str:
        what = self.run + ("" if self.rule == "*" else f" {self.rule}")
        if self.until_step is not None:
            return f"{what} until step {step_text(self.until_step)}"
        return f"{what} until {'the run ends' if self.until_s is None else 'a time'}"


def until(text: str, now: float) -> tuple[float | None, float | None]:
    """(Unix seconds, step) of ``step 200``, ``2h`` or ``end``; both None for ``end``. Raises ValueError."""
    written = text.strip().lower()
    if written == "end":
        return None, None
    step = _STEP.fullmatch(written)
    if step:
        return None, float(step[1].replace("_", "").replace(",", ""))
    try:
        return now + duration_s(written), None
    except ValueError:
        raise ValueError(f"`{text}` is no end of a silence; write step 200, 2h or end") from None


def silenced(silences: Iterable[Silence], run: RunState, rule: str, now: float) -> bool:
    return any(silence.covers(run, rule, now) for silence in silences)


def left(silence: Silence, now: float) -> str:
    """How long it still holds, for a list: ``1 h 59``, ``until step 200``, ``until the run ends``."""
    if silence.until_step is not None:
        return f"until step {step_text(silence.until_step)}"
    if silence.until_s is None:
        return "until the run ends"
    return "over" if now >= silence.until_s else f"for {human_duration(silence.until_s - now)} more"
