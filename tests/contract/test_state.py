"""The state file: each alert once however often it is asked for, deleting it is safe, a second watcher and a full disk are said."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from endtoend.watching import run, step_line, until, watching
from servers.receiver import receiver

LOG = "train_13503904.out"
RULES = "milestones: [step 50 < 1.5, 'step 100 < 0.9, worry > 1.0', step 900 < 0.1]\nrules: [not_finite, crash]\n"
ASK = (LOG, "-r", "r.yaml")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / LOG).write_text(step_line(25, 2.19))
    (tmp_path / "r.yaml").write_text(RULES)
    return tmp_path


def grow(home: Path, *values: tuple[int, float], name: str = LOG, end: str = "") -> None:
    with (home / name).open("a") as log:
        log.write("".join(step_line(step, val) for step, val in values) + end)


def told(home: Path, *more: str, env: dict[str, str] | None = None) -> list[tuple[Any, ...]]:
    done = run(home, "watch", "--once", *ASK, "--json", *more, env=env)
    return [(e["rule"], e["state"], e["step"]) for e in map(json.loads, done.stdout.splitlines())]


def test_each_call_of_once_tells_what_is_new_and_nothing_twice(home: Path) -> None:
    assert [] == told(home)
    grow(home, (50, 1.6))
    assert [("step-50", "firing", 50)] == told(home)
    assert [] == told(home)
    grow(home, (75, 1.3), (100, 1.07))
    assert [("step-50", "resolved", 75), ("step-100", "firing", 100)] == told(home)
    assert [] == told(home)
    (home / LOG).write_text(step_line(25, 2.0) + step_line(50, 1.7))
    assert [("step-100", "resolved", 25), ("step-50", "firing", 50)] == told(home)


def test_the_daemon_sends_what_calls_of_once_send(home: Path) -> None:
    values = [(50, 1.6), (75, 1.3), (100, 1.07), (130, 0.8)]

    def sent(requests: list[Any]) -> list[str]:
        return [json.dumps(request.json.get("alerts") or request.json.get("transitions"), sort_keys=True) for request in requests]

    with receiver() as by_once:
        env = {"LOSSWATCH_WEBHOOK_URL": f"{by_once.url}/x"}
        told(home, "--state", "once.sqlite3", env=env)
        for value in values:
            grow(home, value)
            told(home, "--state", "once.sqlite3", env=env)
    (home / LOG).write_text(step_line(25, 2.19))
    with receiver() as live, watching(home, *ASK, env={"LOSSWATCH_WEBHOOK_URL": f"{live.url}/x"}) as daemon:
        daemon.ready()
        for count, value in enumerate(values, 1):
            grow(home, value)
            live.wait_for(count)
        daemon.stop()
    kinds = [[(a.json["run"], a.json["kind"]) for a in side.requests] for side in (by_once, live)]
    assert (kinds[0], len(values), len(set(sent(by_once.requests)))) == (kinds[1], len(live.requests), len(set(sent(live.requests))))


def test_after_a_deleted_state_only_what_still_stands_is_sent_one_message_a_run(home: Path) -> None:
    grow(home, (50, 1.6), (60, 1.2), (100, 1.07))
    (home / "other_13503905.out").write_text(step_line(50, 1.7) + step_line(100, 2.0))
    (home / "fine_13503906.out").write_text(step_line(50, 1.2) + step_line(100, 0.5))
    with receiver() as there:
        for _ in range(2):
            run(home, "watch", "--once", ".", "-r", "r.yaml", env={"LOSSWATCH_WEBHOOK_URL": f"{there.url}/x"})
            for file in (home / "state").rglob("state.sqlite3*"):
                file.unlink()
    runs = [request.json["run"] for request in there.requests]
    assert [["13503904", "13503905"]] * 2 == [sorted(runs[:2]), sorted(runs[2:])]
    first = next(request.body.decode() for request in there.requests if request.json["run"] == "13503904")
    assert (True, False) == ("step-100" in first, "1.6 at step 50" in first)


def test_the_end_message_says_which_milestone_was_not_reached(home: Path) -> None:
    with receiver() as there, (home / "r.yaml").open("a") as rules:
        rules.write(f"notify:\n  webhook: {{url: {there.url}/x, min_severity: info}}\n")
        rules.flush()
        told(home)
        grow(home, (50, 1.2), (100, 0.5), end="`Trainer.fit` stopped: `max_steps=100` reached.\n")
        told(home)
    assert [True] == ["900" in request.body.decode() and "not reached" in request.body.decode() for request in there.requests]


def test_the_state_is_the_users_alone(home: Path) -> None:
    told(home)
    (file,) = (home / "state").rglob("*.sqlite3")
    assert (home / "state" / "loss-watch" / "state.sqlite3", 0o700, 0o600) == (
        file, stat.S_IMODE(file.parent.stat().st_mode), stat.S_IMODE(file.stat().st_mode),
    )  # fmt: skip
    told(home, "--state", "deep/er/s.sqlite3")
    assert (home / "deep/er/s.sqlite3").exists()


def test_a_second_watcher_of_the_same_state_is_refused_in_one_line(home: Path) -> None:
    with watching(home, *ASK) as daemon:
        daemon.ready()
        for ask in (["watch", "--once", *ASK], ["watch", *ASK]):
            done = run(home, *ask, timeout_s=15)
            assert (2, 1, True) == (done.returncode, len(done.stderr.splitlines()), str(daemon.process.pid) in done.stderr), done.stderr
        shown = json.loads(run(home, "status", "--json").stdout)
        assert (True, ["13503904"]) == (shown["watcher"]["running"], [judged["run"] for judged in shown["runs"]])
        daemon.stop(signal.SIGKILL)
    assert 0 == run(home, "watch", "--once", *ASK).returncode
    assert json.loads(run(home, "status", "--json").stdout)["watcher"]["running"] is False


BROKEN: tuple[tuple[str, bytes], ...] = (("no database", b"hello " * 400), ("cut off", b"SQLite format 3\x00" + b"\x00" * 100))


@pytest.mark.parametrize("raw", [raw for _, raw in BROKEN], ids=[name for name, _ in BROKEN])
def test_a_state_file_that_is_none_is_one_line(home: Path, raw: bytes) -> None:
    (home / "s.sqlite3").write_bytes(raw)
    for ask in (["watch", "--once", *ASK], ["status"], ["silence", "--list"], ["explain", "13503904"]):
        done = run(home, *ask, "--state", "s.sqlite3")
        assert (2, 1, False) == (done.returncode, len(done.stderr.splitlines()), "Traceback" in done.stderr), f"{ask} {done.stderr}"
    assert raw == (home / "s.sqlite3").read_bytes()


def test_a_state_that_is_a_directory_is_one_line(home: Path) -> None:
    (home / "d").mkdir()
    done = run(home, "watch", "--once", *ASK, "--state", "d")
    assert (2, 1, False) == (done.returncode, len(done.stderr.splitlines()), "Traceback" in done.stderr), done.stderr


def test_a_disk_that_is_full_is_said_and_what_waits_is_sent_when_there_is_room(home: Path) -> None:
    with receiver() as there, watching(home, *ASK, env={"LOSSWATCH_WEBHOOK_URL": f"{there.url}/x"}) as daemon:
        daemon.ready()
        limit = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
        grow(home, (50, 1.6))
        until(lambda: "it is tried again" in daemon.err.read_text(), "the full disk is said")
        until(lambda: ["step-50"] == [event["rule"] for event in daemon.events()], "the event is printed all the same")
        assert "13503904" in daemon.get("/metrics")
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limit)
        there.wait_for(1, timeout_s=20)
        code, _ = daemon.stop()
    text = daemon.err.read_text()
    assert (0, 1, False) == (code, text.count("it is tried again"), "Traceback" in text), text
    with sqlite3.connect(home / "state" / "loss-watch" / "state.sqlite3") as state:
        assert [("step-50", "firing")] == state.execute("SELECT rule, state FROM transitions").fetchall()


def test_a_disk_that_is_full_at_the_start_is_one_line(home: Path) -> None:
    done = run(home, "watch", "--once", *ASK, prefix=("prlimit", "--fsize=4096"))
    assert (2, 1, False) == (done.returncode, len(done.stderr.splitlines()), "Traceback" in done.stderr), done.stderr


def test_a_file_whose_name_is_no_text_is_followed_like_any_other(tmp_path: Path) -> None:
    import os

    (tmp_path / "r.yaml").write_text(RULES)
    with open(os.fsencode(tmp_path) + b"/\xff\xfe_run.out", "w") as log:
        log.write(step_line(50, 1.6))
    ask = ("*_run.out", "-r", "r.yaml", "--json")
    first, second = (run(tmp_path, "watch", "--once", *ask) for _ in range(2))
    assert (1, 1, 1, 0) == (first.returncode, len(first.stdout.splitlines()), second.returncode, len(second.stdout.splitlines()))
    assert [] == [word for word in ("Traceback", "surrogate") if word in first.stderr + second.stderr]
    with receiver() as there, watching(tmp_path, *ask[:3], "--state", "new.sqlite3",
                                       env={"LOSSWATCH_WEBHOOK_URL": f"{there.url}/x"}) as daemon:  # fmt: skip
        daemon.ready()
        there.wait_for(1)
        (judged,) = json.loads(daemon.get("/api/v1/runs"))["runs"]
        assert there.requests[0].json["run"] == judged["run"]
        assert 0 == daemon.stop()[0]


def test_a_call_judges_and_counts_only_the_runs_of_its_own_paths(home: Path) -> None:
    (home / "other_13504112.out").write_text(step_line(50, 1.8))
    first = run(home, "watch", "--once", "other_13504112.out", "-r", "r.yaml")
    assert (1, True) == (first.returncode, "13504112" in first.stdout)
    grow(home, (50, 1.2))
    second = run(home, "watch", "--once", *ASK)
    assert (0, False) == (second.returncode, "13504112" in second.stdout), second.stdout
    both = run(home, "watch", "--once", "*.out", "-r", "r.yaml")
    assert (1, "") == (both.returncode, both.stdout)


def test_a_directory_of_old_logs_makes_no_storm(home: Path) -> None:
    for number in range(1001, 1007):
        (home / f"old_{number}.out").write_text(step_line(25, 2.19))
        os.utime(home / f"old_{number}.out", (1e9, 1e9))
    with receiver() as there:
        done = run(home, "watch", "--once", "old_*.out", env={"LOSSWATCH_WEBHOOK_URL": f"{there.url}/x"})
        assert (0, "", 0) == (done.returncode, done.stdout, len(there.requests))


def test_changed_rules_are_judged_on_what_the_log_held_and_the_same_as_check_says(home: Path) -> None:
    grow(home, (50, 1.8), (75, 1.3))
    assert ("step-50", "resolved", 75) == told(home)[-1]
    for rules in ("[step 50 < 1.0]", "[step 50 < 1.0, 'step 60 < 1.2, worry > 1.25']", "[step 50 < 2, step 25 < 3]"):
        (home / "r.yaml").write_text(f"milestones: {rules}\nrules: []\n")
        told(home)
        checked = json.loads(run(home, "check", *ASK, "--json").stdout)["runs"][0]
        kept = json.loads(run(home, "status", "--json").stdout)["runs"][0]
        assert checked["verdict"] == kept["verdict"], rules
        assert [(m["id"], m["status"]) for m in checked["milestones"]] == [(m["id"], m["status"]) for m in kept["milestones"]], rules
        assert [(a["rule"], a["state"]) for a in checked["alerts"]] == [(a["rule"], a["state"]) for a in kept["alerts"]], rules
        assert [] == told(home)
