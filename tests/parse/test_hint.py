"""A line without a hint says nothing, whoever reads it and whatever its digits are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.parse import Catalogue, general
from monitor.parse.gate import required
from monitor.parse.hint import hint, needs
from monitor.parse.label import labels
from monitor.parse.numbers import cut
from monitor.parse.reading import NOTHING
from monitor.parse.recogniser import Recogniser
from monitor.parse.source import Sort, may_be_source, sort_of
from monitor.parse.tables import Table

CATALOGUE = Catalogue.load()
ROOT = Path(__file__).resolve().parents[2]
LOGS = sorted((*ROOT.glob("tests/parse/frameworks/*.log"), *(ROOT / "examples").rglob("*.out")))
RECOGNISER = Recogniser(CATALOGUE, lambda *_: None)
PATTERNS = sorted({one.pattern for form in CATALOGUE.formats for one in (*form.signs, *(rule.pattern for rule in form.rules))})
PIECES = (
    "第", "步", "轮", "：", "，", "（", "】", "第 5 步",
    "loss", "Loss", "trainLoss", "val", "acc", "ppl", "step", "Steps", "global_step", "epoch", "Epoch", "iter", "it", "batch_idx",
    "update", "of", "best", "[", "]", "(", ")", "{", "'", '"', ":", "=", "->", "|", "||", ",", ";", "-", "/", "%|", "\t", " ", "  ",
    "\x0b", "tensor(", "np.float32(", "1", "42", "0.5", "1e-3", ".5", "-2.5", "nan", "inf", "1,024", "INFO", "train.py:", "at", "after",
    "@", "_", "é", "█", "|####  |", "----", "[rank1]:", "12:30:05", "2024-01-02", "lr", "s/it", "#", "=====", "rank", "Validation",
    "Train", "def ", "import ", "class ", "for ", "x = f(",
)  # fmt: skip
LINES = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map("".join)


def says_something(line: str) -> bool:
    """Whether any reader makes anything of a line or of what stands behind its labels: the oracle."""
    text = cut(line.encode())[0].decode("utf-8", "replace")
    for end in (0, *(end for end, _ in labels(text))):
        if any(one.recognises(text[end:]) for one in CATALOGUE.that_recognise(text[end:])) or general.read(text[end:]) is not NOTHING:
            return True
    table = Table()
    table.see(line.encode())
    return table.open or "%|" in text


@settings(max_examples=1500, deadline=None)
@given(LINES.filter(lambda line: "\n" not in line and "\x00" not in line))
@example("val|")
def test_a_line_that_says_something_has_a_hint(line: str) -> None:
    assert RECOGNISER.may_say(line.encode("utf-8", "replace")) or not says_something(line)


@settings(max_examples=400, deadline=None)
@given(LINES, st.sampled_from("123456789"), st.integers(1, 3))
def test_other_digits_are_no_other_hint(line: str, digit: str, width: int) -> None:
    other = re.sub(r"(?<![A-Za-z_@0-9])[0-9]+", digit * width, line)
    assert RECOGNISER.may_say(line.encode("utf-8", "replace")) == RECOGNISER.may_say(other.encode("utf-8", "replace"))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
def test_every_line_of_a_real_log_that_says_something_has_a_hint(path: Path) -> None:
    lines = path.read_bytes()[:400_000].replace(b"\r", b"\n").split(b"\n")
    silent = {cut(line)[0]: line for line in lines if not RECOGNISER.may_say(line)}
    assert [] == [line for line in silent.values() if says_something(line.decode("utf-8", "replace"))]


@pytest.mark.parametrize("form", CATALOGUE.formats, ids=lambda form: form.name)
def test_the_samples_of_a_format_are_hints_of_its_own_patterns(form: object) -> None:
    patterns = frozenset(rule.pattern.pattern for rule in form.rules)  # type: ignore[attr-defined]
    search = hint(patterns, general=False).search
    lines = [line for sample in form.samples for line in sample["log"].splitlines()]  # type: ignore[attr-defined]
    read = [line for line in lines if form.read(cut(line.encode())[0].decode()) not in (None, NOTHING)]  # type: ignore[attr-defined]
    assert [] == [line for line in read if search(line.encode()) is None]


def test_what_shipped_patterns_need_is_known() -> None:
    assert [] == [pattern for pattern in PATTERNS if needs(pattern) is None]


@pytest.mark.parametrize(("pattern", "line"), [("(?i)loss: \x00", "LOSS: 1"), ("(?i:Loss): \x00", "LOSS: 1"), ("(.)\\1\x00", "aa1")])
def test_a_pattern_that_minds_no_case_asks_for_no_literal(pattern: str, line: str) -> None:
    assert frozenset() == required(pattern)
    assert hint(frozenset([pattern]), general=False).search(line.encode()) is not None


@settings(max_examples=1000, deadline=None)
@given(LINES)
def test_what_may_not_be_source_behind_any_label_is_no_source(line: str) -> None:
    raw = line.encode("utf-8", "replace")
    sorts = {sort_of(raw[at:]) for at in (0, *(end for end, _ in labels(raw.decode("latin-1"))))}
    assert may_be_source(raw) or not sorts & {Sort.SOURCE, Sort.QUOTES, Sort.QUOTED}
