"""Bands learned from finished runs are a rules file that those runs keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rulesfile import read_rulebook
from monitor.yamlfile import parse_yaml
from rules.engine import Engine
from rules.history import RunState
from rules.learn import bands, chosen_steps, learned_rules
from rules.observation import Observation


def curve(seed: int, factor: float = 1.0) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    steps = [25.0 * i for i in range(1, 21)]
    return steps, [factor * (0.3 + 12.0 * s**-0.6) * float(np.exp(rng.normal(0, 0.01))) for s in steps]


def judged(text: str, metric: str, points: tuple[list[float], list[float]]) -> list[str]:
    book = read_rulebook(parse_yaml(text, "learned.yaml"), "learned.yaml")
    engine, run = Engine(book.milestones), RunState("r")
    return [t.state for s, v in zip(*points, strict=True) for t in engine.see(run, Observation(metric, v, s), 0.0)]


def test_the_runs_that_it_was_learned_from_meet_it_and_a_worse_one_does_not() -> None:
    runs = {f"run{i}": {"val_loss": curve(i)} for i in range(5)}
    text = learned_rules(runs)
    assert judged(text, "val_loss", curve(9)) == ["met"] * 7
    assert judged(text, "val_loss", curve(9, 1.3)).count("firing") == 7


def test_a_score_is_learned_the_other_way_round() -> None:
    steps, values = curve(1)
    runs = {"a": {"val_acc": (steps, [1 - v / 4 for v in values])}}
    text = learned_rules(runs, "val_acc")
    assert " > " in text
    assert set(judged(text, "val_acc", (steps, [1 - v / 4 for v in values]))) == {"met"}


def test_a_metric_that_no_run_has_is_said() -> None:
    with pytest.raises(ValueError, match="no run has a curve of val_acc; they have val_loss"):
        learned_rules({"a": {"val_loss": curve(1)}}, "val_acc")


def test_a_hostile_run_name_stays_in_its_comment() -> None:
    text = learned_rules({"a\nnotify: {slack: {}}": {"val_loss": curve(1)}})
    assert "\nnotify" not in text


@given(seen=st.lists(st.floats(0, 1e6), min_size=1, max_size=50, unique=True).map(sorted), count=st.integers(2, 12))
def test_steps_rise_and_end_at_the_last(seen: list[float], count: int) -> None:
    steps = chosen_steps(seen, count)
    assert steps == sorted(set(steps) & set(seen))
    assert steps[-1] == seen[-1]
    assert len(steps) <= count


@given(st.lists(st.lists(st.tuples(st.floats(0, 1e6), st.floats(allow_nan=True)), max_size=8), max_size=4))
def test_no_curves_make_it_fail(curves: list[list[tuple[float, float]]]) -> None:
    clean = [([s for s, _ in sorted(set(c))], [v for _, v in sorted(set(c))]) for c in curves]
    for band in bands(clean):
        assert band.spread >= 0
