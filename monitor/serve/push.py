"""Metrics for a Prometheus that cannot reach us: written for node_exporter's textfile collector, or pushed to a Pushgateway.

A thread writes every ``every_s``; a target that fails is said once, and once more when it works again. At the end the text file
goes and the Pushgateway is told to forget, since it never does by itself (prometheus/pushgateway issue 19); a watcher that was
killed leaves its last values there, and ``losswatch_last_line_timestamp_seconds`` shows their age.
"""

from __future__ import annotations

import base64
import logging
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from monitor.redact import safe_url
from monitor.serve import exposition
from monitor.serve.families import families
from monitor.snapshot import Snapshot

log = logging.getLogger("loss-watch")
EVERY_S = 15.0
TIMEOUT_S = 10.0
JOB = "losswatch"


class Target(Protocol):
    """Where the text goes. Both raise OSError with a text that holds no secret."""

    name: str

    def send(self, body: bytes) -> None: ...
    def forget(self) -> None: ...


class TextFile:
    """``FOLDER/losswatch.prom``, written beside and renamed, as node_exporter's ``--collector.textfile.directory`` asks."""

    def __init__(self, folder: Path) -> None:
        self.name = f"text file {folder}"
        self._file = folder / "losswatch.prom"

    def send(self, body: bytes) -> None:
        # The collector reads only *.prom, so it never sees the half-written one; 0644, since another user runs it.
        beside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "wb") as out:
                out.write(body)
            beside.replace(self._file)
        finally:
            beside.unlink(missing_ok=True)

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)


class Pushgateway:
    """A Pushgateway's group ``job="losswatch", instance=...``, replaced as a whole by each push (PUT).

    ``url``: ``https://user:password@host:9091`` or without a user; the password is sent as Basic authorization, never shown.
    """

    def __init__(self, url: str, instance: str) -> None:
        parts = urlsplit(url)
        self.name = f"Pushgateway {safe_url(url)}"
        self._headers = {"Content-Type": "text/plain; version=0.0.4"}
        if parts.username is not None:
            told = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(told.encode()).decode()
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{safe_url(url)} is no address of a Pushgateway; write http://HOST:9091")
        server = parts.netloc.rpartition("@")[2]
        group = f"{parts.path.rstrip('/')}/metrics/job/{JOB}/{_label('instance', instance)}"
        self._url = urlunsplit((parts.scheme, server, group, "", ""))

    def send(self, body: bytes) -> None:
        self._ask("PUT", body)

    def forget(self) -> None:
        self._ask("DELETE", None)

    def _ask(self, method: str, body: bytes | None) -> None:
        request = urllib.request.Request(self._url, body, self._headers, method=method)  # noqa: S310  (the scheme was looked at)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
                pass
        except urllib.error.HTTPError as error:
            said = error.read(300).decode("utf-8", "replace").strip()
            raise OSError(f"HTTP {error.code}: {said}") from None
        except urllib.error.URLError as error:
            raise OSError(str(error.reason)) from None


def _label(name: str, value: str) -> str:
    """A grouping label in a path; a value with a slash goes as base64, as the Pushgateway's README says."""
    if "/" not in value and value:
        return f"{name}/{quote(value, safe='')}"
    return f"{name}@base64/{base64.urlsafe_b64encode(value.encode()).decode().rstrip('=') or '='}"


class Pushes:
    """Sends ``snapshot()`` to every target each ``every_s`` seconds, from a thread of its own."""

    def __init__(self, snapshot: Callable[[], Snapshot], targets: Sequence[Target], *, every_s: float = EVERY_S) -> None:
        self._snapshot = snapshot
        self._targets = targets
        self._every_s = every_s
        self._stopping = threading.Event()
        self._failing: set[str] = set()
        self._since_s = snapshot().time_s
        self._thread = threading.Thread(target=self._run, name="push", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, within_s: float = 1.0) -> None:
        """Take back what was published; gives up after ``within_s``."""
        self._stopping.set()
        self._thread.join(within_s)

    def once(self) -> None:
        """Send now, to all."""
        body = exposition.text(families(self._snapshot(), since_s=self._since_s)).encode()
        for target in self._targets:
            self._try(target, lambda target=target: target.send(body))  # type: ignore[misc]

    def _run(self) -> None:
        while True:
            self.once()
            if self._stopping.wait(self._every_s):
                break
        for target in self._targets:
            self._try(target, target.forget)

    def _try(self, target: Target, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            if target.name not in self._failing:
                self._failing.add(target.name)
                log.warning("%s takes no metrics: %s", target.name, error)
        else:
            if target.name in self._failing:
                self._failing.discard(target.name)
                log.warning("%s takes metrics again", target.name)
