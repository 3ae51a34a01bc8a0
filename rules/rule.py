"""What every rule is, and what every kind's parameters have in common.

A rule kind is one file in ``rules/conditions/``: a pydantic ``Spec`` (its parameters, their units and defaults, which are also
its JSON Schema and its page) whose ``build`` gives a frozen ``Rule``. Nothing else has to be touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, Field

from rules.history import RunState
from rules.observation import VAL_LOSS, Item
from rules.units import NO_HOLD, Duration, Hold, HoldFor
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


@dataclass(frozen=True)
class Context:
    """What a spec may need of the rest of the file when it is built."""

    metric: str = VAL_LOSS
    baseline: dict[str, Any] | None = None
    milestones: tuple[Any, ...] = ()
    """The file's finished ``Milestone`` rules, for the kinds that look ahead to them."""


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


class RuleSpec(BaseModel):
    """Parameters that every rule kind takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    kind: ClassVar[str]
    default_severity: ClassVar[Severity] = Severity.WARNING

    name: str | None = Field(None, description="the rule's id; the kind where it is not given", pattern=r"^[A-Za-z0-9_.:-]{1,80}$")
    severity: Severity | None = Field(None, description="info, warning or critical; each kind has its default")
    for_: HoldFor = Field(NO_HOLD, alias="for", description="how long it must last: 3 (observations), 200 steps, 10m")
    keep: HoldFor = Field(NO_HOLD, description="how long it must be over before it resolves: 3 (observations), 200 steps, 10m")
    repeat: Duration | None = Field(None, description="tell again after this time while it still stands")

    def base(self, topics: frozenset[str] | set[str], lines: LinePattern | None = None) -> dict[str, Any]:
        """The keyword arguments of ``RuleBase`` that follow from the common parameters."""
        return {
            "id": self.name or self.kind, "kind": self.kind, "severity": self.severity or self.default_severity,
            "topics": frozenset(topics), "hold": self.for_, "keep": self.keep, "repeat_s": self.repeat, "lines": lines,
        }  # fmt: skip

    def build(self, context: Context) -> Rule:
        raise NotImplementedError
