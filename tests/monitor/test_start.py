"""What a command loads before it does anything: each file of it is looked for and read, on a login node from a slow home directory."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli import app, run
from monitor.libraries import environment, keep_libraries_quiet

HEAVY = frozenset({"apprise", "fastapi", "httpx", "jinja2", "matplotlib", "prometheus_client", "pydantic", "rich", "starlette", "uvicorn"})
LEAVES_OUT = {
    ("--help",): HEAVY | {"numpy", "re2", "yaml"},
    ("--version",): HEAVY | {"numpy", "re2", "yaml"},
    ("check", "--help"): HEAVY | {"numpy", "re2", "yaml"},
    ("rules", "--help"): HEAVY | {"numpy", "re2", "yaml"},
    ("alerts",): HEAVY | {"numpy", "re2", "yaml"},
    ("formats", "list"): HEAVY | {"numpy"},
    ("scan", "LOG"): HEAVY | {"numpy"},
    ("scan", "LOG", "--json"): HEAVY | {"numpy"},
    ("scan", "LOG", "--summary", "--json"): HEAVY,
    ("check", "LOG"): HEAVY - {"pydantic"},
    ("replay", "LOG"): HEAVY - {"pydantic"},
}
LOADED = """
import sys
from monitor.cli import run
try:
    run(sys.argv[1:])
finally:
    print("\\n", *{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""
NAMES = ["check", "scan", "silence", "diagnose", "watch", "rules", "formats", "notify"]
ASKED = [
    *([name, "--help"] for name in NAMES), *([name, "--no-such-option"] for name in NAMES), ["rules", "lint", "--help"], ["notify"],
    ["rules", "lynt"], ["notify", "test", "--help"], ["scan"], ["silence", "x", "--remove", "one"], ["check", "a", "--rules"],
]  # fmt: skip


@pytest.mark.parametrize("words", LEAVES_OUT, ids=" ".join)
def test_a_command_loads_nothing_that_only_others_need(words: tuple[str, ...], tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("step 1 loss 2.5\nstep 2 loss 2.25\n")
    given = [str(log) if word == "LOG" else word for word in words]
    done = subprocess.run([sys.executable, "-c", LOADED, *given], capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stderr
    assert set() == LEAVES_OUT[words] & set(done.stderr.splitlines()[-1].split())


def said(call: object, *arguments: object, **named: object) -> tuple[int | str | None, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as left:
        call(*arguments, **named)  # type: ignore[operator]
    return left.value.code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_a_command_by_itself_says_what_it_says_within_the_whole(words: list[str]) -> None:
    assert said(app, words, prog_name="loss-watch") == said(run, words)


def test_every_command_and_group_can_be_had_by_itself() -> None:
    assert [] == [name for name in app.names() if app.part(name) is None]
    assert app.part("no-such-command") is None


def test_a_shell_that_completes_is_answered_with_every_command() -> None:
    asked = {"_LOSS_WATCH_COMPLETE": "complete_bash", "COMP_WORDS": "loss-watch s", "COMP_CWORD": "1", "PATH": ""}
    code = "from monitor.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True, timeout=60, check=False)
    assert {"scan", "silence", "status"} == set(done.stdout.split()), done.stderr


def test_what_is_set_for_libraries_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.libraries._ours", set())
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "")
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS")
    before = environment()
    keep_libraries_quiet()
    assert before == environment()
    assert ("4", "__all__") == (os.environ["OPENBLAS_NUM_THREADS"], os.environ["PYDANTIC_DISABLE_PLUGINS"])
