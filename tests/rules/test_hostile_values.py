"""A log may print any number: no rule may fail on it, and a saved run goes on as if nothing had been between."""

from __future__ import annotations

import json
from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.rulesfile import load_rules
from rules.engine import Engine
from rules.history import RunState
from rules.jsonable import jsonable
from rules.observation import Item, Observation

ENGINE = Engine(load_rules(None).rules)

wild = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([1e308, -1e308, 1e-308, 5e-324, 0.0, -0.0, 1e-300])
tame = st.floats(0.01, 10.0)


@st.composite
def logs(draw: st.DrawFn) -> list[Observation]:
    """Two metrics in step, mostly tame so that rules get past their minimum of points, with times that may stand still or fall back."""
    items, step, now = [], 0.0, 1000.0
    for _ in range(draw(st.integers(0, 60))):
        step += draw(st.sampled_from([1.0, 10.0, 1e12, -50.0, 0.0]) | st.just(1.0))
        now += draw(st.sampled_from([0.0, 0.5, 5.0, 1e9, -5.0]) | st.just(5.0))
        metric = draw(st.sampled_from(["val_loss", "train_loss"]))
        items.append(Observation(metric, draw(wild | tame | tame | tame), step, time_s=draw(st.none() | st.just(now))))
    return items


@given(logs(), st.none() | st.sampled_from([0.0, 1.0, 100.0, 1e300]))
@settings(max_examples=120, deadline=None)
def test_no_number_makes_a_rule_fail(items: list[Observation], total: float | None) -> None:
    run = RunState("hostile", total_steps=total)
    for item in items:
        ENGINE.see(run, item, item.time_s or 0.0)
        ENGINE.tick(run, (item.time_s or 0.0) + 1e4)
    json.dumps(jsonable(run.marks), allow_nan=False)


def _after_a_save(run: RunState) -> RunState:
    again = deepcopy(run)
    again.marks = json.loads(json.dumps(jsonable(run.marks)))
    return again


@given(st.lists(st.tuples(st.sampled_from(["val_loss", "train_loss"]), tame), min_size=10, max_size=60), st.integers(0, 60))
@settings(max_examples=50, deadline=None)
def test_marks_that_were_saved_and_read_judge_the_same(points: list[tuple[str, float]], cut: int) -> None:
    items: list[Item] = [Observation(metric, value, 10.0 * i, time_s=5.0 * i) for i, (metric, value) in enumerate(points)]

    def told(saved_at: int | None) -> list[tuple[str, str, float | None]]:
        run, found = RunState("r"), []
        for i, item in enumerate(items):
            if i == saved_at:
                run = _after_a_save(run)
            found += [(t.rule, t.state, t.step) for t in ENGINE.see(run, item, item.time_s or 0.0)]
        return found

    assert told(cut) == told(None)
