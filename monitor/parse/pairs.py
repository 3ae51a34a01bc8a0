"""Names beside numbers in a skeleton: ``loss: #``, ``'eval_loss': #``, ``val loss #``, ``| lm loss: # |``, ``Epoch [#/#]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

HOLE = "\x00"

_KEY = re.compile(
    r"""(?P<key>[A-Za-z_#@(][\w./@%()\-+* ]*?)         # words, up to
        ["'\]]{0,2}[ ]*
        (?P<sep>[:=]{1,2}>?|->|≈|\t|\|)?[ \t]*            # a separator, or none
        (?:tensor\(|["'(\[]|np\.float\d*\()?[ ]*$""",
    re.X,
)
_BREAK = re.compile(r"[,;|\t{}\[\]<>\"`!?│┃]|'(?!s )|[ ]{2,}|[:=]\S*\s|=|\)\s|(?<=\))|:\s(?=\S)|(?<=\d)\s-\s|\s-\s")
_UNIT = re.compile(r"^(?:[A-Za-z%/²]+|\s(?:ms|s|sec|it|tok|%|MiB|GB|MB|h|m|x|BPC|meV|eV)\b)")
_CELL_ENDS = ("|", "│", "┃")
_OF = re.compile(r"^ ?/ *$|^ of $")


@dataclass(frozen=True, slots=True)
class Named:
    """One number and what stands before it. ``of``: it is the N of ``n/N``. ``sep``: what parts it from its name."""

    index: int
    key: str
    sep: str
    after: str
    of: bool = False
    before: str = ""


def named(skeleton: str) -> list[Named]:
    """What stands before each number of a skeleton, in the order of the line."""
    parts = skeleton.split(HOLE)
    made = []
    for index in range(len(parts) - 1):
        before, after = parts[index], parts[index + 1]
        if index and _OF.match(before):
            made.append(Named(index, "", "/", after, of=True, before=before))
            continue
        key, sep = key_before(before, first=index == 0)
        made.append(Named(index, key, sep, after, before=before))
    return made


def key_before(text: str, *, first: bool = False) -> tuple[str, str]:
    """The name that ends in ``text`` and its separator (empty: a blank); two empty strings where there is none."""
    text = text[-160:]
    unit = None if first else _UNIT.match(text)
    text = text[unit.end() :] if unit else text
    tail = re.search(r"""["'\])]{0,2}\s*(?P<sep>[:=]+>?|->|≈|\||│|┃)?\s*(?:tensor\(|np\.float\d*\(|["'(\[{])?\s*$""", text)
    head = text[: tail.start()] if tail else text
    sep = (tail["sep"] or "") if tail else ""
    pieces = _BREAK.split(head)
    if unit and len(pieces) == 1 and sep in _CELL_ENDS:
        return "", sep  # 32.1% bf16 MFU | 124793 tok/s: the words go on with the unit of the number before
    key = (pieces[-1] or "").strip(" .-*>=:+#") if pieces else ""
    return (key, sep) if re.search("[A-Za-z]", key) else ("", sep)
