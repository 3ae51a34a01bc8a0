"""What Lightning prints, as patterns: its bars, its messages, and the names with values behind a bar."""

from __future__ import annotations

import re

NUMBER = r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+|(?:nan|inf)(?:\.0)?)"
SPLIT = re.compile(
    r"(?<=\S)(?=(?:Epoch \d+(?:/\d+)?:? |Epoch \d+, global step |"
    r"Validation(?: DataLoader \d+)?:\s|Sanity Checking|Metric \S+ improved by|Training: +\d+%)"
    r"|`Trainer\.fit`|Testing DataLoader|Predicting DataLoader)"
)
TRAIN = re.compile(
    r"(?:Epoch (?P<epoch>\d+)|Training):(?: :)? +(?:\d+%)?\|.*?\| +?(?P<n>\d+)/(?P<total>\d+|\?) \[(?P<times>[^,\]]*)(?P<post>.*)", re.S
)
ENDLESS = re.compile(r"Epoch (?P<epoch>\d+):(?: :)? +(?P<n>\d+)(?P<total>it) \[(?P<times>[^,\]]*)(?P<post>.*)", re.S)
"""A bar of before version 2 whose end is not known: ``Epoch 0: : 41it [00:00, 500.1it/s, loss=0.9, v_num=1]``."""
RICH = re.compile(
    r"Epoch (?P<epoch>\d+)/(?P<last>-?\d+) .*?(?P<n>\d+)/(?P<total>\d+|-+|\?) +"
    r"(?P<times>[\d:-]+ [•·] +(?:[\d:-]+ +)?[\d.]+(?:it/s|s/it))(?P<post>.*)", re.S
)
VAL = re.compile(r"Validation|Validating")
OTHER_BAR = re.compile(r"Sanity Checking|Validation sanity check|Testing|Predicting")
REACHED = re.compile(rf"Epoch (?P<epoch>\d+), (?:global )?step (?P<step>\d+): '?(?P<name>[^\s']+)'? reached (?P<value>{NUMBER})\b")
NOT_TOP = re.compile(r"Epoch (?P<epoch>\d+), (?:global )?step (?P<step>\d+): '?(?P<name>[^\s']+)'? was not in top")
IMPROVED = re.compile(rf"Metric (?P<name>\S+) improved\b.*?New best score: (?P<value>{NUMBER})")
PAIR = re.compile(rf"(?P<name>[A-Za-z_][^\s=,:]*)(?:=|: )(?P<value>{NUMBER})(?=(?P<end>[,\]\s]|$))")
WORDS = re.compile(rb"Epoch |Validat|Metric |Training: |Trainer\.fit|_loss: |: \d|^ {20,}[A-Za-z_0-9.:+-]")
"""Or a line behind a rich bar that the terminal's width has wrapped."""

WRAPPED = re.compile(r"\s+(?:\d+:\d+:\d+\s+)?(?P<post>\S.*?)\s*$")
CUT = re.compile(r"([A-Za-z_]\S*?)[_/.-][^_/.\s-]*…")
DONE = re.compile(r"(?P<n>\d+)/(?P<total>\d+)")
VERSION_1 = re.compile(rf", [^,\]]*, loss={NUMBER}, v_num=")
"""How a postfix of before version 2 begins; its bar counts the batches of the validations too."""
SKIPPED = frozenset(("v_num",))


def may_matter(segment: bytes) -> bool:
    """Whether a segment can hold anything for this reader (a superset)."""
    return WORDS.search(segment) is not None


def joined(post: str, rest: str) -> str:
    """A rich bar's postfix with what stands on the next line: a name that the width has cut goes on there."""
    last = post.split()[-1] if post.strip() else ":"
    whole = last.endswith((":", "…")) or re.fullmatch(NUMBER, last)
    return f"{post.rstrip()}{' ' if whole else ''}{rest}"


def values_of(post: str) -> dict[str, str]:
    """A postfix's names and values; the last is left out where the terminal's width has cut it. A cut name keeps its whole words."""
    post = CUT.sub(r"\1:", post) if "…" in post else post
    return {one["name"]: one["value"] for one in PAIR.finditer(post) if one["end"] or "]" in post}
