"""What the rules that look at a curve have in common: the metrics they watch, and one alert over several curves.

A rule that watches two metrics has one alert: it stands while either curve is bad, so a healthy train loss does not resolve what
the validation loss raised. Which curves are bad is kept in ``run.marks``, hence survives a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from rules.history import RunState, Series
from rules.jsonable import short, step_text
from rules.observation import TRAIN_LOSS, VAL_LOSS, Item, Observation
from rules.rule import RuleBase
from rules.verdict import UNKNOWN, Status, Verdict

FINE = Verdict(Status.OK)
"""Nothing wrong, and nothing to say about it: made once, since it is the answer to nearly every observation."""

Mark = dict[str, Any]


def _names(given: Any) -> Any:
    return tuple(part.strip() for part in given.split(",")) if isinstance(given, str) else given


Metrics = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=100)], ...],
    BeforeValidator(_names),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
LOSSES = (VAL_LOSS, TRAIN_LOSS)


@dataclass(frozen=True, slots=True)
class CurveRule(RuleBase):
    """Judges each metric of ``topics`` by itself. A kind gives ``look`` and ``numbers``."""

    def judge(self, run: RunState, now: float, item: Item | None) -> Verdict:
        if not isinstance(item, Observation):
            return UNKNOWN
        marks = run.marks.get(self.id)
        if marks is None:
            marks = run.marks[self.id] = {}
        mark = marks.get(item.metric)
        if mark is None:
            mark = marks[item.metric] = {}
        verdict = self.look(run, item.metric, run.series[item.metric], mark)
        if verdict is UNKNOWN:
            return verdict
        if verdict.status is Status.BREACHED:
            mark["bad"] = True
        elif verdict.status is Status.OK:
            mark.pop("bad", None)
            for other in marks.values():
                if "bad" in other:
                    return UNKNOWN
        return verdict

    def look(self, run: RunState, metric: str, series: Series, mark: Mark) -> Verdict:
        """What the last point of ``series`` says; may keep JSON-able things in ``mark``, which belongs to this rule and metric."""
        raise NotImplementedError

    def numbers(self, run: RunState, metric: str, series: Series, mark: Mark) -> Mapping[str, object]:
        """The numbers behind the decision now, in the order in which ``explain`` shows them. Changes nothing."""
        raise NotImplementedError

    def explained(self, run: RunState) -> Verdict | None:
        """What the rule sees now, with its numbers, where nothing is wrong and it therefore said nothing. Changes nothing."""
        for metric in sorted(self.topics, key=lambda name: name != VAL_LOSS):
            series = run.metric(metric)
            if series is not None and series.values:
                mark = run.marks.get(self.id, {}).get(metric, {})
                said = f"nothing wrong with {metric} {short(series.last)} at step {step_text(series.last_step)}"
                return Verdict(Status.OK, said, series.last_step, series.last, numbers=self.numbers(run, metric, series, mark))
        return None
