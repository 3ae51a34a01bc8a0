"""What is served: names and labels of `/metrics`, probes, the API, addresses, the token; one watcher for most of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import needs
from endtoend.watching import Watching, command, environment, free_port, run, step_line, until, watching

RULES = "milestones: [step 50 < 1.5, 'step 100 < 0.9, worry > 1.0', step 1100 < 0.5]\nrules: [not_finite]\n"
LABELS = {
    "losswatch_metric_value": {"run", "metric"},
    "losswatch_metric_best": {"run", "metric"},
    "losswatch_step": {"run"},
    "losswatch_total_steps": {"run"},
    "losswatch_run_info": {"run", "slurm_job_id", "job_name", "user", "attempt", "format", "state"},
    "losswatch_run_up": {"run"},
    "losswatch_milestone_state": {"run", "milestone", "state"},
    "losswatch_milestone_threshold": {"run", "milestone"},
    "losswatch_milestone_observed": {"run", "milestone"},
    "losswatch_milestone_forecast": {"run", "milestone", "bound"},
    "losswatch_milestone_eta_timestamp_seconds": {"run", "milestone"},
    "losswatch_alert_firing": {"run", "rule", "severity"},
    "losswatch_last_line_timestamp_seconds": {"run"},
    "losswatch_last_step_timestamp_seconds": {"run"},
    "losswatch_tail_lag_bytes": {"run"},
    "losswatch_lines_total": set(),
    "losswatch_bytes_total": set(),
    "losswatch_observations_total": set(),
    "losswatch_notifications_total": {"channel"},
    "losswatch_notifications_failed_total": {"channel"},
    "losswatch_config_last_reload_successful": set(),
}
NEED_TIMES = frozenset({"losswatch_milestone_eta_timestamp_seconds"})
"""Families that want steps of which it is known when they were written."""
SAMPLE = re.compile(r"^(losswatch_\w+)(?:\{(.*)\})? (\S+)$", re.M)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watching]:
    home = tmp_path_factory.mktemp("served")
    (home / "r.yaml").write_text(RULES)
    values = {s: 0.3 + 3 * s**-0.5 for s in range(25, 1000, 25)} | {50: 1.41, 100: 1.07}
    (home / "train_13503904.out").write_text("".join(step_line(s, v) for s, v in values.items()).replace("0.800", "0.801"))
    (home / "evil name\"\\\n{x}.log").write_text(step_line(25, "nan") + 'evil"metric\\ val_loss: 3 step: 50\n')
    (home / "total_13503905.out").write_text("".join(f"step {i}/2000 train_loss: {3 - i / 100}\n" for i in range(1, 50)))
    over = home / "over_13503906.out"
    over.write_text(step_line(25, 2.19) + "`Trainer.fit` stopped: `max_steps=25` reached.\n")
    os.utime(over, (time.time() - 86400 * 3,) * 2)
    with watching(home, ".", "-r", "r.yaml", env={"LOSSWATCH_WEBHOOK_URL": "http://127.0.0.1:9/x"}) as daemon:
        daemon.ready()
        with (home / "train_13503904.out").open("a") as log:
            log.write(step_line(1000, 0.4) + step_line(1025, 0.39))
        until(lambda: 'losswatch_step{run="13503904"} 1025' in daemon.get("/metrics"), "the growth is served")
        yield daemon


def samples(text: str) -> list[tuple[str, dict[str, str], str]]:
    return [(name, dict(LABEL.findall(labels or "")), value) for name, labels, value in SAMPLE.findall(text)]


def test_the_families_have_the_documented_labels(watched: Watching) -> None:
    seen: dict[str, set[str]] = {}
    for name, labels, _ in samples(watched.get("/metrics")):
        seen.setdefault(name, set()).update(labels)
    assert {} == {name: (want, seen.get(name)) for name, want in LABELS.items() if name not in NEED_TIMES and want != seen.get(name)}
    assert "losswatch_build_info" in seen


def test_values_of_a_run(watched: Watching) -> None:
    seen = {(name, *sorted(labels.values())): value for name, labels, value in samples(watched.get("/metrics"))}
    assert ["0.39", "0.39", "1.0", "2000.0"] == [
        seen["losswatch_metric_value", "13503904", "val_loss"], seen["losswatch_metric_best", "13503904", "val_loss"],
        seen["losswatch_run_up", "13503904"], seen["losswatch_total_steps", "13503905"],
    ]  # fmt: skip


def test_a_milestone_is_a_state_set_with_the_five_statuses(watched: Watching) -> None:
    rows = [(labels, value) for name, labels, value in samples(watched.get("/metrics")) if name == "losswatch_milestone_state"]
    by_milestone: dict[tuple[str, str], dict[str, float]] = {}
    for labels, value in rows:
        by_milestone.setdefault((labels["run"], labels["milestone"]), {})[labels["state"]] = float(value)
    assert {("pending", "met", "missed", "worry", "no_data")} == {tuple(states) for states in by_milestone.values()}
    assert {1.0} == {sum(states.values()) for states in by_milestone.values()}
    stands = {milestone: max(states, key=states.__getitem__) for (name, milestone), states in by_milestone.items() if name == "13503904"}
    assert {"step-50": "met", "step-100": "worry", "step-1100": "pending"} == stands


def test_a_run_that_ended_is_not_up_while_its_series_are_still_there(watched: Watching) -> None:
    ended = {name: (labels, value) for name, labels, value in samples(watched.get("/metrics")) if labels.get("run") == "13503906"}
    assert ("0.0", "ended") == (ended["losswatch_run_up"][1], ended["losswatch_run_info"][0]["state"])


def test_promtool_is_silent(watched: Watching) -> None:
    needs("promtool")
    done = subprocess.run(["promtool", "check", "metrics"], input=watched.get("/metrics"), capture_output=True, text=True, check=False)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_openmetrics_by_accept(watched: Watching) -> None:
    asked = urllib.request.Request(watched.url + "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        kind, body = answer.headers["content-type"], answer.read().decode()
    assert (True, True) == (kind.startswith("application/openmetrics-text"), body.endswith("# EOF\n"))
    with urllib.request.urlopen(watched.url + "/metrics", timeout=5) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_probes_page_and_api_answer(watched: Watching) -> None:
    for path in ("/", "/healthz", "/readyz", "/-/healthy", "/-/ready", "/api/v1/runs", "/api/v1/runs/13503904", "/api/v1/alerts",
                 "/api/v1/runs/13503904/series?metric=val_loss"):  # fmt: skip
        assert watched.get(path), path
    document = json.loads(watched.get("/api/openapi.json"))
    paths = {"/api/v1/runs", "/api/v1/runs/{run}", "/api/v1/runs/{run}/series", "/api/v1/alerts", "/metrics", "/healthz", "/readyz"}
    assert (True, set()) == (document["openapi"].startswith("3."), paths - set(document["paths"]))
    for path in ("/api/v1/runs/nobody", "/api/v1/runs/13503904/series?metric=nothing", "/api/v1/runs/..%2f..%2fetc", "/nothing"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            watched.get(path)


def test_nan_in_the_api_is_a_string(watched: Watching) -> None:
    for path in ("/api/v1/runs", "/api/v1/alerts"):
        json.loads(watched.get(path), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_token_is_asked_of_all_but_the_probes(tmp_path: Path) -> None:
    (tmp_path / "train_13503904.out").write_text(step_line(25, 2.19))
    (tmp_path / "token").write_text("S3CRET\n")
    (tmp_path / "token").chmod(0o644)
    with watching(tmp_path, "train_13503904.out", "--token-file", "token") as daemon:
        daemon.ready()
        for path in ("/metrics", "/api/v1/runs"):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                daemon.get(path)
        asked = urllib.request.Request(daemon.url + "/metrics", headers={"Authorization": "Bearer S3CRET"})
        with urllib.request.urlopen(asked, timeout=5) as answer:
            assert 200 == answer.status
        assert 0 == daemon.stop()[0]
    told = daemon.err.read_text()
    assert (True, False) == (any("token" in line and "read" in line for line in told.splitlines()), "S3CRET" in told)


def test_the_default_address_steps_aside_and_a_unix_socket_serves(tmp_path: Path) -> None:
    (tmp_path / "train_13503904.out").write_text(step_line(25, 2.19))
    listens = ([], [], ["--listen", f"unix:{tmp_path}/s.sock"])
    processes = []
    try:
        for i, listen in enumerate(listens):
            with (tmp_path / f"{i}.err").open("w") as err:
                processes.append(subprocess.Popen(
                    [*command(), "train_13503904.out", "--state", f"{i}.sqlite3", *listen], cwd=tmp_path, env=environment(tmp_path),
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err))  # fmt: skip
        urls = [until(lambda i=i: re.findall(r"(http://127\.0\.0\.1:\d+|unix:\S+)", (tmp_path / f"{i}.err").read_text()), "an address")[-1]
                for i in range(3)]  # fmt: skip
        ports = sorted(int(url.rpartition(":")[2]) for url in urls[:2])
        assert (True, True) == (10311 <= ports[0] < ports[1], "s.sock" in urls[2])
        for url in urls[:2]:
            until(lambda url=url: Watching(processes[0], url, tmp_path, tmp_path).answers("/healthz"), f"{url} answers")
        if shutil.which("curl"):
            done = subprocess.run(["curl", "-sS", "--retry", "5", "--unix-socket", f"{tmp_path}/s.sock", "http://x/healthz"],
                                  capture_output=True, text=True, timeout=20, check=False)  # fmt: skip
            assert "ok\n" == done.stdout, done.stderr
    finally:
        for process in processes:
            process.terminate()
        assert [0, 0, 0] == [process.wait(10) for process in processes]


def test_an_explicit_address_that_is_taken_is_an_error(watched: Watching, tmp_path: Path) -> None:
    (tmp_path / "x.out").write_text(step_line(25, 2.19))
    address = watched.url.removeprefix("http://")
    assert watched.process.poll() is None, watched.err.read_text()
    done = run(tmp_path, "watch", "x.out", "--listen", address)
    assert (2, 1, True) == (done.returncode, len(done.stderr.splitlines()), address in done.stderr), done.stderr
    other = run(tmp_path, "watch", "x.out", env={"LOSSWATCH_LISTEN": address})
    assert (2, True) == (other.returncode, address in other.stderr), other.stderr


def test_no_serve_serves_nothing_and_stops_as_well(tmp_path: Path) -> None:
    (tmp_path / "x.out").write_text(step_line(25, 2.19))
    port = free_port()
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen([*command(), "x.out", "--no-serve", "--json"], cwd=tmp_path, env=environment(tmp_path) | {
            "LOSSWATCH_LISTEN": f"127.0.0.1:{port}"}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)  # fmt: skip
    try:
        until(lambda: list((tmp_path / "state").rglob("*.lock")), "it watches")
        until(lambda: "x.out" in run(tmp_path, "status", "--json").stdout or run(tmp_path, "status", "--json").stdout, "it has read")
    finally:
        process.terminate()
        assert 0 == process.wait(10)
