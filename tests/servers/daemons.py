"""Real Prometheus, Alertmanager (alone or a pair) and Pushgateway on loopback, as plain processes that end with the test.

Each skips with the name of the program where it is not installed (Debian: prometheus, prometheus-alertmanager, prometheus-pushgateway).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from conftest import needs

START_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, timeout_s: float = 5.0) -> Any:
    """The JSON (or, where it is none, the text) at ``url``."""
    with urlopen(Request(url), timeout=timeout_s) as answer:
        text = answer.read().decode()
    try:
        return json.loads(text)
    except ValueError:
        return text


def wait_until(true: Callable[[], Any], what: str, timeout_s: float = START_S) -> Any:
    """What ``true`` gives once it is true; asks every 20 ms, fails after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if found := true():
                return found
        except (URLError, OSError):
            pass
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)


def program(*names: str) -> str:
    """The first of ``names`` that is installed; else the test skips, naming the first."""
    found = next((place for name in names if (place := shutil.which(name))), None)
    if found is None:
        needs(names[0])
    assert found is not None
    return found


@contextmanager
def running(argv: Sequence[str], log: Path, ready: Callable[[], Any]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ready; killed at the end. Its output is in ``log``."""
    with log.open("wb") as file:
        process = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: process.poll() is not None or ready(), f"{argv[0]} ready, see {log}")
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[str]:
    """A Prometheus with this configuration (YAML); its URL."""
    binary, port = program("prometheus"), free_port()
    (folder / "prometheus.yml").write_text(config)
    argv = [
        binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with running(argv, folder / "prometheus.log", lambda: get(f"{url}/-/ready")):
        yield url


@contextmanager
def pushgateway(folder: Path) -> Iterator[str]:
    """A Pushgateway; its URL."""
    binary, port = program("prometheus-pushgateway", "pushgateway"), free_port()
    url = f"http://127.0.0.1:{port}"
    with running([binary, f"--web.listen-address=127.0.0.1:{port}"], folder / "pushgateway.log", lambda: get(f"{url}/-/ready")):
        yield url


def routed(webhook_url: str, *, group_wait: str = "200ms", group_interval: str = "300ms") -> str:
    """An Alertmanager configuration that sends all to one webhook, resolved ones too, grouped by run and rule."""
    return f"""
route: {{receiver: hook, group_by: [run, rule], group_wait: {group_wait}, group_interval: {group_interval}, repeat_interval: 1h}}
receivers:
  - name: hook
    webhook_configs: [{{url: '{webhook_url}', send_resolved: true}}]
"""


class AlertmanagerProcess:
    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url, self.process = url, process

    def alerts(self) -> list[dict[str, Any]]:
        return list(get(f"{self.url}/api/v2/alerts"))

    def peers(self) -> int:
        return len(get(f"{self.url}/api/v2/status")["cluster"]["peers"])

    def has_heard_of_a_notification(self) -> bool:
        """Whether its peer has told it of one; a server killed before that has told nobody, and the other rightly tells again."""
        lines = get(f"{self.url}/metrics").splitlines()
        counted = next(line for line in lines if line.startswith("alertmanager_nflog_gossip_messages_propagated_total"))
        return float(counted.split()[1]) > 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def alertmanagers(folder: Path, config: str, count: int = 1) -> Iterator[list[AlertmanagerProcess]]:
    """Alertmanagers that know each other: ready once each lists them all (before that, each would notify by itself)."""
    binary = program("prometheus-alertmanager", "alertmanager")
    (folder / "alertmanager.yml").write_text(config)
    ports = [free_port() for _ in range(count)]
    gossip = [free_port() for _ in range(count)]
    with ExitStack() as stack:
        made = []
        for number, (port, own) in enumerate(zip(ports, gossip, strict=True)):
            argv = [
                binary, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/am{number}",
                f"--web.listen-address=127.0.0.1:{port}", "--cluster.settle-timeout=1s", "--cluster.gossip-interval=50ms",
                "--cluster.pushpull-interval=1s", "--cluster.peer-timeout=3s",
                f"--cluster.advertise-address=127.0.0.1:{own}" if count > 1 else "--cluster.listen-address=",
            ]  # fmt: skip
            if count > 1:
                argv.append(f"--cluster.listen-address=127.0.0.1:{own}")
                argv += [f"--cluster.peer=127.0.0.1:{other}" for other in gossip if other != own]
            url = f"http://127.0.0.1:{port}"
            process = stack.enter_context(running(argv, folder / f"am{number}.log", lambda url=url: get(f"{url}/-/ready")))
            made.append(AlertmanagerProcess(url, process))
        for each in made:
            wait_until(lambda each=each: count == 1 or each.peers() == count, "the pair knows itself")
        yield made
