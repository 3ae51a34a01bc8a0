"""Several large files are read by several processes: a login node has many cores, one file is read by one of them.

Processes are forked, so that they begin with all that the command has loaded. ``watch`` never does this.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

MOST_WORKERS = 4
"""A login node is shared."""
WORTH_BYTES = 32_000_000
"""What must be read before a second process pays (it costs some 50 ms)."""

Result = TypeVar("Result")
_jobs: list[Callable[[int], Any]] = []
"""What a forked process does: its one job."""


class WorkerDied(Exception):
    """A process that read files ended without an answer: killed, or out of memory."""


def workers_for(sizes: Sequence[int]) -> int:
    """How many processes to read jobs of so many bytes with; 1 is the command's own."""
    if sum(sizes) < WORTH_BYTES:
        return 1
    return max(1, min(MOST_WORKERS, _cores(), len(sizes)))


def _cores() -> int:
    """The cores that this process may use; macOS tells only those that there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def results(job: Callable[[int], Result], sizes: Sequence[int]) -> Iterator[Result]:
    """``job(i)`` for each of ``sizes`` (bytes), in order; the largest are begun first. Raises WorkerDied."""
    count = workers_for(sizes)
    if count == 1:
        yield from map(job, range(len(sizes)))
        return
    import multiprocessing
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    fork = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(count, mp_context=fork, initializer=_begin, initargs=(job,))
    try:
        largest_first = sorted(range(len(sizes)), key=lambda at: -sizes[at])
        begun = {at: pool.submit(_do, at) for at in largest_first}
        for at in range(len(sizes)):
            yield begun[at].result()
    except BaseException as wrong:  # a Ctrl-C too: no process goes on reading
        for process in multiprocessing.active_children():
            process.terminate()
        if isinstance(wrong, BrokenProcessPool):
            raise WorkerDied("a process that read the files was killed (out of memory?)") from None
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(job: Callable[[int], Any]) -> None:
    _jobs[:] = [job]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself is told, and ends its processes
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _do(at: int) -> Any:
    return _jobs[0](at)
