"""Where lines end, however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.parse import Catalogue, LogParser
from monitor.parse.lines import LineBuffer


def _segments(chunks: list[bytes]) -> list[tuple[bytes, int, bool]]:
    buffer = LineBuffer()
    found = [one for chunk in chunks for one in buffer.feed(chunk)]
    rest = buffer.take_rest()
    return [one for one in found if one[0]] + ([] if rest is None else [(*rest, False)])


@given(st.lists(st.text("a\r\n", max_size=6).map(str.encode), max_size=12))
def test_the_lines_are_the_same_however_the_bytes_are_cut(chunks: list[bytes]) -> None:
    assert _segments([b"".join(chunks)]) == _segments(chunks)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n", b"\r\r\r\n"])
def test_a_carriage_return_before_a_newline_belongs_to_the_line(end: bytes) -> None:
    assert [(b"one", 0, False), (b"two", 3 + len(end), False)] == _segments([b"one" + end + b"two" + end])


def test_a_carriage_return_within_a_line_ends_a_state_of_a_bar() -> None:
    assert [(b"10%", 0, True), (b"20%", 0, True), (b"30%", 0, False)] == _segments([b"10%\r20%\r30%\n"])


def test_many_carriage_returns_take_no_longer_than_other_bytes() -> None:
    assert [] == _segments([b"\r" * 1_000_000])


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_line_that_ends_as_on_windows_is_handed_to_the_reader_of_events(size: int) -> None:
    log = b"step 1 loss 2.5\r\nTraceback (most recent call last):\r\n 10%|#  | 1/10\r 20%|## | 2/10\r\n"
    parser, heard = LogParser(Catalogue.load()), []
    parser.line_sink = lambda line, _offset: heard.append(line)
    for at in range(0, len(log), size):
        parser.feed(log[at : at + size])
    assert [b"step 1 loss 2.5", b"Traceback (most recent call last):", b" 20%|## | 2/10"] == heard
