"""``missing_keys``: a checkpoint was loaded that did not have all keys of the model; what is missing starts at random.

Few are usual (a new head, a new parameter), many mean a renamed module or the wrong checkpoint. Keys that ``expect`` names are not
counted. It stands until the run's next attempt or its end: loading is over, and nothing of it can become better.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field, model_validator

from rules.history import RunState
from rules.kind import Context, RuleSpec
from rules.observation import Event, Item
from rules.rule import Rule, RuleBase
from rules.verdict import UNKNOWN, Severity, Status, Verdict

SHOWN = 3


class Spec(RuleSpec):
    """A checkpoint did not have all keys of the model."""

    kind: ClassVar[str] = "missing_keys"
    default_severity: ClassVar[Severity] = Severity.WARNING
    expected: int = Field(2, ge=0, description="so many missing keys are usual; more of them are told as info")
    warn: int = Field(10, ge=1, description="from so many on it is a warning")
    critical: int = Field(50, ge=1, description="from so many on it is critical")
    expect: tuple[str, ...] = Field((), description="keys that are new on purpose, with * for anything: *.topoflow.*")

    @model_validator(mode="after")
    def _in_order(self) -> Spec:
        if not self.expected < self.warn <= self.critical:
            raise ValueError("expected is below warn, and warn not above critical; write {expected: 2, warn: 10, critical: 50}")
        return self

    def build(self, context: Context) -> Rule:
        base = self.base({"event:missing_keys"})
        return MissingKeys(**base, expected=self.expected, warn=self.warn, critical=self.critical, expect=self.expect)


@dataclass(frozen=True, slots=True)
class MissingKeys(RuleBase):
    expected: int = 2
    warn: int = 10
    critical: int = 50
    expect: tuple[str, ...] = ()

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        found = item if isinstance(item, Event) else next((e for e in reversed(run.events) if e.kind == "missing_keys"), None)
        if found is None or found.kind != "missing_keys":
            return UNKNOWN
        keys = found.fields.get("keys")
        names = [str(key) for key in keys] if isinstance(keys, (list, tuple)) else []
        told = found.fields.get("count", len(names))
        count = int(told) if isinstance(told, (int, float)) else len(names)
        on_purpose = [name for name in names if matches_any(name, self.expect)]
        left = [name for name in names if name not in set(on_purpose)]
        count -= len(on_purpose)
        numbers = {"missing": count, "on_purpose": len(on_purpose), "expected": self.expected, "warn": self.warn, "critical": self.critical}
        few = ", ".join(left[:SHOWN]) + (", ..." if count > SHOWN and left else "")
        said = f"{count} keys of the model were not in the checkpoint and start at random{f': {few}' if few else ''}"
        if count <= self.expected:
            return Verdict(Status.OK, said if count else "no key was missing", run.step, float(count), numbers=numbers)
        level = Severity.CRITICAL if count >= self.critical else Severity.WARNING if count >= self.warn else Severity.INFO
        return Verdict(
            Status.BREACHED, said, run.step, float(count), level, numbers, "the next attempt loads the keys, or names them in expect",
        )  # fmt: skip


def matches_any(name: str, patterns: Sequence[str]) -> bool:
    """Whether a shell-like pattern (only ``*`` is special) matches the whole of ``name``."""
    return any(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) for pattern in patterns)
