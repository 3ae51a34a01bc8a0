"""A daemon, `watch --once` from cron, and a daemon that is started anew for every line send the same alerts, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers.receiver import Receiver, receiver

from endtoend.watching import run, step_line, until, watching

RULES = "version: 1\nmilestones:\n  - step 50 < 1.5\n  - step 100 < 0.9, worry > 1.0\n  - step 200 < 0.6\nrules: [not_finite]\n"
LOG = "topoflow_full_finetune_13503904.out"
STORY: list[tuple[int, str, list[tuple[str, str]]]] = [
    (25, "2.190", []),
    (50, "1.600", [("step-50", "firing")]),
    (75, "1.300", [("step-50", "resolved")]),
    (100, "1.070", [("step-100", "firing")]),
    (130, "0.880", [("step-100", "resolved")]),
    (150, "nan", [("not_finite", "firing")]),
]
"""A step, its value, and what the webhook is told of it."""


def told(hook: Receiver) -> list[tuple[str, str]]:
    return [(row["rule"], row["state"]) for request in list(hook.requests) for row in request.json["transitions"]]


@dataclass(frozen=True)
class Place:
    """Where the log, the rules and the state are, and who is told."""

    home: Path
    hook: Receiver

    @property
    def arguments(self) -> tuple[str, ...]:
        return (LOG, "-r", "rules.yaml")

    @property
    def env(self) -> dict[str, str]:
        return {"LOSSWATCH_WEBHOOK_URL": f"{self.hook.url}/x"}

    def hears(self, count: int) -> None:
        until(lambda: len(told(self.hook)) >= count, f"{count} transitions are told")


@contextmanager
def a_daemon(place: Place) -> Iterator[Callable[[int], None]]:
    """One that is there all the time."""
    with watching(place.home, *place.arguments, env=place.env) as daemon:
        daemon.ready()
        yield place.hears
        assert 0 == daemon.stop()[0]


@contextmanager
def once_a_line(place: Place) -> Iterator[Callable[[int], None]]:
    """As cron calls it."""

    def look(count: int) -> None:
        run(place.home, "watch", "--once", *place.arguments, env=place.env)

    yield look


@contextmanager
def a_new_daemon_a_line(place: Place) -> Iterator[Callable[[int], None]]:
    """One that was away while the line was written."""

    def look(count: int) -> None:
        with a_daemon(place) as hears:
            hears(count)

    yield look


@pytest.mark.parametrize("way", [a_daemon, once_a_line, a_new_daemon_a_line], ids=lambda way: way.__name__)
def test_the_same_alerts_are_sent_each_once(tmp_path: Path, way: Callable[[Place], AbstractContextManager[Callable[[int], None]]]) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / LOG).touch()
    with receiver() as hook:
        place = Place(tmp_path, hook)
        due: list[tuple[str, str]] = []
        with way(place) as look:
            for step, value, news in STORY:
                with (tmp_path / LOG).open("a") as log:
                    log.write(step_line(step, value))
                due += news
                look(len(due))
                assert due == told(hook)
        # Once more from the state: nothing is told twice.
        run(tmp_path, "watch", "--once", *place.arguments, env=place.env)
        assert due == told(hook)


def test_a_deleted_state_file_sends_only_what_still_stands(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / LOG).write_text("".join(step_line(step, value) for step, value, _ in STORY[:-1]) + step_line(200, 0.7))
    with receiver() as hook:
        env = {"LOSSWATCH_WEBHOOK_URL": f"{hook.url}/x"}
        for _ in range(2):
            run(tmp_path, "watch", "--once", LOG, "-r", "rules.yaml", env=env)
            (tmp_path / "state" / "loss-watch" / "state.sqlite3").unlink()
        assert [("step-200", "firing")] * 2 == told(hook)
