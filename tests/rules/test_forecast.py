"""The forecast: it refuses what it cannot know, follows what it is told, and does not depend on units."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.forecast import Schedule, forecast, past_errors, probability
from rules.milestone import condition

STEPS = [float(s) for s in range(100, 2100, 100)]
POWER_LAW = [1.8 + 12.0 * s**-0.4 for s in STEPS]


def at(step: float) -> float:
    return 1.8 + 12.0 * step**-0.4


@pytest.mark.parametrize(
    ("steps", "values", "ahead"),
    [
        ([], [], 100),
        ([100, 200, 300], [3.0, 2.8, 2.7], 400),
        (STEPS, POWER_LAW, 2000),
        (STEPS, POWER_LAW, 1000),
        (STEPS, POWER_LAW, 1_000_000),
        (STEPS, [*POWER_LAW[:-1], math.nan], 2500),
        (STEPS, [*POWER_LAW[:-1], -0.5], 2500),
        ([0, 1, 2, 3], [5.0, 0.1, 5.0, 0.1], 50),
    ],
    ids=["nothing", "three points", "reached", "behind", "too far", "NaN now", "below zero", "noise alone"],
)
def test_it_refuses_what_it_cannot_know(steps: list[float], values: list[float], ahead: float) -> None:
    assert forecast(steps, values, ahead) is None


@pytest.mark.parametrize("ratio", [1.1, 1.25, 1.5, 2.0])
def test_a_power_law_is_continued(ratio: float) -> None:
    found = forecast(STEPS, POWER_LAW, 2000 * ratio, schedule=Schedule("constant"))
    assert found is not None
    assert found.low < at(2000 * ratio) < found.high
    assert abs(math.log(found.value / at(2000 * ratio))) < 0.006


def test_a_known_total_pulls_the_end_below_the_power_law() -> None:
    told = forecast(STEPS, POWER_LAW, 4000, total_steps=4000)
    far_from_the_end = forecast(STEPS, POWER_LAW, 4000, total_steps=40000)
    constant = forecast(STEPS, POWER_LAW, 4000, total_steps=4000, schedule=Schedule("constant"))
    assert told is not None
    assert far_from_the_end is not None
    assert constant is not None
    assert told.value < far_from_the_end.value
    assert far_from_the_end.value == pytest.approx(constant.value)


def test_a_warm_up_in_the_past_changes_nothing() -> None:
    warm = [(s, 11.0 - s / 40) for s in range(1, 60, 10)]
    with_it = forecast([s for s, _ in warm] + STEPS, [v for _, v in warm] + POWER_LAW, 3000)
    without = forecast(STEPS, POWER_LAW, 3000)
    assert with_it is not None
    assert without is not None
    assert with_it.value == pytest.approx(without.value)


def test_earlier_runs_that_agree_make_it_narrower() -> None:
    steps = list(range(100, 4100, 100))
    alone = forecast(STEPS, POWER_LAW, 3000)
    helped = forecast(STEPS, POWER_LAW, 3000, references=[(steps, [at(s) * 1.01 for s in steps])])
    assert alone is not None
    assert helped is not None
    assert helped.high - helped.low < alone.high - alone.low


def test_earlier_runs_that_disagree_are_followed_some_of_the_way() -> None:
    bend = [v * (0.97 if s > 2200 else 1.0) for s, v in ((s, at(s)) for s in range(100, 4100, 100))]
    reference = (list(range(100, 4100, 100)), [v * 1.01 for v in bend])
    alone, helped = forecast(STEPS, POWER_LAW, 3000), forecast(STEPS, POWER_LAW, 3000, references=[reference])
    assert alone is not None
    assert helped is not None
    assert abs(helped.value - 0.97 * at(3000)) < abs(alone.value - 0.97 * at(3000))


def test_a_score_rises_towards_one_and_not_beyond() -> None:
    accuracy = [1.0 - 3.0 * s**-0.5 for s in STEPS]
    found = forecast(STEPS, accuracy, 4000, higher_is_better=True)
    assert found is not None
    assert accuracy[-1] < found.low < found.value < found.high < 1.0


def test_the_chance_of_a_milestone_follows_its_threshold() -> None:
    found = forecast(STEPS, POWER_LAW, 3000)
    assert found is not None
    chances = [probability(found, condition(f"< {v}").holds) for v in (found.low, found.value, found.high)]
    assert chances == [pytest.approx(0.1, abs=0.01), pytest.approx(0.5, abs=0.01), pytest.approx(0.9, abs=0.01)]


def test_past_errors_are_those_of_the_same_method() -> None:
    errors = past_errors(STEPS, POWER_LAW, 1.5, schedule=Schedule("constant"))
    assert [step for step, _ in errors] == STEPS[-8:]
    assert max(abs(error) for _, error in errors) < 0.02


numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(values=st.lists(numbers, max_size=40), ratio=st.floats(1.001, 40), total=st.none() | st.floats(1, 1e6))
@settings(max_examples=300, deadline=None)
def test_no_list_of_numbers_makes_it_fail(values: list[float], ratio: float, total: float | None) -> None:
    steps = [10.0 * i for i in range(len(values))]
    found = forecast(steps, values, (steps[-1] if steps else 1.0) * ratio, total_steps=total)
    if found is not None:
        assert 0 < found.low <= found.value <= found.high < math.inf
        assert 0 <= probability(found, lambda v: v < found.value) <= 1


@st.composite
def curves_from_elsewhere(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """Epochs or steps, even, log-spaced or with jumps, standing still or falling back now and then; few points or many, any noise."""
    count = draw(st.integers(1, 40))
    gaps = draw(st.sampled_from(["even", "log", "any"]))
    start = draw(st.sampled_from([0.0, 0.5, 1.0, -3.0, 1e-9, 1e12]))
    steps = [start]
    for i in range(count - 1):
        gap = {"even": 1.0, "log": 1.5**i, "any": draw(st.sampled_from([1.0, 0.0, 1000.0, -1.0, 1e-6]))}[gaps]
        steps.append(steps[-1] + gap)
    scale = draw(st.sampled_from([1e-9, 1e-3, 1.0, 1e6, 1e300]))
    noise = draw(st.lists(st.floats(-0.5, 0.5), min_size=count, max_size=count))
    fall = draw(st.sampled_from([0.0, 0.3, 3.0, -1.0]))
    return steps, [scale * (0.5 + (i + 1.0) ** -fall) * math.exp(noise[i]) for i in range(count)]


@given(curve=curves_from_elsewhere(), ratio=st.floats(0.5, 60), total=st.none() | st.floats(0.1, 1e6), up=st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_spacing_and_size_gives_a_sane_interval_or_nothing(
    curve: tuple[list[float], list[float]], ratio: float, total: float | None, up: bool
) -> None:
    steps, values = curve
    found = forecast(steps, values, steps[-1] * ratio, total_steps=total, higher_is_better=up)
    if found is not None:
        assert all(map(math.isfinite, (found.value, found.low, found.high, found.sigma)))
        assert found.low <= found.value <= found.high
        assert 0.0 <= probability(found, lambda v: v < found.value) <= 1.0
        assert math.isfinite(probability(found, lambda v: v > found.high))


@pytest.mark.parametrize("shape", ["constant", "cosine", "linear"])
@pytest.mark.parametrize("spacing", ["even", "log"])
def test_eight_points_of_epochs_are_enough_and_the_interval_holds_the_end(shape: str, spacing: str) -> None:
    progress = np.linspace(0.1, 1.0, 16) if spacing == "even" else np.geomspace(0.02, 1.0, 12)
    decay = {"constant": 0 * progress, "cosine": 0.5 * (1 - np.cos(np.pi * progress)), "linear": np.clip((progress - 0.6) / 0.4, 0, 1)}
    values = 1.5 + 2.0 * (1 + 20 * progress) ** -0.5 * (1 - 0.2 * decay[shape])
    later = 11 if spacing == "even" else 9
    told = Schedule(shape) if shape != "linear" else None  # type: ignore[arg-type]
    found = forecast(list(20 * progress[:8]), list(values[:8]), 20.0 * progress[later], total_steps=20.0, schedule=told)
    assert found is not None
    assert abs(math.log(found.value / values[later])) < 0.03
    assert abs(math.log(found.value / values[later])) < 2.5 * found.sigma
    assert found.high / found.low < 1.35


@given(scale=st.floats(1e-3, 1e3), stretch=st.floats(1e-2, 1e3))
def test_units_of_loss_and_step_do_not_matter(scale: float, stretch: float) -> None:
    plain = forecast(STEPS, POWER_LAW, 3000, total_steps=5000)
    other = forecast([s * stretch for s in STEPS], [v * scale for v in POWER_LAW], 3000 * stretch, total_steps=5000 * stretch)
    assert plain is not None
    assert other is not None
    assert other.value == pytest.approx(plain.value * scale, rel=1e-6)
    assert other.sigma == pytest.approx(plain.sigma, rel=1e-3)


def _real(shared: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    rows = map(json.loads, (shared / "curves" / "real_val_loss.jsonl").read_text().splitlines())
    return [(np.array(row["steps"], float), np.array(row["val_loss"])) for row in rows]


@pytest.mark.parametrize("told", [False, True], ids=["total unknown", "total known"])
def test_on_real_curves_it_is_as_good_as_we_say(shared: Path, told: bool) -> None:
    errors: dict[float, list[float]] = {1.25: [], 1.5: [], 2.0: []}
    inside: dict[float, list[bool]] = {ratio: [] for ratio in errors}
    for steps, values in _real(shared):
        for share in (0.3, 0.5):
            n = int((steps <= steps[-1] * share).sum())
            for ratio, found in errors.items():
                ahead = steps[n - 1] * ratio
                truth = float(np.interp(ahead, steps, values))
                made = forecast(steps[:n], values[:n], ahead, total_steps=steps[-1] if told else None)
                assert made is not None
                found.append(abs(math.log(made.value / truth)))
                inside[ratio].append(made.low <= truth <= made.high)
    assert [np.mean(found) < limit for found, limit in zip(errors.values(), (0.0040, 0.0065, 0.0110), strict=True)] == [True] * 3
    assert [0.75 <= np.mean(held) <= 0.85 for held in inside.values()] == [True] * 3
