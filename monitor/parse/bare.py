"""What frames a line and says nothing of its numbers: rules drawn beside it, arrows, what another program wrote behind it."""

from __future__ import annotations

import re

MAX_CHARS = 8192
"""A longer skeleton is no metric's line."""
MAX_BANNER_CHARS = 200
_FRAMED = re.compile(r"^\s*(?:[*=~]{2,}|-{3,})\s+(?P<inner>.*?)\s+(?:[*=~]{2,}|-{3,})\s*$")
_RULED = re.compile(
    r"^\s*(?:[=*]{3,}|[-~+_]{4,}|>{4,}|#{4,}(?=.*##\s*$))\s*(?P<inner>[A-Za-z\[(].*?)\s*(?:[=*~+_<#-]{2,}\s*)?$"
)
"""``=====Epoch 3=====``: a line drawn to the edge of what it parts."""
_STARS = re.compile(r"\*{3,}")
_GLUED = re.compile(r"(?<=\S)\s+\S+\.py:\x00: \w*Warning: |slurmstepd: ")
"""Where another program's words begin behind a line that had no end yet."""
_ARROW = re.compile(r"^\s*[=-]{1,8}>{1,3}\s*(?=[^\s\x00])")
_TAIL = re.compile(r"(?<!\s)\s+[=-]{1,8}>{1,3}\s*$|\s[|,;]\s*(?:\w+ )?(?:saved|saving)\b.*$")
"""What ends a line and says nothing of its values: an arrow, where something was saved."""
_WIDE = str.maketrans("：，；（）【】＝", ":,;()[]=")
_TURNS = {"步": "step", "次": "step", "轮": "epoch"}
_TURN = re.compile(r"第 ?\x00 ?([步次轮])")
"""Chinese logs: wide punctuation, and ``第 5 步``, which is step 5."""


def bare(skeleton: str) -> str:
    """A skeleton less what frames it; it keeps all its holes but those of another program behind it."""
    if not skeleton.isascii():
        skeleton = _TURN.sub(lambda found: f" {_TURNS[found[1]]} \x00 ", skeleton.translate(_WIDE))
    glued = _GLUED.search(skeleton)
    skeleton = skeleton[: glued.start()] if glued else skeleton
    arrow = _ARROW.match(skeleton)
    skeleton = skeleton[arrow.end() :] if arrow else skeleton
    skeleton = _TAIL.sub("", skeleton) if len(skeleton) <= MAX_CHARS else skeleton
    framed = (_FRAMED.match(skeleton) or _RULED.match(skeleton)) if len(skeleton) <= MAX_BANNER_CHARS else None
    return _STARS.sub(" ", framed["inner"]) if framed else skeleton
