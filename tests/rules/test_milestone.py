"""The verdict ladder: what each first observation at or after the step makes of a milestone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.alert import Transition
from rules.engine import Engine
from rules.history import RunState
from rules.milestone import Condition, MalformedError, condition, parse_milestone
from rules.milestone_entries import build_milestone
from rules.observation import Event, Observation

Point = tuple[str, float | None, float]


def engine(*texts: str) -> Engine:
    return Engine([build_milestone(parse_milestone(text), "val_loss") for text in texts])


def fold(rules: Engine, points: list[Point], run: RunState | None = None) -> tuple[RunState, list[Transition]]:
    run = run or RunState("13503904")
    told: list[Transition] = []
    for metric, step, value in points:
        told += rules.see(run, Observation(metric, value, step), 0.0)
    return run, told


def val(*points: tuple[float, float]) -> list[Point]:
    return [("val_loss", step, value) for step, value in points]


def status(run: RunState, rules: Engine, name: str) -> str:
    return str(next(m for m in rules.milestones if m.id == name).mark(run)["status"])


NAN = float("nan")
LADDER = [
    ("step 100 < 0.9", [(100, 0.8)], "met", [("met", "info")]),
    ("step 100 < 0.9", [(99, 0.8)], "pending", []),
    ("step 100 < 0.9", [(99, 2.0), (103, 0.8)], "met", [("met", "info")]),
    ("step 100 < 0.9", [(100, 0.9)], "missed", [("firing", "warning")]),
    ("step 100 <= 0.9", [(100, 0.9)], "met", [("met", "info")]),
    ("step 100 < 0.9, worry > 1.0", [(100, 0.95)], "missed", [("firing", "warning")]),
    ("step 100 < 0.9, worry > 1.0", [(100, 1.07)], "worry", [("firing", "critical")]),
    ("step 100 < 0.9, severity critical", [(100, 0.95)], "missed", [("firing", "critical")]),
    ("step 100 < 0.9, severity info", [(100, 0.95)], "missed", [("firing", "info")]),
    ("step 311 in 0.40..0.45", [(311, 0.42)], "met", [("met", "info")]),
    ("step 311 in 0.40..0.45", [(311, 0.30)], "met", [("met", "info")]),
    ("step 311 in 0.40..0.45", [(311, 0.46)], "missed", [("firing", "warning")]),
    ("step 100 < 0.9", [(100, NAN)], "missed", [("firing", "warning")]),
    ("step 100 < 0.9, worry > 1.0", [(100, NAN)], "missed", [("firing", "warning")]),
    ("step 100 < 0.9", [(100, float("inf"))], "missed", [("firing", "warning")]),
    ("step 100 < 0.9", [(100, 1.0), (110, 0.95), (120, 0.8)], "missed", [("firing", "warning"), ("resolved", "warning")]),
    ("step 100 < 0.9", [(100, 1.0), (110, 0.8), (120, 1.0)], "missed", [("firing", "warning"), ("resolved", "warning")]),
    ("step 100 < 0.9", [(100, 0.8), (110, 2.0)], "met", [("met", "info")]),
    ("step 0 < 3", [(0, 2.0)], "met", [("met", "info")]),
]


@pytest.mark.parametrize(("text", "points", "expected", "events"), LADDER)
def test_the_first_observation_at_or_after_the_step_decides(
    text: str, points: list[tuple[float, float]], expected: str, events: list[tuple[str, str]]
) -> None:
    rules = engine(text)
    run, told = fold(rules, val(*points))
    assert expected == status(run, rules, rules.milestones[0].id)
    assert events == [(t.state, t.severity) for t in told]


def test_the_messages_say_the_value_the_step_and_what_was_expected() -> None:
    rules = engine("step 100 < 0.9, worry > 1.0")
    _, told = fold(rules, val((100, 1.07), (130, 0.88)))
    expected = ["val_loss 1.07 at step 100, expected < 0.9, worry above 1.0", "val_loss 0.88 at step 130, now < 0.9"]
    assert expected == [t.message for t in told]


def test_a_value_below_the_range_is_met_and_said_to_be_ahead() -> None:
    _, told = fold(engine("step 311 in 0.40..0.45"), val((311, 0.3)))
    assert "val_loss 0.3 is ahead of 0.40 to 0.45 at step 311" == told[0].message


def test_a_milestone_of_another_metric_on_the_epoch_axis_has_both_in_its_id() -> None:
    rules = engine("epoch 3 val_acc >= 0.71")
    run = RunState("r")
    told = rules.see(run, Observation("val_acc", 0.5, 90, epoch=2.5), 0.0)
    told += rules.see(run, Observation("val_acc", 0.72, 120, epoch=3.0), 0.0)
    assert [("val_acc-epoch-3", "met", 3.0)] == [(t.rule, t.state, t.step) for t in told]


def test_a_run_that_passes_the_step_by_more_than_two_validation_intervals_without_the_metric_has_no_data() -> None:
    rules = engine("step 100 < 0.9")
    run, told = fold(rules, [*val((50, 2.0), (75, 1.8)), ("train_loss", 150, 1.0)])
    assert "pending" == status(run, rules, "step-100")
    run, told = fold(rules, [("train_loss", 151, 1.0)], run)
    assert "no_data" == status(run, rules, "step-100")
    assert [("firing", "warning")] == [(t.state, t.severity) for t in told]


def test_a_late_value_decides_a_milestone_that_had_no_data() -> None:
    rules = engine("step 100 < 0.9")
    run, _ = fold(rules, [*val((50, 2.0), (75, 1.8)), ("train_loss", 151, 1.0)])
    _, told = fold(rules, val((160, 0.8)), run)
    assert ["resolved", "met"] == [t.state for t in told]


def test_a_late_value_that_misses_is_told_although_the_alert_stands() -> None:
    rules = engine("step 100 < 0.9")
    run, told = fold(rules, [*val((50, 2.0), (75, 1.8)), ("train_loss", 151, 1.0)])
    _, later = fold(rules, val((160, 1.2), (170, 1.1), (180, 0.8)), run)
    assert [("firing", 151), ("firing", 160), ("resolved", 180)] == [(t.state, t.step) for t in (*told, *later)]
    assert later[0].message.startswith("val_loss 1.2 at step 160, expected < 0.9")


def test_a_run_that_ends_beyond_the_step_has_no_data_and_one_that_ends_before_it_stays_pending() -> None:
    rules = engine("step 100 < 0.9", "step 200 < 0.6")
    run, _ = fold(rules, [*val((90, 1.0)), ("train_loss", 101, 1.0)])
    told = rules.see(run, Event("ended", fields={"how": "completed"}), 0.0)
    assert ["step-100"] == [t.rule for t in told]
    assert ["no_data", "pending"] == [status(run, rules, m.id) for m in rules.milestones]


def test_a_new_attempt_judges_anew_what_lies_at_or_above_its_first_step_and_keeps_the_rest() -> None:
    rules = engine("step 50 < 1.5", "step 100 < 0.9", "step 200 < 0.6")
    run, told = fold(rules, val((50, 1.4), (75, 1.0), (100, 0.8), (125, 0.7), (150, 0.65)))
    assert ["met", "met"] == [t.state for t in told]
    run, told = fold(rules, val((75, 1.1), (100, 0.95)), run)
    assert 2 == run.attempt
    assert ["met", "missed", "pending"] == [status(run, rules, m.id) for m in rules.milestones]
    assert [(2, "step-100", "firing")] == [(t.attempt, t.rule, t.state) for t in told]


def test_an_alert_of_the_last_attempt_resolves_when_the_next_judges_it_anew() -> None:
    rules = engine("step 100 < 0.9")
    run, _ = fold(rules, val((50, 2.0), (75, 1.5), (100, 1.0), (125, 1.0)))
    _, told = fold(rules, val((50, 2.0), (75, 1.5), (100, 1.1)), run)
    assert ["resolved", "firing"] == [t.state for t in told]
    assert "attempt 2 began, it is judged anew" == told[0].message


@given(
    st.lists(st.floats(0.01, 5.0), min_size=1, max_size=40),
    st.integers(0, 400),
    st.floats(0.05, 4.0),
)
def test_a_verdict_is_told_once_and_a_restored_fold_tells_nothing_again(values: list[float], step: int, bar: float) -> None:
    from monitor.runrecord import run_as_json, run_from_json

    rules = engine(f"step {step} < {bar:.3f}")
    points = val(*((10.0 * (i + 1), v) for i, v in enumerate(values)))
    _, at_once = fold(rules, points)
    half = len(points) // 2
    run, told = fold(rules, points[:half])
    restored = run_from_json(run_as_json(run))
    for metric, series in run.series.items():
        for at, value, time_s, epoch in zip(series.steps, series.values, series.times, series.epochs, strict=True):
            restored.series[metric].append(at, value, time_s, epoch)
    _, rest = fold(rules, points[half:], restored)
    assert [t.as_json() for t in at_once] == [t.as_json() for t in told + rest]
    assert sum(t.state in ("met", "firing") for t in at_once) <= 1


@pytest.mark.parametrize(
    ("text", "at", "length"),
    [
        ("stp 50 < 1", 0, 3),
        ("step x < 1", 5, 1),
        ("step 50 < 1, wory > 2", 13, 8),
        ("step 50 < 1, severity loud", 22, 4),
        ("step 50 in 2..1", 8, 7),
    ],
)
def test_a_malformed_short_form_is_marked_where_it_is_wrong(text: str, at: int, length: int) -> None:
    with pytest.raises(MalformedError) as wrong:
        parse_milestone(text)
    assert (at, length) == (wrong.value.at, wrong.value.length)


@given(st.text(max_size=60))
def test_no_text_makes_the_parser_of_milestones_fail_otherwise(text: str) -> None:
    try:
        parse_milestone(text)
    except MalformedError as wrong:
        assert 0 <= wrong.at <= len(text) + 1  # noqa: PT017


@given(st.sampled_from(["<", "<=", ">", ">="]), st.floats(-1e6, 1e6))
def test_a_condition_reads_back_what_it_prints(op: str, value: float) -> None:
    made = condition(f"{op} {value!r}")
    assert made == condition(str(made))
    assert made == Condition(op, value)


def test_a_milestone_by_epoch_is_resolved_at_an_epoch() -> None:
    rules, run = engine("epoch 3 < 0.9"), RunState("13503904")
    told = [t for epoch, value in ((3, 1.2), (4, 0.8)) for t in rules.see(run, Observation("val_loss", value, 100 * epoch, epoch), 0.0)]
    assert "val_loss 0.8 at epoch 4, now < 0.9" == told[-1].message


def test_a_pending_milestone_explains_what_it_waits_for_and_a_judged_one_does_not() -> None:
    rules = engine("step 50 < 1.5", "step 200 < 0.6")
    run, _ = fold(rules, val((50, 1.4), (100, 1.07)))
    judged, pending = (milestone.explained(run) for milestone in rules.milestones)
    assert judged is None
    assert pending is not None
    assert "pending: no val_loss at or after step 200 yet; the run is at step 100" == pending.reason
    assert {"expected": "< 0.6", "last": 1.07, "last_step": 100} == pending.numbers
    empty = RunState("13503904")
    assert ["pending: no val_loss at or after step 50 yet"] == [one.reason for m in rules.milestones[:1] if (one := m.explained(empty))]


def again(rules: Engine, run: RunState, *points: tuple[float, float]) -> list[tuple[str, str, float | None]]:
    """What other rules tell of a run that was judged before: at the next tick, then with ``points``."""
    told = [*rules.tick(run, 0.0), *fold(rules, val(*points), run)[1]]
    return [(t.rule, t.state, t.step) for t in told]


def test_a_milestone_that_was_changed_is_judged_anew_on_the_value_that_was_there() -> None:
    run, _ = fold(engine("step 50 < 1.5"), val((25, 2.0), (50, 1.41), (75, 1.3)))
    rules = engine("step 50 < 1.0")
    assert [("step-50", "firing", 50)] == again(rules, run)
    assert [("step-50", "resolved", 100)] == again(rules, run, (100, 0.9))
    assert [("step-50", "met", 50)] == again(engine("step 50 < 1.5"), run)


def test_a_milestone_that_stands_and_is_loosened_resolves_and_is_met() -> None:
    run, _ = fold(engine("step 50 < 1.5"), val((50, 1.7), (75, 1.6)))
    assert [("step-50", "resolved", 50), ("step-50", "met", 50)] == again(engine("step 50 < 2.0"), run)


def test_a_milestone_that_is_added_in_the_past_is_judged_on_its_first_value_not_on_the_next() -> None:
    run, _ = fold(engine("step 50 < 1.5"), val((25, 2.0), (50, 1.41), (76, 0.9), (100, 1.3)))
    rules = engine("step 50 < 1.5", "step 75 < 1.0", "step 90 < 0.5", "step 200 < 0.5")
    assert [("step-75", "met", 76), ("step-90", "firing", 100)] == again(rules, run)
    assert [] == again(rules, run, (125, 1.2))


def test_a_milestone_that_is_added_late_and_was_satisfied_since_tells_nothing() -> None:
    run, _ = fold(engine("step 10 < 3"), val((50, 1.7), (75, 1.2)))
    rules = engine("step 50 < 1.5")
    assert ([], "missed") == (again(rules, run), status(run, rules, "step-50"))


def test_the_same_rules_tell_nothing_again() -> None:
    run, _ = fold(engine("step 50 < 1.5", "epoch 2 < 1"), val((50, 1.7), (75, 1.6)))
    assert [] == again(engine("step 50 < 1.5", "epoch 2 < 1"), run)


@given(st.lists(st.floats(0, 3), min_size=1, max_size=30), st.integers(0, 29), st.integers(1, 40))
def test_a_milestone_judged_afterwards_is_what_it_would_have_been_live(values: list[float], seen: int, step: int) -> None:
    points = [(float(i + 1), value) for i, value in enumerate(values)]
    rules = engine(f"step {step} < 1.5, worry > 2")
    live, _ = fold(rules, val(*points))
    late, _ = fold(engine("step 99 < 1"), val(*points[:seen]))
    rules.tick(late, 0.0)
    fold(rules, val(*points[seen:]), late)
    assert rules.milestones[0].mark(live) == rules.milestones[0].mark(late)
    assert {r: a.state for r, a in live.alerts.items() if a.state != "inactive"} == {
        r: a.state for r, a in late.alerts.items() if a.state != "inactive"
    }


def test_a_step_of_millions_is_told_to_the_last_digit() -> None:
    rules = engine("step 1234567 < 0.9")
    _, told = fold(rules, val((1234500, 1.5), (1234568, 1.0), (12345678, 0.5)))
    expected = ["val_loss 1 at step 1234568, expected < 0.9", "val_loss 0.5 at step 12345678, now < 0.9"]
    assert (["step-1234567"] * 2, expected) == ([t.rule for t in told], [t.message for t in told])
