"""What is foreseen of the lines of one key holds for each of them."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.parse import Catalogue, LogParser
from monitor.parse.digits import PAD, Digits
from monitor.parse.foresight import Foresight
from monitor.parse.template import steady
from tests.parse.test_hint import LINES

SIGHT = Foresight(LogParser(Catalogue.load()))
RAW = LINES.map(lambda line: line.replace("\n", " ").encode("utf-8", "replace"))


def key_of(line: bytes) -> bytes:
    return Digits(PAD + line + b"\n").keys()[0]


def like(line: bytes, chance: random.Random) -> bytes:
    """The line with other digits, some of them more or fewer."""
    return re.sub(rb"[0-9]+", lambda run: str(chance.randrange(10 ** (len(run[0]) + chance.choice((0, 0, 1))))).encode(), line)


@settings(max_examples=1500, deadline=None)
@given(RAW, st.integers(0, 2**32))
def test_a_line_that_is_steady_looks_like_all_of_its_key(line: bytes, seed: int) -> None:
    other = like(line, random.Random(seed))
    assume(key_of(other) == key_of(line) and SIGHT.is_steady(line))
    assert SIGHT.look(line) == SIGHT.look(other)


UNSTEADY = (b"version 1.2.3 loss 0.5", b"a1.5", b"x.5", b"1e5.5", b"1e-05.5", b"..5", b"5.5.5.5", b"loss 1.5e-3.7", b"\x1b1")


@pytest.mark.parametrize("line", UNSTEADY)
def test_digits_that_a_skeleton_keeps_and_a_key_does_not_are_not_steady(line: bytes) -> None:
    assert SIGHT.is_steady(line) == steady(line, SIGHT.look)
    assert not SIGHT.is_steady(line)


EVERYDAY = (b"step 5 | loss 0.5", b"Epoch [3/10] loss: 1.5e-03", b"12:30:05 loss 1,024.5", b"layer_3 acc@5 0.5 -2.5", b"[rank3]: x 1")


@pytest.mark.parametrize("line", EVERYDAY)
def test_lines_of_everyday_are_steady(line: bytes) -> None:
    assert SIGHT.is_steady(line)


def test_a_bar_that_told_no_steps_is_passed_over_from_then_on() -> None:
    parser, bar = LogParser(Catalogue.load()), b"  3%|3         | 30/1000 [00:10<05:00,  3.01it/s]"
    sight = Foresight(parser)
    for at in range(1, 8):
        parser.feed(f"{{'loss': {1 / at:.4f}, 'learning_rate': 1e-05, 'epoch': {at / 10}}}\n".encode() + (bar + b"\n" if at == 1 else b""))
    generation = parser.generation()
    assert parser.fold.bar_broken
    assert sight.says_nothing(bar)
    assert sight.is_steady(bar)
    assert [] == parser.feed(bar + b"\n" + bar.replace(b"30/1000", b"40/1000") + b"\n")
    assert generation == parser.generation()
