"""A run's own message in Slack, the one that is edited in place: how it stands, one glance. Pure."""

from __future__ import annotations

from typing import Any

from monitor.notify.notification import Notification
from monitor.notify.slack_text import escape, links, section
from monitor.notify.text import sparkline
from monitor.notify.wording import place
from rules.alert import FIRING
from rules.jsonable import short, step_number

BAR = 10


def board(told: Notification) -> tuple[str, list[dict[str, Any]]]:
    """The fallback text and the blocks: run and state, step of total as a bar, the loss, what stands, what is next."""
    context = told.context
    standing = [t.rule for t in told.transitions if t.state == FIRING] or list(context.standing)
    state = context.state or "watched"
    word = f"{len(standing)} alert{'s' if len(standing) != 1 else ''}" if standing else "on track"
    lines = [f"*{escape(told.run, 150)}* · {escape(state, 80)} · {word}"]
    progress = _progress(context.step, context.total_steps)
    loss = f"{context.metric} {short(context.values[-1])} {sparkline(context.values)}" if context.values else ""
    lines += [escape(" · ".join(part for part in (progress, loss, context.baseline) if part), 600)]
    ahead = " · ".join(part for part in (f"next {context.next_milestone}" if context.next_milestone else "", context.forecast) if part)
    lines += [escape(ahead, 600), escape(f"stands: {', '.join(standing)}" if standing else "", 600)]
    where = escape(place(_quiet(told)), 400)
    lines.append(" · ".join(part for part in (where, links(told)) if part))
    return f"{escape(told.run, 150)} {escape(state, 80)}, {word}", [section("\n".join(line for line in lines if line))]


def _progress(step: float | None, total: float | None) -> str:
    if step is None:
        return ""
    if not total or total <= 0:
        return f"step {step_number(step)}"
    filled = round(BAR * min(1.0, max(0.0, step / total)))
    return f"step {step_number(step)} / {step_number(total)} {'█' * filled}{'·' * (BAR - filled)}"


def _quiet(told: Notification) -> Notification:
    """``told`` without its step, which the bar shows, and without what belongs to one event."""
    from dataclasses import replace

    return replace(told, transitions=(), context=replace(told.context, step=None), body=None)
