"""``throughput``, ``stall``, ``walltime``, ``phase``: what goes by the clock, and the clock is what the story says."""

from __future__ import annotations

import pytest
from story import briefly, event, points, rule, tell

from rules.engine import Engine
from rules.history import RunState
from rules.observation import Observation
from rules.rule import Rule


def paced(gaps: list[float], metric: str = "train_loss") -> list[Observation]:
    now, items = 1000.0, []
    for i, gap in enumerate(gaps):
        now += gap
        items.append(Observation(metric, 1.0, 10.0 * (i + 1), time_s=now))
    return items


def ticked(one: Rule, run: RunState, now: float) -> list[tuple[str, str]]:
    return [(t.state, t.message) for t in Engine([one]).tick(run, now)]


def test_half_the_pace_is_found_within_fifty_prints_and_resolves_with_it() -> None:
    told = tell(rule("throughput"), paced([5.0] * 60 + [10.0] * 50 + [5.0] * 50))
    assert [t.state for t in told] == ["firing", "resolved"]
    assert told[0].step is not None
    assert told[0].step <= 10 * 110


def test_pauses_for_validation_are_no_slow_down() -> None:
    assert tell(rule("throughput"), paced(([5.0] * 9 + [90.0]) * 20)) == []


@pytest.mark.parametrize("gaps", [[0.6, 0.6, 0.7, 3.4], [0.6, 0.6, 3.4], [9.0, 108.0]], ids=["one in four", "one in three", "every second"])
def test_half_the_pace_is_found_where_every_few_prints_there_is_a_validation(gaps: list[float]) -> None:
    told = tell(rule("throughput"), paced((gaps * 40)[:80] + [2 * gap for gap in (gaps * 40)[:50]]))
    assert [t.state for t in told] == ["firing"]


def test_of_epochs_five_slow_ones_are_enough_and_two_are_not() -> None:
    assert [(t.state, t.step) for t in tell(rule("throughput"), paced([60.0] * 8 + [130.0] * 5))] == [("firing", 130)]
    assert tell(rule("throughput"), paced(([60.0] * 8 + [130.0] * 2) * 6)) == []
    back = tell(rule("throughput"), paced([60.0] * 8 + [130.0] * 5 + [60.0] * 5))
    assert [t.state for t in back] == ["firing", "resolved"]


def test_a_burst_of_a_block_buffered_log_is_no_change_of_pace() -> None:
    assert tell(rule("throughput"), paced(([0.0] * 49 + [250.0]) * 12)) == []


def test_without_times_the_logs_own_speed_is_taken() -> None:
    told = tell(rule("throughput"), points("tokens_per_sec", [1000.0] * 60 + [500.0] * 50))
    assert [t.state for t in told] == ["firing"]
    assert "tokens_per_sec" in told[0].message
    slower = tell(rule("throughput"), points("step_time", [0.5] * 60 + [1.0] * 50))
    assert [t.state for t in slower] == ["firing"]


def heard(run: RunState, *times: float) -> RunState:
    for now in times:
        run.heard(now)
    return run


def trained(run: RunState) -> RunState:
    tell([], [*points("train_loss", [2.0] * 8), *points("val_loss", [2.0], start=90), *points("train_loss", [2.0] * 3, start=100)], run)
    return run


def test_a_stall_is_told_once_the_silence_is_longer_than_the_limit() -> None:
    run = heard(RunState("r"), 0.0)
    assert ticked(rule("stall", {"after": "30m"}), run, 1799) == []
    assert ticked(rule("stall", {"after": "30m"}), run, 1801)[0][0] == "firing"
    run.heard(1900)
    assert briefly(tell(rule("stall", {"after": "30m"}), points("train_loss", [1.0]), run)) == [("resolved", 10)]


def test_a_log_that_was_a_day_old_when_first_looked_at_is_no_stall_until_it_has_grown() -> None:
    run = heard(RunState("r"), 0.0)
    stalls = rule("stall", {"after": "30m"})
    assert ticked(stalls, run, 25 * 3600) == []
    assert ticked(stalls, run, 50 * 3600) == []
    run.heard(60 * 3600.0)
    assert ticked(stalls, run, 61 * 3600)[0][0] == "firing"


def test_a_stall_that_began_while_nobody_watched_is_told_after_days() -> None:
    run = heard(RunState("r"), 0.0)
    stalls = rule("stall", {"after": "30m"})
    assert ticked(stalls, run, 60) == []
    assert ticked(stalls, run, 60 * 3600)[0][0] == "firing"


def test_the_limit_is_learned_phase_by_phase() -> None:
    run = trained(RunState("r"))
    run.last_kind = "train"
    heard(run, *(60.0 * i for i in range(20)))
    assert run.rhythm["training"]["count"] == 19
    assert ticked(rule("stall"), run, 19 * 60 + 1199) == []
    run.rhythm["validation"] = {"count": 1, "longest_s": [1500.0]}
    assert ticked(rule("stall"), run, 19 * 60 + 601)[0][0] == "firing"


def test_a_phase_that_was_long_before_may_be_as_long_again() -> None:
    run = trained(RunState("r"))
    run.rhythm = {"training": {"count": 50, "longest_s": [30.0]}, "checkpoint": {"count": 3, "longest_s": [7200.0, 7000.0]}}
    run.last_kind, run.last_line_s = "checkpoint_saved", 0.0
    assert ticked(rule("stall"), run, 10000) == []
    assert ticked(rule("stall"), run, 10900)[0][0] == "firing"


@pytest.mark.parametrize("state", ["PENDING", "SUSPENDED", "REQUEUED", "COMPLETED", "CANCELLED by 1234"])
def test_a_job_that_waits_is_not_stalled(state: str) -> None:
    run = heard(RunState("r", facts={"state": state}), 0.0)
    assert ticked(rule("stall", {"after": "1m"}), run, 9999) == []


def test_a_run_that_has_done_its_last_step_may_be_silent() -> None:
    run = heard(RunState("r", step=100, total_steps=100), 0.0)
    assert ticked(rule("stall", {"after": "1m"}), run, 9999) == []


def test_a_log_that_comes_in_blocks_is_said_to_be_buffered() -> None:
    run = RunState("r")
    for i in range(5):
        run.heard(60.0 * i, 8192)
    assert "buffered" in ticked(rule("stall", {"after": "10m"}), run, 900)[0][1]


def test_a_run_that_cannot_finish_in_time_is_told_and_one_that_can_is_not() -> None:
    run = RunState("r", total_steps=1000, facts={"end_time_s": 1000.0 + 3000})
    tell([], paced([5.0] * 40), run)
    late = rule("walltime", {"for": "1"})
    assert "step 1000 will not be reached" not in str(ticked(late, run, 1200))
    run.facts["end_time_s"] = 1400.0
    assert ticked(rule("walltime", {"for": "1", "margin": "10m"}), run, 1200) == []  # 300 s of work, 200 s of time: within the margin
    ((state, message),) = ticked(rule("walltime", {"for": "1", "margin": "60s"}), run, 1200)
    assert state == "firing"
    assert message.startswith("step 1000 will not be reached")


def test_ranks_that_do_not_register_are_told_with_the_missing_ones() -> None:
    run, one = RunState("r"), rule("phase")
    tell(one, [event("rank_member", joined=17, world=256, missing=[17, 18])], run)
    assert ticked(one, run, 599) == []
    ((state, message),) = ticked(one, run, 601)
    assert state == "firing"
    assert "17 of 256" in message
    assert briefly(tell(one, [event("ranks_ready", world=256)], run)) == [("resolved", None)]


def test_a_run_without_ranks_waits_for_none() -> None:
    run, one = heard(RunState("r"), 0.0), rule("phase")
    assert ticked(one, run, 99999) == []


def test_a_line_must_follow_another_in_time() -> None:
    one = rule("phase", {"name": "load", "expect": "weights loaded", "after": "loading weights", "within": "5m"})
    assert one.lines is not None
    run = RunState("r")
    tell(one, [event("match", "loading weights from x", rule="load")], run)
    assert ticked(one, run, 301)[0][0] == "firing"
    assert [t.state for t in tell(one, [event("match", "weights loaded", rule="load")], run)] == ["resolved"]
    assert ticked(one, run, 9999) == []
