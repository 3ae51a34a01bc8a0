"""A real Prometheus over a real ``/metrics``, for the tests that ask it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from conftest import needs

PATIENCE_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, holds: Callable[[], Any]) -> Any:
    """What ``holds`` returns as soon as it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if found := holds():
                return found
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {PATIENCE_S:g} s")


@contextmanager
def process(*command: str, log: Path) -> Iterator[None]:
    """A server as a child; killed by its own id at the end."""
    needs(command[0])
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as child:
        try:
            yield
        finally:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()


class Asked:
    """Prometheus's HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=10)

    def get(self, path: str, **params: str) -> Any:
        """The ``data`` of the answer; a query that Prometheus refuses fails with what it says."""
        answer = self._http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def instant(self, expr: str) -> list[Any]:
        return list(self.get("/api/v1/query", query=expr)["result"])

    def over(self, expr: str, window_s: float = 60.0) -> list[Any]:
        now = time.time()
        return list(self.get("/api/v1/query_range", query=expr, start=str(now - window_s), end=str(now), step="1")["result"])


@contextmanager
def prometheus(folder: Path, scrape: str, *, more: str = "", retention: str = "15d") -> Iterator[Asked]:
    """Prometheus with ``scrape`` as its scrape configuration (YAML list items, indented by two)."""
    needs("prometheus")
    config, port = folder / "prometheus.yml", free_port()
    config.write_text(f"global: {{scrape_interval: 250ms, evaluation_interval: 250ms}}\nscrape_configs:\n{scrape}\n{more}\n")
    command = (
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.retention.time={retention}",
    )  # fmt: skip
    with process(*command, log=folder / "prometheus.log"):
        asked = Asked(f"http://127.0.0.1:{port}")
        wait_for("Prometheus being ready", lambda: httpx.get(f"{asked.url}/-/ready", timeout=2).status_code == 200)
        yield asked
