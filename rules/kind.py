"""What every kind's parameters have in common.

A rule kind is one file in ``rules/conditions/``: a pydantic ``Spec`` (its parameters, their units and defaults, which are also
its JSON Schema and its page) whose ``build`` gives a frozen ``Rule``. Nothing else has to be touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from rules.fields import Duration, HoldFor
from rules.observation import VAL_LOSS
from rules.rule import LinePattern, Rule
from rules.units import NO_HOLD
from rules.verdict import Severity


@dataclass(frozen=True)
class Context:
    """What a spec may need of the rest of the file when it is built."""

    metric: str = VAL_LOSS
    baseline: dict[str, Any] | None = None
    milestones: tuple[Any, ...] = ()
    """The file's finished ``Milestone`` rules, for the kinds that look ahead to them."""


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
