"""``dashboard`` and ``alerts``: the files that ship for Grafana and Prometheus, on stdout."""

from __future__ import annotations

import sys
from pathlib import Path

import monitor.serve


def dashboard() -> int:
    """Grafana's dashboard as JSON."""
    return _print("grafana/dashboard.json")


def alerts() -> int:
    """Prometheus's recording and alerting rules as YAML."""
    return _print("alerts/rules.yaml")


def _print(name: str) -> int:
    sys.stdout.write(Path(monitor.serve.__file__).with_name(name.partition("/")[0]).joinpath(name.partition("/")[2]).read_text())
    return 0
