"""``status``: the runs that a watcher knows, from its state file; also while it is stopped."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from monitor import __version__
from monitor.commands.channels import state_path
from monitor.commands.inputs import fail, say, say_json
from monitor.earlier import EarlierRuns
from monitor.lock import holder
from monitor.mistake import ConfigErrors
from monitor.outlook import Outlook
from monitor.rulesfile import load_rules
from monitor.snapshot import RunView, Snapshot
from monitor.store import StateError, Store
from monitor.verdictdoc import verdict_document
from monitor.views import run_view
from rules.engine import Engine
from rules.units import human_duration


def status(state: Path | None, *, json: bool) -> int:
    """0 where the state file could be read, 2 where there is none."""
    path = state_path(state)
    if not path.exists():
        fail(f"{path}: no state file; nothing was watched with it yet (--state PATH names another)")
    try:
        store = Store.read_only(path)
        views, watcher, label = _views(store), _watcher(path, store), store.meta("rules_label") or "unknown rules"
    except StateError as wrong:
        fail(wrong)
    if json:
        say_json(verdict_document(views) | {"watcher": watcher})
        return 0
    from monitor.display import print_table

    print_table(Snapshot(time.time(), __version__, label, watcher.get("address"), tuple(views), ready=True))
    say()
    say(_sentence(watcher))
    return 0


def known_run(target: str, state: Path | None) -> tuple[list[str], Path | None]:
    """The files of ``target``, a PATH or a run that the state file knows, and the rules that it was watched with."""
    if target == "-" or os.path.exists(target) or any(c in target for c in "*?["):
        return [target], None
    path = state_path(state)
    if path.exists():
        try:
            store = Store.read_only(path)
            files = [name for name, (run, _) in store.files().items() if run == target]
            rules = store.meta("rules_path")
        except StateError as wrong:
            fail(wrong)
        if files:
            return files, Path(rules) if rules else None
    return fail(f"{target}: no such file, and no run of this name in {path}; `loss-watch status` lists the runs")


def earlier_runs(state: Path | None) -> EarlierRuns:
    """The finished runs that the state file knows; none where it cannot be read."""
    path = state_path(state)
    try:
        return EarlierRuns(Store.read_only(path).runs().values() if path.exists() else ())
    except StateError:
        return EarlierRuns()


def _views(store: Store) -> list[RunView]:
    """The runs judged by the rules that the watcher had, where their file still can be read."""
    rules = store.meta("rules_path")
    try:
        engine = Engine(load_rules(Path(rules) if rules else None).rules)
    except ConfigErrors:
        engine = Engine(())
    outlook, now = Outlook(), time.time()
    runs = store.runs()
    earlier = EarlierRuns(runs.values())
    for run in runs.values():
        earlier.give(run)
    return [run_view(run, engine, forecasts=outlook.of(run, engine, now)) for run in runs.values()]


def _watcher(path: Path, store: Store) -> dict[str, Any]:
    held = holder(path)
    beat = store.meta("heartbeat_s")
    told: dict[str, Any] = {"running": held is not None, "heartbeat_s": float(beat) if beat else None}
    return told | ({"host": held[0], "pid": held[1], "address": store.meta("address")} if held is not None else {})


def _sentence(watcher: dict[str, Any]) -> str:
    if watcher["running"]:
        return f"watched by pid {watcher['pid']} on {watcher['host']}" + (f", {watcher['address']}" if watcher.get("address") else "")
    if watcher["heartbeat_s"] is None:
        return "nobody watches"
    return f"nobody watches; the last watcher was there {human_duration(max(0.0, time.time() - watcher['heartbeat_s']))} ago"
