"""Snapshots as the watcher builds them: the three runs of the seed's story, and as many runs and points as a bench asks for."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from monitor.snapshot import (
    AlertView,
    Counters,
    EventView,
    ForecastView,
    MetricView,
    MilestoneView,
    RunView,
    SeriesView,
    Snapshot,
)
from rules.alert import Transition

NOW = 1_750_000_000.0


def series(points: Sequence[tuple[float, float]], *, start_s: float = NOW - 7200.0, step_s: float = 60.0) -> SeriesView:
    steps = array("d", (float(step) for step, _ in points))
    values = array("d", (float(value) for _, value in points))
    return SeriesView(steps, values, array("d", (start_s + step * step_s for step in steps)), len(points))


def metric(name: str, points: Sequence[tuple[float, float]], *, earlier: Sequence[Sequence[tuple[float, float]]] = ()) -> MetricView:
    finite = [(value, step) for step, value in points if math.isfinite(value)]
    best, best_step = min(finite) if finite else (None, None)
    last_step, last = points[-1]
    kept = tuple(series(old) for old in earlier)
    return MetricView(name, name, float(last), float(last_step), best, best_step, len(points), series(points), kept)


def run(name: str, *, metrics: Sequence[MetricView] = (), **changes: object) -> RunView:
    fields: dict[str, object] = {
        "run": name, "paths": (f"logs/topoflow_full_finetune_{name}.out",), "format": "lightning", "state": "training",
        "verdict": "on_track", "attempt": 1, "step": None, "epoch": None, "total_steps": None,
        "facts": {"slurm_job_id": name, "job_name": "topoflow_full_finetune", "user": "ana", "nodes": 32},
        "metrics": {view.metric: view for view in metrics}, "milestones": (), "alerts": (), "events": (),
        "started_s": NOW - 7860.0, "last_line_s": NOW - 3.0, "last_step_s": NOW - 3.0,
    }  # fmt: skip
    return RunView(**{**fields, **changes})  # type: ignore[arg-type]


def milestone(step: float, expect: str, status: str, threshold: float, **more: object) -> MilestoneView:
    return MilestoneView(f"step-{step:g}", "val_loss", "step", float(step), expect, status, threshold, **more)  # type: ignore[arg-type]


def training_run() -> RunView:
    """Missed its milestone at step 100: the seed's run, somewhat later."""
    val = metric("val_loss", [(25, 2.19), (50, 1.41), (75, 1.2), (100, 1.07)])
    train = metric("train_loss", [(step, 2.94 * math.exp(-step / 130)) for step in range(1, 105)])
    return run(
        "13503904", metrics=[val, train], step=104.0, total_steps=500.0, verdict="critical", lag_bytes=12,
        baseline={"values": {"val_loss": 0.3557}, "step": 311, "label": "checkpoint step_311"},
        milestones=(
            milestone(50, "< 1.5", "met", 1.5, observed_step=50.0, observed_value=1.41),
            milestone(100, "< 0.9, worry > 1.0", "worry", 0.9, observed_step=100.0, observed_value=1.07),
            milestone(200, "< 0.6", "pending", 0.6, forecast=ForecastView(0.66, 0.58, 0.75, 0.21, NOW + 7500.0)),
            milestone(311, "in 0.40..0.45", "pending", 0.45),
        ),
        alerts=(
            AlertView("step-100", "milestone", "critical", "firing", 100.0, 1.07,
                      "val_loss 1.07 at step 100, expected < 0.9, worry above 1.0", NOW - 13.0, "val_loss < 0.9"),
        ),
        events=(EventView("missing_keys", "8 keys missing", None, NOW - 7800.0, {"count": 8}),),
    )  # fmt: skip


def finished_run() -> RunView:
    val = metric("val_loss", [(30, 0.9), (90, 0.5), (150, 0.4), (210, 0.35), (270, 0.336)])
    train = metric("train_loss", [(step, 0.74 + 1.5 / (1 + step)) for step in range(1, 271, 3)])
    met = milestone(270, "< 0.34", "met", 0.34, observed_step=270.0, observed_value=0.336)
    return run("13506127", metrics=[val, train], step=270.0, total_steps=270.0, milestones=(met,), state="ended", ended_s=NOW - 60.0)


def silent_run() -> RunView:
    stall = AlertView("stall", "stall", "critical", "firing", None, None,
                      "no line for 26 min; the longest quiet so far was 40 s; job is RUNNING", NOW - 200.0)  # fmt: skip
    ranks = EventView("ranks", "ranks 17 / 256", None, NOW - 1560.0, {"seen": 17, "world_size": 256})
    return run("13507072", state="silent", verdict="critical", alerts=(stall,), last_line_s=NOW - 1560.0, last_step_s=None,
               facts={"slurm_job_id": "13507072", "job_name": "topoflow", "user": "ana", "state": "RUNNING"}, events=(ranks,))  # fmt: skip


def seed_scene(*runs: RunView) -> Snapshot:
    """The three runs of the live table's sketch, or ``runs`` instead."""
    news = (
        Transition("13503904", 1, "step-100", "milestone", "critical", "firing", 100.0, 1.07,
                 "val_loss 1.07 at step 100, expected < 0.9, worry above 1.0", NOW - 13.0),
        Transition("13506127", 1, "step-270", "milestone", "info", "met", 270.0, 0.336, "val_loss 0.336 < 0.34", NOW - 69.0),
        Transition("13507072", 1, "stall", "stall", "critical", "firing", None, None,
                 "no line for 26 min; the longest quiet so far was 40 s; job is RUNNING", NOW - 200.0),
    )  # fmt: skip
    return Snapshot(
        NOW, "0.1.0", "milestones.yaml", "http://127.0.0.1:10311", runs or (training_run(), finished_run(), silent_run()),
        Counters(1200, 96_000, 340), {"slack": (2, 0), "email": (1, 1)}, ready=True, last_reload_s=NOW - 8000.0, news=news,
    )  # fmt: skip


def many_runs(runs: int, *, metrics: int = 2, points: int = 1) -> Snapshot:
    """``runs`` training runs of ``metrics`` metrics of ``points`` points, each with five milestones."""
    names = ["val_loss", "train_loss", *(f"metric_{number}" for number in range(2, metrics))]
    curve = [(float(step), 0.4 + 2.5 / (1 + step / 50) + 0.02 * math.sin(step * 1.7)) for step in range(1, points + 1)]
    shared_view = series(curve)
    last_step, last = curve[-1]
    views = {name: MetricView(name, name, last, last_step, last, last_step, points, shared_view) for name in names}
    ladder = tuple(milestone(step, "< 1.0", "met", 1.0, observed_step=float(step), observed_value=0.9) for step in (50, 100, 200, 300, 400))
    made = []
    for number in range(runs):
        name = str(13_500_000 + number)
        made.append(run(name, step=last_step, total_steps=2 * last_step, milestones=ladder, metrics=list(views.values())))
    return Snapshot(NOW, "0.1.0", "milestones.yaml", None, tuple(made), Counters(10, 1000, 100), {"slack": (1, 0)}, ready=True)
