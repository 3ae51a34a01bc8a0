"""``pattern``: a line of the log matched a regular expression (RE2 syntax: linear time on hostile text).

Known harmless noise (``monitor/events/noise.txt``) does not count, unless ``ignore`` is an empty list or the pattern begins where a
piece of that noise begins: who asks for ``amdgpu\\.ids`` wants to see it.
The alert stands from the first match; it resolves after ``quiet`` without another, or with the end of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from rules.fields import Duration
from rules.history import RunState
from rules.kind import Context, RuleSpec
from rules.observation import Event, Item
from rules.regex import MAX_PATTERN, compile_pattern
from rules.rule import TICK, LinePattern, Rule, RuleBase
from rules.units import human_duration
from rules.verdict import UNKNOWN, Status, Verdict


def _compiles(pattern: str) -> str:
    compile_pattern(pattern)
    return pattern


Regex = Annotated[str, AfterValidator(_compiles), Field(min_length=1, max_length=MAX_PATTERN)]


def _all_compile(given: Any) -> tuple[str, ...]:
    patterns = [given] if isinstance(given, str) else given
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(one, str) and 0 < len(one) <= MAX_PATTERN for one in patterns):
        raise ValueError("ignore is a regular expression or a list of them; write ignore: 'amdgpu', or ignore: [] for none at all")
    return tuple(_compiles(one) for one in patterns)


Ignored = Annotated[
    tuple[str, ...] | None,
    BeforeValidator(lambda given: None if given is None else _all_compile(given)),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


ERRORS = r"\b(ERROR|FATAL|CRITICAL)\b|: error:|[a-z](Error|Exception):"
"""What the bare name asks: the level names of Python's logging, glog and SLURM's ``error:``, and the last line of a traceback."""


class Spec(RuleSpec):
    """A line matched."""

    kind: ClassVar[str] = "pattern"
    match: Regex = Field(ERRORS, description="the regular expression that a line must contain; lines that report an error without it")
    ignore: Ignored = Field(
        None, description="lines that also match this, or one of these, do not count, nor does known harmless noise; []: all lines count"
    )
    quiet: Duration = Field(3600.0, description="it resolves after this time without another match")

    def build(self, context: Context) -> Rule:
        lines = LinePattern(self.match, self.ignore or (), noise=self.ignore != ())
        return Pattern(**self.base({"event:match", TICK, "event:ended"}, lines), quiet_s=self.quiet)


@dataclass(frozen=True, slots=True)
class Pattern(RuleBase):
    quiet_s: float = 3600.0

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        mark = run.marks.setdefault(self.id, {"count": 0, "last_s": None})
        if isinstance(item, Event) and item.kind == "match":
            if item.fields.get("rule") != self.id:
                return UNKNOWN
            mark["count"] += 1
            mark["last_s"] = now
            times = f" ({mark['count']} times)" if mark["count"] > 1 else ""
            return Verdict(
                Status.BREACHED, f"{item.text}{times}", run.step, None, numbers={"count": mark["count"]},
                resolves_when=f"no such line for {human_duration(self.quiet_s)}",
            )  # fmt: skip
        if mark["last_s"] is not None and now - mark["last_s"] >= self.quiet_s:
            mark.update(count=0, last_s=None)
            return Verdict(Status.OK, f"no such line for {human_duration(self.quiet_s)}", run.step)
        return UNKNOWN
