"""``scan``: print every observation read from the logs, or a digest of each run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monitor.commands.inputs import USAGE, report_problems, say, say_json, the_formats, warn
from monitor.oneshot import read_runs
from rules.engine import Engine
from rules.history import RunState
from rules.jsonable import jsonable, short, step_number
from rules.observation import Observation


def scan(paths: Sequence[str], *, json: bool, formats: Sequence[Path], forced: str | None = None) -> int:
    """0 where something was read, 4 where no observation was found, 2 where no file could be read."""

    def as_json(run: RunState, path: str, seen: Observation) -> None:
        say_json(
            {
                "run": run.run, "attempt": run.attempt, "path": path, "offset": seen.offset, "step": step_number(seen.step),
                "epoch": step_number(seen.epoch), "metric": seen.metric, "name": seen.name, "value": jsonable(seen.value),
            }
        )  # fmt: skip

    def as_line(run: RunState, _path: str, seen: Observation) -> None:
        place = f"step {step_number(seen.step)}" if seen.step is not None else f"epoch {step_number(seen.epoch)}"
        own = f"  ({seen.name})" if seen.name != seen.metric else ""
        say(f"{run.run}  {place:<12}  {seen.metric} = {short(seen.value)}{own}")

    reading = read_runs(paths, Engine(()), the_formats(formats, forced), forced=forced, seen=as_json if json else as_line)
    failed = report_problems(reading.problems)
    if any(run.observations for run in reading.runs.values()):
        return 0
    if reading.runs:
        warn("no observation found; `loss-watch formats test LOG` says what a log looks like, `loss-watch init LOG` proposes a format")
    return USAGE if failed and not reading.runs else 4
