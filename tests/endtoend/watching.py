"""The real command as a process of its own, with its own home, and what a test asks of it. Waits are bounded by deadlines."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEP_LINE = "Step {step}: train_loss = {train:.3f}, val_loss = {val}\n"
"""The form that the project's first user watched by hand."""


def step_line(step: int, val: float | str, train: float = 1.0) -> str:
    return STEP_LINE.format(step=step, train=train, val=val if isinstance(val, str) else f"{val:.3f}")


def command() -> list[str]:
    """The command as a user starts it."""
    beside = Path(sys.executable).with_name("loss-watch")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "monitor"]


def until(what: Callable[[], Any], saying: str, timeout_s: float = 15.0) -> Any:
    """The first truth that ``what`` gives; AssertionError with ``saying`` after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not (seen := what()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {saying}"
        time.sleep(0.02)
    return seen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the machine's own configuration, state or channels; ``more`` on top."""
    root = str(Path(__file__).resolve().parents[2])
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state"),
        "LANG": "C.UTF-8", "NO_COLOR": "1", "PYTHONPATH": root, **more,
    }  # fmt: skip


def run(home: Path, *arguments: str | Path, timeout_s: float = 30.0, env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """One call of the command in the folder ``home``, to its end."""
    return subprocess.run(
        [*prefix, *command(), *map(str, arguments)], cwd=home, env=environment(home, **(env or {})), capture_output=True, text=True,
        timeout=timeout_s, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@dataclass
class Watching:
    """A running ``loss-watch watch``; its page at ``url``, its output in files."""

    process: subprocess.Popen[bytes]
    url: str
    out: Path
    err: Path

    def get(self, path: str, timeout_s: float = 5.0) -> str:
        with urllib.request.urlopen(self.url + path, timeout=timeout_s) as answer:
            return str(answer.read().decode())

    def answers(self, path: str) -> str:
        """The body of ``path``, empty while nobody answers it with 200."""
        try:
            return self.get(path) or " "
        except OSError:
            return ""

    def ready(self, timeout_s: float = 20.0) -> None:
        """Every file that stood there was read to its end."""
        until(lambda: self.process.poll() is not None or self.answers("/readyz"), "/readyz answers 200", timeout_s)
        assert self.process.poll() is None, self.err.read_text()

    def events(self) -> list[dict[str, Any]]:
        """The finished lines of ``--json``."""
        return [json.loads(line) for line in self.out.read_text().splitlines(keepends=True) if line.endswith("\n") and line.startswith("{")]

    def stop(self, sign: int = signal.SIGTERM, timeout_s: float = 10.0) -> tuple[int, float]:
        """Exit code, and the seconds that it took from the signal to the end."""
        asked = time.monotonic()
        self.process.send_signal(sign)
        code = self.process.wait(timeout_s)
        return code, time.monotonic() - asked


@contextmanager
def watching(home: Path, *arguments: str | Path, env: Mapping[str, str] | None = None, prefix: Sequence[str] = (),
             name: str = "watch") -> Iterator[Watching]:  # fmt: skip
    """The daemon on ``arguments`` in the folder ``home``, killed at the end where it still runs."""
    port = free_port()
    out, err = home / f"{name}.out", home / f"{name}.err"
    with out.open("ab") as stdout, err.open("ab") as stderr:
        process = subprocess.Popen(
            [*prefix, *command(), "watch", *map(str, arguments), "--listen", f"127.0.0.1:{port}", "--json"],
            cwd=home, env=environment(home, **(env or {})), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
        )  # fmt: skip
    try:
        yield Watching(process, f"http://127.0.0.1:{port}", out, err)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
