"""The diagnostic document of a run: is it normal, why, what to expect when, what to do, when to worry. Pure.

``report(Inputs(run_view, now_s, comparison))`` gives a ``Document``; ``as_html`` and ``as_markdown`` write it. For one alert ``explain``
takes one section (``crash_card``, ``changed``, ``plan``, ``life``) as ``section_lines``.
"""

from __future__ import annotations

from datetime import datetime

from monitor.report.changed import changed
from monitor.report.cost import cost
from monitor.report.crash import crash_card
from monitor.report.document import Document, Section, Toned
from monitor.report.html import as_html
from monitor.report.inputs import Inputs
from monitor.report.judgement import Answer, is_it_normal, judgement_sections, what_to_do, when_to_worry
from monitor.report.life import life
from monitor.report.markdown import as_markdown
from monitor.report.plan import plan
from monitor.report.situation import situation
from monitor.report.text import section_lines
from rules.jsonable import step_text

__all__ = [
    "Answer",
    "Document",
    "Inputs",
    "as_html",
    "as_markdown",
    "changed",
    "crash_card",
    "is_it_normal",
    "life",
    "plan",
    "report",
    "section_lines",
    "what_to_do",
    "when_to_worry",
]


ANSWERS = {"Yes": "It is normal.", "No": "It is not normal.", "Not quite": "It is not quite normal.", "": "Too little is known."}


def report(inputs: Inputs) -> Document:
    """The sections in the order in which a colleague would tell it; those of which nothing is known are left out."""
    run, advice = inputs.run, what_to_do(inputs)
    normal, *rest = judgement_sections(inputs)
    sections: list[Section | None] = [
        situation(inputs),
        crash_card(inputs),
        changed(inputs),
        normal,
        plan(inputs),
        *rest,
        life(inputs),
        cost(inputs),
    ]
    title = f"Run {run.run}" + (f" at step {run.step:,g}" if run.step is not None else "")
    word = is_it_normal(inputs).word
    return Document(
        title,
        Toned(
            f"{ANSWERS.get(word.text, ANSWERS[''])} {advice.word.text}{_until(inputs)}.",
            advice.word.tone if word.tone == "good" else word.tone,
        ),
        [section for section in sections if section is not None],
        f"{'loss-watch ' + inputs.version if inputs.version else 'loss-watch'}, {datetime.fromtimestamp(inputs.now_s):%d %b %Y %H:%M}"
        + (f", {inputs.rules_label}" if inputs.rules_label else "")
        + f", from {', '.join(path.rpartition('/')[2] for path in run.paths[:4])}",
    )


def _until(inputs: Inputs) -> str:
    """When the answer changes: the next milestone that has a condition to worry."""
    metric = inputs.metric
    ahead = next((m for m in inputs.pending if m.worry), None)
    if metric is None or ahead is None or inputs.over or inputs.worst == "critical":
        return ""
    return f"; worry if {metric.name or metric.metric} is {ahead.worry} at {ahead.axis} {step_text(ahead.step)}"
