"""What a log has shown: an observation (a number at a step) or an event (a fact that is no number).

Both are plain values. They carry the byte offset of the line they came from, so that a reader can be shown the line, and
the time at which the line was seen, where that is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TRAIN_LOSS = "train_loss"
VAL_LOSS = "val_loss"


@dataclass(slots=True)
class Observation:
    """One value of one metric at one place of the training.

    ``metric`` is the canonical name (``train_loss``, ``val_loss``, else the log's own made safe), ``name`` the log's own.
    ``step`` counts optimizer steps or iterations, ``epoch`` epochs; either may be None, not both. ``value`` is in the log's
    own unit and may be NaN or infinite. ``offset`` is the byte where the line starts. ``time_s`` is Unix seconds, or None
    where nobody knows when the line was written.
    """

    metric: str
    value: float
    step: float | None
    epoch: float | None = None
    name: str = ""
    offset: int = 0
    time_s: float | None = None
    source: int = 0
    """Which of the run's files it stands in."""

    @property
    def at(self) -> float:
        """The place on the log's own axis: the step where the log has one, else the epoch."""
        if self.step is not None:
            return self.step
        return self.epoch if self.epoch is not None else 0.0


@dataclass(slots=True)
class Event:
    """Something a log said that is no number.

    ``kind`` is one of a fixed list (``monitor/events.py`` documents it): ``started``, ``missing_keys``, ``unexpected_keys``,
    ``crash``, ``checkpoint_saved``, ``resumed``, ``ended`` and so on, or ``match`` for a line that a pattern rule asked for.
    ``text`` is one bounded line, safe to show. ``fields`` holds what the kind documents (``class``, ``rank``, ``count`` ...).
    """

    kind: str
    text: str = ""
    step: float | None = None
    offset: int = 0
    time_s: float | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    source: int = 0


@dataclass(slots=True)
class Progress:
    """How far the run is, where a line tells it without a metric: the current step, or the total."""

    step: float | None = None
    total_steps: float | None = None
    offset: int = 0
    time_s: float | None = None


Item = Observation | Event | Progress
"""What a parser yields, in the order of the log."""
