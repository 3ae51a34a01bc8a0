"""A replay of each rule kind, of the seed's trajectory and of the examples: which alerts, at which step, in which words.

What is expected was read as a person who waits for the run would read it. ``tests/endtoend/replays/make.py`` says where the logs come from.
``job_state`` has no log: SLURM's word comes beside it, and its cases stand in ``tests/rules/conditions/test_event_rules.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import ROOT

from monitor.commands.replay import replay
from rules.conditions import kinds

REPLAYS = Path(__file__).parent / "replays"
STORIES = sorted(path.stem for path in REPLAYS.glob("*.yaml"))


def told(capsys: pytest.CaptureFixture[str], rules: Path | None, *paths: Path) -> list[dict[str, object]]:
    replay([str(path) for path in paths], rules, json=True, formats=())
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def briefly(rows: list[dict[str, object]]) -> list[str]:
    """``step-100 firing critical 100`` for each event."""
    return [f"{row['run']} {row['rule']} {row['state']} {row['severity']} {row['step']}" for row in rows]


def test_each_rule_kind_has_its_replay() -> None:
    assert sorted([*kinds(), "milestone"]) == sorted([*STORIES, "job_state"])


@pytest.mark.parametrize("kind", STORIES)
def test_a_replay_tells_the_story_of_its_log(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected = [json.loads(line) for line in (REPLAYS / f"{kind}.jsonl").read_text().splitlines()]
    assert expected == told(capsys, REPLAYS / f"{kind}.yaml", REPLAYS / f"{kind}.log")
    assert kind in [row["kind"] for row in expected]


def test_the_healthy_training_is_left_alone_by_the_default_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert [] == told(capsys, None, REPLAYS / "baseline.before")


def test_the_story_of_the_run_that_loss_watch_began_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A ClimaX fine-tuned with a new block and head: slow at first, a worry at step 100, back on the table at step 311."""
    trajectory = ((25, 2.19), (50, 1.41), (75, 1.22), (100, 1.07), (125, 0.88), (150, 0.74), (200, 0.63), (250, 0.52), (311, 0.44))
    log, rules = tmp_path / "topoflow_full_finetune_13503904.out", tmp_path / "rules.yaml"
    log.write_text("".join(f"Step {step}: train_loss = {value:.3f}, val_loss = {value:.4f}\n" for step, value in trajectory))
    rules.write_text("preset: topoflow\nbaseline: {val_loss: 0.3557, step: 311, label: checkpoint step_311}\n")
    assert [
        "13503904 step-50 met info 50", "13503904 step-100 firing critical 100", "13503904 step-100 resolved critical 125",
        "13503904 step-200 firing warning 200", "13503904 step-200 resolved warning 250", "13503904 step-311 met info 311",
    ] == [row for row in briefly(told(capsys, rules, log)) if " forecast " not in row]  # fmt: skip


EXAMPLES = {
    "diverges": [
        "20430003 step-50 met info 50", "20430003 not_finite firing critical 61", "20430001 step-50 met info 50",
        "20430001 not_finite firing critical 80", "20430001 step-100 firing warning 100", "20430002 step-50 met info 50",
        "20430002 step-100 firing warning 100", "20430002 divergence firing critical 160",
    ],
    "lightning_finetune": [
        "13503904 missing_keys firing info None", "13503904 step-50 met info 50", "13503904 step-100 met info 100",
        "13503904 step-200 met info 200", "13503904 step-311 met info 325", "13503904 step-500 firing info 500",
        "13503977 missing_keys firing info None", "13503977 step-50 firing warning 50", "13503977 step-50 resolved warning 75",
        "13503977 step-100 firing warning 100", "13503977 step-100 resolved warning 125", "13503977 step-200 met info 200",
        "13503977 step-311 met info 325", "13503977 step-500 firing info 500",
        "13504112 missing_keys firing info None", "13504112 step-50 firing warning 50", "13504112 step-100 firing critical 100",
        "13504112 step-50 resolved warning 125", "13504112 step-200 firing warning 200", "13504112 step-100 resolved critical 275",
        "13491177 step-50 met info 50", "13491177 step-100 met info 100", "13491177 step-200 met info 200",
    ],
    "lightning_rich": [
        "20411873 step-50 met info 50", "20411873 step-200 met info 200", "20411874 step-50 firing warning 50",
        "20411874 step-50 resolved warning 100", "20411874 step-200 met info 200", "20411875 step-50 met info 100",
        "20411875 step-200 met info 200", "20411876 step-50 met info 50", "20411876 step-200 met info 200",
        "20411877 step-50 met info 50", "20411877 step-200 met info 200",
    ],
    "plain_pytorch": [
        "20460005 step-50 firing warning 50", "20460005 step-100 firing critical 100", "20460005 step-200 firing warning 200",
        "20460001 epoch-5 met info 5", "20460001 epoch-20 met info 20", "20460002 step-50 met info 50", "20460002 step-100 met info 100",
        "20460002 step-200 met info 200", "20460004 step-50 met info 50", "20460004 step-100 met info 100",
        "20460004 step-200 met info 200",
        "20460006 step-50 met info 50", "20460006 step-50 met info 50", "20460006 step-50 met info 50", "20460006 step-100 met info 100",
    ],
    "keras": [
        "20470001 epoch-1 met info 1", "20470001 val_mae-epoch-4 met info 4", "20470001 epoch-8 met info 8",
        "20470002 epoch-1 met info 1", "20470002 val_mae-epoch-4 met info 4", "20470002 epoch-8 met info 8",
    ],
}  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_story_of_an_example(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ROOT / "examples" / example
    logs = sorted(folder.glob("*.out")) + sorted(folder.glob("*.err"))
    rows = [row for row in told(capsys, folder / "rules.yaml", *logs) if row["kind"] not in ("forecast", "spike", "plateau")]
    assert sorted(EXAMPLES[example], key=lambda row: row.split()[0]) == sorted(briefly(rows), key=lambda row: row.split()[0])


@pytest.mark.parametrize("example", ["catboost", "hangs", "lightgbm", "sb3"])
def test_a_healthy_example_raises_nothing_but_its_end(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = told(capsys, None, *sorted((ROOT / "examples" / example).glob("*.out")))
    assert [] == rows
