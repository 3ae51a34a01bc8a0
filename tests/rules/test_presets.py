"""The presets that ship: what they say of the trajectory that loss-watch began with."""

from __future__ import annotations

import pytest

from monitor.rulesfile import presets, read_rulebook
from monitor.yamlfile import parse_yaml
from rules.engine import Engine
from rules.history import RunState
from rules.observation import Observation

EXPECTED = {25: 2.19, 50: 1.35, 75: 1.02, 100: 0.82, 150: 0.66, 200: 0.55, 250: 0.47, 311: 0.42, 400: 0.38, 500: 0.34}
SLOW = {25: 2.19, 50: 1.41, 100: 1.07, 150: 0.85, 200: 0.66, 250: 0.58}


def story(preset: str, points: dict[int, float]) -> list[tuple[str, str, str]]:
    book = read_rulebook(parse_yaml(f"preset: {preset}\n", "rules.yaml"), "rules.yaml")
    engine, run = Engine(book.rules), RunState("13503904")
    told = [t for step, value in points.items() for t in engine.see(run, Observation("val_loss", value, float(step)), 0.0)]
    return [(t.rule, t.state, t.severity) for t in told]


def test_the_trajectory_that_was_expected_meets_every_milestone_and_raises_nothing() -> None:
    assert story("topoflow", EXPECTED) == [(f"step-{n}", "met", "info") for n in (50, 100, 200, 311, 500)]


def test_a_slow_one_worries_at_step_100_as_the_table_says() -> None:
    assert [told for told in story("topoflow", SLOW) if told[0] != "forecast"] == [
        ("step-50", "met", "info"), ("step-100", "firing", "critical"), ("step-100", "resolved", "critical"),
        ("step-200", "firing", "warning"), ("step-200", "resolved", "warning"),
    ]  # fmt: skip


@pytest.mark.parametrize("preset", ["default", "finetune", "pretrain"])
def test_a_healthy_fine_tuning_raises_nothing_in_any_preset(preset: str) -> None:
    assert story(preset, EXPECTED) == []


def test_every_preset_says_in_its_first_line_what_it_is_for() -> None:
    assert set(presets()) == {"default", "finetune", "pretrain", "topoflow"}
