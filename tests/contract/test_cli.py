"""The command line: every command, its help, its exit codes, its output where nobody reads it or no terminal shows it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from endtoend.watching import command, environment, run, step_line, until, watching

LOG = "train_13503904.out"
RULES = "milestones: [step 50 < 1.5, step 100 < 0.9]\nrules: []\n"
COMMANDS = (
    ["watch"], ["scan"], ["check"], ["replay"], ["explain"], ["report"], ["diagnose"], ["status"], ["silence"], ["init"], ["learn"],
    ["rules", "lint"], ["rules", "schema"], ["rules", "presets"], ["formats", "list"], ["formats", "show"], ["formats", "test"],
    ["notify", "test"], ["dashboard"], ["alerts"],
)  # fmt: skip
PRINTS_FACTS = frozenset({
    "watch", "scan", "check", "replay", "explain", "diagnose", "status", "silence", "rules lint", "formats list", "formats test",
    "notify test",
})  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / LOG).write_text("".join(step_line(step, 2.5 - step / 100) for step in range(10, 121, 10)))
    (tmp_path / "m.yaml").write_text(RULES)
    return tmp_path


def test_every_command_has_help_with_a_worked_example_and_json_where_it_prints_facts(home: Path) -> None:
    for words in COMMANDS:
        done = run(home, *words, "--help")
        name = " ".join(words)
        example = f"loss-watch {name}" if name != "watch" else "loss-watch 'logs/*.out'"
        assert (0, True) == (done.returncode, example in done.stdout.partition("Example")[2]), done.stdout
        assert name not in PRINTS_FACTS or "--json" in done.stdout, done.stdout
        head = done.stdout.partition("Options:")[0]
        assert [] == [odd for odd in ("{", "[[", "......", "<str>", "<path>", "<list", "[required]") if odd in head], head


def test_help_names_every_command(home: Path) -> None:
    done = run(home, "--help")
    missing = {words[0] for words in COMMANDS} - {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert (0, set()) == (done.returncode, missing)
    assert (False, True) == ("..." in done.stdout.partition("Commands:")[2], "usage or configuration" in done.stdout)
    assert (done.returncode, done.stdout) == ((again := run(home, "help")).returncode, again.stdout)


WRONG: tuple[tuple[list[str], str], ...] = (
    ([LOG, "--nope"], "--nope"),
    (["check"], "PATH"),
    (["check", LOG, "--rules"], "--rules"),
    (["check", LOG, "-r", "absent.yaml"], "absent.yaml"),
    (["check", LOG, "--format", "nanogtp"], "nanogpt"),
    (["chekc", LOG], "`check`"),
    (["check", "absent.out"], "absent.out"),
    (["scan", "absent-*.out"], "absent-*.out"),
    (["explain", "nobody"], "nobody"),
    (["report", "absent.out"], "absent.out"),
    (["rules", "lnt", "m.yaml"], "lint"),
    (["rules", "presets", "finetun"], "finetune"),
    (["formats", "show", "nope"], "nope"),
    (["formats", "test", "absent.out"], "absent.out"),
    (["silence"], "RUN"),
    (["silence", "13503904", "--until", "soon"], "soon"),
    (["silence", "--remove", "77"], "77"),
    (["notify", "test"], "LOSSWATCH_SLACK_WEBHOOK_URL"),
    (["status", "--state", "absent.sqlite3"], "absent.sqlite3"),
    (["diagnose", "absent.ckpt", "absent.json"], "absent.ckpt"),
    (["init", "absent.out"], "absent.out"),
    (["learn", "absent.out"], "absent.out"),
    (["watch", LOG, "--listen", "nowhere"], "nowhere"),
    (["watch", LOG, "--listen", "127.0.0.1:99999"], "99999"),
    (["watch", LOG, "--token-file", "absent.token"], "absent.token"),
    (["watch", LOG, "--tls-cert", "absent.pem"], "tls-key"),
)


@pytest.mark.parametrize(("ask", "said"), WRONG, ids=[" ".join(ask) for ask, _ in WRONG])
def test_a_mistake_of_usage_ends_with_2_and_says_what_is_wrong(home: Path, ask: list[str], said: str) -> None:
    done = run(home, *ask, timeout_s=15)
    assert (2, True, False) == (done.returncode, said in done.stderr, "Traceback" in done.stderr), done.stdout + done.stderr


@pytest.mark.parametrize("ask", [["doctor"], ["service"], ["check", "job:13503904"], ["watch", "job:13503904", "--once"]], ids=" ".join)
def test_what_is_promised_and_not_there_yet_never_waits_nor_breaks(home: Path, ask: list[str]) -> None:
    done = run(home, *ask, timeout_s=15)
    assert (False, False) == ("Traceback" in done.stderr, "nothing to read yet" in done.stderr), done.stderr
    assert done.returncode in (0, 1, 2, 3, 4)


READERS = (
    ["scan", LOG, "--json"], ["check", LOG, "-r", "m.yaml"], ["replay", LOG, "-r", "m.yaml"], ["explain", LOG],
    ["formats", "list"], ["rules", "schema"], ["dashboard"], ["report", LOG], ["watch", "--once", LOG, "-r", "m.yaml"], ["--help"],
    ["status"],
)  # fmt: skip


def test_a_reader_of_the_output_that_went_away_is_no_crash(home: Path) -> None:
    run(home, "watch", "--once", LOG)
    for ask in READERS:
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run([*command(), *ask], cwd=home, env=environment(home), stdin=subprocess.DEVNULL, stdout=write_end,
                              stderr=subprocess.PIPE, text=True, timeout=20, check=False)  # fmt: skip
        os.close(write_end)
        assert [] == [word for word in ("Traceback", "Exception", "BrokenPipe") if word in done.stderr], f"{ask}: {done.stderr}"


def test_output_that_cannot_be_written_is_said_in_one_line(home: Path) -> None:
    for ask in (["scan", LOG, "--json"], ["check", LOG, "-r", "m.yaml"], ["rules", "schema"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([*command(), *ask], cwd=home, env=environment(home), stdin=subprocess.DEVNULL, stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=20, check=False)  # fmt: skip
        assert (True, False, True) == (done.returncode != 0, "Traceback" in done.stderr, "No space left" in done.stderr), done.stderr


def test_json_is_json_on_stdout_alone(home: Path) -> None:
    run(home, "watch", "--once", LOG, "-r", "m.yaml")
    run(home, "silence", "13503904", "step-100", "--until", "step 200")
    asks = (
        ["scan", LOG, "--json"], ["scan", LOG, "--summary", "--json"], ["check", LOG, "-r", "m.yaml", "--json"],
        ["replay", LOG, "-r", "m.yaml", "--json"], ["explain", LOG, "-r", "m.yaml", "--json"], ["status", "--json"],
        ["silence", "--list", "--json"], ["formats", "list", "--json"], ["formats", "test", LOG, "--json"],
        ["rules", "lint", "m.yaml", "--json"], ["rules", "schema"], ["dashboard"],
    )  # fmt: skip
    for ask in asks:
        done = run(home, *ask)
        assert done.stdout.strip(), f"{ask}: {done.stderr}"
        try:
            json.loads(done.stdout)
        except ValueError:
            assert [dict] * len(done.stdout.splitlines()) == [type(json.loads(line)) for line in done.stdout.splitlines()], ask


def test_without_a_terminal_and_with_no_color_there_is_plain_text(home: Path) -> None:
    for extra in ({"NO_COLOR": ""}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "", "TERM": "xterm-256color"}):
        for ask in (["check", LOG, "-r", "m.yaml"], ["--help"]):
            done = run(home, *ask, env=extra)
            assert "\x1b" not in done.stdout + done.stderr, ask


def test_silence_is_added_listed_and_removed(home: Path) -> None:
    added = [run(home, "silence", "13503904", *rule, "--until", until, "--json") for rule, until in (
        (["step-100"], "step 200"), ([], "2h"), (["step-50"], "end"))]  # fmt: skip
    assert [0, 0, 0] == [done.returncode for done in added], added[0].stderr
    first = json.loads(added[0].stdout)["id"]
    listed = [json.loads(line) for line in run(home, "silence", "--list", "--json").stdout.splitlines()]
    assert [("step-100", 200), (None, None), ("step-50", None)] == [(one["rule"], one["until_step"]) for one in listed]
    assert 0 == run(home, "silence", "--remove", str(first)).returncode
    assert 2 == len(run(home, "silence", "--list", "--json").stdout.splitlines())


def test_an_interrupt_of_a_command_that_reads_ends_with_130(home: Path) -> None:
    import signal

    read_end, write_end = os.pipe()
    process = subprocess.Popen([*command(), "scan", "-"], cwd=home, env=environment(home), stdin=read_end, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    until(lambda: Path(f"/proc/{process.pid}/syscall").read_text().startswith("0 0x0 "), "it reads its standard input")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)
    os.close(read_end)
    os.close(write_end)
    assert (130, False) == (process.returncode, "Traceback" in stderr), stderr


def test_watch_is_the_default_command_and_says_once_how_to_quote(home: Path) -> None:
    (home / "train_13503905.out").write_text(step_line(25, 2.19))
    with watching(home, LOG, "train_13503905.out", "-r", "m.yaml") as daemon:
        daemon.ready()
        code, _ = daemon.stop()
    hints = [line for line in daemon.err.read_text().splitlines() if "quote" in line]
    assert (0, 1, True) == (code, len(hints), "'*.out'" in hints[0])
    done = run(home, LOG, "-r", "m.yaml", "--once", "--json")
    assert (1, True) == (done.returncode, "step-100" in run(home, "status", "--json").stdout), done.stderr


def test_a_replay_of_nothing_does_not_say_that_all_was_well(home: Path) -> None:
    done = run(home, "replay", "absent.out")
    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))


def test_an_error_leads_with_the_name_of_the_command(home: Path) -> None:
    for ask in (["diagnose", "absent.ckpt"], ["status", "--state", "absent"], ["formats", "test", "absent"], ["explain", "nobody"]):
        done = run(home, *ask)
        assert ("loss-watch: ", False) == (done.stderr[:12], "Errno" in done.stderr), done.stderr


def test_the_format_of_a_log_is_named_and_what_every_advice_names_is_there(home: Path) -> None:
    named = run(home, "formats", "test", LOG)
    assert (0, True) == (named.returncode, named.stdout.startswith(f"{LOG}: general: ")), named.stdout
    (home / "prose.log").write_text("hello world\n" * 3)
    lost = run(home, "init", "prose.log")
    advised = lost.stderr.partition("`loss-watch ")[2].partition("`")[0].split()
    assert (0, True) == ((done := run(home, *advised)).returncode, "loss" in done.stdout), lost.stderr + done.stderr
    nothing = run(home, "scan", "prose.log")
    assert (4, "", True) == (nothing.returncode, nothing.stdout, "no observation" in nothing.stderr)
