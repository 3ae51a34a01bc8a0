"""Metrics for clusters that nothing can scrape: a text file, a real Pushgateway, a target file that a real Prometheus reads."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from conftest import needs
from serve.prometheus import free_port, process, prometheus, wait_for
from serve.scenes import seed_scene

from monitor.serve.filesd import announce, withdraw
from monitor.serve.push import Pushes, Pushgateway, TextFile
from monitor.serve.server import Server


def test_the_text_file_appears_whole_readable_by_others_and_goes_at_the_end(tmp_path: Path) -> None:
    pushes = Pushes(seed_scene, [TextFile(tmp_path)])
    old = os.umask(0o022)
    try:
        pushes.start()
        file = tmp_path / "losswatch.prom"
        wait_for("the text file", file.exists)
    finally:
        os.umask(old)
    assert 0o644 == stat.S_IMODE(file.stat().st_mode)
    assert [file] == list(tmp_path.iterdir())
    pushes.stop()
    assert [] == list(tmp_path.iterdir())


def test_promtool_has_nothing_to_say_of_the_text_file(tmp_path: Path) -> None:
    needs("promtool")
    Pushes(seed_scene, [TextFile(tmp_path)]).once()
    with (tmp_path / "losswatch.prom").open("rb") as body:
        checked = subprocess.run(["promtool", "check", "metrics"], stdin=body, capture_output=True, text=True, timeout=20)
    assert (0, "") == (checked.returncode, checked.stdout + checked.stderr)


def test_a_folder_that_cannot_be_written_is_said_once_and_its_recovery_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "later"
    pushes = Pushes(seed_scene, [TextFile(folder)])
    with caplog.at_level(logging.WARNING, "loss-watch"):
        pushes.once()
        pushes.once()
        folder.mkdir()
        pushes.once()
        pushes.once()
    assert ["takes no metrics", "takes metrics again"] == [
        next(words for words in ("takes no metrics", "takes metrics again") if words in record.getMessage()) for record in caplog.records
    ]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    with process("prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}", "--persistence.file=", log=tmp_path / "gateway.log"):
        url = f"http://127.0.0.1:{port}"
        wait_for("the Pushgateway", lambda: httpx.get(f"{url}/-/ready", timeout=2).status_code == 200)
        yield url


def test_a_real_pushgateway_takes_the_metrics_and_forgets_them_at_the_end(gateway: str) -> None:
    pushes = Pushes(seed_scene, [Pushgateway(gateway, "login1/ana")])
    pushes.start()

    def held() -> list[dict[str, object]]:
        return list(httpx.get(f"{gateway}/api/v1/metrics", timeout=5).json()["data"])

    group = wait_for("the push", held)[0]
    assert {"instance": "login1/ana", "job": "losswatch"} == group["labels"]
    assert "losswatch_metric_value" in group
    pushes.stop()
    assert [] == held()


def test_a_push_replaces_what_was_there(gateway: str) -> None:
    target = Pushgateway(gateway, "a")
    target.send(b"losswatch_step{run=\"1\"} 1\n")
    target.send(b"losswatch_step{run=\"2\"} 1\n")
    text = httpx.get(f"{gateway}/metrics", timeout=5).text
    assert ['losswatch_step{instance="a",job="losswatch",run="2"} 1'] == [x for x in text.splitlines() if x.startswith("losswatch_step")]


def test_what_the_pushgateway_refuses_is_said_with_its_reason(gateway: str) -> None:
    with pytest.raises(OSError, match="HTTP 400: text format parsing error"):
        Pushgateway(gateway, "a").send(b"losswatch_step{ 1\n")


def test_a_password_is_sent_and_never_shown() -> None:
    seen: list[str | None] = []

    class Gate(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Gate) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        target = Pushgateway(f"http://ana:s3cret@127.0.0.1:{server.server_port}", "a")
        with pytest.raises(OSError, match="401") as refused:
            target.send(b"")
    assert ["Basic YW5hOnMzY3JldA=="] == seen
    assert "s3cret" not in target.name + str(refused.value)


@pytest.mark.parametrize("url", ["gateway:9091", "ftp://gateway", "http://"])
def test_what_is_no_address_of_a_pushgateway_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="write http://HOST:9091"):
        Pushgateway(url, "a")


def test_a_prometheus_finds_a_watcher_by_the_file_that_it_left(tmp_path: Path) -> None:
    server = Server(seed_scene, "0.0.0.0:0")
    server.start()
    targets = tmp_path / "targets"
    targets.mkdir()
    try:
        file = announce(targets, server.url, {"cluster_name": "lumi"})
        scrape = f"  - job_name: losswatch\n    file_sd_configs: [{{files: ['{targets}/*.json'], refresh_interval: 1s}}]"
        with prometheus(tmp_path, scrape) as asked:
            rows = wait_for("the scrape", lambda: asked.instant('losswatch_step{run="13503904"}'))
            assert "lumi" == rows[0]["metric"]["cluster_name"]
        withdraw(file)
        withdraw(file)
        assert [] == list(targets.iterdir())
    finally:
        server.stop()


def test_the_file_says_how_it_is_reached(tmp_path: Path) -> None:
    file = announce(tmp_path, "https://login1:10312")
    assert "losswatch-login1-10312.json" == file.name
    assert [{"targets": ["login1:10312"], "labels": {"__scheme__": "https"}}] == json.loads(file.read_text())


@pytest.mark.parametrize("url", ["unix:/run/x", "http://127.0.0.1:10311", "http://[::1]:10311"])
def test_what_no_other_machine_reaches_is_not_announced(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="cannot be scraped from another machine"):
        announce(tmp_path, url)
