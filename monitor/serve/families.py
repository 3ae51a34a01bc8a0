"""The metric families of ``/metrics``, out of one snapshot: names, help and rows. Pure; knows no exposition format.

Names follow prometheus.io/docs/practices/naming; labels come from file names, the rules file and SLURM, and a metric's name
from the log only after it was made safe here. Times are exported as they stand, never as ages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from monitor.snapshot import RunView, Snapshot

GRACE_S = 900.0
"""How long the series of an ended run stay: a last scrape must see the end (writing_exporters asks for minutes)."""

MAX_METRICS_PER_RUN = 200
"""Metrics of one run that are exported, first come: a JSON log with random keys must not fill a Prometheus."""

MILESTONE_STATES = ("pending", "met", "missed", "worry", "no_data")
ALIVE = frozenset({"starting", "training", "silent"})
_UNSAFE = re.compile(r"[^A-Za-z0-9_:./@%+-]")
_MAX_LABEL = 200


@dataclass(slots=True)
class Family:
    """One metric: ``kind`` is gauge, counter or info; ``rows`` are label values, in the order of ``labels``, and a number."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    rows: list[tuple[tuple[str, ...], float]] = field(default_factory=list)

    def add(self, value: float | None, *labels: str) -> None:
        """A row; None (never seen) makes none."""
        if value is not None:
            self.rows.append((labels, value))


def families(snapshot: Snapshot, *, grace_s: float = GRACE_S, since_s: float = 0.0) -> Iterator[Family]:
    """Every family that ``snapshot`` has rows for, in a fixed order; of the runs those that ``shown`` takes."""
    for family in (*of_runs(shown(snapshot, grace_s=grace_s, since_s=since_s)), *of_watcher(snapshot)):
        if family.rows:
            yield family


def shown(snapshot: Snapshot, *, grace_s: float = GRACE_S, since_s: float = 0.0) -> list[RunView]:
    """The runs that are exported: all but those that ended ``grace_s`` ago or longer.

    ``since_s``: when the watcher began (Unix s); what ended before counts as ended then, so that it is seen at least once.
    """
    return [run for run in snapshot.runs if run.ended_s is None or snapshot.time_s - max(run.ended_s, since_s) < grace_s]


def of_runs(runs: list[RunView]) -> tuple[Family, ...]:
    """The families that tell of runs, always all of them and in the same order, with the rows of ``runs``."""
    return (*_metrics(runs), *_progress(runs), *_milestones(runs), *_alerts(runs))


def _metrics(runs: list[RunView]) -> tuple[Family, ...]:
    labels = ("run", "metric")
    value = Family("losswatch_metric_value", "gauge", "Latest value of a metric, in the log's own unit.", labels)
    best = Family("losswatch_metric_best", "gauge", "Best value of a metric so far, in the log's own unit.", labels)
    step = Family("losswatch_metric_step", "gauge", "Step of the latest value of a metric, on the log's own axis.", labels)
    for run in runs:
        # By label, since two names may become one, and one series given twice makes the whole scrape invalid.
        safe = {safe_label(name): metric for name, metric in islice(run.metrics.items(), MAX_METRICS_PER_RUN)}
        for label, metric in safe.items():
            at = (run.run, label)
            value.rows.append((at, metric.last))
            step.rows.append((at, metric.last_step))
            if metric.best is not None:
                best.rows.append((at, metric.best))
    return value, best, step


def _progress(runs: list[RunView]) -> tuple[Family, ...]:
    step = Family("losswatch_step", "gauge", "Step that a run has reached, on the log's own axis.", ("run",))
    total = Family("losswatch_total_steps", "gauge", "Steps that a run will take, where the log says so.", ("run",))
    info = Family(
        "losswatch_run_info", "info", "Facts about a run.",
        ("run", "slurm_job_id", "job_name", "user", "attempt", "format", "state"),
    )  # fmt: skip
    up = Family("losswatch_run_up", "gauge", "1 while the run is alive, 0 when it waits or has ended.", ("run",))
    line = Family("losswatch_last_line_timestamp_seconds", "gauge", "When the log last grew.", ("run",))
    last_step = Family("losswatch_last_step_timestamp_seconds", "gauge", "When the run last reached a new step.", ("run",))
    lag = Family("losswatch_tail_lag_bytes", "gauge", "Bytes of the run's logs that are written and not read yet.", ("run",))
    for run in runs:
        facts = [_fact(run, key) for key in ("slurm_job_id", "job_name", "user")]
        info.add(1.0, run.run, *facts, str(run.attempt), run.format or "", run.state)
        up.add(1.0 if run.state in ALIVE else 0.0, run.run)
        step.add(run.step if run.step is not None else run.epoch, run.run)
        total.add(run.total_steps, run.run)
        line.add(run.last_line_s, run.run)
        last_step.add(run.last_step_s, run.run)
        lag.add(float(run.lag_bytes), run.run)
    return step, total, info, up, line, last_step, lag


def _milestones(runs: list[RunView]) -> tuple[Family, ...]:
    labels = ("run", "milestone")
    state = Family("losswatch_milestone_state", "gauge", "State of a milestone: the one that holds is 1.", (*labels, "state"))
    step = Family("losswatch_milestone_step", "gauge", "Step (or epoch) at which a milestone is judged.", labels)
    threshold = Family("losswatch_milestone_threshold", "gauge", "Value that a milestone asks for.", labels)
    observed = Family("losswatch_milestone_observed", "gauge", "Value on which a milestone was judged.", labels)
    forecast = Family("losswatch_milestone_forecast", "gauge", "Value expected at a milestone, with an 80 % interval.", (*labels, "bound"))
    chance = Family("losswatch_milestone_met_probability", "gauge", "Chance that a milestone will be met, 0 to 1.", labels)
    eta = Family("losswatch_milestone_eta_timestamp_seconds", "gauge", "When a milestone's step will be reached.", labels)
    for run in runs:
        for milestone in run.milestones:
            at = (run.run, milestone.id)
            state.rows.extend(((*at, name), float(name == milestone.status)) for name in MILESTONE_STATES)
            step.add(milestone.step, *at)
            threshold.add(milestone.threshold, *at)
            observed.add(milestone.observed_value, *at)
            ahead = milestone.forecast
            if ahead is not None:
                bounds = (("value", ahead.value), ("low", ahead.low), ("high", ahead.high))
                forecast.rows.extend(((*at, bound), value) for bound, value in bounds)
                chance.add(ahead.probability, *at)
                eta.add(ahead.eta_s, *at)
    return state, step, threshold, observed, forecast, chance, eta


def _alerts(runs: list[RunView]) -> tuple[Family, ...]:
    firing = Family("losswatch_alert_firing", "gauge", "1 while an alert of a run fires.", ("run", "rule", "severity"))
    for run in runs:
        for rule, severity in dict.fromkeys((alert.rule, alert.severity) for alert in run.alerts if alert.state == "firing"):
            firing.add(1.0, run.run, rule, severity)
    return (firing,)


def of_watcher(snapshot: Snapshot) -> tuple[Family, ...]:
    """The families that tell of the watcher itself."""
    counters = snapshot.counters
    lines = Family("losswatch_lines_total", "counter", "Log lines read since the watcher started.")
    was_bytes = Family("losswatch_bytes_total", "counter", "Log bytes read since the watcher started.")
    observations = Family("losswatch_observations_total", "counter", "Observations found since the watcher started.")
    sent = Family("losswatch_notifications_total", "counter", "Messages that a channel took.", ("channel",))
    failed = Family("losswatch_notifications_failed_total", "counter", "Attempts to deliver a message that failed.", ("channel",))
    build = Family("losswatch_build_info", "info", "Version of the watcher.", ("version",))
    reload_ok = Family("losswatch_config_last_reload_successful", "gauge", "Whether the last reading of the rules succeeded.")
    reload_s = Family("losswatch_config_last_reload_success_timestamp_seconds", "gauge", "When the rules were last read with success.")
    lines.add(float(counters.lines))
    was_bytes.add(float(counters.bytes))
    observations.add(float(counters.observations))
    for channel, (took, refused) in sorted(snapshot.notifications.items()):
        sent.add(float(took), channel)
        failed.add(float(refused), channel)
    build.add(1.0, snapshot.version)
    reload_ok.add(float(snapshot.last_reload_ok))
    reload_s.add(snapshot.last_reload_s)
    return lines, was_bytes, observations, sent, failed, build, reload_ok, reload_s


def _fact(run: RunView, key: str) -> str:
    value = run.facts.get(key)
    return "" if value is None else str(value)[:_MAX_LABEL]


def safe_label(name: str) -> str:
    """A metric's name as a label: other characters become ``_``, and it is cut at 200."""
    return _UNSAFE.sub("_", name[:_MAX_LABEL])
