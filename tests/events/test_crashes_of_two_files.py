"""A run of two files: what ``.err`` tells as a crash is taken back by steps in ``.out``, while both are followed live."""

from __future__ import annotations

import pytest

from monitor.parse import Catalogue
from monitor.pipeline import Pipeline, Turn
from monitor.rulesfile import load_rules
from rules.engine import Engine

CATALOGUE = Catalogue.load()
TRACEBACK = b"Traceback (most recent call last):\n  File 'a.py', line 1\nValueError: caught and printed\n"


def steps(first: int, count: int) -> bytes:
    return b"".join(b"step %d | train_loss %.3f\n" % (i, 5 - i / 100) for i in range(first, first + count))


@pytest.fixture
def pipeline() -> Pipeline:
    made = Pipeline(Engine(load_rules(None).rules), CATALOGUE)
    made.open("x.out", "x")
    made.open("x.err", "x")
    return made


def grow(pipeline: Pipeline, path: str, data: bytes, now: float) -> list[tuple[str, str]]:
    turn = Turn()
    pipeline.advance(path, data, now, turn, heard_s=now, time_s=now)
    return [(t.rule, t.state) for t in turn.transitions if t.rule == "crash"]


def silent(pipeline: Pipeline, path: str, now: float) -> list[tuple[str, str]]:
    turn = Turn()
    pipeline.fell_silent(path, now, turn)
    return [(t.rule, t.state) for t in turn.transitions if t.rule == "crash"]


def test_steps_after_it_take_it_back(pipeline):
    grow(pipeline, "x.out", steps(0, 5), 100.0)
    grow(pipeline, "x.err", TRACEBACK, 101.0)
    assert [("crash", "firing")] == silent(pipeline, "x.err", 130.0)
    assert [("crash", "resolved")] == grow(pipeline, "x.out", steps(5, 4), 140.0)


def test_steps_of_the_same_look_do_not(pipeline):
    grow(pipeline, "x.out", steps(0, 5), 100.0)
    grow(pipeline, "x.err", TRACEBACK, 101.0)
    grow(pipeline, "x.out", steps(5, 4), 101.0)
    assert [("crash", "firing")] == silent(pipeline, "x.err", 130.0)
