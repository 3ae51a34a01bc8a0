"""The check ladder on the trajectory that the project grew out of: each status, its alert, and the exit code of the whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endtoend.watching import run, step_line

LOG = "topoflow_full_finetune_13503904.out"
RULES = """\
version: 1
metric: val_loss
baseline: {val_loss: 0.3557, step: 311, label: checkpoint step_311}
milestones:
  - step 50 < 1.5
  - step 100 < 0.9, worry > 1.0
  - step 200 < 0.6
  - step 311 in 0.40..0.45
  - {step: 500, below: 0.35, severity: info}
rules: [not_finite]
"""
START = {25: 2.19}
GOOD = {25: 2.19, 50: 1.41, 100: 0.85, 200: 0.55, 311: 0.42, 500: 0.34}


def log_of(values: dict[int, float | str]) -> str:
    return "".join(step_line(step, val) for step, val in values.items())


def checked(home: Path, log: str, *, name: str = LOG, rules: str = RULES) -> tuple[int, dict[str, Any]]:
    (home / name).write_text(log)
    (home / "milestones.yaml").write_text(rules)
    done = run(home, "check", name, "-r", "milestones.yaml", "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


LADDER: list[tuple[str, dict[int, float | str], int, str, dict[str, str]]] = [
    ("a run that has only begun is on track, all of it pending", START, 0, "on_track", {"step-50": "pending", "step-500": "pending"}),
    ("every milestone met", GOOD, 0, "on_track", dict.fromkeys(["step-50", "step-100", "step-200", "step-311", "step-500"], "met")),
    ("above the limit but not worrying", {**START, 50: 1.6}, 1, "warning", {"step-50": "missed", "step-100": "pending"}),
    ("above the limit and worrying", {**START, 50: 1.41, 100: 1.07}, 1, "critical", {"step-50": "met", "step-100": "worry"}),
    ("between the limit and the worry", {**START, 50: 1.41, 100: 0.95}, 1, "warning", {"step-100": "missed"}),
    ("exactly on a strict limit", {**START, 50: 1.5}, 1, "warning", {"step-50": "missed"}),
    ("exactly on the worry, which is strict too", {**START, 50: 1.41, 100: 1.0}, 1, "warning", {"step-100": "missed"}),
    ("a milestone of severity info stands without a warning", {**GOOD, 500: 0.36}, 0, "on_track", {"step-500": "missed"}),
    ("inside a band", {**GOOD, 311: 0.45}, 0, "on_track", {"step-311": "met"}),
    ("ahead of a band", {**GOOD, 311: 0.39}, 0, "on_track", {"step-311": "met"}),
    ("above a band", {**START, 50: 1.41, 100: 0.85, 200: 0.55, 311: 0.46}, 1, "warning", {"step-311": "missed"}),
    ("the first value at or after the step counts", {**START, 48: 1.6, 60: 1.4}, 0, "on_track", {"step-50": "met"}),
    ("missed, then satisfied: it stays missed and no alert stands", {**START, 50: 1.6, 75: 1.2}, 0, "on_track", {"step-50": "missed"}),
    ("NaN satisfies nothing", {**START, 50: "nan"}, 1, "critical", {"step-50": "missed"}),
]  # fmt: skip


@pytest.mark.parametrize(("values", "code", "verdict", "statuses"), [row[1:] for row in LADDER], ids=[row[0] for row in LADDER])
def test_the_ladder(tmp_path: Path, values: dict[int, float | str], code: int, verdict: str, statuses: dict[str, str]) -> None:
    exit_code, document = checked(tmp_path, log_of(values))
    (judged,) = document["runs"]
    seen = {milestone["id"]: milestone["status"] for milestone in judged["milestones"]}
    assert (code, verdict, "13503904") == (exit_code, document["verdict"], judged["run"])
    assert statuses == {name: seen[name] for name in statuses}


def test_a_milestone_that_the_run_passed_without_its_metric_has_no_data(tmp_path: Path) -> None:
    train_only = "".join(f"Step {step}: train_loss = 1.200\n" for step in range(60, 210, 10))
    code, document = checked(tmp_path, log_of({10: 2.5, 20: 2.3, 30: 2.2, 40: 2.1}) + train_only)
    (judged,) = document["runs"]
    status = {milestone["id"]: milestone["status"] for milestone in judged["milestones"]}
    assert (1, "no_data") == (code, status["step-100"])
    assert "warning" == next(alert["severity"] for alert in judged["alerts"] if alert["rule"] == "step-100")


def test_a_crash_outweighs_what_was_met(tmp_path: Path) -> None:
    trace = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    main()\nRuntimeError: CUDA out of memory\n'
    code, document = checked(tmp_path, log_of(GOOD) + trace, rules=RULES.replace("[not_finite]", "[not_finite, crash]"))
    assert (3, "failed") == (code, document["verdict"])
    assert "crash" in {alert["kind"] for alert in document["runs"][0]["alerts"]}


def test_the_document_has_the_keys_that_scripts_rely_on(tmp_path: Path) -> None:
    _, document = checked(tmp_path, log_of({**START, 50: 1.41, 100: 1.07}))
    (judged,) = document["runs"]
    milestone, alert = judged["milestones"][1], judged["alerts"][0]
    assert {"schema_version": 1, "verdict": "critical"} == {key: document[key] for key in ("schema_version", "verdict")}
    assert {"run": "13503904", "verdict": "critical", "attempt": 1, "step": 100} == {
        key: judged[key] for key in ("run", "verdict", "attempt", "step")
    }
    assert {"id": "step-100", "metric": "val_loss", "step": 100, "expect": "< 0.9", "status": "worry"} == {
        key: milestone[key] for key in ("id", "metric", "step", "expect", "status")
    }
    assert {"step": 100, "value": 1.07} == milestone["observed"]
    assert {"rule": "step-100", "kind": "milestone", "severity": "critical", "state": "firing", "step": 100, "value": 1.07} == {
        key: alert[key] for key in ("rule", "kind", "severity", "state", "step", "value")
    }


def test_the_worst_run_decides(tmp_path: Path) -> None:
    (tmp_path / "good_13503905.out").write_text(log_of(GOOD))
    (tmp_path / LOG).write_text(log_of({**START, 50: 1.6}))
    (tmp_path / "milestones.yaml").write_text(RULES)
    done = run(tmp_path, "check", "*.out", "-r", "milestones.yaml", "--json")
    assert (1, "warning", 2) == (done.returncode, json.loads(done.stdout)["verdict"], len(json.loads(done.stdout)["runs"]))


@pytest.mark.parametrize(
    ("log", "code"), [(log_of(GOOD), 0), (log_of({**START, 50: 1.41, 100: 1.07}), 1), ("loading data\n", 4)],
    ids=["on track", "an alert stands", "no observation"],
)  # fmt: skip
@pytest.mark.parametrize("ask", [["check"], ["replay"], ["watch", "--once"]], ids=" ".join)
def test_check_replay_and_once_end_with_the_same_code(tmp_path: Path, ask: list[str], log: str, code: int) -> None:
    (tmp_path / LOG).write_text(log)
    (tmp_path / "milestones.yaml").write_text(RULES)
    done = run(tmp_path, *ask, LOG, "-r", "milestones.yaml")
    assert code == done.returncode, done.stderr


def test_replay_tells_what_would_have_been_sent_in_the_order_of_the_log(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text(log_of({**START, 50: 1.41, 100: 1.07, 130: 0.88, 200: 0.7}))
    (tmp_path / "milestones.yaml").write_text(RULES)
    done = run(tmp_path, "replay", LOG, "-r", "milestones.yaml", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [
        ("step-50", "met", 50, 1.41),
        ("step-100", "firing", 100, 1.07),
        ("step-100", "resolved", 130, 0.88),
        ("step-200", "firing", 200, 0.7),
    ] == [(event["rule"], event["state"], event["step"], event["value"]) for event in events]
