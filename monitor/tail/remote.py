"""A lane in a process of its own, for file systems whose answer comes from elsewhere (nfs, lustre, gpfs, fuse ...).

A thread that waits for such an answer cannot always be killed (FUSE: not at all once the request is under way; NFS `hard`: only
by a fatal signal), and a process does not end before its last thread. So a hung mount would hold up the end of the whole daemon.
The child alone touches the mount; whoever stops us leaves it behind, and it ends by itself when its pipe closes.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from monitor.tail.lane import Lane, Settings
from monitor.tail.lanenews import Emit, LaneItem
from monitor.tail.mounts import Mount, MountTable
from monitor.tail.news import Chunk, FileNews, Position
from monitor.tail.walk import Source

BEAT_S = 0.5
RESTART_S = 1.0
LONGEST_RESTART_S = 60.0
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_CODE = "import sys; sys.path.insert(0, sys.argv[1]); from monitor.tail.remote import main; main()"


@dataclass(frozen=True, slots=True)
class _Start:
    """What a child is told first."""

    mount: Mount
    mounts: MountTable
    resume: dict[str, Position]
    settings: Settings


@dataclass(frozen=True, slots=True)
class _Beat:
    """For how many seconds the child has been waiting for an answer, and about what; None: it is not waiting."""

    busy_s: float | None
    what: str = ""


class RemoteLane:
    """Does what a ``Lane`` does, in a child process that is started again should it end."""

    def __init__(
        self,
        mount: Mount,
        emit: Emit,
        *,
        mounts: MountTable,
        resume: Mapping[str, Position],
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.mount = mount
        self.busy: tuple[float, str] | None = None
        self._emit = emit
        self._mounts = mounts
        self._positions = dict(resume)
        self._settings = settings
        self._clock = clock
        self._sources: list[Source] = []
        self._commands: queue.SimpleQueue[Source | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._heard = False
        self._failing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"tail {mount.point}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def give(self, source: Source) -> None:
        with self._lock:
            self._sources.append(source)
            self._commands.put(source)

    def poke(self, real: str, appeared: bool) -> None:
        """Nothing is announced here."""

    def stop(self) -> None:
        self._stopping.set()
        if self._process is not None:
            self._process.kill()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _run(self) -> None:
        pause_s = RESTART_S
        while not self._stopping.is_set():
            self._heard = False
            text = f"the reader of {self.mount} ended; it is started again"
            try:
                self._tend_child()
            except OSError as error:
                text = f"cannot start a reader of {self.mount}: {(error.strerror or str(error)).lower()}"
            if self._heard:
                pause_s = RESTART_S
            if self._stopping.wait(pause_s):
                return
            if not self._failing:
                self._failing = True
                self._emit(FileNews(self.mount.point, "failing", text))
            pause_s = min(pause_s * 2, LONGEST_RESTART_S)

    def _tend_child(self) -> None:
        """One life of the child. Raises OSError where it cannot be started."""
        self.busy = (self._clock(), "starting")
        command = [sys.executable, "-P", "-c", _CODE, _ROOT, f"loss-watch reads {self.mount.point}"]
        with self._lock:
            commands = self._commands = queue.SimpleQueue()
            for source in self._sources:
                commands.put(source)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/")
        self._process = process
        if self._stopping.is_set():
            process.kill()
        start = _Start(self.mount, self._mounts, dict(self._positions), self._settings)
        threading.Thread(target=_write, args=(process.stdin, start, commands), name=f"to {self.mount.point}", daemon=True).start()
        assert process.stdout is not None  # noqa: S101 -- asked for above
        with contextlib.suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
            while self._take(pickle.load(process.stdout)):  # noqa: S301 -- our own child
                pass
        process.kill()
        commands.put(None)
        process.stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(RESTART_S)

    def _take(self, message: LaneItem | _Beat) -> bool:
        self._heard = True
        if self._failing:
            self._failing = False
            self._emit(FileNews(self.mount.point, "recovered", f"{self.mount} is read again"))
        if isinstance(message, _Beat):
            self.busy = None if message.busy_s is None else (self._clock() - message.busy_s, message.what)
            return True
        if isinstance(message, Chunk):
            self._positions[message.path] = message.position
        self.busy = None
        return self._emit(message)


def _write(pipe: IO[bytes], start: _Start, commands: queue.SimpleQueue[Source | None]) -> None:
    """Passes on what the child is to do; in a thread, since a child that does not read must hold up nobody."""
    with contextlib.suppress(OSError, ValueError), pipe:
        message: Any = start
        while message is not None:
            pickle.dump(message, pipe)
            pipe.flush()
            message = commands.get()


def main() -> None:
    """The child: one lane, told what to do through stdin, speaking through stdout, gone when either closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    lock, out, commands = threading.Lock(), sys.stdout.buffer, sys.stdin.buffer

    def send(message: LaneItem | _Beat) -> bool:
        try:
            with lock:
                pickle.dump(message, out)
                out.flush()
        except OSError:
            os._exit(0)
        return True

    start: _Start = pickle.load(commands)  # noqa: S301 -- our own parent
    lane = Lane(start.mount, send, mounts=start.mounts, resume=start.resume, settings=start.settings)
    threading.Thread(target=_beat, args=(lane, send), daemon=True).start()
    lane.start()
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            lane.give(pickle.load(commands))  # noqa: S301
    # Not sys.exit: nothing here is worth waiting for, least of all the mount.
    os._exit(0)


def _beat(lane: Lane, send: Callable[[_Beat], bool]) -> None:
    """Tells of waiting while it lasts, and once that it is over; silent otherwise."""
    told = True
    while True:
        busy = lane.busy
        busy_s = time.monotonic() - busy[0] if busy else 0.0
        if busy and busy_s >= BEAT_S:
            send(_Beat(busy_s, busy[1]))
            told = True
        elif told:
            send(_Beat(None))
            told = False
        time.sleep(BEAT_S)
