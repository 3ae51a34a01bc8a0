"""The loop with a clock turned by hand: what people are told live, after a catch-up, after a stop, and after new rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.daemon import LONG_STOP_S, Daemon
from monitor.notify.channel import ChannelBase
from monitor.notify.notification import Notification
from monitor.notify.queue import next_rows
from monitor.notify.route import Route
from monitor.outbox import SCHEMA, Delivery
from monitor.parse import Catalogue
from monitor.pipeline import Pipeline
from monitor.rulesfile import read_rulebook
from monitor.silences import SCHEMA as SILENCES
from monitor.silences import add_silence, remove_silence
from monitor.store import StateError, Store
from monitor.tail.news import Chunk, FileNews, News, Position
from monitor.yamlfile import parse_yaml
from rules.engine import Engine
from rules.silence import Silence
from rules.spec import Rulebook
from rules.verdict import Severity

TIME_LIMIT = "slurmstepd: error: *** JOB 13503904 ON n1 CANCELLED AT 2026-11-23T10:00:00 DUE TO TIME LIMIT ***\n"
LOG = "/logs/train_13503904.out"
RULES = "milestones: [step 50 < 1.5, 'step 100 < 0.9, worry > 1.0']\nrules: [not_finite, crash, stall: {after: 10m}]\n"


class Sink(ChannelBase):
    """A channel that takes everything; nothing is sent in these tests, the outbox itself is looked at."""

    kind = "webhook"

    def payload(self, told: Notification) -> str:
        return told.id

    def send(self, told: Notification, memory: object) -> str:
        return "ok"


class Tails:
    """Bytes by hand in place of the tailer: what ``append`` and ``replace`` gave is taken by the next turn."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.news: list[News] = []
        self.read = False

    def append(self, text: str, path: str = LOG, *, mtime_s: float = 1000.0, at_end: bool = True) -> None:
        data = text.encode()
        start = self.sizes.get(path, 0)
        self.sizes[path] = start + len(data)
        self.news.append(Chunk(path, data, Position(path, start + len(data)), start, None, at_end, mtime_s))

    def rewrite(self, text: str, path: str = LOG, *, mtime_s: float = 1000.0) -> None:
        self.sizes[path] = len(text.encode())
        self.news.append(Chunk(path, text.encode(), Position(path, self.sizes[path]), 0, "truncated", True, mtime_s))

    def wait(self, timeout_s: float) -> list[News]:
        news, self.news = self.news, []
        return news

    def caught_up(self) -> bool:
        return self.read

    def lag_bytes(self) -> dict[str, int]:
        return {}


class Bench:
    """A daemon on a state file, with hands on its clock and its bytes."""

    def __init__(self, state: Path, rules: str = RULES, now: float = 1000.0) -> None:
        self.now = now
        self.tails = Tails()
        self.channel = Sink(name="sink", route=Route(min_severity=Severity.INFO))
        store = Store(state, SCHEMA + SILENCES)
        engine = Engine(book(rules).rules)
        self.daemon = Daemon(
            Pipeline(engine, Catalogue.load()), store, [self.channel], Delivery(state, [self.channel]), lambda: self.now, "0"
        )
        for path, position in self.daemon.resume().items():
            self.tails.sizes[path] = position.offset
            self.tails.news.append(FileNews(path, "found", "found"))

    def turn(self) -> None:
        self.daemon.turn(self.tails, 0.0)

    def steps(self, *points: tuple[int, float]) -> None:
        self.tails.append("".join(f"Step {step}: train_loss = 2.0, val_loss = {value}\n" for step, value in points), mtime_s=self.now)
        self.turn()

    def live(self) -> None:
        """The first look is over: what comes now is new."""
        self.tails.read = True
        self.turn()

    def told(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """(kind, [(rule, state)]) of all that is queued, oldest first."""
        rows, _ = next_rows(self.daemon.store.connection, "sink", 1e12)
        return [(row.told.kind, [(t.rule, t.state) for t in row.told.transitions]) for row in rows]

    def kill(self, state: Path, rules: str = RULES, after_s: float = 1.0) -> Bench:
        """Another process takes up the same state; nothing of this one is flushed."""
        self.daemon.store.connection.close()
        return Bench(state, rules, self.now + after_s)


def book(rules: str) -> Rulebook:
    return read_rulebook(parse_yaml(rules, "rules.yaml"), "rules.yaml")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite3"


def flat(told: Iterable[tuple[str, list[tuple[str, str]]]]) -> list[tuple[str, str]]:
    return [event for _, events in told for event in events]


def test_live_every_transition_is_told_as_it_happens(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    for point in [(50, 1.4), (100, 1.07), (125, 0.8)]:
        bench.steps(point)
    assert [("step-50", "met"), ("step-100", "firing"), ("step-100", "resolved")] == flat(bench.told())


def test_after_a_catch_up_only_what_still_stands_is_told_in_one_message_a_run(state: Path) -> None:
    bench = Bench(state)
    bench.tails.append("Step 50: val_loss = 1.6\nStep 75: val_loss = 1.4\n", at_end=False)
    bench.turn()
    assert [] == bench.told()
    bench.steps((100, 1.07))
    bench.live()
    assert [("catch_up", [("step-100", "firing")])] == bench.told()


def test_a_catch_up_in_which_all_was_well_tells_nothing(state: Path) -> None:
    bench = Bench(state)
    bench.steps((50, 1.6), (75, 1.4), (100, 0.8))
    bench.live()
    assert [] == bench.told()


def test_a_file_that_appears_while_watching_is_told_of_from_its_first_line(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.6), (75, 1.4), (100, 1.07))
    assert [("step-50", "firing"), ("step-50", "resolved"), ("step-100", "firing")] == flat(bench.told())


def test_a_kill_between_two_turns_loses_nothing_and_repeats_nothing(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.4))
    bench = bench.kill(state)
    bench.steps((100, 1.07))
    bench.live()
    bench = bench.kill(state)
    bench.live()
    assert [("step-50", "met"), ("step-100", "firing")] == flat(bench.told())


def test_a_kill_in_the_middle_of_a_catch_up_does_not_make_a_storm(state: Path) -> None:
    bench = Bench(state)
    bench.tails.append("Step 50: val_loss = 1.6\nStep 75: val_loss = 1.4\n", at_end=False)
    bench.turn()
    bench = bench.kill(state)
    bench.steps((100, 1.07))
    bench.live()
    assert [("catch_up", [("step-100", "firing")])] == bench.told()


def test_half_a_line_is_read_whole_after_a_kill(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.tails.append("Step 50: train_loss = 2.0, val_lo")
    bench.turn()
    bench = bench.kill(state)
    assert {LOG: 0} == bench.tails.sizes
    bench.tails.append("Step 50: train_loss = 2.0, val_loss = 1.4\n")
    bench.turn()
    bench.live()
    assert [("step-50", "met")] == flat(bench.told())


def test_after_a_long_stop_only_the_difference_is_told(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.6))
    bench = bench.kill(state, after_s=LONG_STOP_S + 1)
    bench.steps((75, 1.4), (100, 1.07))
    bench.live()
    assert ("catch_up", [("step-100", "firing"), ("step-50", "resolved")]) == bench.told()[-1]


def test_silence_of_a_run_that_was_already_silent_when_the_watcher_came_is_told_once(state: Path) -> None:
    bench = Bench(state, now=5000.0)
    bench.tails.append("Step 25: val_loss = 2.0\n", mtime_s=1000.0)
    bench.turn()
    bench.live()
    bench.now += 2
    bench.turn()
    bench.now += 2
    bench.turn()
    assert [("stall", "firing")] == flat(bench.told())


def test_a_stall_that_comes_back_at_the_same_step_is_told_again(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((25, 2.0))
    for _ in range(2):
        bench.now += 700
        bench.turn()
        bench.tails.append("still here\n", mtime_s=bench.now)
        bench.now += 2
        bench.turn()
    assert [("stall", "firing"), ("stall", "resolved")] * 2 == flat(bench.told())


def test_an_error_after_which_nothing_more_comes_is_a_crash_within_seconds(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((25, 2.0))
    bench.tails.append('Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    step()\nRuntimeError: boom\n')
    bench.turn()
    assert [] == bench.told()
    for _ in range(4):
        bench.now += 3
        bench.turn()
    assert [("crash", "firing")] == flat(bench.told())
    assert "failed" == bench.daemon.snapshot.runs[0].verdict


def test_a_truncated_file_is_the_next_attempt_of_the_same_run(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.4), (100, 1.07))
    bench.tails.rewrite("Step 50: val_loss = 1.7\n")
    bench.turn()
    run = bench.daemon.snapshot.runs[0]
    assert (2, "13503904") == (run.attempt, run.run)
    assert [("step-50", "met"), ("step-100", "firing"), ("step-100", "resolved"), ("step-50", "firing")] == flat(bench.told())


def test_new_rules_are_told_as_a_difference(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.4), (100, 1.07))
    bench.daemon.reload(book("milestones: [step 50 < 1.5]\nrules: []\n"))
    bench.turn()
    assert ("catch_up", [("step-100", "resolved")]) == bench.told()[-1]
    assert bench.daemon.snapshot.last_reload_ok
    bench.daemon.reload(None)
    bench.turn()
    assert not bench.daemon.snapshot.last_reload_ok


def test_two_files_of_one_job_are_one_run(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.4))
    bench.tails.append("some warning\n", LOG.replace(".out", ".err"))
    bench.turn()
    assert [(LOG, LOG.replace(".out", ".err"))] == [run.paths for run in bench.daemon.snapshot.runs]


def test_the_snapshot_of_a_restarted_watcher_is_the_one_before(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.4), (75, 1.2), (100, 1.07))
    before = bench.daemon.snapshot.runs[0]
    bench = bench.kill(state, after_s=0.0)
    bench.turn()
    after = bench.daemon.snapshot.runs[0]
    assert [list(m.series.values) for m in before.metrics.values()] == [list(m.series.values) for m in after.metrics.values()]
    assert replace(before, metrics={}) == replace(after, metrics={})


def test_a_run_of_an_earlier_call_whose_files_are_not_followed_now_is_neither_judged_nor_shown(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((25, 2.0))
    bench = bench.kill(state, after_s=3 * 3600.0)
    bench.tails.news.clear()
    bench.tails.append("Step 50: val_loss = 1.2\n", "/logs/other_13504112.out", mtime_s=bench.now)
    bench.turn()
    bench.live()
    bench.now += 5
    bench.turn()
    assert (["13504112"], []) == ([run.run for run in bench.daemon.snapshot.runs], flat(bench.told()))
    bench = bench.kill(state)
    bench.live()
    bench.now += 5
    bench.turn()
    assert ("stall", "firing") in flat(bench.told())


def test_old_logs_of_a_directory_are_not_stalled_while_one_that_was_silent_for_hours_is(state: Path) -> None:
    bench = Bench(state, now=1e6)
    bench.tails.append("Step 25: val_loss = 2.0\n", "/logs/a_1001.out", mtime_s=1e6 - 3 * 86400)
    bench.tails.append("Step 25: val_loss = 2.0\n", "/logs/b_1002.out", mtime_s=1e6 - 3 * 3600)
    bench.turn()
    bench.live()
    for _ in range(2):
        bench.now += 5
        bench.turn()
    assert ["1002"] == [run.run for run in bench.daemon.snapshot.runs for alert in run.alerts if alert.state == "firing"]
    bench = bench.kill(state)
    bench.live()
    bench.now += 5
    bench.turn()
    assert ["1002"] == [run.run for run in bench.daemon.snapshot.runs for alert in run.alerts if alert.state == "firing"]


def silenced(bench: Bench, **what: object) -> int:
    return add_silence(bench.daemon.store.connection, Silence(0, "13503904", created_s=bench.now, **what))  # type: ignore[arg-type]


def test_a_silenced_alert_is_not_told_and_is_when_the_silence_ends_while_it_stands(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    silenced(bench, until_s=bench.now + 60)
    bench.now += 2
    bench.turn()
    bench.steps((50, 1.4), (100, 1.07))
    assert [] == bench.told()
    assert bench.daemon.snapshot.runs[0].alerts[0].silenced
    bench.now += 61
    bench.turn()
    bench.turn()
    assert [("step-100", "firing")] == flat(bench.told())


def test_a_silence_until_a_step_ends_at_that_step(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    silenced(bench, until_step=110.0)
    bench.now += 2
    bench.turn()
    bench.steps((50, 1.4), (100, 1.07))
    bench.now += 2
    bench.steps((110, 1.06))
    bench.turn()
    assert [("step-100", "firing")] == flat(bench.told())


def test_a_silence_of_one_rule_leaves_the_others_heard(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    silenced(bench, rule="step-50")
    bench.now += 2
    bench.turn()
    bench.steps((50, 1.6), (100, 1.55))
    assert [("step-100", "firing")] == flat(bench.told())


def test_an_alert_that_was_told_before_it_was_silenced_is_still_told_to_be_resolved(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.4), (100, 1.07))
    silenced(bench)
    bench.now += 2
    bench.steps((125, 0.8))
    assert [("step-50", "met"), ("step-100", "firing"), ("step-100", "resolved")] == flat(bench.told())


def test_a_silence_that_is_taken_away_lets_what_stands_be_told(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    number = silenced(bench)
    bench.now += 2
    bench.turn()
    bench.steps((50, 1.4), (100, 1.07))
    assert remove_silence(bench.daemon.store.connection, number)
    bench.now += 2
    bench.turn()
    bench.turn()
    assert [("step-100", "firing")] == flat(bench.told())


def test_the_end_of_a_run_is_told_once_with_the_milestones_that_it_did_not_reach(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.4), (75, 1.2))
    bench.tails.append(TIME_LIMIT, mtime_s=bench.now)
    for _ in range(4):
        bench.turn()
        bench.now += 3
    rows, _ = next_rows(bench.daemon.store.connection, "sink", 1e12)
    ends = [row.told for row in rows if row.told.kind == "ended"]
    assert 1 == len(ends)
    assert ("step-100 (val_loss < 0.9) was not reached, the run ended at step 75",) == ends[0].notes


@pytest.mark.parametrize(("last", "severity"), [(75, "warning"), (100, "info")])
def test_the_end_is_a_warning_where_a_milestone_was_not_reached(state: Path, last: int, severity: str) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.4), (last, 0.8))
    bench.tails.append(f"`Trainer.fit` stopped: `max_steps={last}` reached.\n", mtime_s=bench.now)
    bench.turn()
    rows, _ = next_rows(bench.daemon.store.connection, "sink", 1e12)
    assert [severity] == [row.told.severity for row in rows if row.told.kind == "ended"]


def test_a_state_file_of_another_version_is_refused_with_one_clear_line(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.4))
    bench.daemon.store.connection.execute("UPDATE files SET state = '{\"fold\": {\"parser\": {}, \"events\": {}}, \"position\": {}}'")
    with pytest.raises(StateError, match=r"was written by another version .* move it away"):
        bench.kill(state)


def test_alerts_of_a_run_that_ended_are_closed_after_a_day(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.4), (100, 1.07))
    bench.tails.append(TIME_LIMIT, mtime_s=bench.now)
    bench.turn()
    bench.now += 23 * 3600
    bench.turn()
    assert ("step-100", "resolved") not in flat(bench.told())
    bench.now += 2 * 3600
    bench.turn()
    assert 1 == flat(bench.told()).count(("step-100", "resolved"))
    assert not [alert for alert in bench.daemon.snapshot.runs[0].alerts if alert.state == "firing"]


def test_what_a_rule_told_that_is_gone_since_the_last_start_no_longer_stands(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.6), (75, 1.55))
    bench = bench.kill(state, rules="milestones: [step 60 < 9]\nrules: [not_finite]\n")
    bench.live()
    bench.now += 5
    bench.turn()
    (run,) = bench.daemon.snapshot.runs
    assert [] == [alert.rule for alert in run.alerts if alert.state == "firing"]
    assert ("step-50", "resolved") in flat(bench.told())
    bench = bench.kill(state, rules="milestones: [step 60 < 9]\nrules: [not_finite]\n")
    bench.live()
    assert 1 == flat(bench.told()).count(("step-50", "resolved"))


def test_other_rules_for_other_paths_leave_what_stands_of_a_run_alone(state: Path) -> None:
    bench = Bench(state)
    bench.live()
    bench.steps((50, 1.6))
    bench = bench.kill(state, rules="milestones: [step 60 < 9]\nrules: []\n")
    bench.tails.news.clear()
    bench.tails.append("Step 50: val_loss = 1.2\n", "/logs/other_13504112.out", mtime_s=bench.now)
    bench.turn()
    bench.live()
    bench = bench.kill(state)
    bench.live()
    (run,) = [run for run in bench.daemon.snapshot.runs if run.run == "13503904"]
    assert [("step-50", "firing")] == [(alert.rule, alert.state) for alert in run.alerts]
    assert ("step-50", "resolved") not in flat(bench.told())
