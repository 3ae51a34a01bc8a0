"""Is it normal, what to do now, and when to worry: each an answer, and the numbers behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from monitor.events import CLASSES
from monitor.report.changed import random_words, why_it_matters
from monitor.report.cost import gpu_hours
from monitor.report.document import Block, Listing, Section, Text, Toned
from monitor.report.inputs import Inputs, heading, improves, points
from monitor.snapshot import MilestoneView
from rules.jsonable import short, step_number

LIKELY, UNLIKELY = 0.5, 0.2
NOT_ITS_FAULT = {
    "time_limit": "The time was up; the run itself was well.",
    "preempted": "The nodes were needed elsewhere; the run itself was well.",
    "node_fail": "A node failed; the run itself was well. Exclude that node.",
    "cancelled": "Somebody ended it. If that was not you, ask.",
}
"""Crash classes that say nothing against the run."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``word`` is the answer, ``why`` the facts, the weightiest first."""

    word: Toned
    sentence: str
    why: tuple[str, ...] = ()


def is_it_normal(inputs: Inputs) -> Answer:
    metric, crash = inputs.metric, inputs.crash
    if crash is not None:
        known = CLASSES.get(str(crash.fields.get("class")), CLASSES["traceback"])
        return Answer(Toned("No", "bad"), f"{known.meaning[0].upper()}{known.meaning[1:]}.", (f"{crash.text}",))
    if metric is None:
        return Answer(Toned("Unknown", "warn"), "There is no loss to judge.")
    if not math.isfinite(metric.last):
        return Answer(Toned("No", "bad"), f"{metric.name or metric.metric} is {short(metric.last)}: the model's weights are lost.")
    standing = tuple(a.message for a in inputs.standing if a.severity in ("critical", "warning"))
    why = (*standing, *_trend(inputs))
    if inputs.worst == "critical":
        return Answer(Toned("No", "bad"), _ascribed(inputs, "it is not where it should be by now"), why)
    if inputs.worst == "warning":
        return Answer(Toned("Not quite", "warn"), _ascribed(inputs, "it is behind what was expected"), why)
    random = random_words(inputs)
    if random and not inputs.over:
        return Answer(
            Toned("Yes", "good"), f"{random}. A high loss at the start is what that looks like.", (*why_it_matters(inputs), *_trend(inputs))
        )
    met = sum(m.status == "met" for m in inputs.run.milestones)
    judged = sum(m.status != "pending" for m in inputs.run.milestones)
    said = f"{met} of {judged} milestones were met" if judged else "no rule objects"
    return Answer(Toned("Yes", "good"), f"{said[0].upper()}{said[1:]}.", (*((f"{random}.",) if random else ()), *_trend(inputs)))


def what_to_do(inputs: Inputs) -> Answer:
    """Carry on, watch, stop; after the end: nothing, resume, or look again."""
    metric = inputs.metric
    if inputs.crash is not None or inputs.run.state == "failed":
        name = str(inputs.crash.fields.get("class")) if inputs.crash is not None else ""
        if name in NOT_ITS_FAULT:
            return Answer(Toned("Resume", "warn"), NOT_ITS_FAULT[name], _resume(inputs))
        return Answer(Toned("Mend and resume", "bad"), "What to try is listed under the crash.", _resume(inputs))
    if metric is None:
        return Answer(Toned("Wait", "warn"), "Nothing can be judged yet.")
    if not math.isfinite(metric.last):
        return Answer(Toned("Stop", "bad"), "A run does not come back from NaN.", _resume(inputs))
    if inputs.over:
        return _after(inputs)
    ahead = next((m for m in inputs.pending if m.forecast), None)
    chance = ahead.forecast.probability if ahead and ahead.forecast else None
    numbers = (*_trend(inputs), *_ahead(inputs), *_alternative(inputs, stops=inputs.worst == "critical"))
    if inputs.worst == "critical":
        if improves(metric) and chance is not None and chance >= LIKELY:
            return Answer(Toned("Watch", "warn"), "It is late but falling, and will probably make the next milestone.", numbers)
        return Answer(Toned("Stop", "bad"), "It will not get there as it is: each further hour costs what it has cost so far.", numbers)
    if inputs.worst == "warning" or (chance is not None and chance < UNLIKELY):
        return Answer(Toned("Watch", "warn"), "Let it run to the next milestone and decide there.", numbers)
    return Answer(Toned("Carry on", "good"), "Let it run; look again at the next milestone.", numbers)


def when_to_worry(inputs: Inputs) -> list[str]:
    """The conditions that would change the answer, the next first."""
    metric = inputs.metric
    name = (metric.name or metric.metric) if metric else "the loss"
    out = [f"Now: {a.message}." for a in inputs.standing if a.severity == "critical"][:3]
    for milestone in inputs.pending[:3]:
        out.append(_worry(milestone, name))
    if not inputs.over:
        out.append(f"Whenever {name} is NaN, or rises for several validations in a row.")
    return out


def judgement_sections(inputs: Inputs) -> list[Section]:
    normal, advice = is_it_normal(inputs), what_to_do(inputs)
    worry = when_to_worry(inputs)
    out = [Section("Is it normal?", _blocks(normal))]
    out.append(Section("What to do now", _blocks(advice)))
    if worry and inputs.crash is None and not (inputs.over and not inputs.standing):
        out.append(Section("When to worry", [Listing(worry)]))
    return out


def _blocks(answer: Answer) -> list[Block]:
    blocks: list[Block] = [Text(Toned(f"{answer.word.text}. {answer.sentence}", answer.word.tone), lead=True)]
    return [*blocks, Listing(answer.why)] if answer.why else blocks


def _ascribed(inputs: Inputs, what: str) -> str:
    random = random_words(inputs)
    return (
        f"{what[0].upper()}{what[1:]}; {random}, which explains a high start but not this." if random else f"{what[0].upper()}{what[1:]}."
    )


def _trend(inputs: Inputs) -> tuple[str, ...]:
    out = []
    for metric in (inputs.train, inputs.metric):
        if metric is None:
            continue
        steps, values = points(metric)
        if len(values) >= 2 and values[0]:
            change = values[-1] / values[0] - 1
            went = heading(metric)
            out.append(
                f"{metric.name or metric.metric} {short(values[0])} -> {short(values[-1])} "
                f"from step {step_number(steps[0])} to {step_number(steps[-1])} ({change:+.0%}){f', {went} of late' if went else ''}."
            )
    return tuple(out)


def _ahead(inputs: Inputs) -> tuple[str, ...]:
    out = []
    for milestone in inputs.pending[:2]:
        ahead = milestone.forecast
        if ahead is not None:
            out.append(
                f"Step {step_number(milestone.step)} {milestone.expect}: {short(ahead.value)} expected "
                f"({short(ahead.low)} to {short(ahead.high)}), {ahead.probability:.0%} likely to be met."
            )
    return tuple(out)


def _alternative(inputs: Inputs, *, stops: bool) -> tuple[str, ...]:
    """What stopping and loading the renamed keys would bring and cost."""
    found = inputs.comparison
    if found is None or not found.renames:
        return ()
    moved = {r.model for r in found.renames if r.confidence >= LIKELY}
    params = sum(k.tensor.params for k in found.missing if k.key in moved)
    hours = gpu_hours(inputs)
    cost = f"costs the {step_number(inputs.run.step)} steps so far" + (f" ({hours:,.0f} GPU-hours)" if hours else "")
    if stops:
        return (f"A new start that loads the renamed keys would take {params:,} more parameters from the checkpoint.",)
    other = f"The other way, stopping and loading the renamed keys, takes {params:,} more parameters from the checkpoint"
    return (f"{other}, {cost}, and needs a change of the code.",)


def _resume(inputs: Inputs) -> tuple[str, ...]:
    saved = inputs.last_event("checkpoint_saved")
    if saved is None:
        return ("The log names no checkpoint to resume from.",)
    at = f" of step {step_number(saved.step)}" if saved.step is not None else ""
    path = saved.fields.get("path")
    return (f"The last checkpoint{at} is {path}." if path else f"The last checkpoint was saved at step {step_number(saved.step)}.",)


def _after(inputs: Inputs) -> Answer:
    metric, base = inputs.metric, inputs.base
    worse = base is not None and metric is not None and metric.best is not None and metric.best > base[0] * 1.05
    if inputs.worst in ("critical", "warning"):
        return Answer(Toned("Look again before you use it", "warn"), "It ended with what is listed above unresolved.")
    if worse and base is not None:
        return Answer(Toned("Train longer, or not at all", "warn"), f"It ended, but never reached the {short(base[0])} of {base[1]}.")
    return Answer(Toned("Nothing to do", "good"), "It ended as planned.")


def _worry(milestone: MilestoneView, name: str) -> str:
    at = f"{milestone.axis} {step_number(milestone.step)}"
    if milestone.worry:
        return f"At {at}: {name} {milestone.worry}."
    return f"At {at}: {name} not {milestone.expect.replace('..', ' to ')}."
