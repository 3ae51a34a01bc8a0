"""What a few points of a block's columns tell a run is what all of them would."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

from monitor.attempts import Attempts
from monitor.lanes import on_the_same_lines
from monitor.moments import moments
from monitor.parse.blockreader import Column
from rules.history import RunState
from rules.observation import Event, Item, Observation, Progress

METRICS = ("train_loss", "val_loss", "lr", "grad_norm")


def metrics_of(chance: Random, *, apart: bool) -> dict[str, int]:
    """Metric -> every how many steps it is told."""
    return {metric: chance.choice([1, 1, 1, 7]) if apart else 1 for metric in METRICS[: chance.randint(1, 4)]}


def log_of(chance: Random, *, ranks: int = 1, requeued: bool = False) -> list[Item]:
    """Points of some metrics in the order of a log that begins anew now and then, with several ranks that are late at times."""
    every, stride = metrics_of(chance, apart=ranks == 1), chance.choice([1, 1, 10])
    anew, again = chance.choice([0.02, 0.004]), chance.choice([0.0, 0.02])
    made: list[Item] = []
    step, offset = 0, 0
    for _ in range(chance.randint(20, 600)):
        if chance.random() < anew:
            if chance.random() < 0.4:
                made.append(Event("requeued" if requeued and chance.random() < 0.7 else "started", offset=offset))
            step = chance.choice([0, step // 2, max(0, step - 3 * stride), step]) // stride * stride
        if chance.random() < 0.01:
            made.append(Progress(step=step + stride, total_steps=chance.choice([500.0, 900.0]), offset=offset))
        step += 0 if chance.random() < again else stride
        for rank in range(ranks if chance.random() < 0.9 else 1):
            late = stride if rank and step > stride and chance.random() < 0.1 else 0
            offset += 10
            for metric, each in every.items():
                if step // stride % each == 0:
                    value = chance.choice([1.0, float(offset)])
                    made.append(Observation(metric, value, float(step - late), None, metric, offset))
    return made


def columns_of(items: Sequence[Item]) -> list[Column]:
    points = [item for item in items if isinstance(item, Observation)]
    made = []
    for metric in sorted({point.metric for point in points}, key=METRICS.index):
        mine = [point for point in points if point.metric == metric]
        offsets, steps, values = ([point.offset for point in mine], [point.at for point in mine], [point.value for point in mine])
        made.append(Column(metric, metric, np.array(offsets, np.int64), np.array(steps), np.array(values)))
    return made


def folded(items: Sequence[Item], chance: Random) -> RunState:
    """The log by columns, in blocks of whole lines; some of it as objects."""
    attempts = Attempts(RunState(""))
    at = 0
    while at < len(items):
        end = at + chance.choice([3, 30, 200, 2000])
        while end < len(items) and items[end].offset == items[end - 1].offset:
            end += 1
        part, at = list(items[at:end]), end
        if chance.random() < 0.1:
            attempts.take(part)
        else:
            others: list[Item] = [item for item in part if not isinstance(item, Observation)]
            attempts.block(on_the_same_lines(columns_of(part)), others)
    attempts.close()
    return attempts.state


def one_by_one(items: Sequence[Item]) -> RunState:
    state = RunState("")
    for item in items:
        state.see(item)
    return state


@pytest.mark.parametrize("seed", range(300))
def test_the_attempts_are_those_that_all_points_show(seed: int) -> None:
    chance = Random(seed)
    items = log_of(chance)
    expected, state = one_by_one(items), folded(items, chance)
    assert (expected.attempt, expected.step, expected.total_steps) == (state.attempt, state.step, state.total_steps)


@pytest.mark.parametrize("seed", range(300))
def test_so_they_are_where_several_ranks_print_and_some_are_late(seed: int) -> None:
    chance = Random(seed)
    items = log_of(chance, ranks=chance.choice([2, 4]))
    expected, state = one_by_one(items), folded(items, chance)
    assert (expected.attempt, expected.step, expected.total_steps) == (state.attempt, state.step, state.total_steps)


@pytest.mark.parametrize("seed", range(300))
def test_so_they_are_where_the_job_was_requeued(seed: int) -> None:
    chance = Random(seed)
    items = log_of(chance, requeued=True)
    expected, state = one_by_one(items), folded(items, chance)
    assert (expected.attempt, expected.step, expected.total_steps) == (state.attempt, state.step, state.total_steps)


def test_of_many_new_starts_the_state_sees_two_points_each() -> None:
    steps = np.tile(np.arange(10.0), 1000)
    offsets = np.arange(steps.size) * 10
    attempts = Attempts(RunState(""))
    attempts.block([[Column("train_loss", "loss", offsets, steps, steps), Column("lr", "lr", offsets, steps, steps)]], [])
    assert 1000 == attempts.state.attempt
    assert attempts.state.observations < 2100


def test_metrics_of_the_same_lines_are_told_as_one() -> None:
    offsets, steps = np.arange(5) * 10, np.arange(5.0)
    first, second = (Column(name, name, offsets.copy(), steps.copy(), steps) for name in ("train_loss", "lr"))
    other = Column("val_loss", "val_loss", offsets[:3], steps[:3], steps[:3])
    assert [[first, second], [other]] == on_the_same_lines([first, other, second])


@pytest.mark.parametrize("seed", range(200))
def test_the_moments_that_a_reader_is_told_of_are_all_that_count(seed: int) -> None:
    chance = Random(seed)
    items = log_of(chance, ranks=chance.choice([1, 3]))
    points = [(item.offset, item.at) for item in items if isinstance(item, Observation)]
    lines = sorted(chance.sample(range(max(points)[0] + 20), chance.randint(0, 8)))
    before = chance.choice([None, points[0][1], 3.0])
    told = moments([group[0] for group in on_the_same_lines(columns_of(items))], lines, before)
    for start, end in zip([-1, *lines], [*lines, points[-1][0]], strict=True):
        whole, few = (changes([one for one in of if start < one[0] <= end], of, start, before) for of in (points, told))
        assert whole[:3] == few[:3]
        assert whole[-1:] == few[-1:]


def changes(points: list[tuple[int, float]], of: list[tuple[int, float]], start: int, before: float | None) -> list[tuple[int, float]]:
    """The points whose step is another one than the point's before."""
    step = next((step for offset, step in reversed(of) if offset <= start), before)
    made = []
    for point in points:
        if point[1] != step:
            made.append(point)
        step = point[1]
    return made
