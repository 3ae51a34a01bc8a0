"""A mistake in the rules file or on the command line: every one with its place, exit code 2, and nothing is watched."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from endtoend.watching import run, step_line

FAULTY = """\
version: 1
metric: val_loss
milestones:
  - {step: 100, bellow: 0.9}
  - step 200 << 0.6
rules:
  - not_finit
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "train_13503904.out").write_text(step_line(25, 2.19))
    (tmp_path / "milestones.yaml").write_text(FAULTY)
    return tmp_path


@pytest.mark.parametrize("ask", [["check"], ["replay"], ["watch"], ["watch", "--once"], ["watch", "--json"]], ids=" ".join)
def test_all_mistakes_are_told_at_once_each_with_line_column_and_advice(home: Path, ask: list[str]) -> None:
    done = run(home, *ask, "train_13503904.out", "-r", "milestones.yaml")
    told = re.findall(r"^milestones\.yaml:(\d+):(\d+): (.+)$", done.stderr, re.M)
    assert (2, ["4", "5", "7"]) == (done.returncode, [line for line, _, _ in told]), done.stderr
    assert ("4", "17") == told[0][:2]
    assert "^^^^^^" in done.stderr
    assert "did you mean" in done.stderr
    assert "not_finite" in done.stderr


def test_nothing_is_written_when_the_rules_are_wrong(home: Path) -> None:
    run(home, "watch", "--once", "train_13503904.out", "-r", "milestones.yaml")
    assert [] == list((home / "state").rglob("*.sqlite3"))


@pytest.mark.parametrize("ask", [
    ["check", "absent_13503904.out"], ["scan", "absent_13503904.out"], ["replay", "absent.out"],
], ids=" ".join)  # fmt: skip
def test_a_path_that_is_not_there_is_an_error_for_what_runs_once(home: Path, ask: list[str]) -> None:
    done = run(home, *ask)
    assert 2 == done.returncode, done.stdout
    assert 1 == len(done.stderr.strip().splitlines()), done.stderr
    assert ask[-1] in done.stderr


def test_once_says_that_a_path_is_not_there_yet_since_cron_may_come_before_the_job(home: Path) -> None:
    done = run(home, "watch", "--once", "absent.out")
    assert (4, 1) == (done.returncode, len(done.stderr.strip().splitlines())), done.stderr
    assert "absent.out" in done.stderr


def test_a_rules_file_that_is_not_there(home: Path) -> None:
    done = run(home, "check", "train_13503904.out", "-r", "absent.yaml")
    assert 2 == done.returncode
    assert "absent.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_explicit_listen_that_is_taken(home: Path) -> None:
    import socket

    (home / "milestones.yaml").write_text("version: 1\nmilestones: [step 50 < 1.5]\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(home, "watch", "train_13503904.out", "-r", "milestones.yaml", "--listen", address)
    assert 2 == done.returncode
    assert address in done.stderr


def test_an_unknown_option_suggests_the_one_that_was_meant(home: Path) -> None:
    done = run(home, "watch", "train_13503904.out", "--rule", "milestones.yaml")
    assert 2 == done.returncode
    assert "--rules" in done.stderr
