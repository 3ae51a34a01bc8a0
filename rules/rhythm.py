"""How long a run is usually silent, phase by phase: a log that is quiet during its validation is no hang.

The phase is read off what was printed last: ``start`` before the first value, ``validation`` where the next validation is due,
``checkpoint`` after a validation's value or a word of a checkpoint, ``training`` otherwise. A phase keeps how many silences it has
had and the longest few, as plain JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from rules.observation import TRAIN_LOSS, VAL_LOSS
from rules.series import Series

START, TRAINING, VALIDATION, CHECKPOINT = "start", "training", "validation", "checkpoint"
KEPT_LONGEST = 6
RARE = 0.01
"""A silence so rare among those of its phase is left out of what is usual."""
BLOCK_BYTES = 4096
"""C and Python flush a redirected stdout in multiples of this (8192 in CPython, io.DEFAULT_BUFFER_SIZE)."""

Rhythm = dict[str, dict[str, Any]]


class Shown(Protocol):
    """What a run has shown so far, of which its phase is read."""

    @property
    def series(self) -> Mapping[str, Series]: ...
    @property
    def step(self) -> float | None: ...
    @property
    def last_kind(self) -> str: ...


def learn_silence(rhythm: Rhythm, phase: str, quiet_s: float) -> None:
    """Add one silence of ``quiet_s`` seconds to its phase."""
    known = rhythm.setdefault(phase, {"count": 0, "longest_s": []})
    known["count"] += 1
    longest = known["longest_s"]
    if len(longest) < KEPT_LONGEST or quiet_s > longest[-1]:
        longest.append(quiet_s)
        longest.sort(reverse=True)
        del longest[KEPT_LONGEST:]


def usual_longest_s(known: Mapping[str, Any] | None) -> tuple[float, float]:
    """What 99 of 100 silences of a phase stay below, and the longest of all; seconds."""
    if not known or not known["longest_s"]:
        return 0.0, 0.0
    longest = known["longest_s"]
    return float(longest[min(int(known["count"] * RARE), len(longest) - 1)]), float(longest[0])


def phase_of(run: Shown) -> str:
    """What the run was doing when it printed its last line."""
    if not run.series:
        return START
    if run.last_kind in ("val", "checkpoint_saved"):
        return CHECKPOINT
    return VALIDATION if validation_is_due(run) else TRAINING


def validation_is_due(run: Shown) -> bool:
    """Whether the step has come, to within one print, at which the run usually validates."""
    validated, trained = run.series.get(VAL_LOSS), run.series.get(TRAIN_LOSS)
    if validated is None or run.step is None or validated.last_step is None:
        return False
    every = validated.interval()
    prints = trained.interval() if trained is not None else None
    return every is not None and run.step + (prints or 0.0) >= validated.last_step + every


def is_block_buffered(growths: list[int]) -> bool:
    """Whether the log grows by whole blocks: ``growths`` is [of whole blocks, all]."""
    return growths[1] >= 3 and growths[0] >= 0.8 * growths[1]
