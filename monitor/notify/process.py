"""A program run for a bounded time, its output read to a bounded size."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import IO

from monitor.notify.channel import DeliveryError

MAX_SAID_BYTES = 2000
KILLED = -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Ended:
    """``code`` is the exit code, negative for a signal; ``how`` says it in words; ``said`` is the last of stdout and stderr."""

    code: int
    how: str
    said: str


def run_bounded(argv: Sequence[str], env: Mapping[str, str], stdin: bytes, timeout_s: float) -> Ended:
    """Run ``argv`` without a shell. Raises DeliveryError where it cannot be started.

    Stdin is a file without a name, so that a program which never reads it holds nobody up; what it prints is read to its end, and only
    the last of it kept. At the end of its time it is killed with its process group; what it left running before stays.
    """
    with tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        try:
            started = subprocess.Popen(
                argv, env=dict(env), stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, bufsize=0
            )
        except (OSError, ValueError) as failed:
            raise DeliveryError(f"{argv[0]} cannot be started: {failed}", permanent=not isinstance(failed, BlockingIOError)) from None
    said = _Tail(started.stdout)
    try:
        code, how = started.wait(timeout_s), ""
    except subprocess.TimeoutExpired:
        code, how = KILLED, f"took longer than {timeout_s:g} s and was killed"
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    return Ended(code, how or f"ended with {code}", said.text())


class _Tail:
    """The last bytes of a stream, read by a thread so that the writer never waits."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._stream, self._kept = stream, b""
        self._thread = Thread(target=self._read, name="output of a command", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        if self._stream is not None:
            with self._stream as stream:
                while piece := stream.read(65_536):
                    self._kept = (self._kept + piece)[-MAX_SAID_BYTES:]

    def text(self) -> str:
        """What came so far; waits a second for the rest, which a child that still runs may hold back."""
        self._thread.join(1.0)
        return self._kept.decode("utf-8", "replace")
