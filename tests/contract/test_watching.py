"""A running watcher: new files of a quoted glob, attempts as they happen, a silence, rules read again, hostile text in messages."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from endtoend.watching import command, environment, run, step_line, until, watching
from servers.receiver import receiver

RULES = "milestones: [step 50 < 1.5, 'step 100 < 0.9, worry > 1.0']\nrules:\n  - pattern: {name: oom, match: 'out of memory'}\n"


def test_a_quoted_glob_takes_up_files_that_come_later(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "r.yaml").write_text(RULES)
    with watching(tmp_path, "logs/*.out", "-r", "r.yaml") as daemon:
        daemon.ready()
        (tmp_path / "logs/a_13503904.out").write_text(step_line(50, 1.7))
        until(lambda: ["13503904"] == [event["run"] for event in daemon.events()], "the first file is judged")
        (tmp_path / "logs/b_13503905.out").write_text(step_line(50, 1.8))
        (tmp_path / "logs/b_13503905.txt").write_text(step_line(50, 1.8))
        until(lambda: 2 == len(daemon.events()), "the second too")
        assert 0 == daemon.stop()[0]


def test_a_file_that_is_truncated_and_written_anew_is_the_next_attempt(tmp_path: Path) -> None:
    log = tmp_path / "train_13503904.out"
    (tmp_path / "r.yaml").write_text(RULES)
    log.write_text(step_line(25, 2.0))
    with watching(tmp_path, log.name, "-r", "r.yaml") as daemon:
        daemon.ready()
        with log.open("a") as growing:
            growing.write(step_line(50, 1.7))
        until(lambda: daemon.events(), "the first attempt is judged")
        log.write_text(step_line(25, 1.9))
        until(lambda: 2 == json.loads(daemon.get("/api/v1/runs/13503904"))["attempt"], "the next attempt is seen")
        with log.open("a") as growing:
            growing.write(step_line(50, 1.2))
        until(lambda: any(e["state"] == "met" for e in daemon.events()), "it is judged anew")
        daemon.stop()
    told = [(event["attempt"], event["rule"], event["state"]) for event in daemon.events()]
    assert [(1, "step-50", "firing"), (1, "step-50", "resolved"), (2, "step-50", "met")] == told


def test_a_silence_keeps_what_is_told_from_being_sent_until_it_is_removed(tmp_path: Path) -> None:
    log = tmp_path / "train_13503904.out"
    (tmp_path / "r.yaml").write_text(RULES)
    log.write_text(step_line(25, 2.0))
    assert 0 == run(tmp_path, "silence", "13503904", "step-50", "--until", "step 200").returncode
    with receiver() as there, watching(tmp_path, log.name, "-r", "r.yaml", env={"LOSSWATCH_WEBHOOK_URL": f"{there.url}/x"}) as daemon:
        daemon.ready()
        with log.open("a") as growing:
            growing.write(step_line(50, 1.7))
        until(lambda: daemon.events(), "the alert is judged")
        with log.open("a") as growing:
            growing.write("GPU 0: out of memory\n")
        there.wait_for(1)
        assert [False] == ["step-50" in json.dumps(request.json["transitions"]) for request in there.requests]
        daemon.stop()


def test_sighup_reads_the_rules_again_and_keeps_the_old_ones_where_they_are_wrong(tmp_path: Path) -> None:
    log = tmp_path / "train_13503904.out"
    (tmp_path / "r.yaml").write_text(RULES)
    log.write_text(step_line(25, 2.0))
    with watching(tmp_path, log.name, "-r", "r.yaml") as daemon:
        daemon.ready()
        (tmp_path / "r.yaml").write_text("milestones: [stp 5 < 1]\n")
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "losswatch_config_last_reload_successful 0" in daemon.get("/metrics"), "the mistake is served")
        assert "r.yaml:1:14" in daemon.err.read_text()
        (tmp_path / "r.yaml").write_text("milestones: [step 60 < 1]\nrules: []\n")
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "losswatch_config_last_reload_successful 1" in daemon.get("/metrics"), "the new rules are served")
        with log.open("a") as growing:
            growing.write(step_line(60, 1.2))
        until(lambda: ["step-60"] == [event["rule"] for event in daemon.events()], "the new rules judge")
        assert 0 == daemon.stop()[0]


def test_hostile_text_is_escaped_and_bounded_in_messages_and_pages(tmp_path: Path) -> None:
    log = tmp_path / "train_13503904.out"
    (tmp_path / "r.yaml").write_text(RULES)
    evil = "<!channel> <script>alert(1)</script> \x1b]0;owned\x07 \u202e $(reboot) `id` out of memory " + "A" * 200_000
    log.write_text(step_line(25, 2.0))
    with receiver() as slack, receiver() as hook:
        env = {"LOSSWATCH_SLACK_WEBHOOK_URL": f"{slack.url}/s", "LOSSWATCH_WEBHOOK_URL": f"{hook.url}/x"}
        with watching(tmp_path, log.name, "-r", "r.yaml", env=env) as daemon:
            daemon.ready()
            with log.open("a") as growing:
                growing.write(evil + "\n")
            slack.wait_for(1)
            hook.wait_for(1)
            page, metrics = daemon.get("/api/v1/runs/13503904"), daemon.get("/metrics")
            daemon.stop()
    message = slack.requests[0].body.decode()
    assert ([], True) == ([bad for bad in ("<!channel>", "<script>", "\\u001b", "\\u202e") if bad in message], len(message) < 13_000)
    assert ([], True) == ([bad for bad in ("\\u001b", "\x1b", "\u202e") if bad in hook.requests[0].body.decode()],
                          len(hook.requests[0].body) < 20_000)  # fmt: skip
    assert ([], True) == ([bad for bad in ("\\u001b", "\x1b", "\u202e") if bad in page], len(page) < 100_000)
    assert "out of memory" not in metrics


def test_a_watcher_without_anything_to_watch_says_so_once_and_waits(tmp_path: Path) -> None:
    with watching(tmp_path, "later/*.out", "-r", "r.yaml") as wrong:
        until(lambda: wrong.process.poll() is not None, "rules that are not there are an error")
    assert (2, True) == (wrong.process.returncode, "r.yaml" in wrong.err.read_text())
    with watching(tmp_path, "later/*.out", name="second") as daemon:
        daemon.ready()
        until(lambda: "later/*.out" in daemon.err.read_text(), "it is said")
        (tmp_path / "later").mkdir()
        (tmp_path / "later/a_13503904.out").write_text(step_line(25, 2.0))
        until(lambda: 'run="13503904"' in daemon.get("/metrics"), "the file is taken up", 20.0)
        assert 0 == daemon.stop()[0]
    assert 1 == daemon.err.read_text().count("later/*.out")


def test_a_watcher_whose_own_output_is_among_its_logs_does_not_judge_itself(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RULES)
    log = tmp_path / "train_13503904.out"
    log.write_text(step_line(25, 2.0))
    with watching(tmp_path, "*.out", "*.err", "-r", "r.yaml", name="slurm-13503999") as daemon:
        daemon.ready()
        for step, val in ((50, 1.7), (75, 1.6), (100, 1.2), (125, 0.8)):
            with log.open("a") as growing:
                growing.write(step_line(step, val))
            until(lambda step=step: f'losswatch_step{{run="13503904"}} {step}.0' in daemon.get("/metrics"), f"step {step}")
        daemon.stop()
    told = [(event["run"], event["rule"], event["state"]) for event in daemon.events()]
    expected = [("step-50", "firing"), ("step-100", "firing"), ("step-50", "resolved"), ("step-100", "resolved")]
    assert sorted(("13503904", *one) for one in expected) == sorted(told)


def test_a_watcher_of_a_pipe_alone_ends_with_it_so_that_a_job_is_not_held(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RULES + "  - crash\n")
    boom = 'Traceback (most recent call last):\n  File "t.py", line 1, in <module>\nValueError: boom\n'
    lines = step_line(25, 2.0) + step_line(50, 1.7) + boom
    with receiver() as there:
        done = subprocess.run(
            [*command(), "-", "-r", "r.yaml", "--json", "--no-serve"], cwd=tmp_path, input=lines, capture_output=True, text=True,
            timeout=20, env=environment(tmp_path, LOSSWATCH_WEBHOOK_URL=f"{there.url}/x"), check=False,
        )  # fmt: skip
        sent = json.dumps([request.json for request in there.requests])
    assert (0, ["step-50", "crash"]) == (done.returncode, [json.loads(line)["rule"] for line in done.stdout.splitlines()]), done.stderr
    assert [True, True] == ["step 50" in sent, "ValueError" in sent]
