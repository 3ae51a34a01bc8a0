"""Where one life of a run ends and the next begins, told by steps, by the scheduler and by files, in one file or in two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.history import SETTLED, RunState
from rules.observation import Event, Item, Observation

OUT, ERR = 0, 1


def val(step: float, value: float = 1.0, source: int = OUT) -> Observation:
    return Observation("val_loss", value, step, source=source)


def requeued(source: int = ERR) -> Event:
    return Event("requeued", "DUE TO JOB REQUEUE", source=source)


def started(source: int = OUT) -> Event:
    return Event("started", "Seed set to 42", source=source)


def life(first: int, last: int, source: int = OUT, value: float = 1.0) -> list[Item]:
    return [val(step, value / (1 + step), source) for step in range(first, last + 1)]


def attempts(items: list[Item]) -> int:
    run = RunState("r")
    for item in items:
        run.see(item)
    run.over()
    return run.attempt


CASES: dict[str, tuple[list[Item], int]] = {
    "one life": (life(0, 30), 1),
    "steps that fall back": (life(0, 30) + life(20, 50), 2),
    "the same values again from the beginning": (life(0, 30) + life(0, 30), 2),
    "a requeue and then steps that fall back": ([*life(0, 30), requeued(), *life(20, 50)], 2),
    "steps that fall back and then, from the other file, the requeue": (life(0, 30) + life(20, 50) + [requeued()], 2),
    "a requeue that is read first, and a jump where it was": ([requeued(), *life(0, 24), *life(30, 90)], 2),
    "a requeue that goes on at the next step": ([*life(0, 30), requeued(), *life(31, 60)], 2),
    "a requeue that is read first and left no trace": ([requeued(), *life(0, 60)], 2),
    "two requeues with all their signs": ([*life(0, 30), requeued(), *life(20, 50), requeued(), *life(40, 70)], 3),
    "a requeue without a fall, later a fall without a requeue": ([*life(0, 30), requeued(), *life(31, 60), *life(50, 80)], 3),
    "two files that tell the same steps": (life(0, 30, OUT) + life(0, 30, ERR), 1),
    "two files that tell the same two lives": (life(0, 30, OUT) + life(20, 50, OUT) + life(0, 30, ERR) + life(20, 50, ERR), 2),
    "a banner and the same steps": ([*life(0, 30), started(), *life(0, 30)], 2),
    "a banner and steps that go on": ([*life(0, 30), started(), *life(31, 60)], 1),
    "many ranks, one of which is late": ([val(s, 1.0 / (1 + s + r)) for s in range(20) for r in range(3)] + [val(18, 0.5)], 1),
}


@pytest.mark.parametrize(("items", "expected"), CASES.values(), ids=CASES)
def test_an_attempt_is_one_life_of_a_run(items: list[Item], expected: int) -> None:
    assert expected == attempts(items)


def test_two_files_that_are_rewritten_together_begin_one_attempt() -> None:
    run = RunState("r")
    for item in [*life(0, 30, OUT), *life(0, 30, ERR)]:
        run.see(item)
    run.rewritten(OUT, "the file was truncated")
    for item in life(0, 3, OUT):
        run.see(item)
    run.rewritten(ERR, "the file was truncated")
    for item in life(0, 3, ERR):
        run.see(item)
    assert 2 == run.attempt
    for item in life(4, 4 + SETTLED, OUT):
        run.see(item)
    run.rewritten(OUT, "the file was truncated")
    run.see(val(0))
    assert 3 == run.attempt


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 1)), max_size=60))
def test_steps_stay_in_order_and_each_file_adds_a_step_once(points: list[tuple[int, int]]) -> None:
    run = RunState("r")
    for step, source in points:
        run.see(val(step, 1.0 / (1 + step), source))
        for series in run.series.values():
            assert sorted(series.steps) == list(series.steps)
            assert len(set(series.steps)) == len(series.steps)


def test_what_another_file_told_earlier_is_put_in_its_place() -> None:
    run = RunState("r")
    for item in [val(10, 2.0), val(30, 1.0), val(20, 1.5, ERR), val(30, 1.04, ERR)]:
        run.see(item)
    assert ([10, 20, 30], [2.0, 1.5, 1.0]) == (list(run.series["val_loss"].steps), list(run.series["val_loss"].values))
    assert 1 == run.attempt
