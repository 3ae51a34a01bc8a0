"""``export``: the history out of the state file, as OpenMetrics with timestamps or as CSV."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from pathlib import Path

from monitor.commands.channels import state_path
from monitor.commands.inputs import fail, warn
from monitor.serve.export import Left, Point, comma_separated, openmetrics
from monitor.store import StateError, Store


def export(state: Path | None, run: str | None, *, as_csv: bool) -> int:
    """0, or 2 where there is no state file. Points whose time nobody knows are left out of OpenMetrics, and counted on stderr."""
    path = state_path(state)
    if not path.exists():
        fail(f"{path}: no state file; nothing was watched with it yet (--state PATH names another)")
    try:
        store = Store.read_only(path)
    except StateError as wrong:
        fail(wrong)
    points = (Point(*row) for row in store.observations() if run is None or fnmatchcase(row[0], run))
    left = Left()
    for text in comma_separated(points) if as_csv else openmetrics(points, left):
        sys.stdout.write(text)
    if left.untimed:
        warn(f"{left.untimed} points left out: they stood in the log before the watcher came, so nobody knows their time (--csv has them)")
    return 0
