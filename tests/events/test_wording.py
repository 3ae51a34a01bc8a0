"""What is found once for all lines that differ in digits alone is what each of them says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_event_reader import MARKS
from test_keys_that_did_not_fit import CASES as LISTS

from monitor.events import gates, noise_literals
from monitor.events.finding import CAUSE
from monitor.events.keys import KeyLists
from monitor.events.plain import any_digits, plain_of
from monitor.events.prefix import split_prefix
from monitor.events.signatures import bare, classify, signatures
from monitor.events.slurm_lines import slurm_word
from monitor.events.sought import Late
from monitor.events.tracebacks import begins
from monitor.events.wording import MAX_WORDING_BYTES, says_nothing, wording_of

CRASHES = yaml.safe_load(Path(__file__).with_name("crashes.yaml").read_text("utf-8"))
LINES = sorted(
    {line for case in CRASHES for line in case["log"].split("\n")}
    | {line for line, _ in MARKS}
    | {line for case in LISTS for line in case[1].split("\n")}
)
PREFIXES = ("", "[rank3]: ", "12: ", "nid001: [rank1]: ", "[default0]:", "(Actor pid=71, ip=10.0.0.1) ")


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line of a real log, perhaps with a prefix, with any digits in place of its own."""
    line = draw(st.sampled_from(PREFIXES)) + draw(st.sampled_from(LINES))
    chance = draw(st.randoms(use_true_random=False))
    return re.sub("[0-9]", lambda _: str(chance.randint(0, 9)), line).encode()


@settings(max_examples=2000, deadline=None)
@given(lines())
def test_a_line_says_what_its_wording_says(line: bytes) -> None:
    wording, source = wording_of(line), split_prefix(line.decode())
    lists = KeyLists()
    assert source == wording.source(line)
    assert plain_of(source.rest) == wording.plain(source.rest)
    assert wording.slurm or slurm_word(source.rest, 0, None) is None
    assert wording.keys or not (lists.feed(source.rest, 0) or lists.open)
    assert not wording.silent or wording.noise or not begins(source.rest)


@pytest.mark.parametrize("line", ["[rank3]: RuntimeError: CUDA error", "loss is nan, stopping"])
def test_a_line_that_is_too_long_to_be_remembered_says_the_same(line: str) -> None:
    long = line + " and so on" * MAX_WORDING_BYTES
    assert split_prefix(long) == wording_of(long.encode()).source(long.encode())
    assert not wording_of(long.encode()).silent


def test_an_exit_code_of_zero_says_nothing_and_any_other_does() -> None:
    task = b"srun: error: nid1: task 3: Exited with exit code %d"
    assert not says_nothing(task % 0)
    assert not says_nothing(task % 137)


def test_no_literal_that_is_looked_for_first_holds_a_digit() -> None:
    known = [*noise_literals(), *(one.encode() for gate in (gates.SLURM, gates.KEYS, gates.MARKS, gates.BARE) for one in gate)]
    assert [] == [one for one in known if re.search(rb"[0-9]", one)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"\[Errno 28\]", r"\[Errno [0-9][0-9]\]"),
        (r"got signal: 2\b", r"got signal: [0-9]\b"),
        (r".{0,80}\d{1,4}", r".{0,80}\d{1,4}"),
        (r"[A-Z0-9.]+ \x1b", r"[A-Z0-9.]+ \x1b"),
    ],
)
def test_a_number_in_a_pattern_stands_for_any(pattern: str, expected: str) -> None:
    assert expected == any_digits(pattern)


@settings(max_examples=1000, deadline=None)
@given(lines())
def test_a_pattern_is_found_whether_its_literals_are_looked_for_first_or_not(line: bytes) -> None:
    text = line.decode()
    every = [((one.crash, one.tier), part) for one in signatures() for part in one.parts]
    expected = next((label for label, part in every if re.search(part, text)), None)
    assert (expected or ("traceback", CAUSE)) == classify(text) or "Caught " in text
    alone = next(((one.crash, one.tier) for one in signatures() if one.bare for part in one.parts if re.search(part, text)), None)
    assert alone == bare(text)


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        (r"(?:CUDA|HIP)(?: error:)? out of memory\b", " out of memory"),
        (r"\[Errno 28\]", "[Errno 28]"),
        (r"colou?r.{0,60}thread: \[\d", "thread: ["),
        (r"ab*cd+e", "cd"),
        (r"one|two", ""),
        (r"(?<!# )[Ss]av(?:ing|ed) ", "av"),
    ],
)
def test_a_match_contains_the_literal_that_is_looked_for_first(pattern: str, literal: str) -> None:
    assert literal == Late(pattern).literal
