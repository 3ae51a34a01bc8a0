"""One file that cannot be used is one clear line; the others go on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import needs

from endtoend.watching import Watching, run, step_line, until, watching

RULES = "version: 1\nmilestones: [step 50 < 1.5]\nrules: []\n"
ROOTS_WAY = "-dac_override,-dac_read_search"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "good_13503904.out").write_text(step_line(25, 2.19))
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


def grow_and_hear(home: Path, daemon: Watching) -> None:
    """The good file is still followed."""
    with (home / "good_13503904.out").open("a") as log:
        log.write(step_line(50, 1.7))
    until(lambda: [event for event in daemon.events() if event["rule"] == "step-50"], "the good file's alert is printed")


def lines_about(daemon: Watching, name: str) -> list[str]:
    return [line for line in daemon.err.read_text().splitlines() if name in line]


def test_a_binary_file_is_left_with_one_line(home: Path) -> None:
    (home / "weights.out").write_bytes(bytes(range(256)) * 400)
    with watching(home, "good_13503904.out", "weights.out", "-r", "rules.yaml") as daemon:
        daemon.ready()
        grow_and_hear(home, daemon)
        assert 1 == len(lines_about(daemon, "weights.out")), daemon.err.read_text()


def test_a_directory_without_logs_is_said_once_and_watched_for_new_ones(home: Path) -> None:
    (home / "empty").mkdir()
    with watching(home, "good_13503904.out", "empty", "-r", "rules.yaml") as daemon:
        daemon.ready()
        grow_and_hear(home, daemon)
        assert 1 == len(lines_about(daemon, "empty")), daemon.err.read_text()
        (home / "empty" / "new_13503905.out").write_text(step_line(50, 1.8))
        until(lambda: [event for event in daemon.events() if event["run"] == "13503905"], "the new log's alert is printed")


def test_a_directory_without_logs_is_an_error_for_what_runs_once(home: Path) -> None:
    (home / "empty").mkdir()
    done = run(home, "check", "empty", "-r", "rules.yaml")
    assert (True, 1) == (done.returncode in (2, 4), len(done.stderr.strip().splitlines())), done.stderr
    assert "empty" in done.stderr


@pytest.fixture
def bound(home: Path) -> tuple[str, ...]:
    """What a command begins with so that file permissions hold for it: root without the two capabilities that pass them by."""
    if os.geteuid() != 0:
        return ()
    needs("setpriv")
    return ("setpriv", f"--bounding-set={ROOTS_WAY}", f"--inh-caps={ROOTS_WAY}")


def test_a_file_without_permission_is_told_once_and_taken_up_when_it_is_given(home: Path, bound: tuple[str, ...]) -> None:
    locked = home / "locked_13503906.out"
    locked.write_text(step_line(50, 1.9))
    locked.chmod(0o000)
    with watching(home, "good_13503904.out", locked.name, "-r", "rules.yaml", prefix=bound) as daemon:
        daemon.ready()
        grow_and_hear(home, daemon)
        told = lines_about(daemon, locked.name)
        assert (1, True) == (len(told), "ermission" in told[0]), daemon.err.read_text()
        locked.chmod(0o644)
        until(lambda: [event for event in daemon.events() if event["run"] == "13503906"], "the file that may be read now is judged")


def test_a_directory_without_permission_is_told_once(home: Path, bound: tuple[str, ...]) -> None:
    (home / "closed").mkdir(mode=0o000)
    with watching(home, "good_13503904.out", "closed", "-r", "rules.yaml", prefix=bound) as daemon:
        daemon.ready()
        grow_and_hear(home, daemon)
        assert 1 == len(lines_about(daemon, "closed")), daemon.err.read_text()


def test_a_state_directory_that_cannot_be_written_is_one_line(home: Path, bound: tuple[str, ...]) -> None:
    (home / "state").mkdir(mode=0o500)
    (home / "state").chmod(0o500)
    done = run(home, "watch", "--once", "good_13503904.out", "-r", "rules.yaml", prefix=bound)
    assert done.returncode != 0
    assert (1, False) == (len(done.stderr.strip().splitlines()), "Traceback" in done.stderr), done.stderr
