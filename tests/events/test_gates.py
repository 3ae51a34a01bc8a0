"""The cheap first looks let through every line that the patterns behind them know."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from test_event_reader import MARKS
from test_keys_that_did_not_fit import CASES as LISTS

from monitor.events import gates
from monitor.events.gates import passes
from monitor.events.keys import KeyLists
from monitor.events.marks import Marks
from monitor.events.prefix import split_prefix
from monitor.events.signatures import bare
from monitor.events.slurm_lines import slurm_word

CRASHES = yaml.safe_load(Path(__file__).with_name("crashes.yaml").read_text("utf-8"))
LINES = [split_prefix(line).rest for case in CRASHES for line in case["log"].split("\n")]


@pytest.mark.parametrize("line", [line for line in LINES if bare(line)])
def test_a_line_that_stands_for_a_crash_passes(line):
    assert passes(line, gates.BARE)


@pytest.mark.parametrize("line", [line for line in LINES if slurm_word(line, 0, None)])
def test_a_word_of_slurm_passes(line):
    assert passes(line, gates.SLURM)


@pytest.mark.parametrize("line", [line for line, kinds in MARKS if kinds and "requeued" not in kinds])
def test_a_mark_passes(line):
    assert Marks().feed(line, 0, None)
    assert passes(line, gates.MARKS)


@pytest.mark.parametrize("text", [case[1] for case in LISTS], ids=[case[0] for case in LISTS])
def test_the_line_that_opens_or_holds_a_list_passes(text):
    lists = KeyLists()
    for line in text.split("\n"):
        before = lists.open
        if lists.feed(line, 0) or (lists.open and not before):
            assert before or passes(line, gates.KEYS)


def test_every_signature_has_a_literal_in_the_gate():
    rules = tomllib.loads(files("monitor.events").joinpath("signatures.toml").read_text("utf-8"))["signature"]
    patterns = [pattern.replace("\\", "") for rule in rules if rule.get("bare", True) for pattern in rule["any"]]
    assert [] == [pattern for pattern in patterns if not passes(pattern.replace("[Oo]", "o").replace("[-_]", "-"), gates.BARE)]
