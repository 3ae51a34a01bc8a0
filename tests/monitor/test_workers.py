"""Several large files are read by several processes, and what they give comes in order."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from monitor.workers import WorkerDied, results, workers_for


def test_little_is_read_by_the_command_itself() -> None:
    assert 1 == workers_for([1000] * 50)
    assert 1 == workers_for([500_000_000])
    assert [os.getpid()] * 3 == list(results(lambda _at: os.getpid(), [1, 2, 3]))


def test_results_come_in_order_from_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2})
    found = list(results(lambda at: (at * 10, os.getpid()), [50_000_000, 1, 70_000_000, 3]))
    assert [0, 10, 20, 30] == [value for value, _ in found]
    assert os.getpid() not in {process for _, process in found}


def test_a_process_that_dies_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    with pytest.raises(WorkerDied, match="killed"):
        list(results(lambda _at: os._exit(9), [50_000_000, 50_000_000]))


def test_an_interrupt_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    found = results(lambda at: at, [50_000_000, 50_000_000])
    assert 0 == next(found)
    with pytest.raises(KeyboardInterrupt):
        found.throw(KeyboardInterrupt)
    assert [] == multiprocessing.active_children()
