"""What a few points of a block's columns tell a run is what all of them would."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from monitor.parse.fast import Column
from monitor.summary import Digest
from rules.history import RunState
from rules.observation import Observation

Point = tuple[int, str, float]


def points_of(chance: Random) -> list[Point]:
    """Points of some metrics in the order of a log that begins anew now and then, some of them printed twice."""
    metrics, every = ["train_loss", "val_loss", "lr"][: chance.randint(1, 3)], chance.choice([1, 1, 7])
    ranks = chance.choice([1, 1, 1, 2])
    made: list[Point] = []
    step = 0
    for line in range(chance.randint(20, 600)):
        step = 1 if chance.random() < 0.02 else step + 1
        told = [metric for metric in metrics if metric != "val_loss" or step % every == 0]
        made += [(line * 10 + copy, metric, float(step)) for copy in range(ranks if chance.random() < 0.9 else 1) for metric in told]
    return made


@pytest.mark.parametrize("seed", range(150))
def test_the_attempts_are_those_that_all_points_show(seed: int) -> None:
    chance = Random(seed)
    points = points_of(chance)
    one_by_one, digest = RunState(""), Digest()
    for offset, metric, step in points:
        one_by_one.see(Observation(metric, 1.0 + offset, step, None, metric, offset))
    at = 0
    while at < len(points):
        part = points[at : at + chance.choice([5, 60, 300, 2000])]
        at += len(part)
        columns = []
        for metric in dict.fromkeys(metric for _, metric, _ in part):
            mine = [(offset, step) for offset, of, step in part if of == metric]
            offsets, steps = np.array([offset for offset, _ in mine]), np.array([step for _, step in mine])
            columns.append(Column(metric, metric, offsets, steps, 1.0 + offsets))
        digest.block(columns, [])
    digest.take([])
    assert one_by_one.attempt == digest.attempts
    assert one_by_one.step == digest.state.step
