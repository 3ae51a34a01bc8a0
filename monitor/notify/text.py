"""Text that came from a log, made harmless and short: one line, no control characters, no secrets, bounded.

What is particular to a channel (``<!channel>`` of Slack, ``<script>`` of HTML) is escaped by that channel.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

from monitor.redact import scrub

MAX_LINE = 400
"""Characters a line of a notification; a phone shows about 300."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)|[@-Z\\-_])|\x9b[0-?]{0,64}[ -/]{0,8}[@-~]")
_SPACES = re.compile(r"\s+")
_BARS = "▁▂▃▄▅▆▇█"


def clean(text: str, limit: int = MAX_LINE, *, scrubbed: bool = True) -> str:
    """``text`` as one harmless line of at most ``limit`` characters, cut with an ellipsis.

    ANSI sequences, control characters, and characters that reorder or hide text (Unicode Cc, Cf, Cs, Co, Cn) are gone; secrets
    are replaced. Cut to four times the limit before anything else looks at it, so a megabyte costs no more than a line.
    """
    text = _ANSI.sub("", text[: 4 * limit + 256])
    text = "".join(kept for c in text if (kept := _visible(c)))
    if scrubbed:
        text = scrub(text)
    return cut(_SPACES.sub(" ", text).strip(), limit)


def _visible(c: str) -> str:
    if c in "\n\r\t\v\f\x85\u2028\u2029":
        return " "
    return "" if unicodedata.category(c)[0] == "C" else c


def cut(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` characters; what was cut is told by an ellipsis."""
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + "…"


def cut_bytes(text: str, limit_bytes: int) -> str:
    """``text`` in at most ``limit_bytes`` of UTF-8, never inside a character."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit_bytes:
        return raw.decode("utf-8")
    return raw[: max(0, limit_bytes - 3)].decode("utf-8", "ignore") + "…"


def sparkline(values: Sequence[float], width: int = 12) -> str:
    """The last ``width`` values as bars from the lowest to the highest of them; NaN and infinities are ``×``. Empty without values."""
    shown = list(values)[-width:]
    finite = [v for v in shown if math.isfinite(v)]
    if not finite:
        return "×" * len(shown)
    low, span = min(finite) / 2, max(finite) / 2 - min(finite) / 2  # halves, since a log may print 1e308 and -1e308
    return "".join(_BARS[_height(v / 2 - low, span)] if math.isfinite(v) else "×" for v in shown)


def _height(above: float, span: float) -> int:
    return round(above / span * (len(_BARS) - 1)) if span > 0 else 0
