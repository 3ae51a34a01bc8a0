"""One watcher a state file: a lock file beside it with host, pid and a heartbeat, since flock says little on NFS.

A lock is stale where its process is gone (same host) or its heartbeat is older than ``STALE_S`` (another host).
"""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

STALE_S = 300.0
BEAT_S = 30.0


class Locked(Exception):
    """Somebody else watches with this state file; the text says who."""


class StateLock:
    """Taken by ``take``, kept alive by ``beat``, given back by ``release``."""

    def __init__(self, state: Path) -> None:
        self.path = state.with_name(state.name + ".lock")
        self._host, self._pid = socket.gethostname(), os.getpid()
        self._beaten_s = 0.0

    def take(self) -> None:
        """Raises Locked where another living watcher holds it, OSError where the directory cannot be written."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(3):
            try:
                descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except FileExistsError:
                self._clear_if_stale()
                continue
            with os.fdopen(descriptor, "w") as lock:
                json.dump({"host": self._host, "pid": self._pid}, lock)
            self._beaten_s = time.monotonic()
            return
        raise Locked(f"{self.path}: another loss-watch just took this state file; name another with --state")

    def beat(self) -> None:
        """Say that the watcher lives; cheap, call it often."""
        if time.monotonic() - self._beaten_s >= BEAT_S:
            self._beaten_s = time.monotonic()
            os.utime(self.path)

    def release(self) -> None:
        self.path.unlink(missing_ok=True)

    def _clear_if_stale(self) -> None:
        try:
            text, age_s = self.path.read_text(), time.time() - self.path.stat().st_mtime
        except FileNotFoundError:
            return
        try:
            told = json.loads(text)
            host, pid = str(told["host"]), int(told["pid"])
        except (ValueError, KeyError, TypeError):
            host, pid = "", 0
        stale = age_s > STALE_S if host != self._host else not _alive(pid)
        if not stale and (host or age_s <= STALE_S):
            raise Locked(
                f"{self.path}: a loss-watch with this state file runs already (pid {pid} on {host}); "
                "name another with --state, or stop that one"
            )
        self.path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
