"""Finished runs of the same job as a reference: who counts as one, what the forecast and the baseline make of them."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_daemon import Bench

from monitor.earlier import EarlierRuns
from monitor.tail.runs import job_name
from rules.history import RunState
from rules.observation import Event, Observation
from rules.references import LEAST_POINTS, MOST_POINTS, MOST_RUNS, Reference, alike, reference, runs_beside, value_at
from rules.series import Series

FIRST, SECOND = "/logs/topoflow_full_finetune_13503904.out", "/logs/topoflow_full_finetune_13503999.out"
DONE = "`Trainer.fit` stopped: `max_steps=500` reached.\n"
RULES = "milestones: [step 400 < 0.2]\nrules: [forecast, baseline: {warm_up: 0}]\nbaseline: {run: previous}\n"


def curve(level: float = 1.0, last: int = 500, bend: float = 0.0) -> str:
    """A loss that falls fast, then not at all: no power law foresees that from its first half."""
    return "".join(
        f"Step {step}: train_loss = 1.0, val_loss = {level * max(0.5, 4.0 / step**0.4) * (1 + bend * step):.4f}\n"
        for step in range(20, last + 1, 20)
    )


def finished(name: str, path: str, level: float = 1.0, last_line_s: float = 0.0) -> RunState:
    run = RunState(name, [path], last_line_s=last_line_s)
    for step in range(10, 110, 10):
        run.see(Observation("val_loss", level / step, step))
    run.see(Event("ended", fields={"how": "completed"}))
    return run


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (FIRST, "topoflow_full_finetune"), ("logs/train_13503904_7.err", "train"), ("gpt-124M.13503904.log", "gpt-124M"),
        ("slurm-13503904.out", None), ("13503904.out", None), ("train.log", None), ("exp1/log.txt", None),
        ("finetune_1234_rank3.out", "finetune"),
    ],
)  # fmt: skip
def test_the_name_of_a_job_stands_before_its_id(path: str, name: str | None) -> None:
    assert name == job_name(path)


def test_only_runs_that_ended_as_they_should_count_and_the_latest_come_first() -> None:
    crashed = finished("1000009", "/l/a_1000009.out")
    crashed.see(Event("crash", fields={"class": "nccl"}))
    going = RunState("1000010", ["/l/a_1000010.out"])
    going.see(Observation("val_loss", 1.0, 10))
    runs = [finished(f"100000{i}", f"/l/a_100000{i}.out", last_line_s=float(i)) for i in range(8)]
    known = EarlierRuns([*runs[::-1], crashed, going, finished("2000000", "/l/b_2000000.out")])
    known.give(going)
    assert [f"100000{i}" for i in range(7, 7 - MOST_RUNS, -1)] == [one.run for one in going.references]


def test_a_run_is_no_reference_of_itself_and_one_that_goes_on_is_known_once() -> None:
    known, run = EarlierRuns(), finished("1000001", "/l/a_1000001.out")
    known.take(run)
    run.see(Observation("val_loss", 0.005, 200))
    known.take(run)
    known.give(run)
    assert () == run.references
    other = RunState("1000002", ["/l/a_1000002.out"])
    known.give(other)
    assert [("1000001", 200)] == [(one.run, one.curves["val_loss"][0][-1]) for one in other.references]


def test_the_steps_of_a_requeued_run_are_joined() -> None:
    first, last = Series("val_loss"), Series("val_loss")
    for step in (10, 20, 30):
        first.append(step, 1.0, None)
    for step in (20, 30, 40):
        last.append(step, 2.0, None)
    assert ((10, 20, 30, 40), (1.0, 2.0, 2.0, 2.0)) == reference("r", {"val_loss": last}, {"val_loss": first}).curves["val_loss"]


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=900))
def test_of_a_long_curve_a_few_points_are_kept_and_its_ends_always(values: list[float]) -> None:
    series = Series("val_loss")
    for step, value in enumerate(values):
        series.append(step, value, None)
    steps, kept = reference("r", {"val_loss": series}, {}).curves["val_loss"]
    assert (0, len(values) - 1, len(kept)) == (steps[0], steps[-1], min(len(values), MOST_POINTS))
    assert all(values[int(step)] == value for step, value in zip(steps, kept, strict=True))
    assert all(value_at((steps, kept), step) == values[int(step)] for step in steps)


def test_another_recipe_of_the_same_name_is_no_reference() -> None:
    steps = list(range(20, 220, 20))
    old = (steps, [4.0 / step**0.4 for step in steps])
    assert runs_beside(old, steps, [1.05 * value for value in old[1]])
    assert not runs_beside(old, steps, [1.5 * value for value in old[1]])
    assert not runs_beside(old, steps, [value * (step / 20) ** 0.2 for step, value in zip(*old, strict=True)])
    assert not runs_beside(old, steps[:2], old[1][:2])
    assert [] == list(alike([Reference("r", {"val_loss": old})], "train_loss", steps, old[1]))


@given(st.lists(st.tuples(st.floats(0, 1e12), st.floats(allow_nan=True)), max_size=20), st.lists(st.floats(allow_nan=True), max_size=20))
def test_no_curve_makes_the_comparison_fail(points: list[tuple[float, float]], values: list[float]) -> None:
    points = sorted(points, key=lambda point: point[0])
    found = runs_beside(([p[0] for p in points], [p[1] for p in points]), list(range(len(values))), values)
    assert not found or LEAST_POINTS <= sum(isfinite(value) and value > 0 for value in values)


@given(st.lists(st.floats(1e-6, 1e6), min_size=LEAST_POINTS, max_size=40), st.floats(0.85, 1.2))
def test_a_curve_runs_beside_itself_and_not_beside_twice_itself(values: list[float], times: float) -> None:
    steps = list(range(1000, 1000 + len(values)))
    beside = [runs_beside((steps, values), steps, [factor * value for value in values]) for factor in (1.0, times, 2.0, 0.5)]
    assert [True, True, False, False] == beside


def test_a_watcher_holds_a_run_against_the_last_finished_one_also_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state"
    bench = Bench(state, RULES)
    bench.live()
    bench.tails.append(curve() + DONE, FIRST)
    bench.turn()
    bench.tails.append(curve(1.02, last=200), SECOND)
    bench.turn()
    run = bench.daemon.pipeline.runs["13503999"]
    assert ["13503904"] == [one.run for one in run.references]
    assert "firing" == run.alerts["forecast"].state
    assert 0.51 == pytest.approx(expected(bench), abs=0.03)
    bench = bench.kill(state, RULES)
    bench.live()
    assert ["13503904"] == [one.run for one in bench.daemon.pipeline.runs["13503999"].references]
    bench.tails.append(curve(1.3, last=260)[len(curve(1.3, last=200)) :], SECOND)
    bench.turn()
    assert "1.3 times run 13503904" in bench.daemon.pipeline.runs["13503999"].alerts["baseline"].message


def test_the_forecast_comes_nearer_to_the_truth_by_an_earlier_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "state", "milestones: [step 400 < 0.2]\nrules: [forecast]\n")
    bench.live()
    bench.tails.append(curve(1.02, last=200), SECOND)
    bench.turn()
    alone = expected(bench)
    bench.tails.append(curve() + DONE, FIRST)
    bench.turn()
    bench.tails.append(curve(1.02, last=200), "/logs/topoflow_full_finetune_13504000.out")
    bench.turn()
    assert abs(expected(bench, "13504000") - 0.51) < abs(alone - 0.51)


def expected(bench: Bench, run: str = "13503999") -> float:
    """What the forecast of the milestone is, as everybody is shown it."""
    view = next(view for view in bench.daemon.snapshot.runs if view.run == run)
    ahead = view.milestones[0].forecast
    assert ahead is not None
    return ahead.value
