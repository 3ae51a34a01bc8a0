"""Alertmanager, the real one: identity, resolution, re-sending, a pair of servers, two watchers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.daemons import AlertmanagerProcess, alertmanagers, routed, wait_until
from servers.receiver import HANG, Receiver, receiver
from servers.samples import CONTEXT, HOSTILE, NOON, transition, worry

from monitor.config import SettingsProblem, settings
from monitor.notify.alertmanager import RESOLVED_S, Alertmanager
from monitor.notify.channel import DeliveryError
from monitor.notify.notification import Notification, notification
from monitor.notify.present import STALE_S, Present
from monitor.notify.trial import try_channels

LABELS = {"alertname": "LossWatchMilestone", "run": "13503904", "rule": "step-100", "kind": "milestone", "severity": "critical"}


def to(*urls: str, **more: Any) -> Alertmanager:
    return Alertmanager(name="alertmanager", urls=urls, secrets=urls, **more)


def fresh(**facts: Any) -> Notification:
    return worry(time_s=time.time(), **facts)


def standing(*transitions: Any) -> Present:
    return Present(time.time(), (notification("13503904", "catch_up", time.time(), transitions, context=CONTEXT),))


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def server(tmp_path: Path, hook: Receiver) -> Iterator[AlertmanagerProcess]:
    with alertmanagers(tmp_path, routed(hook.url)) as (only,):
        yield only


def statuses(hook: Receiver) -> list[tuple[str, str]]:
    return [(alert["labels"]["rule"], alert["status"]) for request in hook.requests for alert in request.json["alerts"]]


def test_labels_are_the_identity_and_hold_no_value_and_no_log_text() -> None:
    (alert,) = to("http://x", labels={"cluster": "lumi"}).payload(worry(message=HOSTILE))
    assert {**LABELS, "cluster": "lumi"} == alert["labels"]
    assert ("100", "1.07", "val_loss < 0.9") == tuple(alert["annotations"][key] for key in ("step", "value", "resolves_when"))
    assert "2026-11-23T12:00:00.000Z" == alert["startsAt"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["firing", "resolved", "met"])), max_size=12))
def test_each_alert_is_posted_once_as_it_stands_at_the_end(events: list[tuple[str, str]]) -> None:
    told = notification("7", "transitions", NOON, tuple(transition(rule=rule, state=state) for rule, state in events))
    last = {rule: state for rule, state in events if state != "met"}
    posted = {alert["labels"]["rule"]: "firing" if "startsAt" in alert else "resolved" for alert in to("http://x").payload(told)}
    assert last == posted


def test_an_alert_fires_at_the_receiver_and_resolves(server: AlertmanagerProcess, hook: Receiver) -> None:
    channel = to(server.url)
    channel.send(fresh(), {})
    wait_until(lambda: ("step-100", "firing") in statuses(hook), "firing")
    (alert,) = server.alerts()
    assert LABELS == alert["labels"]
    channel.send(fresh(state="resolved", message="val_loss 0.88 at step 130"), {})
    wait_until(lambda: ("step-100", "resolved") in statuses(hook), "resolved")


def test_what_stands_is_re_sent_and_resolved_once_it_no_longer_does(server: AlertmanagerProcess, hook: Receiver) -> None:
    memories: dict[str, Any] = {}
    firing = transition(time_s=time.time() - 5)
    to(server.url).refresh(standing(firing), memories)
    to(server.url).refresh(standing(firing), memories)
    wait_until(lambda: ("step-100", "firing") in statuses(hook), "firing")
    assert 1 == len(server.alerts())
    to(server.url).refresh(standing(), memories)
    wait_until(lambda: ("step-100", "resolved") in statuses(hook), "resolved")
    (gone,) = memories[""].values()
    gone["gone_s"] -= RESOLVED_S + 1
    to(server.url).refresh(standing(), memories)
    assert {} == memories[""]


def test_a_loop_that_stands_still_re_sends_nothing(hook: Receiver) -> None:
    to(hook.url).refresh(Present(time.time() - STALE_S - 1, standing(transition()).runs), {})
    assert [] == hook.requests


def test_only_what_the_channel_takes_is_re_sent(hook: Receiver) -> None:
    to(hook.url).refresh(standing(transition(severity="info"), transition(rule="stall")), {})
    assert ["stall"] == [alert["labels"]["rule"] for alert in hook.requests[0].json]


def test_a_message_delivered_hours_late_still_fires(server: AlertmanagerProcess) -> None:
    to(server.url).send(worry(time_s=time.time() - 7200), {})
    assert ["active"] == [alert["status"]["state"] for alert in server.alerts()]


def test_two_watchers_and_a_pair_give_one_notification_also_with_one_of_each_dead(tmp_path: Path, hook: Receiver) -> None:
    with alertmanagers(tmp_path, routed(hook.url, group_wait="1s"), 2) as (first, second):
        watchers = [to(first.url, second.url), to(second.url, first.url)]
        for watcher in watchers:
            watcher.send(fresh(), {})
            watcher.refresh(standing(transition(time_s=time.time())), {})
        wait_until(lambda: ("step-100", "firing") in statuses(hook), "firing")
        wait_until(lambda: first.has_heard_of_a_notification() or second.has_heard_of_a_notification(), "gossip")
        first.kill()
        said = watchers[1].send(fresh(rule="stall", kind="stall"), {})
        assert "1 of 2 servers took it" in said
        wait_until(lambda: ("stall", "firing") in statuses(hook), "the second alert by the server that is left")
        assert [("step-100", "firing"), ("stall", "firing")] == statuses(hook)


def test_one_server_that_takes_it_is_enough_and_none_is_tried_again() -> None:
    with receiver() as good, receiver([500]) as bad, receiver([HANG]) as stuck:
        assert "1 of 2 servers took it, not http://127.0.0.1" in to(good.url, bad.url).send(fresh(), {})
        stuck.released.set()
        with pytest.raises(DeliveryError) as raised:
            to(bad.url, stuck.url).send(fresh(), {})
    assert not raised.value.permanent


def test_notify_test_reaches_it(server: AlertmanagerProcess) -> None:
    (tried,) = try_channels([to(server.url)])
    assert tried.worked
    assert ["LossWatchTest"] == [alert["labels"]["alertname"] for alert in server.alerts()]


def test_the_settings_take_several_urls_and_refuse_labels_of_ours() -> None:
    (channel,) = settings(environ={"LOSSWATCH_ALERTMANAGER_URL": "http://a:9093/, http://b:9093"}).channels
    assert isinstance(channel, Alertmanager)
    assert ("http://a:9093", "http://b:9093") == channel.urls
    for label in ("run", "a-b", "1"):
        with pytest.raises(SettingsProblem, match="cannot be a label here"):
            settings(rules_notify={"alertmanager": {"url": "http://a", "labels": {label: "x"}}}, environ={})
