"""Where the step begins anew with every epoch, many lines at once have the places that they have one by one."""

from __future__ import annotations

from dataclasses import asdict
from random import Random
from typing import Any

import pytest

from monitor.parse.anew import begins_anew, placed_anew
from monitor.parse.place import Place
from tests.parse.test_placing import FLAGS, FLOATS, or_none, rows_of


def line(chance: Random, **told: float) -> dict[str, Any]:
    nothing = {**dict.fromkeys(FLOATS), **dict.fromkeys(FLAGS, False)}
    return {**nothing, "measured": chance.random() < 0.7, "epoch_only": chance.random() < 0.3, "here": chance.random() < 0.3, **told}


def log_of(chance: Random) -> list[dict[str, Any]]:
    """Epochs whose lines tell the step in the epoch; the epoch stands on lines of its own."""
    every, first, made = chance.choice([1, 5]), chance.choice([0, 1]), []
    total = {"total": 40.0} if chance.random() < 0.3 else {}
    epoch = chance.choice([0, 1])
    for _ in range(chance.randint(4, 9)):
        epoch = 0 if chance.random() < 0.1 else epoch + (chance.random() < 0.9)
        made += [line(chance, epoch=float(epoch), measured=False)] * (chance.random() < 0.95)
        for at in range(first, chance.choice([7, 20, 20, 20])):
            made += [line(chance)] * (chance.random() < 0.1)
            made.append(line(chance, step=float(at * every), **total))
    return made


@pytest.mark.parametrize("seed", range(200))
def test_lines_have_the_same_places_together_as_one_by_one(seed: int) -> None:
    chance = Random(seed)
    lines, one = log_of(chance), Place()
    told = 0
    while told < len(lines) and not one.restarts:
        one.see(**lines[told])
        told += 1
    many = Place.restore(one.state())
    while told < len(lines):
        part = lines[told : told + chance.randint(1, 30)]
        assert begins_anew(rows_of(part), many)
        found = placed_anew(rows_of(part), many)
        together = [(or_none(step), or_none(epoch)) for step, epoch in zip(found.steps, found.epochs, strict=True)]
        assert [one.see(**told) for told in part] == together
        many, told = found.place, told + len(part)
        assert asdict(one) == asdict(many)


def test_a_line_that_tells_its_epoch_beside_its_step_is_of_another_log() -> None:
    chance = Random(0)
    place = Place(restarts=True, epoch=2.0, step=30.0)
    assert begins_anew(rows_of([line(chance, step=3.0)]), place)
    assert not begins_anew(rows_of([line(chance, step=3.0, epoch=3.0)]), place)
    assert not begins_anew(rows_of([line(chance, batch=3.0)]), place)
    assert not begins_anew(rows_of([line(chance, step=3.0)]), Place(restarts=True))


def test_most_logs_of_this_kind_are_found_out() -> None:
    found = 0
    for seed in range(40):
        place = Place()
        for told in log_of(Random(seed)):
            place.see(**told)
        found += place.restarts
    assert found >= 30
