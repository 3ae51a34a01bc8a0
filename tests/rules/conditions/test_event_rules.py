"""``crash``, ``missing_keys``, ``job_state``, ``pattern``: what is told by a line or by SLURM."""

from __future__ import annotations

import pytest
from story import briefly, event, points, rule, tell

from rules.engine import Engine
from rules.history import RunState


def crash(name: str, tier: int = 0, text: str = "boom") -> object:
    return event("crash", text, **{"class": name, "rank": 3, "node": "n1", "line": text, "tier": tier})


def test_the_first_cause_counts_whatever_came_before_it_in_the_log() -> None:
    told = tell(rule("crash"), [crash("nccl", 2, "time-out"), crash("cuda_oom", 0, "out of memory")])
    assert [t.message for t in told] == ["nccl: time-out"]
    run = RunState("r")
    engine = Engine([rule("crash")])
    for item in (crash("nccl", 2, "time-out"), crash("cuda_oom", 0, "out of memory")):
        engine.see(run, item, 0.0)  # type: ignore[arg-type]
    assert run.alerts["crash"].message == "cuda_oom: out of memory"


@pytest.mark.parametrize(("name", "severity"), [("cuda_oom", "critical"), ("cancelled", "warning"), ("time_limit", "warning")])
def test_somebodys_decision_is_a_warning(name: str, severity: str) -> None:
    assert [t.severity for t in tell(rule("crash"), [crash(name)])] == [severity]  # type: ignore[list-item]


def test_a_crash_resolves_when_training_goes_on() -> None:
    assert [t.state for t in tell(rule("crash"), [crash("nccl"), event("recovered")])] == ["firing", "resolved"]  # type: ignore[list-item]


def test_a_class_that_is_ignored_is_not_told() -> None:
    assert tell(rule("crash", {"ignore": ["cancelled"]}), [crash("cancelled")]) == []  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("count", "severity"), [(0, None), (2, None), (3, "info"), (8, "info"), (10, "warning"), (49, "warning"), (50, "critical")]
)
def test_missing_keys_by_their_number(count: int, severity: str | None) -> None:
    told = tell(rule("missing_keys"), [event("missing_keys", count=count, keys=[f"k{i}" for i in range(count)])])
    assert [t.severity for t in told] == ([] if severity is None else [severity])


def test_keys_that_are_new_on_purpose_are_not_counted() -> None:
    keys = [f"blocks.0.topoflow.{i}" for i in range(12)]
    one = rule("missing_keys", {"expect": ["*.topoflow.*"]})
    assert tell(one, [event("missing_keys", count=12, keys=keys)]) == []


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        ("RUNNING", None), ("COMPLETED", None), ("FAILED", "critical"), ("CANCELLED by 1234", "warning"), ("NODE_FAIL", "critical"),
        ("TIMEOUT", "warning"),
    ],
)
def test_what_slurm_says(state: str, severity: str | None) -> None:
    run = RunState("r", facts={"state": state, "reason": "NonZeroExitCode"})
    told = Engine([rule("job_state")]).tick(run, 0.0)
    assert [t.severity for t in told] == ([] if severity is None else [severity])


def test_without_slurm_nothing_is_said_of_the_job() -> None:
    assert Engine([rule("job_state")]).tick(RunState("r"), 0.0) == []


def test_a_job_that_waits_long_is_told_as_information() -> None:
    run = RunState("r", facts={"state": "PENDING", "submit_time_s": 0.0, "reason": "Priority"})
    one = rule("job_state", {"pending_for": "2h"})
    assert Engine([one]).tick(run, 7199) == []
    assert [t.severity for t in Engine([one]).tick(run, 7201)] == ["info"]


def test_a_pattern_stands_from_its_first_match_until_it_is_quiet() -> None:
    one = rule("pattern", {"name": "oom", "match": "out of memory", "quiet": "10m"})
    run = RunState("r")
    assert briefly(tell(one, [event("match", "out of memory", rule="oom")], run)) == [("firing", None)]
    assert tell(one, [event("match", "out of memory", rule="other")], run) == []
    assert [t.state for t in Engine([one]).tick(run, 601)] == ["resolved"]


def test_a_crash_mutes_the_stall_that_it_leaves_behind() -> None:
    rules = [rule("crash"), rule("stall", {"after": "1m"})]
    run = RunState("r")
    run.heard(0.0)
    tell(rules, [*points("train_loss", [1.0]), crash("nccl")], run)  # type: ignore[list-item]
    assert Engine(rules).tick(run, 9999) == []


def test_the_end_closes_what_is_about_the_pace_and_leaves_what_was_shown() -> None:
    rules = [rule("stall", {"after": "1m"}), rule("not_finite")]
    run = RunState("r")
    run.heard(0.0)
    tell(rules, points("train_loss", [float("nan")]), run)
    assert [t.rule for t in Engine(rules).tick(run, 100)] == ["stall"]
    told = tell(rules, [event("ended", how="completed")], run)
    assert [(t.rule, t.state, t.message) for t in told if t.rule == "stall"][-1][1] == "resolved"
    assert run.alerts["not_finite"].state == "firing"
