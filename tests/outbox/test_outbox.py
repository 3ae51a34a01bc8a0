"""The outbox: in order, nothing lost, nothing twice, no channel held up by another; the clock is turned by hand, receivers are real."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.receiver import DROP, HANG, Answer, Receiver, receiver
from servers.samples import NOON, transition, worry

from monitor.notify.batch import STORM, combine, take
from monitor.notify.channel import Channel, Pace
from monitor.notify.health import FIRST_RETRY_S, LAST_RETRY_S, backoff_s
from monitor.notify.notification import Notification, notification
from monitor.notify.queue import open_count
from monitor.notify.route import Route, quiet_hours
from monitor.notify.slack_text import blocks
from monitor.notify.slack_webhook import SlackWebhook
from monitor.notify.webhook import Webhook
from monitor.outbox import SCHEMA, Delivery, enqueue, try_channels
from rules.verdict import Severity


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


class Box:
    """A state file with nothing but the outbox in it."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = path / "state.sqlite3", Clock()
        self.connection = sqlite3.connect(self.path, isolation_level=None, timeout=15)
        self.connection.executescript(SCHEMA)

    def put(self, told: Notification, channels: Sequence[Channel]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        enqueue(self.connection, told, channels, self.clock())
        self.connection.execute("COMMIT")

    def delivery(self, *channels: Channel) -> Delivery:
        return Delivery(self.path, channels, self.clock, random.Random(7))

    def states(self) -> list[str]:
        return [state for (state,) in self.connection.execute("SELECT state FROM outbox ORDER BY seq")]


@pytest.fixture
def box() -> Iterator[Box]:
    """In memory where there is such a place: hundreds of synchronous commits say nothing more on a slow disk (test_kill.py uses one)."""
    shm = Path("/dev/shm")
    with TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        yield Box(Path(folder))


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def to(made: Receiver, name: str = "webhook", **pace: object) -> Webhook:
    return Webhook(name=name, url=made.url, secrets=(made.url,), pace=Pace(**pace))  # type: ignore[arg-type]


def texts(made: Receiver) -> list[str]:
    return [request.json["text"] for request in made.requests]


def test_what_is_enqueued_is_delivered_once(box: Box, hook: Receiver) -> None:
    channel = to(hook)
    delivery = box.delivery(channel)
    box.put(worry(), [channel])
    box.put(worry(), [channel])
    assert delivery.settle(10)
    assert delivery.settle(10)
    assert (1, ["delivered"], {"webhook": (1, 0)}) == (len(hook.requests), box.states(), delivery.counters())


def test_what_a_rollback_took_away_is_never_sent(box: Box, hook: Receiver) -> None:
    channel = to(hook)
    box.connection.execute("BEGIN IMMEDIATE")
    enqueue(box.connection, worry(), [channel], NOON)
    box.connection.execute("ROLLBACK")
    assert box.delivery(channel).settle(10)
    assert [] == hook.requests


def test_a_failed_message_is_tried_again_later_with_the_same_id(box: Box) -> None:
    with receiver([500, DROP, 200]) as made:
        channel = to(made)
        delivery = box.delivery(channel)
        box.put(worry(), [channel])
        for expected in (1, 2, 3):
            assert delivery.settle(10)
            assert delivery.settle(10)
            assert expected == len(made.requests)
            box.clock.now += 10
        assert {worry().id} == {request.json["id"] for request in made.requests}
    assert ["delivered"] == box.states()
    assert {"webhook": (3, 2)} == delivery.counters()


def test_retry_after_is_obeyed_to_the_second(box: Box) -> None:
    with receiver([Answer(429, "", {"Retry-After": "120"}), 200]) as made:
        channel = to(made)
        delivery = box.delivery(channel)
        box.put(worry(), [channel])
        assert delivery.settle(10)
        box.clock.now += 119
        assert delivery.settle(10)
        assert 1 == len(made.requests)
        box.clock.now += 1
        assert delivery.settle(10)
        assert 2 == len(made.requests)


def test_a_permanent_refusal_is_given_up_at_once_and_the_next_message_tells_of_it(box: Box) -> None:
    with receiver([404, 200]) as made:
        channel = to(made)
        delivery = box.delivery(channel)
        box.put(worry("1"), [channel])
        assert delivery.settle(10)
        box.put(worry("2"), [channel])
        assert delivery.settle(10)
        assert ["1 message before this one could not be delivered here and was given up"] == made.requests[1].json["notes"]
    assert ["given_up", "delivered"] == box.states()
    assert 1 == delivery.health["webhook"].given_up


def test_after_the_stated_time_a_message_is_given_up_visibly(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    with receiver([503]) as made:
        channel = to(made, give_up_after_s=3600.0)
        delivery = box.delivery(channel)
        box.put(worry(), [channel])
        for _ in range(40):
            assert delivery.settle(10)
            box.clock.now += LAST_RETRY_S
    assert ["given_up"] == box.states()
    assert 1 == sum("given up" in record.message for record in caplog.records)
    assert 1 == sum("tried again" in record.message for record in caplog.records)
    assert not [record for record in caplog.records if made.url + "/" in record.getMessage()]


def test_a_channel_that_hangs_holds_up_no_other(box: Box, hook: Receiver) -> None:
    with receiver([HANG]) as stuck:
        slow, quick = to(stuck, "slow"), to(hook, "quick")
        delivery = box.delivery(slow, quick)
        delivery.start()
        for number in range(5):
            box.put(worry(str(number)), [slow, quick])
            delivery.wake()
            hook.wait_for(number + 1)
        assert 1 == len(stuck.wait_for(1))
        delivery.stop(2.0)


def test_five_hundred_alerts_while_a_channel_is_down_for_an_hour_arrive_in_order_and_complete(box: Box, hook: Receiver) -> None:
    down = True
    with receiver(lambda request: 503 if down else 200) as made:
        channel, other = to(made, "down"), to(hook, "up", coalesces=False)
        delivery = box.delivery(channel, other)
        ids = []
        for number in range(500):
            told = worry(str(number % 7), time_s=box.clock.now, step=float(number), message=f"alert {number}")
            ids.append(told.id)
            box.put(told, [channel, other])
            if number % 20 == 0:
                assert delivery.settle(20)
            box.clock.now += 7.2
        assert delivery.settle(20)
        tried = len(made.requests)
        assert tried < 40, "the back-off spares a server that is down"
        down = False
        box.clock.now += LAST_RETRY_S
        assert delivery.settle(20)
        arrived = [request.json for request in made.requests[tried:]]
    assert 500 == len(hook.requests)
    assert ids == [known for body in arrived for known in (body["covers"] or [body["id"]])]
    steps = [row["step"] for body in arrived for row in sorted(body["transitions"], key=lambda row: row["step"])]
    assert list(range(500)) == steps
    assert ["transitions", "summary"] == [body["event"] for body in arrived]
    assert 7 == len(arrived[1]["notes"]) - 1
    assert {} == open_count(box.connection)


def test_a_row_that_a_kill_left_in_flight_is_sent_again_with_its_id(box: Box, hook: Receiver) -> None:
    channel = to(hook)
    for number in range(3):
        box.put(worry(time_s=NOON + number), [channel])
    box.connection.execute("UPDATE outbox SET state = 'sending' WHERE seq <= 2")
    assert box.delivery(channel).settle(10)
    assert [combine([worry(), worry(time_s=NOON + 1)]).id, worry(time_s=NOON + 2).id] == [request.json["id"] for request in hook.requests]


def test_slack_gets_one_message_a_second_and_what_comes_between_together(box: Box, hook: Receiver) -> None:
    channel = SlackWebhook(name="slack", url=hook.url, pace=Pace(interval_s=1.0))
    delivery = box.delivery(channel)
    for number in range(4):
        box.put(worry(time_s=NOON + number), [channel])
        assert delivery.settle(10)
    assert 1 == len(hook.requests)
    box.clock.now += 1.0
    assert delivery.settle(10)
    assert "(and 2 more)" in texts(hook)[1]


def test_quiet_hours_hold_what_is_not_critical_and_let_the_rest_through(box: Box, hook: Receiver) -> None:
    span = quiet_hours("00:00-24:00")
    assert span is not None
    channel = Webhook(name="webhook", url=hook.url, route=Route(Severity.WARNING, quiet_hours=span))
    delivery = box.delivery(channel)
    box.put(worry("1", severity="warning"), [channel])
    box.put(worry("2"), [channel])
    assert delivery.settle(10)
    assert ["2"] == [request.json["run"] for request in hook.requests]
    box.clock.now += 86_400
    assert delivery.settle(10)
    assert ["2", "1"] == [request.json["run"] for request in hook.requests]


def test_a_message_that_trips_over_a_fault_of_ours_is_given_up_and_holds_up_nothing(box: Box, hook: Receiver) -> None:
    class Faulty(Webhook):
        def send(self, told: Notification, memory: object) -> str:
            if told.run == "1":
                raise ZeroDivisionError("oh")
            return super().send(told, memory)  # type: ignore[arg-type]

    channel = Faulty(name="webhook", url=hook.url, pace=Pace(coalesces=False))
    for run in "12":
        box.put(worry(run), [channel])
    delivery = box.delivery(channel)
    for _ in range(3):
        assert delivery.settle(10)
        box.clock.now += 60
    assert delivery.settle(10)
    assert (["given_up", "delivered"], 1) == (box.states(), len(hook.requests))


def test_a_row_of_another_version_is_given_up_and_holds_up_nothing(box: Box, hook: Receiver) -> None:
    channel = to(hook)
    box.put(worry("1"), [channel])
    box.put(worry("2"), [channel])
    box.connection.execute("UPDATE outbox SET body = '{}' WHERE seq = 1")
    delivery = box.delivery(channel)
    assert delivery.settle(10)
    assert (["given_up", "delivered"], ["2"]) == (box.states(), [request.json["run"] for request in hook.requests])


def test_stop_is_quick_also_while_a_receiver_hangs(box: Box) -> None:
    import time

    with receiver([HANG]) as stuck:
        channel = to(stuck)
        delivery = box.delivery(channel)
        box.put(worry(), [channel])
        delivery.start()
        stuck.wait_for(1)
        before = time.monotonic()
        delivery.stop(1.0)
        assert time.monotonic() - before < 1.5
    assert ["sending"] == box.states()


def test_a_locked_database_stops_nothing_for_good(box: Box, hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.outbox.BUSY_S", 0.05)
    channel = to(hook)
    delivery = box.delivery(channel)
    box.put(worry(), [channel])
    box.connection.execute("BEGIN EXCLUSIVE")
    assert not delivery.settle(0.3)
    box.connection.execute("COMMIT")
    assert delivery.settle(10)
    assert 1 == len(hook.requests)


def test_trying_channels_says_what_each_answered(hook: Receiver) -> None:
    with receiver([403]) as closed:
        tried = try_channels([to(hook, "a"), to(closed, "b")], NOON)
    assert [("a", True), ("b", False)] == [(one.channel.name, one.worked) for one in tried]
    assert "403" in tried[1].outcome
    assert texts(hook)[0].startswith("loss-watch test: this channel works")


@given(st.integers(1, 10_000), st.randoms())
def test_the_back_off_grows_and_stays_between_its_bounds(attempts: int, rng: random.Random) -> None:
    assert FIRST_RETRY_S / 2 <= backoff_s(attempts, rng) <= LAST_RETRY_S


told_rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["transitions", "catch_up", "ended", "digest", "test"]), st.integers(0, 3)),
    min_size=1,
    max_size=40,
)


@given(told_rows, st.booleans())
def test_messages_stand_for_all_rows_in_order(rows: list[tuple[str, str, int]], coalesces: bool) -> None:
    queue = [
        notification(run, kind, NOON + i, tuple(transition(run=run, rule=f"r{n}") for n in range(events)))  # type: ignore[arg-type]
        for i, (run, kind, events) in enumerate(rows)
    ]
    left, covered = list(queue), []
    while left:
        count, message = take(left, coalesces=coalesces)
        assert count >= 1
        assert message == (combine(left[:count]))
        assert sum(len(told.transitions) for told in left[:count]) == len(message.transitions)
        covered += list(message.covers) or [message.id]
        left = left[count:]
        assert Notification.from_json(message.as_json()) == message
    assert [told.id for told in queue] == covered


def test_a_storm_of_one_run_is_one_message_with_every_event_in_it() -> None:
    count, message = take([worry(rule=f"step-{n}", time_s=NOON + n) for n in range(100)])
    assert (100, "transitions", 100) == (count, message.kind, len(message.transitions))
    said = "\n".join(block["text"]["text"] for block in blocks(message))
    assert [] == [n for n in range(1, 100) if f"worry step-{n}:" not in said]


def test_a_storm_is_one_summary_that_names_each_run() -> None:
    count, message = take([worry(str(n)) for n in range(100)])
    assert (100, "summary", STORM <= 100) == (count, message.kind, True)
    assert message.notes[0].startswith("100 messages put together")
    assert "62 more runs: 38, 39" in message.notes[-1]
