"""``phase``: a line that must come within a time of another: "All distributed processes registered" within 10 minutes of the start.

``expect`` and ``after`` are regular expressions (RE2); without ``after`` the time runs from the first line of the attempt. Without
``expect`` the rule waits for the ranks: from the first word of a rank until all are registered, or a first value is printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from rules.fields import Duration
from rules.history import RunState
from rules.kind import Context, RuleSpec
from rules.observation import Event, Item, Observation
from rules.regex import MAX_PATTERN, compile_pattern
from rules.rule import ANY_METRIC, ENDED, TICK, LinePattern, Rule, RuleBase
from rules.units import human_duration
from rules.verdict import UNKNOWN, Severity, Status, Verdict


def _compiles(pattern: str) -> str:
    compile_pattern(pattern)
    return pattern


Regex = Annotated[str, AfterValidator(_compiles), Field(min_length=1, max_length=MAX_PATTERN // 2 - 20)]


class Spec(RuleSpec):
    """An expected line did not come in time."""

    kind: ClassVar[str] = "phase"
    default_severity: ClassVar[Severity] = Severity.CRITICAL
    expect: Regex | None = Field(None, description="the line that must come; the registration of all ranks where it is not given")
    after: Regex | None = Field(None, description="the line from which the time runs; the first line where it is not given")
    within: Duration = Field(600.0, description="the time it may take")

    def build(self, context: Context) -> Rule:
        lines = None
        if self.expect is not None:
            lines = LinePattern(self.expect if self.after is None else f"(?:{self.expect})|(?:{self.after})")
        topics = {TICK, ENDED, "event:match", "event:rank_member", "event:ranks_ready", *(() if self.expect else (ANY_METRIC,))}
        return Phase(**self.base(topics, lines), expect=self.expect, after=self.after, within_s=self.within)


@dataclass(frozen=True, slots=True)
class Phase(RuleBase):
    expect: str | None = None
    after: str | None = None
    within_s: float = 600.0

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        mark = run.marks.get(self.id)
        if mark is None:
            mark = run.marks[self.id] = {"since_s": None, "done": False}
        if mark["done"]:
            return UNKNOWN
        if isinstance(item, Event):
            self._take(mark, item, now)
        elif isinstance(item, Observation) and self.expect is None:
            mark.update(done=True, by=f"a value at step {item.at:g}")
        if mark["since_s"] is None and self.expect is not None and self.after is None and run.started_s is not None:
            mark["since_s"] = run.started_s
        if mark["done"]:
            took = f" after {human_duration(now - mark['since_s'])}" if mark["since_s"] and now >= mark["since_s"] else ""
            return Verdict(Status.OK, f"it came{took}: {mark['by']}", run.step)
        waited = now - mark["since_s"] if mark["since_s"] is not None else None
        if waited is None or waited < self.within_s or run.ended is not None:
            return UNKNOWN
        wanted = f"`{self.expect}`" if self.expect else self._ranks(run)
        said = f"{wanted} has not come within {human_duration(self.within_s)} ({human_duration(waited)} so far)"
        return Verdict(
            Status.BREACHED, said, run.step, None,
            numbers={"waited_s": waited, "within_s": self.within_s}, resolves_when="it comes",
        )  # fmt: skip

    def _take(self, mark: dict[str, Any], item: Event, now: float) -> None:
        if self.expect is None:
            if item.kind == "ranks_ready":
                mark.update(done=True, by="all ranks are registered")
            elif item.kind == "rank_member" and mark["since_s"] is None:
                mark["since_s"] = now
            return
        if item.kind != "match" or item.fields.get("rule") != self.id:
            return
        is_expected = self.after is None or compile_pattern(self.expect).search(item.text.encode()) is not None
        if is_expected and (self.after is None or mark["since_s"] is not None):
            mark.update(done=True, by=item.text)
        elif mark["since_s"] is None and not is_expected:
            mark["since_s"] = now

    def _ranks(self, run: RunState) -> str:
        told = next((event for event in reversed(run.events) if event.kind == "rank_member"), None)
        if told is None:
            return "the registration of all ranks"
        missing = told.fields.get("missing")
        some = f", missing {', '.join(map(str, missing[:8]))}" if isinstance(missing, (list, tuple)) and missing else ""
        return f"the registration of all ranks ({told.fields.get('joined', '?')} of {told.fields.get('world', '?')}{some})"
