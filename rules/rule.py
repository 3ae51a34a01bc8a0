"""What every rule is: what wakes it, and what it thinks of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rules.history import RunState
from rules.observation import Item
from rules.units import NO_HOLD, Hold
from rules.verdict import Severity, Verdict

TICK = "tick"
"""Topic of a rule that wants to be asked when time has passed and nothing was printed."""
ANY_METRIC = "*"
ENDED = "event:ended"


@dataclass(frozen=True, slots=True)
class LinePattern:
    """Lines that a rule wants to see as an event of kind ``match``: an RE2 pattern, and others for lines to leave out.

    ``noise``: leave out the known harmless noise too, but what ``match`` itself begins with.
    """

    match: str
    ignore: tuple[str, ...] = ()
    noise: bool = False


class Rule(Protocol):
    """One rule, ready to judge. ``topics`` says what it is woken by: metric names, ``*``, ``event:KIND``, ``tick``."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def hold(self) -> Hold: ...
    @property
    def keep(self) -> Hold: ...
    @property
    def repeat_s(self) -> float | None: ...
    @property
    def topics(self) -> frozenset[str]: ...
    @property
    def lines(self) -> LinePattern | None: ...

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        """What the rule thinks of ``run`` after ``item`` (None for a tick). Pure but for ``run.marks[self.id]``."""
        ...


@dataclass(frozen=True, slots=True)
class RuleBase:
    """The fields that every rule has; a kind's rule adds its own and ``judge``."""

    id: str
    kind: str
    severity: Severity
    topics: frozenset[str]
    hold: Hold = NO_HOLD
    keep: Hold = NO_HOLD
    repeat_s: float | None = None
    lines: LinePattern | None = None
