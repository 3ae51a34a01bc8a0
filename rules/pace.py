"""How fast a run is: steps a second by the times of its lines, or what the log itself says of its speed."""

from __future__ import annotations

import re
from itertools import pairwise
from math import isfinite

from rules.history import RunState
from rules.median import median

RECENT_PRINTS, LATELY_PRINTS = 96, 16

_COUNTED = "tok(?:en)?s?|samples?|seqs?|sequences?|sents?|words?|imgs?|images?|frames?|it(?:er)?s?|iterations?|steps?|updates?|examples?"
_A_SECOND = re.compile(
    rf"(?:\w+_)?(?:{_COUNTED})_(?:per_)?s(?:ec(?:ond)?s?)?(?:_per_gpu)?|(?:\w+_)?(?:throughput|fps|ips|wps|ups|tps|tgs|mfu|tflops)",
    re.IGNORECASE,
)  # fmt: skip
_SECONDS = re.compile(
    r"(?:avg_|elapsed_|train_)*(?:time|ms|s|sec|secs|seconds)_(?:per_|a_)?(?:step|iter|iteration|it|batch|update)(?:_m?s(?:ec)?)?"
    r"|(?:avg_)?(?:step|iter|iteration|batch)_(?:time|avg|cost|duration)(?:_m?s(?:ec)?)?|dt(?:_m?s)?",
    re.IGNORECASE,
)  # fmt: skip
_NOT_TRAINING = ("eval_", "val_", "valid_", "test_", "dev_")


def speed_sign(metric: str) -> int:
    """1 for a metric that is larger when the run is faster (tokens a second), -1 for seconds a step, 0 for any other."""
    if metric.lower().startswith(_NOT_TRAINING):
        return 0
    return 1 if _A_SECOND.fullmatch(metric) else -1 if _SECONDS.fullmatch(metric) else 0


def seconds_a_step(run: RunState) -> tuple[float, float, float] | None:
    """Seconds a step by the clock: of the last ``RECENT_PRINTS`` as a whole, and of the faster and the slower half of the last few.

    None where the log's times are not known. The whole counts every validation and checkpoint in it; the halves say how fast it is now:
    where even the faster one is slower than the whole, the run has slowed down.
    """
    series = max(run.series.values(), key=lambda s: len(s.times), default=None)
    if series is None:
        return None
    points = [(s, t) for s, t in zip(series.steps[-RECENT_PRINTS:], series.times[-RECENT_PRINTS:], strict=True) if isfinite(t)]
    if len(points) < 3 or points[-1][1] <= points[0][1] or points[-1][0] <= points[0][0]:
        return None
    whole = (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0])
    lately = points[-LATELY_PRINTS - 1 :]
    marks = lately[:: max(1, len(lately) // 8)]
    parts = sorted((t1 - t0) / (s1 - s0) for (s0, t0), (s1, t1) in pairwise(marks) if s1 > s0 and t1 >= t0)
    if not parts:
        return None
    return whole, median(parts[: max(1, len(parts) // 2)]), median(parts[len(parts) // 2 :])
