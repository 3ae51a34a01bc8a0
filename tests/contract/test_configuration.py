"""Where settings come from and who wins; secrets stay where they are."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from endtoend.watching import run, step_line, until, watching
from servers.receiver import Receiver, receiver

LOG = "train_13503904.out"
SECRET = "T0K3N-b7Zq9-secret"
RULES = "milestones: [step 50 < 1.5]\nrules: []\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / LOG).write_text(step_line(25, 2.19))
    (tmp_path / "r.yaml").write_text(RULES)
    (tmp_path / "config" / "loss-watch").mkdir(parents=True)
    return tmp_path


def notify(url: str, **more: str) -> str:
    settings = "".join(f", {key}: {value}" for key, value in more.items())
    return f"notify:\n  webhook: {{url: '{url}'{settings}}}\n"


LAYERS = ("config.yaml", "rules", "environment")


@pytest.mark.parametrize("given", [LAYERS[:1], LAYERS[:2], LAYERS, (LAYERS[0], LAYERS[2]), LAYERS[1:]], ids=" and ".join)
def test_the_environment_wins_over_the_rules_file_and_that_over_the_configuration(home: Path, given: tuple[str, ...]) -> None:
    with ExitStack() as open_ones:
        there: dict[str, Receiver] = {layer: open_ones.enter_context(receiver()) for layer in LAYERS}
        env = {"LOSSWATCH_WEBHOOK_URL": f"{there['environment'].url}/x"} if "environment" in given else {}
        if "config.yaml" in given:
            (home / "config/loss-watch/config.yaml").write_text(notify(f"{there['config.yaml'].url}/x"))
        if "rules" in given:
            (home / "r.yaml").write_text(RULES + notify(f"{there['rules'].url}/x"))
        done = run(home, "notify", "test", "-r", "r.yaml", "--json", env=env)
    assert (0, [(True, "webhook")]) == (done.returncode, [(row["ok"], row["kind"]) for row in map(json.loads, done.stdout.splitlines())])
    assert {given[-1]} == {layer for layer, one in there.items() if one.requests}


def test_the_command_line_wins_over_the_environment_and_that_over_the_configuration(home: Path) -> None:
    (home / "config/loss-watch/config.yaml").write_text("state: from-config.sqlite3\n")
    asks: tuple[tuple[list[str], dict[str, str], str], ...] = (
        ([], {}, "from-config.sqlite3"), ([], {"LOSSWATCH_STATE": "from-env.sqlite3"}, "from-env.sqlite3"),
        (["--state", "given.sqlite3"], {"LOSSWATCH_STATE": "from-env.sqlite3"}, "given.sqlite3"),
    )  # fmt: skip
    for more, env, name in asks:
        for old in home.glob("*.sqlite3"):
            old.unlink()
        done = run(home, "watch", "--once", LOG, "-r", "r.yaml", *more, env=env)
        assert [name] == [path.name for path in home.glob("*.sqlite3")], done.stderr
        assert 0 == run(home, "status", *more, env=env).returncode


def test_a_mistake_in_the_configuration_is_told_at_its_place(home: Path) -> None:
    (home / "config/loss-watch/config.yaml").write_text("notify:\n  slak: {}\n  webhook: {ulr: http://x/}\nlisten_on: 3\n")
    done = run(home, "watch", "--once", LOG, "-r", "r.yaml")
    assert (2, False) == (done.returncode, "Traceback" in done.stderr)
    for word in ("config.yaml:2:3", "`slack`", "config.yaml:3:13", "`url`", "config.yaml:4:1"):
        assert word in done.stderr, done.stderr


def every_file(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (home / "state").rglob("*") if path.is_file())


def test_a_secret_is_nowhere_but_in_the_request(home: Path) -> None:
    with receiver([500, 200]) as there:
        env = {"LOSSWATCH_WEBHOOK_URL": f"{there.url}/hook/{SECRET}?key={SECRET}", "LOSSWATCH_SMTP_URL": f"smtp://u:{SECRET}@127.0.0.1:9",
               "LOSSWATCH_EMAIL_FROM": "a@example.org", "LOSSWATCH_EMAIL_TO": "b@example.org,c@example.org",
               "LOSSWATCH_SLACK_WEBHOOK_URL": f"http://127.0.0.1:9/services/{SECRET}"}  # fmt: skip
        with watching(home, LOG, "-r", "r.yaml", env=env) as daemon:
            daemon.ready()
            with (home / LOG).open("a") as log:
                log.write(step_line(50, 1.7))
            there.wait_for(1)
            until(lambda: "fails" in daemon.err.read_text(), "a failure is said")
            served = "".join(daemon.get(path) for path in ("/", "/metrics", "/api/v1/runs", "/api/v1/alerts", "/api/v1/runs/13503904"))
            argv = Path(f"/proc/{daemon.process.pid}/cmdline").read_text()
            daemon.stop()
        tried = run(home, "notify", "test", "-r", "r.yaml", env=env)
        shown = run(home, "status", "--json", env=env)
    assert SECRET in there.requests[0].path
    said = [daemon.err.read_text(), daemon.out.read_text(), served, argv, tried.stdout + tried.stderr, shown.stdout + shown.stderr]
    assert [] == [text for text in said if SECRET in text]
    assert SECRET.encode() not in every_file(home)


def test_a_mistaken_secret_is_not_repeated_in_the_mistake(home: Path) -> None:
    for value in (f"htp:/{SECRET}", f"http://[{SECRET}", f"ftp://x/{SECRET}", SECRET):
        names = ("LOSSWATCH_WEBHOOK_URL", "LOSSWATCH_SLACK_WEBHOOK_URL", "LOSSWATCH_SMTP_URL", "LOSSWATCH_ALERTMANAGER_URL")
        env = dict.fromkeys(names, value) | {"LOSSWATCH_EMAIL_FROM": "a@example.org", "LOSSWATCH_EMAIL_TO": "b@example.org"}
        done = run(home, "notify", "test", env=env)
        assert (True, False) == (done.returncode in (1, 2), SECRET in done.stderr + done.stdout), f"{value}: {done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr


def test_a_secret_file_that_others_can_read_gets_a_warning_and_a_private_one_none(home: Path) -> None:
    with receiver() as there:
        secret = home / "hook.url"
        secret.write_text(f"{there.url}/{SECRET}\n")
        (home / "r.yaml").write_text(RULES + f"notify:\n  webhook: {{url_file: {secret}}}\n")
        warned = {}
        for mode in (0o644, 0o640, 0o600):
            secret.chmod(mode)
            done = run(home, "notify", "test", "-r", "r.yaml")
            assert (0, False) == (done.returncode, SECRET in done.stderr + done.stdout), done.stderr
            warned[mode] = "hook.url" in done.stderr
    assert {0o644: True, 0o640: True, 0o600: False} == warned
    secret.unlink()
    absent = run(home, "notify", "test", "-r", "r.yaml")
    assert (2, True) == (absent.returncode, "hook.url" in absent.stderr), absent.stderr


def test_a_variable_that_is_not_set_turns_its_channel_off_with_a_warning(home: Path) -> None:
    (home / "r.yaml").write_text(RULES + "notify:\n  slack: {webhook_url: ${LOSSWATCH_SLACK_WEBHOOK_URL}}\n")
    done = run(home, "watch", "--once", LOG, "-r", "r.yaml")
    assert (0, 1, True) == (done.returncode, len(done.stderr.splitlines()), "slack" in done.stderr), done.stderr


def test_min_severity_lets_through_what_is_severe_enough(home: Path) -> None:
    (home / LOG).write_text(step_line(50, 1.7))
    counts = {}
    for level in ("info", "warning", "critical"):
        with receiver() as there:
            (home / "r.yaml").write_text(RULES + notify(f"{there.url}/x", min_severity=level))
            run(home, "watch", "--once", LOG, "-r", "r.yaml", "--state", f"{level}.sqlite3")
        counts[level] = len(there.requests)
    assert {"info": 1, "warning": 1, "critical": 0} == counts


def test_several_addresses_with_commas(home: Path) -> None:
    with receiver() as one, receiver() as two:
        env = {"LOSSWATCH_ALERTMANAGER_URL": f"{one.url},{two.url}"}
        done = run(home, "notify", "test", env=env)
    assert (0, ["/api/v2/alerts"], ["/api/v2/alerts"]) == (
        done.returncode, [r.path for r in one.requests][:1], [r.path for r in two.requests][:1],
    ), done.stdout + done.stderr  # fmt: skip
