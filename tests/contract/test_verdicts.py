"""Verdicts: the whole ladder over many runs at once, the JSON of `check` and `replay`, exit codes, what `explain` says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from endtoend.watching import run, step_line

RULES = """\
milestones:
  - step 50 < 1.5
  - step 100 < 0.9, worry > 1.0
  - step 200 < 0.6
  - step 311 in 0.40..0.45
  - {step: 500, below: 0.35, severity: info}
  - step 100 train_loss < 5
rules: []
"""
IDS = ("step-50", "step-100", "step-200", "step-311", "step-500", "train_loss-step-100")
REQUEUE = "slurmstepd: error: *** JOB 1 ON nid001 CANCELLED AT 2026-01-01T00:00:00 DUE TO JOB REQUEUE ***\n"
STOPPED = "`Trainer.fit` stopped: `max_steps={}` reached.\n"
START = step_line(25, 2.19) + step_line(50, 1.4) + step_line(75, 1.3)


def train_only(*steps: int) -> str:
    return "".join(f"Step {step}: train_loss = 1.000\n" for step in steps)


def row(log: str, verdict: str, *statuses: str) -> tuple[str, str, tuple[str, ...]]:
    return log, verdict, statuses


CASES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "resolved_1001": row(
        step_line(50, 1.6) + step_line(100, 1.07) + step_line(130, 0.88) + step_line(200, 0.59) + step_line(311, 0.39)
        + step_line(500, 0.4) + step_line(525, 0.3), "on_track", "missed", "worry", "met", "met", "missed", "met"),
    "two_intervals_beyond_1002": row(
        START + train_only(*range(80, 151, 10)), "on_track", "met", "pending", "pending", "pending", "pending", "met"),
    "more_than_two_beyond_1003": row(
        START + train_only(*range(80, 161, 10)), "warning", "met", "no_data", "pending", "pending", "pending", "met"),
    "ended_before_1004": row(
        START + STOPPED.format(75), "on_track", "met", "pending", "pending", "pending", "pending", "pending"),
    "ended_beyond_1005": row(
        START + train_only(101) + STOPPED.format(101), "warning", "met", "no_data", "pending", "pending", "pending", "met"),
    "second_attempt_1006": row(
        step_line(50, 1.6) + step_line(100, 1.07) + REQUEUE + step_line(75, 1.2) + step_line(100, 0.8) + step_line(200, 0.7),
        "warning", "missed", "met", "missed", "pending", "pending", "met"),
    "not_finite_1007": row(
        step_line(50, "nan") + step_line(100, "inf"), "critical", "missed", "worry", "pending", "pending", "pending", "met"),
    "info_alone_1008": row(
        START + step_line(100, 0.8) + step_line(200, 0.5) + step_line(311, 0.45) + step_line(500, 0.4),
        "on_track", "met", "met", "met", "met", "missed", "met"),
    "above_a_band_1009": row(
        START + step_line(100, 0.8) + step_line(200, 0.5) + step_line(311, 0.451),
        "warning", "met", "met", "met", "missed", "pending", "met"),
    "between_1010": row(START + step_line(100, 1.0), "warning", "met", "missed", "pending", "pending", "pending", "met"),
    "first_at_or_after_1011": row(step_line(49, 9) + step_line(60, 1.4), "on_track", "met", *["pending"] * 5),
    "nothing_read_1012": row("hello\n", "no_data", *["pending"] * 6),
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("verdicts")
    for name, (log, _, _) in CASES.items():
        (home / f"{name}.out").write_text(log)
    (home / "rules.yaml").write_text(RULES)
    return home


@pytest.fixture(scope="module")
def verdicts(home: Path) -> dict[str, dict[str, Any]]:
    done = run(home, "check", ".", "-r", "rules.yaml", "--json")
    document = json.loads(done.stdout)
    assert (1, 1, "critical") == (done.returncode, document["schema_version"], document["verdict"])
    return {judged["run"]: judged for judged in document["runs"]}


@pytest.mark.parametrize("name", CASES)
def test_the_ladder(verdicts: dict[str, dict[str, Any]], name: str) -> None:
    _, verdict, statuses = CASES[name]
    judged = verdicts[name.rpartition("_")[2]]
    assert (verdict, dict(zip(IDS, statuses, strict=True))) == (judged["verdict"], {m["id"]: m["status"] for m in judged["milestones"]})


def test_the_keys_of_a_verdict(verdicts: dict[str, dict[str, Any]]) -> None:
    judged = verdicts["1006"]
    head = {key: judged[key] for key in ("run", "verdict", "attempt", "step")}
    assert {"run": "1006", "verdict": "warning", "attempt": 2, "step": 200} == head
    (alert,) = judged["alerts"]
    assert {"rule": "step-200", "kind": "milestone", "severity": "warning", "state": "firing", "step": 200, "value": 0.7} == {
        key: alert[key] for key in ("rule", "kind", "severity", "state", "step", "value")
    }
    assert "val_loss 0.7 at step 200, expected < 0.6" == alert["message"]
    assert {"step": 50, "value": "NaN"} == verdicts["1007"]["milestones"][0]["observed"]
    assert [None, None] == [verdicts["1012"]["milestones"][0][key] for key in ("observed", "forecast")]


def test_replay_tells_one_event_a_line_with_the_documented_keys_in_the_order_of_the_log(home: Path) -> None:
    done = run(home, "replay", "resolved_1001.out", "-r", "rules.yaml", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [["run", "attempt", "rule", "kind", "severity", "state", "step", "value", "message"]] * 9 == [list(event) for event in events]
    assert 0 == done.returncode
    assert sorted(event["step"] for event in events) == [event["step"] for event in events]
    rows = [tuple(event[key] for key in ("rule", "state", "severity", "step", "value")) for event in events]
    assert [
        ("step-50", "firing", "warning", 50, 1.6), ("step-50", "resolved", "warning", 100, 1.07),
        ("step-100", "firing", "critical", 100, 1.07), ("step-100", "resolved", "critical", 130, 0.88),
        ("step-200", "met", "info", 200, 0.59), ("step-311", "met", "info", 311, 0.39),
        ("step-500", "firing", "info", 500, 0.4), ("step-500", "resolved", "info", 525, 0.3),
    ] == [row for row in rows if row[0] != "train_loss-step-100"]  # fmt: skip
    said = {(event["rule"], event["state"]): event["message"] for event in events}
    assert "ahead" in said["step-311", "met"]
    assert ("0.88" in said["step-100", "resolved"], "130" in said["step-100", "resolved"]) == (True, True)


def test_replay_and_check_and_once_are_the_same_judgement(home: Path, tmp_path: Path) -> None:
    for name, (log, _, _) in CASES.items():
        (tmp_path / f"{name}.out").write_text(log)
    (tmp_path / "rules.yaml").write_text(RULES)

    def told(*ask: str) -> tuple[int, list[tuple[Any, ...]]]:
        done = run(tmp_path, *ask, "*.out", "-r", "rules.yaml", "--json")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, sorted((e["run"], e["attempt"], e["rule"], e["state"], e["step"], str(e["value"])) for e in events)

    replayed = told("replay")
    assert replayed == told("watch", "--once")
    assert (replayed[0], []) == told("watch", "--once")


def test_an_epoch_axis(tmp_path: Path) -> None:
    lines = [f"epoch {i}: train_loss = 1.0, val_loss = {2 - i / 10:.2f}, val_acc = {0.6 + i / 20:.2f}" for i in range(1, 6)]
    (tmp_path / "cnn.log").write_text("\n".join(lines) + "\n")
    (tmp_path / "r.yaml").write_text("milestones: [epoch 2 < 1.9, epoch 3 val_acc >= 0.71, epoch 9 < 1]\nrules: []\n")
    done = run(tmp_path, "check", "cnn.log", "-r", "r.yaml", "--json")
    (judged,) = json.loads(done.stdout)["runs"]
    assert (0, "cnn") == (done.returncode, judged["run"])
    assert [("epoch-2", 2, "met", 2), ("val_acc-epoch-3", 3, "met", 3), ("epoch-9", 9, "pending", None)] == [
        (m["id"], m["step"], m["status"], (m["observed"] or {}).get("step")) for m in judged["milestones"]
    ]


CODES: tuple[tuple[str, str, int], ...] = (
    ("on track", START, 0),
    ("an alert stands", step_line(50, 1.6), 1),
    ("crashed", START + 'Traceback (most recent call last):\n  File "t.py", line 3, in <module>\nRuntimeError: shape mismatch\n', 3),
    ("no observation", "hello\n", 4),
)


@pytest.mark.parametrize(("log", "code"), [row[1:] for row in CODES], ids=[row[0] for row in CODES])
def test_exit_codes_are_the_same_for_all_who_judge(tmp_path: Path, log: str, code: int) -> None:
    (tmp_path / "train_13503904.out").write_text(log)
    (tmp_path / "r.yaml").write_text("milestones: [step 50 < 1.5]\nrules: [crash]\n")
    asks = (["check"], ["replay"], ["watch", "--once"])
    assert [code] * 3 == [run(tmp_path, *ask, "train_13503904.out", "-r", "r.yaml").returncode for ask in asks]


def test_a_crash_is_a_failed_verdict_with_its_class(tmp_path: Path) -> None:
    trace = 'Traceback (most recent call last):\n  File "t.py", line 3, in <module>\ntorch.cuda.OutOfMemoryError: CUDA out of memory.\n'
    (tmp_path / "train_13503904.out").write_text(START + trace)
    done = run(tmp_path, "check", "train_13503904.out", "--json")
    (judged,) = json.loads(done.stdout)["runs"]
    assert (3, "failed", ["crash"]) == (done.returncode, judged["verdict"], [a["kind"] for a in judged["alerts"] if a["kind"] == "crash"])


def test_a_forecast_is_a_value_its_interval_and_a_chance(tmp_path: Path) -> None:
    (tmp_path / "train_13503904.out").write_text("".join(step_line(s, 0.3 + 3 * s**-0.5) for s in range(25, 1000, 25)))
    (tmp_path / "r.yaml").write_text("milestones: [step 1100 < 0.5, step 1200 < 0.1]\nrules: []\n")
    done = run(tmp_path, "check", "train_13503904.out", "-r", "r.yaml", "--json")
    first, second = (m["forecast"] for m in json.loads(done.stdout)["runs"][0]["milestones"])
    assert [{"value", "low", "high", "probability"}] * 2 == [set(first), set(second)]
    assert first["low"] <= first["value"] <= first["high"]
    assert 0.0 <= second["probability"] < 0.5 < first["probability"] <= 1.0


def test_a_verdict_in_a_terminal_reads_as_the_screen_shows(tmp_path: Path) -> None:
    (tmp_path / "topoflow_full_finetune_13503904.out").write_text(step_line(50, 1.41) + step_line(100, 1.07))
    (tmp_path / "r.yaml").write_text(
        "baseline: {val_loss: 0.3557, step: 311, label: checkpoint step_311}\nrules: []\n" + RULES.partition("rules")[0]
    )
    done = run(tmp_path, "check", "topoflow_full_finetune_13503904.out", "-r", "r.yaml", env={"NO_COLOR": ""})
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("13503904")
    assert "step 100 < 0.9, worry > 1.0 1.07 worry 3.0 times checkpoint step_311 0.3557" in lines
    assert any(line.startswith("critical: step-100") for line in lines)
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(("rule", "words"), [("step-50", ("1.41", "< 1.5")), ("step-100", ("1.07", "resolves when val_loss < 0.9")),
                                             ("step-200", ("pending", "1.07", "< 0.6"))])  # fmt: skip
def test_explain_says_what_a_rule_saw(tmp_path: Path, rule: str, words: tuple[str, ...]) -> None:
    (tmp_path / "train_13503904.out").write_text(step_line(50, 1.41) + step_line(100, 1.07))
    (tmp_path / "r.yaml").write_text(RULES)
    done = run(tmp_path, "explain", "train_13503904.out", rule, "-r", "r.yaml")
    assert (0, True, []) == (done.returncode, rule in done.stdout, [word for word in words if word not in done.stdout]), done.stderr
    unknown = run(tmp_path, "explain", "train_13503904.out", "step-5", "-r", "r.yaml")
    assert (2, True) == (unknown.returncode, "step-50" in unknown.stderr)


def test_hostile_text_of_a_log_is_escaped_and_bounded_in_what_is_printed(tmp_path: Path) -> None:
    evil = "ERROR \x1b]0;owned\x07\x1b[2J\u202e[red]out of memory[/red] " + "A" * 100_000
    (tmp_path / "train_13503904.out").write_text(START + evil + "\n")
    (tmp_path / "r.yaml").write_text("rules:\n  - pattern: {name: oom, match: 'out of memory'}\n")
    for ask in (["check"], ["replay", "--json"], ["watch", "--once"]):
        done = run(tmp_path, *ask, "train_13503904.out", "-r", "r.yaml")
        assert ("out of memory" in done.stdout, True) == (True, len(done.stdout) < 8000), ask
        assert [] == [bad for bad in ("\x1b", "\x07", "\u202e") if bad in done.stdout], ask


@pytest.mark.parametrize("ask", [["check"], ["watch", "--once"]], ids=" ".join)
def test_a_run_that_fell_silent_is_stalled(tmp_path: Path, ask: list[str]) -> None:
    import os
    import time

    log = tmp_path / "train_13503904.out"
    log.write_text(START)
    os.utime(log, (time.time() - 7200, time.time() - 7200))
    (tmp_path / "r.yaml").write_text("milestones: [step 50 < 1.5]\nrules: [stall: {after: 30m}]\n")
    done = run(tmp_path, *ask, log.name, "-r", "r.yaml")
    assert 4 == done.returncode, done.stdout + done.stderr


def test_a_value_below_its_band_is_met_and_said_to_be_ahead(tmp_path: Path) -> None:
    (tmp_path / "train_13503904.out").write_text(step_line(311, 0.30))
    (tmp_path / "r.yaml").write_text("milestones: [step 311 in 0.40..0.45]\nrules: []\n")
    for ask in ("check", "replay", "explain", "report"):
        done = run(tmp_path, ask, "train_13503904.out", "-r", "r.yaml")
        assert (0, True, True) == (done.returncode, "met" in done.stdout, "ahead of" in done.stdout), f"{ask}: {done.stdout}{done.stderr}"


def test_the_name_of_a_job_is_what_its_file_is_called(tmp_path: Path) -> None:
    for name in ("topoflow_full_finetune_13503904.out", "slurm-13504112.out", "plain.out"):
        (tmp_path / name).write_text(step_line(50, 1.41))
    heads = [line.split() for line in run(tmp_path, "check", "*.out").stdout.splitlines() if "step 50" in line]
    assert [["13503904", "topoflow_full_finetune", "step", "50"], ["13504112", "step", "50"], ["plain", "step", "50"]] == sorted(heads)
