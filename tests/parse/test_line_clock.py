"""The time at the head of a line: what is one, what is none, over midnight and new year, and the silences between lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.parse.clock import LineClock, Silence, in_time, shift_s
from rules.observation import Observation

WRITTEN = datetime(2026, 11, 23, 20, 0).timestamp()
TEN = datetime(2026, 11, 23, 10, 0)


def times(lines: list[bytes], clock: LineClock | None = None) -> list[float | None]:
    """The time that each line tells, None where it tells none."""
    clock = clock or LineClock(WRITTEN)
    items = [Observation("loss", 1.0, i, offset=i) for i in range(len(lines))]
    for i, line in enumerate(lines):
        clock.hear(line)
        clock.note(i)
    clock.stamp(items)
    return [item.time_s for item in items]


@pytest.mark.parametrize(
    "line",
    [
        b"2026-11-23 10:00:00,250 - INFO - step 1", b"[2026-11-23 10:00:00,250][root][INFO] - x", b"2026/11/23 10:00:00.250 - mmengine - x",
        b"INFO 2026-11-23 10:00:00.250 trainer.py:12] x", b"[rank0]: 2026-11-23 10:00:00.250 x", b"  3: 2026-11-23T10:00:00.250 x",
        b'{"time": "2026-11-23T10:00:00.250", "loss": 1}', b"[NeMo I 2026-11-23 10:00:00.250 a:1] x", b"10:00:00,250 INFO x",
        b"[10:00:00.250] x", b"[11/23 10:00:00.250 d2.utils.events]: eta", b"I1123 10:00:00.250000 1234 train.py:12] x",
        b"Nov 23 10:00:00.250 step 1", b"WARNING: 2026-11-23 10:00:00.250 x",
    ],
)  # fmt: skip
def test_the_times_that_programs_put_before_their_lines(line: bytes) -> None:
    assert [(TEN + timedelta(milliseconds=250)).timestamp()] == times([line])


@pytest.mark.parametrize(
    ("line", "hour"), [(b"2026-11-23T10:00:00Z x", 10), (b"2026-11-23T10:00:00+02:00 x", 8), (b"2026-11-23 10:00:00 -0500 x", 15)]
)
def test_a_zone_counts(line: bytes, hour: int) -> None:
    assert [datetime(2026, 11, 23, hour, tzinfo=UTC).timestamp()] == times([line])


@pytest.mark.parametrize(
    "line",
    [
        b"", b"step 10 | loss 1.2 | time 123ms", b"valid from 2020-01-01 00:00:00 loss 0.3", b"100%|##| 10/10 [00:10<00:00,  1.00it/s]",
        b"iter 10: loss 2.5, time 10:00:00", b"2026-13-45 10:00:00 x", b"2026-11-23 25:61:00 x", b"99:99:99 x", b"Feb 31 10:00:00 x",
        b"2026-11-23 10:00 x", b"1123 10:00:00 x", b"10:00:00x", b"0000-00-00 00:00:00 x", b"I9999 10:00:00.0 1 x",
    ],
)  # fmt: skip
def test_what_is_no_time_of_a_line(line: bytes) -> None:
    assert [None] == times([line])


def test_a_clock_without_a_date_goes_on_over_midnight() -> None:
    clock = LineClock(datetime(2026, 11, 24, 1, 0).timestamp())
    seen = times([b"23:59:50 a", b"00:00:10 b", b"23:59:59 c of a late rank", b"00:00:20 d"], clock)
    assert [0.0, 20.0, 9.0, 30.0] == [t - seen[0] for t in seen if t is not None and seen[0] is not None]
    assert datetime(2026, 11, 23, 23, 59, 50).timestamp() == seen[0]


def test_a_clock_without_a_year_goes_on_over_new_year() -> None:
    clock = LineClock(datetime(2026, 1, 2).timestamp())
    assert [datetime(2025, 12, 31, 23, 59).timestamp(), datetime(2026, 1, 1, 0, 1).timestamp()] == times(
        [b"I1231 23:59:00.0 1 x", b"I0101 00:01:00.0 1 x"], clock
    )


def test_a_silence_is_told_with_its_ends() -> None:
    clock = LineClock(WRITTEN)
    times([b"2026-11-23 10:00:00 a", b"2026-11-23 10:00:30 b", b"2026-11-23 13:00:30 c"], clock)
    assert [Silence(TEN.timestamp() + 30, TEN.timestamp() + 3 * 3600 + 30)] == clock.take_silences()
    assert [] == clock.take_silences()


def test_of_lines_without_a_time_between_the_longest_silence_is_an_even_share() -> None:
    clock = LineClock(WRITTEN)
    times([b"2026-11-23 10:00:00 a", b"Traceback", b"  File", b"Error", b"2026-11-23 10:40:00 b"], clock)
    assert [Silence(TEN.timestamp() + 1800, TEN.timestamp() + 2400)] == clock.take_silences()
    times([b"x"] * 100 + [b"2026-11-23 11:00:00 c"], clock)
    assert [] == clock.take_silences()


def test_a_value_that_comes_late_has_the_time_of_its_own_line() -> None:
    clock = LineClock(WRITTEN)
    held = Observation("loss", 1.0, 1, offset=0)
    clock.hear(b"2026-11-23 10:00:00 a")
    clock.note(0)
    clock.hear(b"2026-11-23 10:30:00 b")
    clock.note(22)
    clock.stamp([held])
    assert TEN.timestamp() == held.time_s


def test_a_state_of_a_bar_has_no_time_of_the_line_before() -> None:
    clock, state = LineClock(WRITTEN), Observation("loss", 1.0, 1, offset=50)
    clock.hear(b"2026-11-23 10:00:00 a")
    clock.note(0)
    clock.note(50)
    clock.stamp([state])
    assert state.time_s is None


def test_silences_stand_before_what_came_after_them() -> None:
    items = [Observation("loss", 1.0, i, time_s=t) for i, t in enumerate((0.0, 10.0, None, 200.0))]
    quiet = Silence(10.0, 200.0)
    assert [*items[:3], quiet, items[3]] == in_time(items, [quiet])
    assert [*items[:2], quiet] == in_time(items[:2], [quiet])


@pytest.mark.parametrize(
    ("off_s", "has_dates", "ahead_s"),
    [
        (3.0, True, 0.0), (3600.0 + 3, True, 3600.0), (-7200.0 + 3, True, -7200.0), (300.0, True, 0.0), (40 * 86400.0, True, 0.0),
        (2 * 86400.0 + 500, False, 2 * 86400.0), (3600.0 + 3, False, 3600.0), (500.0, False, 0.0),
    ],
)  # fmt: skip
def test_a_clock_is_set_by_what_the_file_system_says(off_s: float, has_dates: bool, ahead_s: float) -> None:
    assert ahead_s == shift_s(1e9, 1e9 + off_s, has_dates=has_dates)


LINES = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.builds(
            lambda t, head, tail: t.strftime(head).encode() + tail,
            st.datetimes(min_value=datetime(1991, 1, 1), max_value=datetime(2099, 1, 1)),
            st.sampled_from(["%Y-%m-%d %H:%M:%S,123 ", "[%H:%M:%S] ", "I%m%d %H:%M:%S.5 ", "%b %d %H:%M:%S ", "[%m/%d %H:%M:%S x]: "]),
            st.binary(max_size=20),
        ),
    ),
    max_size=12,
)


@given(LINES, st.integers(0, 12))
def test_a_clock_that_is_saved_and_restored_says_the_same(lines: list[bytes], at: int) -> None:
    whole = LineClock(WRITTEN)
    seen = times(lines, whole)
    first, second = lines[:at], lines[at:]
    clock = LineClock(WRITTEN)
    before = times(first, clock)
    early = clock.take_silences()
    clock = LineClock.restore(json.loads(json.dumps(clock.state())))
    assert seen == before + times(second, clock)
    assert whole.take_silences() == early + clock.take_silences()


@given(LINES)
def test_silences_are_in_order_and_long_enough(lines: list[bytes]) -> None:
    clock = LineClock(WRITTEN)
    times(lines, clock)
    assert all(quiet.to_s - quiet.from_s >= 59.999 for quiet in clock.take_silences())
