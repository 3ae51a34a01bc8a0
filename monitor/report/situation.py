"""Situation: where the run is, in two lines, and the curve."""

from __future__ import annotations

from monitor.report.chart import picture
from monitor.report.document import Block, Section, Text
from monitor.report.inputs import Inputs, heading, points
from rules.jsonable import short, step_number
from rules.units import human_duration


def situation(inputs: Inputs) -> Section:
    blocks: list[Block] = [Text(where(inputs), lead=True)]
    told = against_baseline(inputs)
    if told:
        blocks.append(Text(told))
    chart = picture(inputs)
    if chart is not None:
        blocks.append(chart)
    return Section("Situation", blocks)


def where(inputs: Inputs) -> str:
    """Step, losses, time and machines."""
    run, metric = inputs.run, inputs.metric
    parts = []
    if metric is None:
        parts.append("No loss was found in the log")
    else:
        of = f" of {step_number(run.total_steps):,}" if run.total_steps is not None else ""
        step = step_number(run.step if run.step is not None else metric.last_step)
        parts.append(f"Step {step:,}{of}: {metric.name or metric.metric} {short(metric.last)}{_at(metric.last_step, run.step)}")
        train = inputs.train
        if train is not None:
            parts[0] += f", {train.name or train.metric} {short(train.last)}"
        went = heading(metric)
        if went:
            parts[0] += f", {went}"
    machines = on_machines(inputs)
    if machines:
        parts.append(machines[0].upper() + machines[1:] if metric is None else machines)
    if run.attempt > 1:
        parts.append(f"This is attempt {run.attempt}")
    return ". ".join(parts) + "."


def _at(last: float, reached: float | None) -> str:
    return f" at step {step_number(last)}" if reached is not None and reached != last else ""


def on_machines(inputs: Inputs) -> str:
    run = inputs.run
    elapsed = elapsed_s(inputs)
    parts = [human_duration(elapsed)] if elapsed else []
    nodes, gpus = node_count(inputs), gpu_count(inputs)
    machines = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in ((nodes, "node"), (gpus, "GPU")) if n]
    if machines:
        parts.append("on " + ", ".join(machines))
    name = run.facts.get("job_name")
    return ", ".join(part for part in (str(name or ""), " ".join(parts)) if part)


def elapsed_s(inputs: Inputs) -> float | None:
    """Seconds from the first line (or SLURM's start) to the last line or now; None where nobody knows."""
    run = inputs.run
    # A log that was read at once has one time, that of its last line: nobody knows when the run began.
    watched = run.started_s if run.started_s != run.last_line_s else None
    start = run.facts.get("start_time_s") or watched
    end = run.ended_s or run.last_line_s if inputs.over else inputs.now_s
    return end - start if isinstance(start, (int, float)) and end is not None and end - start > 1.0 else None


def node_count(inputs: Inputs) -> int | None:
    nodes = inputs.run.facts.get("nodes")
    return nodes if isinstance(nodes, int) else len(nodes) if isinstance(nodes, (list, tuple)) else None


def gpu_count(inputs: Inputs) -> int | None:
    """SLURM's count, else the ranks that the log counted (one GPU a rank)."""
    gpus = inputs.run.facts.get("gpus")
    if isinstance(gpus, int) and gpus > 0:
        return gpus
    ready = inputs.last_event("ranks_ready", "rank_member")
    world = ready.fields.get("world") if ready else None
    return world if isinstance(world, int) and world > 0 else None


def against_baseline(inputs: Inputs) -> str:
    metric, base = inputs.metric, inputs.base
    if metric is None:
        return ""
    parts = []
    if base is not None and base[0]:
        ratio = metric.last / base[0]
        parts.append(
            f"That is {ratio:.1f} times the {short(base[0])} of {base[1]}"
            if ratio >= 1.05 or ratio <= 0.95
            else f"That is level with {base[1]} ({short(base[0])})"
        )
    _, values = points(metric)
    best = metric.best
    # A progress bar shows fewer digits than the message of a validation: the same value is no other best.
    if best is not None and len(values) > 1 and abs(best - metric.last) > 0.005 * abs(metric.last):
        parts.append(f"the best so far is {short(best)} at step {step_number(metric.best_step)}")
    told = "; ".join(parts)
    return f"{told[0].upper()}{told[1:]}." if told else ""
