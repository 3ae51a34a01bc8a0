"""Curves that are no positive loss that falls: negative ones, scores, tiny and huge ones, constants, odd steps.

Nothing is told of a healthy one, and what is wrong with the others is found.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from monitor.rulesfile import load_rules
from rules.conditions import kinds
from rules.engine import Engine
from rules.history import RunState
from rules.kind import Context
from rules.observation import Observation

DEFAULT = Engine(load_rules(None).rules)
OF_ACCURACY = Engine([
    kinds()[kind].model_validate({"metric": "val_acc"}).build(Context("val_acc")) for kind in ("plateau", "overfit", "divergence", "spike")
])  # fmt: skip
N = np.arange(80)
LAW = (1.0 + N) ** -0.6
DICE = -0.9 + 0.7 * LAW
ACCURACY = 0.95 - 0.85 * (1.0 + N) ** -0.5


def seen(metric: str, values: np.ndarray, every: float = 100.0) -> list[Observation]:
    return [Observation(metric, float(v), every * (i + 1), time_s=1000.0 + 0.5 * every * (i + 1)) for i, v in enumerate(values)]


def both(val: np.ndarray, train: np.ndarray) -> list[Observation]:
    """A validation each ten batches."""
    return sorted([*seen("train_loss", train, 10.0), *seen("val_loss", val)], key=lambda item: (item.step or 0.0, item.metric))


def kinds_told(items: list[Observation], engine: Engine = DEFAULT) -> set[str]:
    run = RunState("odd")
    return {t.kind for item in items for t in engine.see(run, item, item.time_s or 0.0) if t.state == "firing"}


SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "from 2 to -3": lambda p: -3.0 + 5.0 * np.exp(-5.0 * p),
    "a Dice loss below zero": lambda p: -0.9 + 0.7 * (1.0 + 20.0 * p) ** -0.6,
    "minus thousands": lambda p: -3000.0 + 2000.0 * (1.0 + 20.0 * p) ** -0.6,
    "slowly through zero": lambda p: -0.1 + 0.6 * (1.0 + 20.0 * p) ** -0.6,
    "1e-9": lambda p: 1e-9 * (0.3 + (1.0 + 20.0 * p) ** -0.6),
    "1e6": lambda p: 1e6 * (0.3 + (1.0 + 20.0 * p) ** -0.6),
    "to 1e-7": lambda p: np.exp(-16.0 * p),
    "constant": lambda p: 0.693 + 0.0 * p,
    "zero": lambda p: 0.0 * p,
    "a minus that is constant": lambda p: -0.5 + 0.0 * p,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("noise", [0.0, 0.003, 0.02])
def test_nothing_is_told_of_a_healthy_curve_of_any_sign_and_size(shape: str, noise: float) -> None:
    rng, mean_of = np.random.default_rng(4), SHAPES[shape]
    val, train = mean_of(np.arange(1, 61) / 60.0), mean_of(np.arange(1, 601) / 600.0)
    span = float(np.ptp(train))
    val, train = val + noise * span * rng.normal(0, 1, 60), train + 4.0 * noise * span * rng.normal(0, 1, 600)
    if shape == "to 1e-7":
        val, train = np.abs(val), np.abs(train)
    assert kinds_told(both(val, train)) == set()


@pytest.mark.parametrize(
    "losses",
    [
        lambda rng: rng.normal(0, 0.02, 2000), lambda rng: rng.normal(0, 0.02, 2000) * np.linspace(1, 5, 2000),
        lambda rng: rng.exponential(0.1, 600) * (rng.random(600) < 0.2), lambda rng: np.r_[np.exp(-np.arange(100) / 10), np.zeros(200)],
    ],
    ids=["around zero", "around zero and growing", "mostly zero", "zero from some point"],
)  # fmt: skip
def test_nothing_is_told_of_losses_whose_size_means_nothing(losses: Callable[[np.random.Generator], np.ndarray]) -> None:
    assert kinds_told(seen("train_loss", losses(np.random.default_rng(1)), 1.0)) == set()


@pytest.mark.parametrize(
    ("val", "expected"),
    [
        (np.r_[DICE[:40], np.full(15, -0.1)], {"spike", "divergence"}),
        (np.r_[DICE[:20], DICE[19] + 0.03 * np.arange(1, 15)], {"overfit"}),
        (np.r_[DICE[:20], DICE[19] + np.tile([0.0005, -0.0007, 0.0002], 6)], {"plateau"}),
        (np.r_[DICE[:30], -0.2, DICE[30:50]], {"spike"}),
    ],
    ids=["collapse", "rises", "flat", "spike"],
)
def test_what_is_wrong_with_a_loss_below_zero_is_found(val: np.ndarray, expected: set[str]) -> None:
    assert expected == kinds_told(seen("val_loss", val))


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_nothing_is_told_of_an_accuracy_that_rises(scale: float) -> None:
    rng = np.random.default_rng(5)
    assert kinds_told(seen("val_acc", scale * (ACCURACY + rng.normal(0, 0.004, 80))), OF_ACCURACY) == set()
    assert kinds_told(seen("val_acc", scale * np.r_[0.1 + rng.normal(0, 0.003, 10), 0.9 + rng.normal(0, 0.003, 20)]), OF_ACCURACY) == set()


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        (np.r_[ACCURACY[:40], 0.1 + 0.001 * (N[:20] % 3)], {"spike", "divergence"}),
        (np.r_[ACCURACY[:40], ACCURACY[39] * 0.985 ** np.arange(1, 12)], {"overfit"}),
        (np.r_[ACCURACY[:20], ACCURACY[19] + np.tile([0.0005, -0.0007, 0.0002], 6)], {"plateau"}),
    ],
    ids=["collapse", "falls", "flat"],
)
def test_what_is_wrong_with_an_accuracy_is_found(accuracy: np.ndarray, expected: set[str]) -> None:
    assert expected == kinds_told(seen("val_acc", accuracy), OF_ACCURACY)


@pytest.mark.parametrize("tiny", [5e-324, 1e-300, 1e308])
def test_a_number_at_the_end_of_what_floats_hold_makes_no_rule_fail(tiny: float) -> None:
    values = np.zeros(36)
    values[[2, 30]] = tiny, 1.0
    kinds_told(seen("val_loss", values))
    kinds_told(seen("val_loss", tiny * (1.0 + 0.1 * np.cos(N))))
    kinds_told(seen("val_acc", -values), OF_ACCURACY)


def healthy() -> list[Observation]:
    rng = np.random.default_rng(6)
    val, train = 1.0 + 3.0 * (1.0 + np.arange(1, 61) / 3.0) ** -0.6, 1.0 + 3.0 * (1.0 + np.arange(1, 601) / 30.0) ** -0.6
    return both(val * np.exp(rng.normal(0, 0.002, 60)), train * np.exp(rng.normal(0, 0.03, 600)))


def test_steps_that_jump_by_a_thousand_are_no_fault() -> None:
    items = healthy()
    for item in items[330:]:
        item.step = (item.step or 0.0) + 1000.0
    assert kinds_told(items) == set()


def test_every_line_twice_is_no_fault() -> None:
    assert kinds_told([item for item in healthy() for _ in range(2)]) == set()


@pytest.mark.parametrize("back_to", [0, 250])
def test_a_restart_in_the_middle_is_no_fault(back_to: int) -> None:
    again = healthy()[back_to:]
    for item in again:
        item.time_s = (item.time_s or 0.0) + 4000.0
    assert kinds_told([*healthy()[:330], *again]) == set()
