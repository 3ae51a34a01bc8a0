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
        held = _read(self.path)
        if held is not None:
            host, pid = held
            raise Locked(
                f"{self.path}: a loss-watch with this state file runs already (pid {pid} on {host}); "
                "name another with --state, or stop that one"
            )
        self.path.unlink(missing_ok=True)


def holder(state: Path) -> tuple[str, int] | None:
    """(host, pid) of the living watcher of ``state``, None where there is none."""
    return _read(state.with_name(state.name + ".lock"))


def _read(path: Path) -> tuple[str, int] | None:
    """Who holds the lock at ``path``; None where nobody does, or nobody who lives."""
    try:
        text, age_s = path.read_text(), time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None
    try:
        told = json.loads(text)
        host, pid = str(told["host"]), int(told["pid"])
    except (ValueError, KeyError, TypeError):
        return ("an unknown host", 0) if age_s < 2.0 else None  # it is being written
    alive = _alive(pid) if host == socket.gethostname() else age_s <= STALE_S
    return (host, pid) if alive else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
