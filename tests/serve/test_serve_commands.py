"""The watcher from outside: one log that grows, seen in the text file, at the address, in the export; silenced by the page's API."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from serve.prometheus import free_port, wait_for

LOG = "".join(f"Step {step}: train_loss = {3 - step / 100:.3f}, val_loss = {2.5 - step / 90:.3f}\n" for step in (25, 50, 75, 100))
RULES = "version: 1\nmilestones:\n  - step 50 < 2.5\n  - step 100 < 0.9, worry > 1.0\n"


class Watch:
    def __init__(self, url: str, state: Path, log: Path) -> None:
        self.url, self.state, self.log = url, state, log


@contextmanager
def watching(loss_watch: list[str], folder: Path, *options: str) -> Iterator[Watch]:
    log, rules, state = folder / "train_13503904.out", folder / "milestones.yaml", folder / "state.db"
    log.write_text(LOG)
    rules.write_text(RULES)
    port = free_port()
    command = [*loss_watch, "watch", str(log), "-r", str(rules), "--state", str(state), "--listen", f"127.0.0.1:{port}", *options]
    quiet = {key: value for key, value in os.environ.items() if not key.startswith("LOSSWATCH_")}
    with (folder / "said").open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said, env=quiet) as child:
        seen = Watch(f"http://127.0.0.1:{port}", state, log)
        try:
            wait_for("readiness", lambda: httpx.get(f"{seen.url}/readyz", timeout=2).status_code == 200)
            yield seen
        finally:
            child.send_signal(signal.SIGTERM)
            assert 0 == child.wait(5), (folder / "said").read_text()


def test_a_log_is_seen_at_the_address_in_the_text_file_and_in_the_export(loss_watch: list[str], tmp_path: Path) -> None:
    with watching(loss_watch, tmp_path, "--textfile", str(tmp_path)) as seen:
        text = httpx.get(f"{seen.url}/metrics", timeout=5).text
        assert 'losswatch_milestone_state{run="13503904",milestone="step-100",state="worry"} 1.0' in text
        assert 'losswatch_alert_firing{run="13503904",rule="step-100",severity="critical"} 1.0' in text
        run = httpx.get(f"{seen.url}/api/v1/runs/13503904", timeout=5).json()
        assert ("critical", 100) == (run["verdict"], run["step"])
        file = tmp_path / "losswatch.prom"
        wait_for("the text file", lambda: file.exists() and "losswatch_build_info" in file.read_text())
        command = [*loss_watch, "export", "13503904", "--csv", "--state", str(seen.state)]
        told = subprocess.run(command, capture_output=True, text=True, timeout=20)
        rows = list(csv.DictReader(io.StringIO(told.stdout)))
        assert ["25", "50", "75", "100"] == [row["step"] for row in rows if row["metric"] == "val_loss"]
    assert not (tmp_path / "losswatch.prom").exists()


def test_a_silence_from_the_page_reaches_the_loop(loss_watch: list[str], tmp_path: Path) -> None:
    with watching(loss_watch, tmp_path) as seen:
        made = httpx.post(f"{seen.url}/api/v1/silences", json={"run": "13503904", "rule": "step-100", "until": "step 200"}, timeout=5)
        assert 201 == made.status_code
        wait_for("the silence", lambda: httpx.get(f"{seen.url}/api/v1/alerts", timeout=5).json()["alerts"][0]["silenced"])
        httpx.delete(f"{seen.url}/api/v1/silences/{made.json()['id']}", timeout=5)
        wait_for("its end", lambda: not httpx.get(f"{seen.url}/api/v1/alerts", timeout=5).json()["alerts"][0]["silenced"])


@pytest.mark.parametrize(("options", "says"), [(["--file-sd", "."], "cannot be scraped"), (["--pushgateway", "x"], "write http://HOST:9091")])
def test_what_cannot_be_published_is_said_at_the_start(loss_watch: list[str], tmp_path: Path, options: list[str], says: str) -> None:
    (tmp_path / "a.out").write_text(LOG)
    command = [*loss_watch, "watch", "a.out", "--state", "s.db", "--listen", "127.0.0.1:0", *options]
    told = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=tmp_path)
    assert (2, True) == (told.returncode, says in told.stderr)


def test_the_files_that_ship_are_printed_whole(loss_watch: list[str]) -> None:
    asked = ([*loss_watch, name] for name in ("dashboard", "alerts"))
    board, rules = (subprocess.run(command, capture_output=True, text=True, timeout=20).stdout for command in asked)
    assert "loss-watch" == json.loads(board)["uid"]
    assert {"losswatch.rules", "losswatch.alerts"} == {group["name"] for group in yaml.safe_load(rules)["groups"]}


def test_an_export_of_what_is_not_there_is_refused(loss_watch: list[str], tmp_path: Path) -> None:
    told = subprocess.run([*loss_watch, "export", "--state", str(tmp_path / "none.db")], capture_output=True, text=True, timeout=20)
    assert (2, True) == (told.returncode, "no state file" in told.stderr)
