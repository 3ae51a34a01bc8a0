"""Random histories of a channel against a model: receivers that take, refuse, fail and hang, processes that are killed, time that passes.

Whatever happens, each notification is delivered or given up, in order; and a second delivery follows a kill only, with the same id.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from servers.samples import NOON, worry

from monitor.notify.channel import ChannelBase, DeliveryError, Pace
from monitor.notify.dispatch import Dispatch
from monitor.notify.health import Health
from monitor.notify.lane import Outcome, Parcel
from monitor.notify.queue import SCHEMA, enqueue, open_count

NAME = "channel"
actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 2)),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 400, 90_000])),
        st.sampled_from([("take", 0), ("fail", 0), ("refuse", 0), ("later", 0), ("turn", 0), ("kill unseen", 0), ("kill arrived", 0)]),
    ),
    max_size=60,
)


class World:
    """One channel, its database, what is in flight, and what the receiver has seen."""

    def __init__(self, *, coalesces: bool) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.executescript(SCHEMA)
        self.channel = ChannelBase(name=NAME, pace=Pace(coalesces=coalesces))
        self.now, self.put, self.kills = NOON, 0, 0
        self.queued: list[str] = []
        self.arrived: list[tuple[str, tuple[str, ...]]] = []
        self.given_up: list[str] = []
        self.start()

    def start(self) -> None:
        self.flying: Parcel | None = None
        self.dispatch = Dispatch(self.connection, [self.channel], {NAME: Health()}, random.Random(1))  # type: ignore[list-item]

    def turn(self, *outcomes: Outcome) -> None:
        for _, parcel in self.dispatch.turn(outcomes, self.now, None)[0]:
            assert self.flying is None, "one message at a time"
            assert isinstance(parcel, Parcel)
            self.flying = parcel

    def act(self, what: str, number: int) -> None:
        if what == "put":
            told = worry(str(number), time_s=self.now + self.put / 1e6)
            self.put += 1
            self.queued.append(told.id)
            enqueue(self.connection, told, [self.channel], self.now)  # type: ignore[list-item]
        elif what == "wait":
            self.now += number
        elif what.startswith("kill"):
            self.kills += self.flying is not None
            if self.flying is not None and what == "kill arrived":
                self.see(self.flying)
            self.start()
        elif what != "turn":
            self.answer(what)
        self.turn()

    def see(self, parcel: Parcel) -> None:
        self.arrived.append((parcel.told.id, parcel.told.covers or (parcel.told.id,)))

    def answer(self, what: str) -> None:
        parcel, self.flying = self.flying, None
        if parcel is None:
            return
        failed = {
            "take": None, "fail": DeliveryError("503"), "refuse": DeliveryError("404", permanent=True),
            "later": DeliveryError("429", retry_after_s=60.0),
        }[what]  # fmt: skip
        if failed is None:
            self.see(parcel)
        elif failed.permanent or self.now - parcel.queued_s >= self.channel.pace.give_up_after_s:
            self.given_up += parcel.told.covers or (parcel.told.id,)
        self.turn(Outcome(self.channel, parcel, parcel.memories, failed=failed))  # type: ignore[arg-type]


@settings(max_examples=300)
@given(actions, st.booleans())
def test_every_notification_is_delivered_or_given_up_in_order(history: list[tuple[str, int]], coalesces: bool) -> None:
    world = World(coalesces=coalesces)
    for what, number in history:
        world.act(what, number)
    while open_count(world.connection) or world.flying:
        world.act("wait", 301)
        world.act("take", 0)
    last_seen: dict[str, int] = {}
    for place, (_, ids) in enumerate(world.arrived):
        last_seen.update(dict.fromkeys(ids, place))
    assert set(world.queued) == set(last_seen) | set(world.given_up)
    given_up = world.connection.execute("SELECT id FROM outbox WHERE state = 'given_up' ORDER BY seq").fetchall()
    assert world.given_up == [known for (known,) in given_up]
    order = list(dict.fromkeys(known for _, ids in world.arrived for known in ids))
    assert [known for known in world.queued if known in last_seen] == order
    messages = Counter(message for message, _ in world.arrived)
    assert sum(messages.values()) - len(messages) <= world.kills
    repeated = Counter(known for ids in dict(world.arrived).values() for known in ids)
    assert set(repeated.values()) <= {1}, "what came twice came in the same message"
