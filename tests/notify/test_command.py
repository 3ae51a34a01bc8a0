"""A program of the user's: what it is given, that it is bounded, and that no log text reaches a shell or an argument."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.samples import HOSTILE, worry

from monitor.config import SettingsProblem, settings
from monitor.notify.channel import DeliveryError
from monitor.notify.command import JOB_ID, Command


def script(tmp_path: Path, body: str) -> str:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{body}\n")
    os.chmod(program, 0o755)
    return str(program)


def test_the_program_gets_the_event_in_its_environment_and_on_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSWATCH_SMTP_URL", "smtp://ada:secret@host")
    program = script(tmp_path, 'env > env; cat > stdin; printf "%s" "$1" > arg')
    assert f"{program} ended with 0" == Command(name="c", argv=(program, "{job_id}")).send(worry(message=HOSTILE), {})
    env = (tmp_path / "env").read_text()
    assert ("13503904", worry(message=HOSTILE).id) == ((tmp_path / "arg").read_text(), json.loads((tmp_path / "stdin").read_text())["id"])
    for line in ("LOSSWATCH_RUN=13503904", "LOSSWATCH_RULE=step-100", "LOSSWATCH_STATE=firing", "LOSSWATCH_VALUE=1.07"):
        assert line in env.splitlines()
    assert "secret" not in env


def test_it_is_run_for_what_it_was_asked_for_only(tmp_path: Path) -> None:
    program = script(tmp_path, "echo x >> ran")
    channel = Command(name="c", argv=(program,))
    assert "not an event that it is run for" == channel.send(worry(state="resolved"), {})
    assert not (tmp_path / "ran").exists()


@given(st.one_of(st.text(max_size=30), st.from_regex(JOB_ID)))
def test_only_a_job_number_ever_stands_in_an_argument(run: str) -> None:
    told = worry(run=run)
    channel = Command(name="c", argv=("scancel", "{job_id}"))
    if JOB_ID.fullmatch(told.run):
        assert ("scancel", told.run) == channel.payload(told)[0]
    else:
        with pytest.raises(DeliveryError, match="is no job"):
            channel.payload(told)


def test_a_program_that_never_ends_is_killed_with_its_children(tmp_path: Path) -> None:
    program = script(tmp_path, "sleep 300 & echo $! > child; echo before; wait")
    before = time.monotonic()
    with pytest.raises(DeliveryError) as raised:
        Command(name="c", argv=(program,), timeout_s=0.5).send(worry(), {})
    assert "took longer than 0.5 s and was killed: before" in str(raised.value)
    assert time.monotonic() - before < 10
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() and "\nState:\tZ" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline


def test_a_program_that_prints_without_end_costs_no_memory(tmp_path: Path) -> None:
    program = script(tmp_path, "yes 'a long line of output' | head -c 50000000; exit 3")
    with pytest.raises(DeliveryError) as raised:
        Command(name="c", argv=(program,)).send(worry(), {})
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(("code", "permanent"), [(75, False), (1, True)])
def test_only_exit_code_75_is_tried_again(tmp_path: Path, code: int, permanent: bool) -> None:
    with pytest.raises(DeliveryError) as raised:
        Command(name="c", argv=(script(tmp_path, f"echo no; exit {code}"),)).send(worry(), {})
    assert (permanent, True) == (raised.value.permanent, str(raised.value).endswith(f"ended with {code}: no"))


def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(DeliveryError, match="cannot be started"):
        Command(name="c", argv=("/nowhere/at/all",)).send(worry(), {})


def test_the_settings_take_a_list_or_a_line_and_fix_the_program() -> None:
    for run in (["scancel", "{job_id}"], "scancel '{job_id}'"):
        (channel,) = settings(rules_notify={"command": {"run": run, "on": ["firing"], "rules": ["not_finite"]}}, environ={}).channels
        assert isinstance(channel, Command)
        assert ("scancel", "{job_id}") == channel.argv
    (short,) = settings(rules_notify={"command": ["scancel", "{job_id}"]}, environ={}).channels
    assert isinstance(short, Command)
    assert ("scancel", "{job_id}") == short.argv
    with pytest.raises(SettingsProblem, match="stands first and is fixed"):
        settings(rules_notify={"command": {"run": ["{job_id}"]}}, environ={})
