"""What the views say of a run, whatever its rules are called."""

from __future__ import annotations

import pytest

from monitor.rulesfile import read_rulebook
from monitor.views import NO_DATA, state_of, verdict_of
from monitor.yamlfile import parse_yaml
from rules.engine import Engine
from rules.history import RunState
from rules.observation import Observation


def _engine(rule: str) -> Engine:
    return Engine(read_rulebook(parse_yaml(f"version: 1\nrules:\n  - {rule}\n", "rules.yaml"), "rules.yaml").rules)


@pytest.mark.parametrize("stall", ["stall: {after: 30m}", "stall: {name: quiet, after: 30m}"])
def test_a_stalled_run_is_silent_and_has_no_data_whatever_its_rule_is_named(stall: str) -> None:
    engine, run = _engine(stall), RunState("1")
    for step in range(1, 9):
        engine.see(run, Observation("train_loss", 1.0 / step, float(step), time_s=60.0 * step), 60.0 * step)
    run.last_line_s = 480.0
    engine.tick(run, 10_000.0)
    assert (NO_DATA, "silent") == (verdict_of(run), state_of(run))


def test_a_rule_that_is_only_called_stall_makes_no_run_silent() -> None:
    engine, run = _engine("threshold: {name: stall, metric: train_loss, above: 0.5}"), RunState("1")
    engine.see(run, Observation("train_loss", 1.0, 1.0), 60.0)
    assert ("warning", "training") == (verdict_of(run), state_of(run))
