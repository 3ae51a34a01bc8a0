"""The history leaves in forms that others read: blocks of a real Prometheus, and a CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import math
import subprocess
from itertools import pairwise
from pathlib import Path

from conftest import needs
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser
from serve.prometheus import prometheus, wait_for

from monitor.serve.export import COLUMNS, Left, Point, comma_separated, openmetrics

T = 1_750_000_000.0
CURVE = [Point("13503904", 1, "val_loss", float(step), 2.19 / step, T + 60 * step) for step in range(1, 200)]


def test_the_history_becomes_blocks_that_a_prometheus_answers_from(tmp_path: Path) -> None:
    needs("promtool", "prometheus")
    (tmp_path / "history.om").write_text("".join(openmetrics(CURVE)))
    made = subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", tmp_path / "history.om", tmp_path / "tsdb"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with prometheus(tmp_path, "  []", retention="100y") as asked:
        query = 'last_over_time(losswatch_metric_value{run="13503904", metric="val_loss"}[10m])'
        rows = wait_for("an answer", lambda: asked.get("/api/v1/query", query=query, time=str(T + 60 * 100))["result"])
        assert [str(2.19 / 100)] == [row["value"][1] for row in rows]


names = st.text(min_size=1, max_size=12)
points = st.builds(
    Point, names, st.integers(1, 3), names, st.floats(0, 1e9), st.floats(),
    st.none() | st.sampled_from([T, T + 0.0001, T + 0.0002, T + 5]) | st.floats(0, 4e9),
)  # fmt: skip


@given(st.lists(points, max_size=30))
def test_openmetrics_holds_every_timed_point_once_and_times_rise_within_a_series(history: list[Point]) -> None:
    left = Left()
    text = "".join(openmetrics(history, left))
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    samples = families["losswatch_metric_value"].samples
    assert len(history) == len(samples) + left.untimed
    series: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for sample in samples:
        series.setdefault(tuple(sorted(sample.labels.items())), []).append(float(sample.timestamp))
    assert all(earlier < later for times in series.values() for earlier, later in pairwise(times))


def test_a_point_whose_time_nobody_knows_is_counted_and_left_out() -> None:
    left = Left()
    text = "".join(openmetrics([Point("r", 1, "val_loss", 1.0, 2.0), Point("r", 1, "val_loss", 2.0, 1.0, math.nan)], left))
    assert (2, True) == (left.untimed, text.endswith("# EOF\n"))
    assert "run=" not in text


@given(st.lists(points, max_size=20))
def test_csv_gives_back_every_value_and_no_cell_is_a_formula(history: list[Point]) -> None:
    rows = list(csv.reader(io.StringIO("".join(comma_separated(history)), newline="")))
    assert list(COLUMNS) == rows[0]
    assert len(history) == len(rows) - 1
    for point, row in zip(history, rows[1:], strict=True):
        assert repr(point.value) == repr(float(row[5]))
        assert not row[0].startswith(("=", "+", "-", "@"))
        assert not row[2].startswith(("=", "+", "-", "@"))
