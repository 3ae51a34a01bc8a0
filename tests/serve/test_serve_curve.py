"""Curves are thinned for a screen without losing what a reader looks for."""

from __future__ import annotations

import math
from array import array

from hypothesis import given
from hypothesis import strategies as st
from serve.scenes import series

from monitor.serve.curve import columns, thin, trend
from monitor.snapshot import SeriesView

values_with_gaps = st.lists(st.floats(), min_size=1, max_size=400)


def test_a_view_is_read_up_to_its_length_while_the_array_grows() -> None:
    grown = series([(1, 3.0), (2, 2.0), (3, 1.0)])
    earlier = SeriesView(grown.steps, grown.values, grown.times, 2)
    assert [3.0, 2.0] == list(columns(earlier)[1])


def test_points_are_taken_from_a_step_on() -> None:
    assert [20.0, 30.0] == list(columns(series([(10, 3.0), (20, 2.0), (30, 1.0)]), since_step=11)[0])


def test_a_short_curve_is_left_as_it_is() -> None:
    steps, values, times = columns(series([(1, 3.0), (2, 2.0)]))
    assert (steps, values, times) == thin(steps, values, times, 4)


@given(values_with_gaps, st.integers(4, 60))
def test_thinning_keeps_ends_extremes_order_and_all_that_is_not_finite(values: list[float], max_points: int) -> None:
    steps = [float(i) for i in range(len(values))]
    kept_steps, kept, _ = thin(steps, values, steps, max_points)
    finite = [value for value in values if math.isfinite(value)]
    kept_finite = [value for value in kept if math.isfinite(value)]
    assert sorted(kept_steps) == list(kept_steps)
    assert len(values) - len(finite) == len(kept) - len(kept_finite)
    assert len(kept_finite) <= max_points or len(values) <= max_points
    if finite:
        assert (min(finite), max(finite)) == (min(kept_finite), max(kept_finite))
        assert (finite[0], finite[-1]) == (kept_finite[0], kept_finite[-1])


@given(values_with_gaps, st.integers(1, 40))
def test_a_trend_ends_with_the_last_value_and_is_never_longer_than_asked(values: list[float], points: int) -> None:
    shown = trend(SeriesView(array("d", values), array("d", values), array("d", values), len(values)), points)
    assert min(points, len(values)) == len(shown)
    assert repr(values[-1]) == repr(shown[-1])
