"""A notification as an HTML mail: one column for a phone, styles inline (mail programs drop style sheets), no script, no remote image."""

from __future__ import annotations

from html import escape

from monitor.notify.notification import Notification
from monitor.notify.wording import curve, further, gist, lead, ordered, place
from rules.alert import FIRING, RESOLVED

CHART_ID = "curve@loss-watch"

_COLOUR = {"critical": "#b3261e", "warning": "#8a5a00", "info": "#1f6f43"}
_FONT = "font-family:-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"
_MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"


def html_body(told: Notification, *, with_chart: bool = False) -> str:
    """The document. Everything that is not ours is escaped; a link is one only if it is http(s)."""
    parts = [f'<p style="font-size:17px;margin:0 0 8px"><strong style="color:{_colour(told)}">{escape(lead(told))}</strong>']
    parts.append(f" &middot; {escape(gist(told, whole=True))}</p>" if gist(told) else "</p>")
    if curve(told):
        parts.append(f'<p style="margin:0 0 8px;font-size:13px;{_MONO}">{escape(curve(told))}</p>')
    if with_chart:
        alt = f"{escape(told.context.metric)} by step"
        parts.append(f'<p style="margin:0 0 8px"><img src="cid:{CHART_ID}" alt="{alt}" style="max-width:100%"></p>')
    if place(told):
        parts.append(f'<p style="margin:0 0 8px;font-size:14px;color:#444">{escape(place(told))}</p>')
    rows = further(told)
    if rows and told.body is not None:
        parts.append(f'<p style="margin:0 0 8px">{"<br>".join(escape(row) for row in rows)}</p>')
    elif rows:
        parts.append("<ul>" + "".join(f"<li>{escape(row)}</li>" for row in rows) + "</ul>")
    if told.context.excerpt and told.body is None:
        lines = escape("\n".join(told.context.excerpt))
        parts.append(f'<pre style="background:#f4f4f4;padding:8px;white-space:pre-wrap;font-size:12px;{_MONO}">{lines}</pre>')
    parts += [f'<p style="margin:0"><a href="{escape(url)}">{label}</a></p>' for url, label in _links(told)]
    head = f'<!doctype html>\n<html><body style="{_FONT};font-size:15px;max-width:640px;margin:0;padding:8px;color:#111;background:#fff">'
    return "\n".join([head, *parts, "</body></html>\n"])


def _colour(told: Notification) -> str:
    states = {t.state for t in told.transitions}
    if FIRING not in states and RESOLVED in states:
        return _COLOUR["info"]
    return _COLOUR.get(ordered(told.transitions)[0].severity if told.transitions else told.severity, "#111")


def _links(told: Notification) -> list[tuple[str, str]]:
    named = ((told.context.page_url, "open the page"), (told.context.silence_url, "silence for 2 h"))
    return [(url, label) for url, label in named if url.startswith(("http://", "https://"))]
