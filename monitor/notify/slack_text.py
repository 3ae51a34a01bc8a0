"""A notification as Slack's mrkdwn and Block Kit: escaped, within its limits. Shared by the webhook and the bot.

Escaping: https://docs.slack.dev/messaging/formatting-message-text (``&``, ``<``, ``>`` only; that also disarms ``<!channel>`` and
``<@U...>``). ``verbatim`` keeps Slack from making links of its own out of what a log printed. Marks such as ``*`` stay: they do no harm.
"""

from __future__ import annotations

from typing import Any

from monitor.notify.notification import Notification
from monitor.notify.text import cut
from monitor.notify.wording import curve, further, gist, headline, lead, place

SECTION = 3000
MAX_BLOCKS = 50
MESSAGE = 12_000
"""Characters of all texts together; above about 13,200 Slack answers ``msg_too_long`` (slackapi/bolt-js#2509)."""
FALLBACK = 1000


def escape(text: str, limit: int = SECTION) -> str:
    """``text`` as Slack shows it literally, at most ``limit`` characters after escaping, never cut inside an entity."""
    shown = _entities(text)
    while len(shown) > limit:
        text = cut(text, max(1, len(text) - max(1, (len(shown) - limit) // 5)))
        shown = _entities(text)
    return shown


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fallback(told: Notification) -> str:
    """What notifications and screen readers show: Slack wants ``text`` beside blocks always."""
    return escape(headline(told), FALLBACK)


def blocks(told: Notification) -> list[dict[str, Any]]:
    """The message: headline, curve, place and links; then further events; then the excerpt. At most 50 blocks, 12,000 characters."""
    lines = [f"*{escape(lead(told), 300)}*" + (f" · {escape(gist(told, whole=True), 1200)}" if gist(told) else "")]
    lines += [escape(text, 500) for text in (curve(told), " · ".join(part for part in (place(told),) if part)) if text]
    linked = links(told)
    if linked:
        lines[-1:] = [f"{lines[-1]} · {linked}"] if len(lines) > 1 else [lines[-1], linked]
    made = [section("\n".join(lines))]
    made += _rows(further(told), "• " if told.body is None else "")
    if told.context.excerpt and told.body is None:
        made.append(_excerpt(told.context.excerpt))
    return _bounded(made)


def links(told: Notification) -> str:
    named = ((told.context.page_url, "open"), (told.context.silence_url, "silence 2 h"))
    return " · ".join(f"<{_url(url)}|{label}>" for url, label in named if _url(url))


def _url(url: str) -> str:
    """``url`` fit to stand in ``<url|label>``, empty where it is none."""
    if not url.startswith(("http://", "https://")) or any(c in url for c in "<>| \n"):
        return ""
    return url.replace("&", "&amp;")


def _rows(rows: list[str], bullet: str) -> list[dict[str, Any]]:
    """Further lines, as many in a section as fit."""
    made: list[dict[str, Any]] = []
    text = ""
    for row in rows:
        line = f"{bullet}{escape(row, 600)}" if row else "\u200b"
        if text and len(text) + len(line) + 1 > SECTION:
            made.append(section(text))
            text = ""
        text = f"{text}\n{line}" if text else line
    return [*made, section(text)] if text else made


def _excerpt(lines: tuple[str, ...]) -> dict[str, Any]:
    """The log's last lines as a preformatted text: rich text elements are never parsed for marks, so nothing has to be escaped."""
    text = cut("\n".join(lines), SECTION)
    element = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [element]}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _bounded(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many blocks as the message may hold; the first is always kept, and what is left out is said."""
    kept: list[dict[str, Any]] = []
    room = MESSAGE
    for block in made:
        size = _size(block)
        if kept and (size > room or len(kept) >= MAX_BLOCKS - 1):
            kept.append(section(f"_{len(made) - len(kept)} more parts left out: the page has all of it_"))
            break
        kept.append(block)
        room -= size
    return kept


def _size(block: dict[str, Any]) -> int:
    if block["type"] == "section":
        return len(block["text"]["text"])
    return sum(len(leaf["text"]) for element in block["elements"] for leaf in element["elements"])
