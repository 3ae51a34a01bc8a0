"""What ``explain`` prints: the numbers readable, the times where the log tells them, a reason where a rule had nothing to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_log_clock import log_of

from monitor.commands.explain import explain


def explained(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, rules: str, rule: str | None = None) -> str:
    log, book = tmp_path / "train_13503904.out", tmp_path / "rules.yaml"
    log.write_text(text)
    book.write_text(rules)
    assert 0 == explain(str(log), rule, book, json=False, formats=(), state=tmp_path / "none")
    return capsys.readouterr().out


def test_numbers_are_shown_as_people_write_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = explained(capsys, tmp_path, log_of([20.0] * 200), "rules: [walltime: {limit: 1h30m, total_steps: 5000}]")
    assert "    needed               " in told
    assert "_s" not in told
    assert " min\n" in told


def test_an_event_has_its_time_where_the_log_tells_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = explained(capsys, tmp_path, log_of([20.0] * 90 + [3 * 3600.0] + [20.0] * 30), "rules: [stall]")
    assert "  firing    at step 900, 20 Nov 22:40: no line for 10 min" in told
    assert "  resolved  at step 910, 21 Nov 01:30: the log grows again" in told
    without = explained(capsys, tmp_path, log_of([20.0] * 90, ""), "milestones: [step 100 < 2]\nrules: []")
    assert "  met       at step 100: val_loss 1.103 < 2 at step 100" in without


def test_a_pending_milestone_is_shown_with_its_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = explained(capsys, tmp_path, log_of([20.0] * 200), "milestones: [step 3000 < 0.4]\nrules: []")
    assert [True] * 3 == [f"\n    {name} " in told for name in ("forecast", "low", "chance")]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("job_state", "what SLURM says of the job is not known"), ("walltime", "the last step is not known"),
        ("walltime: {total_steps: 9000}", "when the job's time is over is not known"), ("missing_keys", "nothing in this log concerns it"),
    ],
)  # fmt: skip
def test_a_rule_that_had_nothing_to_say_says_why(rule: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reason in explained(capsys, tmp_path, log_of([20.0] * 20), f"rules:\n  - {rule}\n")


def test_what_the_end_closed_is_not_told_as_if_it_stood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = log_of([20.0] * 200) + "`Trainer.fit` stopped: `max_steps=2000` reached.\n"
    told = explained(capsys, tmp_path, text, "rules: [walltime: {limit: 1h30m, total_steps: 5000}]")
    assert "walltime  inactive\n  it stands no more: the run ended: completed\n" in told
