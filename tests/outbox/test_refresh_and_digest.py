"""What is shown at a steady pace: refreshes and digests, from how the loop says that the runs stand."""

from __future__ import annotations

import random
import sqlite3
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from servers.receiver import Receiver, receiver
from servers.samples import CONTEXT, NOON, transition, worry

from monitor.notify.channel import ChannelBase, DeliveryError, Memory
from monitor.notify.digest import digest
from monitor.notify.notification import Notification, notification
from monitor.notify.present import Present, present
from monitor.notify.route import Route
from monitor.notify.webhook import Webhook
from monitor.outbox import SCHEMA, Delivery, enqueue
from monitor.snapshot import AlertView, MetricView, RunView, SeriesView, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Board(ChannelBase):
    """A channel that shows how things stand, and remembers what it showed."""

    kind: ClassVar[str] = "board"
    shown: list[Any] = field(default_factory=list)
    fails: list[DeliveryError] = field(default_factory=list)

    def payload(self, told: Notification) -> str:
        return told.id

    def send(self, told: Notification, memory: Memory) -> str:
        memory["sent"] = memory.get("sent", 0) + 1
        return "ok"

    def refresh(self, now_present: Present, memories: dict[str, Memory]) -> str:
        self.shown.append((now_present.time_s, {run: dict(memory) for run, memory in memories.items()}))
        if self.fails:
            raise self.fails.pop()
        memories.setdefault("", {})["times"] = len(self.shown)
        return "ok"


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "state.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
    return path


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def delivery(database: Path, clock: Clock, *channels: Any, runs: tuple[Notification, ...] = ()) -> Delivery:
    made = Delivery(database, channels, clock, random.Random(1))
    made.present = lambda: Present(clock.now, runs)
    return made


def test_a_refresh_comes_at_its_pace_and_keeps_what_it_learned_over_a_restart(database: Path, clock: Clock) -> None:
    board = Board(name="board", refresh_s=60.0)
    first = delivery(database, clock, board)
    for seconds in (0, 30, 30, 59, 1):
        clock.now += seconds
        assert first.settle(5)
    assert [NOON, NOON + 60, NOON + 120] == [time_s for time_s, _ in board.shown]
    assert delivery(database, clock, board).settle(5)
    assert {"": {"times": 3}} == board.shown[-1][1]


def test_messages_go_before_a_refresh_and_what_they_left_is_there_for_it(database: Path, clock: Clock) -> None:
    board = Board(name="board", refresh_s=60.0)
    with sqlite3.connect(database) as connection:
        enqueue(connection, worry(), [board], clock.now)
    assert delivery(database, clock, board).settle(5)
    assert {"13503904": {"sent": 1}} == board.shown[0][1]


def test_a_refresh_that_fails_is_told_once_and_counts_as_no_message(
    database: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    board = Board(name="board", refresh_s=60.0, fails=[DeliveryError("down", permanent=True) for _ in range(3)])
    made = delivery(database, clock, board)
    for _ in range(6):
        assert made.settle(5)
        clock.now += 400
    assert (6, {"board": (0, 0)}) == (len(board.shown), made.counters())
    assert ["channel board fails, its messages are kept and tried again: down", "channel board works again after 20 min"] == [
        record.getMessage() for record in caplog.records
    ]


def test_a_digest_comes_every_interval_and_not_at_a_restart(database: Path, clock: Clock, hook: Receiver) -> None:
    channel = Webhook(name="webhook", url=hook.url, route=Route(digest_s=3600.0))
    quiet = notification("7", "catch_up", NOON, context=CONTEXT)
    runs = (quiet, notification("8", "catch_up", NOON, (transition(run="8"),), context=CONTEXT))
    for _ in range(6):
        assert delivery(database, clock, channel, runs=runs).settle(5)
        clock.now += 1200
    (sent,) = hook.requests
    assert "loss-watch digest: 2 runs, one alert stands" == sent.json["text"]
    rows = ["8 training, step 104 / 500, val_loss 1.07: worry step-100", "7 training, step 104 / 500, val_loss 1.07"]
    assert rows == sent.json["notes"][1:]


def test_a_digest_of_a_thousand_runs_is_bounded_and_counts_them() -> None:
    told = digest(Present(NOON, tuple(notification(str(n), "catch_up", NOON, context=CONTEXT) for n in range(1000))), NOON)
    assert "1000 runs, all is well" == told.notes[0]
    assert "and 962 more runs without alerts" == told.notes[-1]


def test_how_runs_stand_is_read_off_the_snapshot() -> None:
    column = array("d", [2.19, 1.07])
    metric = MetricView("val_loss", "val_loss", 1.07, 100.0, 1.07, 100.0, 2, SeriesView(column, column, column, 2))
    alerts = tuple(
        AlertView(rule, "milestone", "critical", state, 100.0, 1.07, "over", NOON, silenced=silenced)
        for rule, state, silenced in (("a", "firing", False), ("b", "pending", False), ("c", "firing", True))
    )
    run = RunView("7", ("7.out",), "plain", "training", "critical", 1, 100.0, None, 500.0, {}, {"val_loss": metric}, (), alerts, ())
    made = present(Snapshot(NOON, "0", runs=(run,)))
    assert (NOON, ["a"], (2.19, 1.07)) == (made.time_s, [t.rule for t in made.runs[0].transitions], made.runs[0].context.values)
