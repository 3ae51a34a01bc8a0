"""The history as OpenMetrics with timestamps, for ``promtool tsdb create-blocks-from openmetrics``, and as CSV. Pure.

Prometheus wants every sample at a time of its own: a point whose time nobody knows is left out of OpenMetrics (and counted), and
two points of one series within a millisecond are set one millisecond apart. CSV keeps everything.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from monitor.serve.exposition import escape, number
from monitor.serve.families import safe_label

COLUMNS = ("run", "attempt", "metric", "step", "epoch", "value", "time_s")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Point:
    """One observation of the history; ``step`` on the log's own axis, ``time_s`` Unix seconds or None."""

    run: str
    attempt: int
    metric: str
    step: float
    value: float
    time_s: float | None = None
    epoch: float | None = None


@dataclass(slots=True)
class Left:
    """How many points could not be exported since nobody knows their time."""

    untimed: int = 0


def openmetrics(points: Iterable[Point], left: Left | None = None) -> Iterator[str]:
    """Lines of ``losswatch_metric_value`` and ``losswatch_metric_step``, one series after the other, and the closing ``# EOF``.

    Series carry ``attempt`` beside the labels of ``/metrics``, so that a requeued run's attempts do not mix.
    """
    timed: list[tuple[tuple[str, str, int], float, float, float]] = []
    for point in points:
        if point.time_s is None or not math.isfinite(point.time_s):
            if left is not None:
                left.untimed += 1
            continue
        timed.append(((point.run, safe_label(point.metric), point.attempt), point.time_s, point.value, point.step))
    timed.sort(key=lambda row: row[:2])
    for name, help_text, column in (("value", "Value of a metric, in the log's own unit.", 2), ("step", "Step of that value.", 3)):
        yield f"# TYPE losswatch_metric_{name} gauge\n# HELP losswatch_metric_{name} {help_text}\n"
        for (run, metric, attempt), rows in groupby(timed, key=lambda row: row[0]):
            labels = f'{{run="{escape(run)}",metric="{escape(metric)}",attempt="{attempt}"}}'
            before_ms = -math.inf
            for row in rows:
                before_ms = max(round(1000 * row[1]), before_ms + 1)
                yield f"losswatch_metric_{name}{labels} {number(float(row[column]))} {before_ms / 1000:.3f}\n"  # type: ignore[arg-type]
    yield "# EOF\n"


def comma_separated(points: Iterable[Point]) -> Iterator[str]:
    """CSV (RFC 4180) with a heading. A text that a spreadsheet would run as a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for point in points:
        writer.writerow((
            _text(point.run), point.attempt, _text(point.metric), _count(point.step), _count(point.epoch), repr(point.value),
            "" if point.time_s is None else repr(point.time_s),
        ))  # fmt: skip
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()


def _text(value: str) -> str:
    clean = value.replace("\0", "")
    return f"'{clean}" if clean.startswith(_FORMULA) else clean


def _count(value: float | None) -> str:
    """A step or an epoch: 25, not 25.0."""
    if value is None:
        return ""
    return repr(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)
