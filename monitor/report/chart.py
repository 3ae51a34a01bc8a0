"""The curve by step as SVG: milestones, bands, the baseline, forecasts. Pure; every text is escaped, every number is bounded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from monitor.report.document import Picture
from monitor.report.inputs import Inputs
from monitor.serve.curve import columns, thin
from monitor.snapshot import MilestoneView, SeriesView
from rules.jsonable import short, step_number

TONES = {"met": "good", "missed": "warn", "worry": "bad", "no_data": "warn", "pending": "plan"}
STEEP = 8.0
"""From this ratio of highest to lowest on, the axis is logarithmic."""
MAX_POINTS = 400


@dataclass(frozen=True, slots=True)
class Frame:
    """The plot's place in the picture (SVG units) and its ranges: steps, and values in the metric's own unit."""

    width: int
    height: int
    low_step: float
    high_step: float
    low: float
    high: float
    log: bool
    left: int = 46
    right: int = 12
    top: int = 14
    bottom: int = 26

    def x(self, step: float) -> float:
        span = self.high_step - self.low_step or 1.0
        return self.left + (self.width - self.left - self.right) * (step - self.low_step) / span

    def y(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        low, high, at = (math.log(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return self.height - self.bottom - (self.height - self.top - self.bottom) * (at - low) / ((high - low) or 1.0)


def picture(inputs: Inputs) -> Picture | None:
    """The chart of the report's metric; None where there is no finite value."""
    metric = inputs.metric
    if metric is None:
        return None
    spans = _ranges(inputs)
    if spans is None:
        return None
    wide, narrow = (_draw(inputs, Frame(w, h, *spans)) for w, h in ((760, 320), (380, 270)))
    return Picture(wide, narrow, _legend(inputs), _words(inputs))


def _ranges(inputs: Inputs) -> tuple[float, float, float, float, bool] | None:
    metric = inputs.metric
    if metric is None:
        return None
    steps, values = [], []
    for view in (metric.series, *metric.earlier, *([inputs.train.series] if inputs.train else [])):
        s, v, _ = columns(view)
        steps += [x for x in s if math.isfinite(x)]
        values += [x for x in v if math.isfinite(x)]
    if not values:
        return None
    ahead = [m for m in inputs.run.milestones if m.metric == metric.metric and m.axis == "step"]
    steps += [m.step for m in ahead]
    values += [v for m in ahead for v in _marked(m) if math.isfinite(v)]
    values += [inputs.base[0]] if inputs.base else []
    low, high = min(values), max(values)
    log = low > 0 and high / low > STEEP
    pad = 1.06 if log else 0.0
    room = 0.06 * ((high - low) or abs(high) or 1.0)
    low, high = (low / pad, high * pad) if log else (low - room, high + room)
    return min(steps), max(steps), low, high, log


def _marked(milestone: MilestoneView) -> list[float]:
    ahead = milestone.forecast
    return [milestone.threshold, *([] if ahead is None else [ahead.value, ahead.low, ahead.high])]


def _draw(inputs: Inputs, frame: Frame) -> str:
    metric = inputs.metric
    if metric is None:
        return ""
    parts = [*_grid(frame), *_baseline(inputs, frame)]
    for milestone in inputs.run.milestones:
        if milestone.metric == metric.metric and milestone.axis == "step":
            parts += _milestone(milestone, frame)
    parts += [f'<path class="past" d="{_path(view, frame)}"/>' for view in metric.earlier]
    if inputs.train is not None:
        parts.append(f'<path class="train" d="{_path(inputs.train.series, frame)}"/>')
    parts.append(f'<path class="val" d="{_path(metric.series, frame)}"/>')
    parts += _dots(metric.series, frame)
    title = escape(_words(inputs), quote=True)
    return (
        f'<svg viewBox="0 0 {frame.width} {frame.height}" role="img" aria-label="{title}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def _grid(frame: Frame) -> Iterable[str]:
    ticks = _log_ticks(frame.low, frame.high) if frame.log else _ticks(frame.low, frame.high, 5)
    for value in ticks:
        y = frame.y(value)
        yield f'<line class="grid" x1="{frame.left}" x2="{frame.width - frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{frame.left - 6}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>'
    for step in _ticks(frame.low_step, frame.high_step, 4 if frame.width < 500 else 7):
        if step != int(step) and frame.high_step >= 2:
            continue
        yield f'<text class="tick" x="{frame.x(step):.1f}" y="{frame.height - 8}" text-anchor="middle">{step_number(step):,}</text>'


def _baseline(inputs: Inputs, frame: Frame) -> Iterable[str]:
    if inputs.base is not None:
        y = frame.y(inputs.base[0])
        yield f'<line class="base" x1="{frame.left}" x2="{frame.width - frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _milestone(milestone: MilestoneView, frame: Frame) -> Iterable[str]:
    """A bar at the threshold (a box for a band), the forecast as a whisker."""
    tone, x, y = TONES.get(milestone.status, "plan"), frame.x(milestone.step), frame.y(milestone.threshold)
    half = frame.width * 0.018
    yield f'<line class="at {tone}" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{frame.height - frame.bottom}"/>'
    band = _band(milestone.expect)
    if band is not None:
        top, bottom = frame.y(band[1]), frame.y(band[0])
        yield f'<rect class="band {tone}" x="{x - half:.1f}" y="{top:.1f}" width="{2 * half:.1f}" height="{max(3.0, bottom - top):.1f}"/>'
    else:
        yield f'<line class="limit {tone}" x1="{x - half:.1f}" x2="{x + half:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    ahead = milestone.forecast
    if ahead is not None:
        yield f'<line class="ahead" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.y(ahead.low):.1f}" y2="{frame.y(ahead.high):.1f}"/>'
        yield f'<circle class="ahead" cx="{x:.1f}" cy="{frame.y(ahead.value):.1f}" r="3.5"/>'


def _band(expect: str) -> tuple[float, float] | None:
    low, dots, high = expect.removeprefix("in ").partition("..")
    try:
        return (float(low), float(high)) if dots else None
    except ValueError:
        return None


def _path(view: SeriesView, frame: Frame) -> str:
    steps, values, _ = thin(*columns(view), MAX_POINTS)
    out, pen = [], "M"
    for step, value in zip(steps, values, strict=True):
        if not math.isfinite(value):
            pen = "M"
            continue
        out.append(f"{pen}{frame.x(step):.1f} {frame.y(value):.1f}")
        pen = "L"
    return "".join(out)


def _dots(view: SeriesView, frame: Frame) -> Iterable[str]:
    steps, values, _ = columns(view)
    if len(values) <= 60:
        for step, value in zip(steps, values, strict=True):
            if math.isfinite(value):
                yield f'<circle class="val" cx="{frame.x(step):.1f}" cy="{frame.y(value):.1f}" r="2.6"/>'


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers between ``low`` and ``high``, about ``count`` of them (Heckbert, Graphics Gems 1990)."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    raw = span / count
    size = 10.0 ** math.floor(math.log10(raw))
    unit = size * (1 if raw / size < 1.5 else 2 if raw / size < 3.5 else 5 if raw / size < 7.5 else 10)
    first = math.ceil(low / unit)
    return [round(i * unit, 12) for i in range(first, first + 2 * count) if i * unit <= high]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors: Sequence[int] = (1, 2, 5) if len(decades) <= 4 else (1,)
    return [v for d in decades for f in factors if low <= (v := f * 10.0**d) <= high]


def _legend(inputs: Inputs) -> list[tuple[str, str]]:
    metric = inputs.metric
    legend = [("val", metric.name or metric.metric)] if metric else []
    if inputs.train is not None:
        legend.append(("train", inputs.train.name or inputs.train.metric))
    if metric and metric.earlier:
        legend.append(("past", "the attempt before"))
    if inputs.base is not None:
        legend.append(("base", f"{inputs.base[1]} {short(inputs.base[0])}"))
    if inputs.run.milestones:
        legend += [(tone, word) for tone, word in _statuses(inputs)]
    if any(m.forecast for m in inputs.run.milestones):
        legend.append(("ahead", "forecast, 80 %"))
    return legend


def _statuses(inputs: Inputs) -> list[tuple[str, str]]:
    words = {"met": "met", "missed": "missed", "worry": "worry", "no_data": "no data", "pending": "ahead"}
    present = dict.fromkeys(m.status for m in inputs.run.milestones)
    return [(TONES.get(status, "plan"), f"milestone {words.get(status, status)}") for status in present]


def _words(inputs: Inputs) -> str:
    metric = inputs.metric
    if metric is None:
        return ""
    steps, values, _ = thin(*columns(metric.series), 24)
    shown = [(s, v) for s, v in zip(steps, values, strict=True)]
    some = shown if len(shown) <= 8 else [shown[round(i * (len(shown) - 1) / 7)] for i in range(8)]
    return f"{metric.name or metric.metric} by step: " + ", ".join(f"{step_number(s)}: {short(v)}" for s, v in some)
