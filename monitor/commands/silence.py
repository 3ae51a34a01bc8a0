"""``silence``: do not tell of a run, or of one of its rules, for a while; the alert itself lives on."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from monitor.commands.channels import state_path
from monitor.commands.inputs import fail, say, say_json
from monitor.silences import SCHEMA, add_silence, read_silences, remove_silence
from monitor.store import StateError, connect
from rules.silence import Silence, left, until


def _connected(state: Path | None) -> sqlite3.Connection:
    path = state_path(state)
    try:
        connection = connect(path)
        connection.executescript(SCHEMA)
    except (StateError, sqlite3.Error) as wrong:
        fail(wrong)
    return connection


def add(run: str, rule: str | None, end: str, state: Path | None, *, json: bool) -> int:
    now = time.time()
    try:
        until_s, until_step = until(end, now)
    except ValueError as wrong:
        fail(wrong)
    silence = Silence(0, run, rule or "*", until_s, until_step, now)
    with closing(_connected(state)) as connection:
        number = add_silence(connection, silence)
    if json:
        say_json(_document(Silence(number, run, rule or "*", until_s, until_step, now)))
    else:
        say(f"silence {number}: {run}{'' if rule is None else ' ' + rule} is not told of {left(silence, now)}; --remove {number} ends it")
    return 0


def show(state: Path | None, *, json: bool) -> int:
    now = time.time()
    with closing(_connected(state)) as connection:
        silences = [silence for silence in read_silences(connection) if silence.until_s is None or silence.until_s > now]
    if json:
        for silence in silences:
            say_json(_document(silence))
        return 0
    if not silences:
        say("no silence")
    for silence in silences:
        say(f"{silence.id:>4}  {silence.run:<16} {'all rules' if silence.rule == '*' else silence.rule:<16} {left(silence, now)}")
    return 0


def remove(number: int, state: Path | None) -> int:
    with closing(_connected(state)) as connection:
        if not remove_silence(connection, number):
            fail(f"no silence {number}; `loss-watch silence --list` shows them")
    say(f"silence {number} is over")
    return 0


def _document(silence: Silence) -> dict[str, object]:
    return {
        "id": silence.id, "run": silence.run, "rule": None if silence.rule == "*" else silence.rule, "until_s": silence.until_s,
        "until_step": silence.until_step, "created_s": silence.created_s,
    }  # fmt: skip
