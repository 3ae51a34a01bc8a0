"""Two watchers on the same logs push to a pair of Alertmanagers: one notification, also with one watcher and one Alertmanager killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from endtoend.watching import Watching, step_line, watching
from servers.daemons import AlertmanagerProcess, alertmanagers, routed, wait_until
from servers.receiver import Receiver, receiver

LOG = "train_13503904.out"
RULES = "milestones: [step 50 < 1.5, 'step 100 < 0.9, worry > 1.0', step 200 < 0.6]\nrules: []\n"


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def pair(tmp_path: Path, hook: Receiver) -> Iterator[list[AlertmanagerProcess]]:
    with alertmanagers(tmp_path, routed(hook.url), 2) as made:
        yield made


@pytest.fixture
def watchers(tmp_path: Path, pair: list[AlertmanagerProcess]) -> Iterator[list[Watching]]:
    """Two, each with a state of its own, on one log, telling both Alertmanagers."""
    (tmp_path / LOG).touch()
    (tmp_path / "rules.yaml").write_text(RULES)
    env = {"LOSSWATCH_ALERTMANAGER_URL": ",".join(server.url for server in pair)}
    with ExitStack() as stack:
        made = []
        for name in ("one", "two"):
            arguments = (LOG, "--rules", "rules.yaml", "--state", f"{name}.sqlite3")
            made.append(stack.enter_context(watching(tmp_path, *arguments, env=env, name=name)))
        for each in made:
            each.ready()
        yield made


def write(folder: Path, step: int, value: float) -> None:
    with (folder / LOG).open("a") as out:
        out.write(step_line(step, value))


def told(hook: Receiver) -> Counter[tuple[str, str]]:
    """How often each (rule, status) was notified of."""
    return Counter((alert["labels"]["rule"], alert["status"]) for request in hook.requests for alert in request.json["alerts"])


def gossiped(pair: list[AlertmanagerProcess]) -> bool:
    """Every living server has heard that the notification was sent: from then on none of them sends it again."""
    return any(server.process.poll() is None and server.has_heard_of_a_notification() for server in pair)


def test_two_watchers_and_two_alertmanagers_give_one_notification(
    tmp_path: Path, pair: list[AlertmanagerProcess], watchers: list[Watching], hook: Receiver
) -> None:
    write(tmp_path, 50, 1.41)
    write(tmp_path, 100, 1.07)
    wait_until(lambda: told(hook)["step-100", "firing"], "the alert is notified of", 20)
    wait_until(lambda: gossiped(pair), "the pair has spoken", 20)
    for each in watchers:
        wait_until(lambda each=each: any(e["rule"] == "step-100" for e in each.events()), "both watchers judged it", 20)
    write(tmp_path, 130, 0.88)
    wait_until(lambda: told(hook)["step-100", "resolved"], "its end is notified of", 20)
    assert {("step-100", "firing"): 1, ("step-100", "resolved"): 1} == dict(told(hook))


def test_with_one_watcher_and_one_alertmanager_killed_the_others_give_one_notification(
    tmp_path: Path, pair: list[AlertmanagerProcess], watchers: list[Watching], hook: Receiver
) -> None:
    write(tmp_path, 50, 1.6)
    wait_until(lambda: told(hook)["step-50", "firing"], "the first alert is notified of", 20)
    wait_until(lambda: gossiped(pair), "the pair has spoken", 20)
    watchers[0].process.kill()
    watchers[0].process.wait()
    pair[0].kill()
    write(tmp_path, 100, 1.07)
    wait_until(lambda: told(hook)["step-100", "firing"], "the second alert is notified of by those that are left", 30)
    write(tmp_path, 110, 0.8)
    wait_until(lambda: told(hook)["step-100", "resolved"], "its end too", 30)
    assert 1 == told(hook)["step-50", "firing"]
    assert 1 == told(hook)["step-100", "firing"]
    assert 1 == told(hook)["step-100", "resolved"]
