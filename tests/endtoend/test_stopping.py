"""A daemon that is told to stop stops within 2 s and exits 0, whatever it is busy with."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from servers.receiver import HANG, receiver

from endtoend.watching import command, environment, step_line, until, watching

STOP_WITHIN_S = 2.0


def prepared(home: Path) -> None:
    (home / "train_13503904.out").write_text(step_line(25, 2.19))
    (home / "rules.yaml").write_text("version: 1\nmilestones: [step 50 < 1.5]\nrules: []\n")


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_an_idle_daemon(tmp_path: Path, sign: signal.Signals) -> None:
    prepared(tmp_path)
    with watching(tmp_path, "train_13503904.out", "-r", "rules.yaml") as daemon:
        daemon.ready()
        code, took_s = daemon.stop(sign)
    assert (0, True) == (code, took_s < STOP_WITHIN_S), f"{took_s:.2f} s, {daemon.err.read_text()}"


def test_a_daemon_whose_receiver_hangs(tmp_path: Path) -> None:
    prepared(tmp_path)
    with receiver([HANG]) as hung, watching(
        tmp_path, "train_13503904.out", "-r", "rules.yaml", env={"LOSSWATCH_WEBHOOK_URL": f"{hung.url}/x"}
    ) as daemon:  # fmt: skip
        daemon.ready()
        with (tmp_path / "train_13503904.out").open("a") as log:
            log.write(step_line(50, 1.7))
        hung.wait_for(1)
        code, took_s = daemon.stop()
    assert (0, True) == (code, took_s < STOP_WITHIN_S), f"{took_s:.2f} s, {daemon.err.read_text()}"


def test_a_daemon_that_waits_for_a_file_which_does_not_exist_yet(tmp_path: Path) -> None:
    prepared(tmp_path)
    with watching(tmp_path, "later_13503905.out", "-r", "rules.yaml") as daemon:
        daemon.ready()
        (tmp_path / "later_13503905.out").write_text(step_line(50, 1.7))
        until(lambda: any(event["rule"] == "step-50" for event in daemon.events()), "the new file's alert is printed")
        code, took_s = daemon.stop()
    assert (0, True) == (code, took_s < STOP_WITHIN_S)


def test_a_reader_of_the_output_that_went_away_is_no_crash(tmp_path: Path) -> None:
    prepared(tmp_path)
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [*command(), "replay", "train_13503904.out", "-r", "rules.yaml", "--json"],
        cwd=tmp_path, env=environment(tmp_path), stdout=write_end, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(write_end)
    os.close(read_end)
    _, stderr = process.communicate(timeout=20)
    assert "Traceback" not in stderr
