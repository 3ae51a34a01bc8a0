"""``walltime``: the job will hit its time limit before its last step.

Expected end = last step's time + steps left x seconds a step, over the last 96 prints with their validations and checkpoints, or over the
last 16 where it has slowed down. The job's end is SLURM's where it was asked, or the ``limit`` after the run's start. Told when even the
faster half of the last 16 prints is too slow by ``margin``; resolved when the expected end lies before the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from rules.fields import Duration, HoldFor
from rules.history import RunState
from rules.jsonable import step_text
from rules.kind import Context, RuleSpec
from rules.observation import Item
from rules.pace import seconds_a_step
from rules.rule import TICK, Rule, RuleBase
from rules.units import Hold, human_duration
from rules.verdict import UNKNOWN, Severity, Status, Verdict

NO_TOTAL = Verdict(Status.UNKNOWN, "the last step is not known: the log does not tell it, total_steps does")
NO_LIMIT = Verdict(Status.UNKNOWN, "when the job's time is over is not known: SLURM was not asked, and limit does not tell it")


class Spec(RuleSpec):
    """The job will be ended before its last step."""

    kind: ClassVar[str] = "walltime"
    default_severity: ClassVar[Severity] = Severity.WARNING
    for_: HoldFor = Field(Hold(seconds=300.0), alias="for", description="how long it must last: 3 (looks), 200 steps, 10m")
    margin: Duration = Field(300.0, description="how much too late counts")
    limit: Duration | None = Field(None, description="the job's time limit, where SLURM cannot be asked")
    total_steps: float | None = Field(None, gt=0.0, description="last step, where the log does not tell it")

    def build(self, context: Context) -> Rule:
        return Walltime(**self.base({TICK}), margin_s=self.margin, limit_s=self.limit, total_steps=self.total_steps)


@dataclass(frozen=True, slots=True)
class Walltime(RuleBase):
    margin_s: float = 300.0
    limit_s: float | None = None
    total_steps: float | None = None

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        total = self.total_steps or run.total_steps
        end = run.facts.get("end_time_s")
        if end is None and self.limit_s is not None and run.started_s is not None:
            end = run.started_s + self.limit_s
        if total is None:
            return NO_TOTAL
        if not isinstance(end, (int, float)):
            return NO_LIMIT
        if run.ended is not None or run.step is None or run.last_step_s is None:
            return UNKNOWN
        left = total - run.step
        rate = seconds_a_step(run)
        if left <= 0:
            return Verdict(Status.OK, f"the last step {step_text(total)} is done", run.step)
        if rate is None:
            return UNKNOWN
        usual, fast, slow = max(rate[0], rate[1]), rate[1], rate[2]
        start = max(run.last_step_s, now - usual)
        expected, at_best = start + left * usual, start + left * fast
        numbers = {
            "step": run.step, "total_steps": total, "seconds_a_step": usual, "fast": fast, "slow": slow, "left_s": end - now,
            "needed_s": expected - now, "reaches_step": run.step + max(0.0, (end - start) / usual) if usual > 0 else total,
        }  # fmt: skip
        if end <= now:
            return UNKNOWN  # what is over is no forecast; a log that still grows has a limit that we were told wrongly
        said = f"{human_duration(expected - now)} of work left, {human_duration(end - now)} of time"
        if at_best > end + self.margin_s:
            return Verdict(
                Status.BREACHED,
                f"step {step_text(total)} will not be reached: {said}; the limit comes at about step {numbers['reaches_step']:.0f}",
                run.step, None, numbers=numbers, resolves_when="the pace is enough for the steps left",
            )  # fmt: skip
        if expected > end:
            return UNKNOWN
        return Verdict(Status.OK, said, run.step, numbers=numbers)
