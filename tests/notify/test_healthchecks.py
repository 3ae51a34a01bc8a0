"""The dead man's switch."""

from __future__ import annotations

import time

import pytest
from servers.receiver import receiver
from servers.samples import CONTEXT, NOON, transition, worry

from monitor.notify.healthchecks import Healthchecks
from monitor.notify.notification import notification
from monitor.notify.present import STALE_S, Present


def standing() -> Present:
    return Present(time.time(), (notification("7", "catch_up", NOON, (transition(run="7"),), context=CONTEXT),))


@pytest.mark.parametrize(("fail", "path"), [(False, "/uuid"), (True, "/uuid/fail")])
def test_a_living_loop_is_a_ping_with_how_the_runs_stand(fail: bool, path: str) -> None:
    with receiver() as check:
        Healthchecks(name="hc", url=f"{check.url}/uuid", fail=fail).refresh(standing(), {})
        (ping,) = check.requests
    assert (path, "7 training, step 104 / 500, val_loss 1.07: worry step-100") == (ping.path, ping.body.decode())


def test_a_loop_that_stands_still_is_no_ping() -> None:
    with receiver() as check:
        Healthchecks(name="hc", url=check.url).refresh(Present(time.time() - STALE_S - 1), {})
        assert [] == check.requests


@pytest.mark.parametrize(("fail", "path"), [(False, "/uuid/log"), (True, "/uuid/fail")])
def test_an_alert_is_logged_or_fails_the_check(fail: bool, path: str) -> None:
    with receiver() as check:
        Healthchecks(name="hc", url=f"{check.url}/uuid", fail=fail).send(worry(), {})
        assert [path] == [request.path for request in check.requests]
