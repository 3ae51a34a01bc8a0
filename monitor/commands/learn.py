"""``learn``: milestone bands from finished runs. ``init``: a rules file, or a format file, to begin with, from one log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monitor.commands.inputs import USAGE, fail, report_problems, say, the_formats, warn
from monitor.oneshot import Reading, read_runs
from monitor.parse.propose import propose
from monitor.tail.discover import TailError
from monitor.tail.whole import read_whole
from rules.engine import Engine
from rules.learn import learned_rules
from rules.observation import TRAIN_LOSS, VAL_LOSS

PROPOSE_BYTES = 8 << 20


def learn(paths: Sequence[str], *, metric: str | None, output: Path | None, formats: Sequence[Path]) -> int:
    """0 with the rules file written, 4 where no curve was found, 2 where no file could be read."""
    reading = read_runs(paths, Engine(()), the_formats(formats))
    if report_problems(reading.problems) and not reading.runs:
        return USAGE
    text = _rules(reading, metric)
    if text is None:
        warn(f"no curve of {metric or VAL_LOSS} with two points or more in these logs")
        return 4
    return _write(text, output)


def init(path: str, *, output: Path | None, format_file: bool, formats: Sequence[Path]) -> int:
    """A rules file where the log can be read, else a format file that reads it; 4 where nothing in it repeats."""
    catalogue = the_formats(formats)
    reading = Reading() if format_file else read_runs([path], Engine(()), catalogue)
    text = None if format_file else _rules(reading, None)
    if reading.problems:
        fail(reading.problems[0])
    if text is not None:
        return _write(text, output)
    proposed = propose(_head(path))
    if proposed is None:
        warn(f"{path}: no known format, and no line with numbers that repeats; `loss-watch formats show general` says what is understood")
        return 4
    if not format_file:
        warn(f"{path}: no format knows this log; here is one that reads it: save it, correct its names, and give it with --formats FILE")
    return _write(proposed, output)


def _rules(reading: Reading, metric: str | None) -> str | None:
    """The rules file learned from what was read; None where no run has a curve of the metric."""
    runs = {name: {m: (s.steps, s.values) for m, s in run.series.items()} for name, run in reading.runs.items() if run.series}
    wanted = [metric] if metric else [VAL_LOSS, TRAIN_LOSS]
    name = next((m for m in wanted if any(m in curves for curves in runs.values())), None)
    if name is None:
        return None
    try:
        return learned_rules(runs, name)
    except ValueError:
        return None


def _head(path: str) -> bytes:
    head = b""
    try:
        for chunk in read_whole(path):
            head += bytes(chunk)
            if len(head) >= PROPOSE_BYTES:
                break
    except TailError as wrong:
        fail(wrong)
    return head


def _write(text: str, output: Path | None) -> int:
    if output is None:
        say(text.rstrip())
        return 0
    try:
        with output.open("x") as out:
            out.write(text)
    except FileExistsError:
        fail(f"{output}: the file exists; name another with -o, or remove it")
    except OSError as wrong:
        fail(f"{output}: {wrong.strerror}")
    warn(f"{output} written")
    return 0
