"""The runs that a one-shot command is asked for: what its paths name now, each run with its files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from monitor.tail.discover import STDIN, TailError, expand
from monitor.tail.runs import STDIN_RUN, name_runs

UNASKED = "asking SLURM where a job writes is not built yet"


def runs_of(paths: Sequence[str]) -> tuple[dict[str, list[str]], list[TailError]]:
    """Run -> its files, for what ``paths`` name now, and a line for each that names nothing."""
    found = expand([path for path in paths if not path.startswith("job:")])
    named = name_runs([path for path in found.files if path != STDIN])
    runs: defaultdict[str, list[str]] = defaultdict(list)
    for path in found.files:
        runs[STDIN_RUN if path == STDIN else named[path]].append(path)
    jobs = [TailError(path, UNASKED, "name its file") for path in paths if path.startswith("job:")]
    return dict(runs), [*found.problems, *jobs]
