"""Keys that did not fit, in the words of torch, Lightning, Transformers 4 and 5, timm, mmcv, detectron2, and hand-made lists.

A list stands on the line itself, or on lines of their own under a heading; such lines are collected until another kind comes.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from monitor.events.kinds import MAX_KEYS
from monitor.events.sought import Late
from rules.observation import Event

MISSING, UNEXPECTED, MISMATCHED = "missing_keys", "unexpected_keys", "mismatched_keys"
MAX_LIST_LINES = 5_000

_TEXT = {MISSING: "missing (they start at random)", UNEXPECTED: "unexpected (they were ignored)", MISMATCHED: "of another shape"}
_QUOTED = Late(r"""['"]([\w.\[\]/:$-]{1,300})['"]""")
_KEY = Late(r"[A-Za-z_][\w\[\]/:$-]*(?:\.[\w\[\]/:$-]+)*")
_INCOMPATIBLE = Late(r"missing_keys=\[(?P<missing>[^\]]*)\], ?unexpected_keys=\[(?P<unexpected>[^\]]*)\]")
_SIZE = Late(r"size mismatch for ([\w.\[\]]{1,300}): copying a param")
_SHAPES = Late(r"^-? ?([\w.]{1,300}): found shape torch\.Size\(.{0,80}\) in the checkpoint and torch\.Size")
_REPORT_ROW = Late(r"^([\w.{},\[\] -]{1,300}?)\s*\| (?:\x1b\[\d*m)?(MISSING|UNEXPECTED|MISMATCH|CONVERSION)")
_INLINE: tuple[tuple[str, Late], ...] = (
    (MISSING, Late(r"newly initialized(?: because .{0,80})?: ?[\[{](.*)")),
    (UNEXPECTED, Late(r"were not used when initializing .{0,120}?: ?[\[{](.*)")),
    (MISSING, Late(r"in the model state dict but not in the checkpoint: ?\[(.*)")),
    (UNEXPECTED, Late(r"not in the model state dict but in the checkpoint: ?\[(.*)")),
    (MISSING, Late(r"Missing key\(s\) in state_dict: (.*)")),
    (UNEXPECTED, Late(r"Unexpected key\(s\) in state_dict: (.*)")),
    (MISSING, Late(r"Missing keys \((.*)\) discovered while loading")),
    (UNEXPECTED, Late(r"Unexpected keys \((.*)\) found while loading")),
    (MISSING, Late(r"missing keys in source state_dict: (.*)")),
    (UNEXPECTED, Late(r"unexpected key in source state_dict: (.*)")),
)
_WORD = r"(?<![\w])(?:(?P<missing>[Mm]issing|MISSING)|(?P<unexpected>[Uu]nexpected|UNEXPECTED|IGNORED|[Ii]gnored from))"
_HAND_MADE = Late(
    rf"(?:{_WORD})(?:[ _](?:[Kk]eys?|KEYS?|params?|parameters|weights?|from the checkpoint|in (?:the )?(?:model|checkpoint|ckpt)))*"
    r"(?:\(s\))?\s*(?:[:=]|\(|\b)\s*(?P<rest>.*?)(?=[Mm]issing|MISSING|[Uu]nexpected|UNEXPECTED|$)"
)
_CODE_LIKE = Late(r"\w\((?!s\))|self\.|==| for \w+ in |^\s*[\"']|^\s*(?:if|elif|assert|return|raise|print)\b")
_COUNT = Late(r"^\(?(\d{1,6})\)?(?:\s*(?:[Kk]eys?|params?|parameters|weights?|tensors?)\b)?")
_HEADINGS: tuple[tuple[str, str], ...] = (
    ("Some model parameters or buffers are not found in the checkpoint", MISSING),
    ("The checkpoint state_dict contains keys that are not used by the model", UNEXPECTED),
)
_BRACES = Late(r"\{(\d{1,5}(?:, ?\d{1,5})*|(\d{1,5})\.\.\.(\d{1,5}))\}")
_BULLET = Late(r"^\s{0,12}(?:[-*•·>]|❌|✗|\d{1,5}[.)])\s+")


@dataclass(slots=True)
class Gathering:
    """A list under a heading: ``expected`` is the count that the heading gave, None where it gave none."""

    kind: str
    expected: int | None
    offset: int
    keys: list[str] = field(default_factory=list)
    count: int = 0
    lines: int = 0
    bulleted: bool | None = None


@dataclass(slots=True)
class KeyLists:
    """Pure fold over lines alone; ``open`` while a list is being gathered."""

    gathering: Gathering | None = None
    report: dict[str, list[str]] = field(default_factory=dict)
    reported: int = 0
    """Where the report begins."""

    @property
    def open(self) -> bool:
        return self.gathering is not None or bool(self.report)

    def feed(self, line: str, offset: int) -> list[Event]:
        events: list[Event] = []
        if self._row(line, offset):
            return events
        if self.report and not line.lstrip().startswith(("-", "Key", "Notes", "=")) and "LOAD REPORT" not in line:
            events += self.flush()
        if self.gathering is not None and not self._gather(line):
            events += self.flush()
        for kind, keys, count in self._on_line(line, offset):
            events += self._tell(kind, keys, count, offset)
        return events

    def flush(self) -> list[Event]:
        """What was gathered so far, as events: the list's end is only known by what follows it."""
        events: list[Event] = []
        held, self.gathering = self.gathering, None
        if held is not None and (held.count or held.expected):
            events += self._tell(held.kind, held.keys, held.expected or held.count, held.offset)
        report, self.report = self.report, {}
        for kind, keys in report.items():
            events += self._tell(kind, keys[:MAX_KEYS], len(keys), self.reported)
        return events

    def _row(self, line: str, offset: int) -> bool:
        """A row of Transformers 5's LOAD REPORT, or a shape that does not match: gathered, told together."""
        if not self.report:
            self.reported = offset
        size = _SIZE.search(line) or _SHAPES.search(line.strip())
        if size:
            self.report.setdefault(MISMATCHED, []).append(size[1])
            return True
        row = _REPORT_ROW.match(line)
        if not row:
            return False
        kind = {"MISSING": MISSING, "UNEXPECTED": UNEXPECTED, "MISMATCH": MISMATCHED}.get(row[2])
        held = self.report.setdefault(kind, []) if kind else []
        if len(held) < MAX_LIST_LINES:
            held.extend(_each_layer(row[1].strip()))
        return True

    def _gather(self, line: str) -> bool:
        held = self.gathering
        if held is None or held.lines >= MAX_LIST_LINES or (held.expected is not None and held.count >= held.expected):
            return False
        held.lines += 1
        if not line.strip():
            return held.count == 0
        bullet = _BULLET.match(line)
        if held.bulleted is None:
            held.bulleted = bullet is not None
        if (bullet is not None) != held.bulleted:
            return False
        if bullet is None and not line.startswith((" ", "\t", '"', "'")):
            # detectron2 writes its list flush left: a line that is a key and nothing else
            name = line.strip().split("{")[0]
            if "." not in name or not _KEY.fullmatch(name.rstrip(".")):
                return False
        key = _KEY.match(line[bullet.end() :] if bullet else line.strip().strip("'\","))
        if not key:
            return False
        held.count += 1
        if len(held.keys) < MAX_KEYS:
            held.keys.append(key[0])
        return True

    def _on_line(self, line: str, offset: int) -> list[tuple[str, list[str], int]]:
        both = _INCOMPATIBLE.search(line)
        if both:
            lists = ((kind, _QUOTED.findall(both[name])) for kind, name in ((MISSING, "missing"), (UNEXPECTED, "unexpected")))
            return [(kind, keys, len(keys)) for kind, keys in lists]
        for kind, pattern in _INLINE:
            found = pattern.search(line)
            if found:
                keys = _QUOTED.findall(found[1]) or [
                    key for part in found[1].split(",") if _KEY.fullmatch(key := part.strip(" .[]{}()'\""))
                ]
                return [(kind, keys, len(keys))]
        for words, kind in _HEADINGS:
            if words in line:
                self.gathering = Gathering(kind, None, offset)
                return []
        return self._hand_made(line, offset)

    def _hand_made(self, line: str, offset: int) -> list[tuple[str, list[str], int]]:
        """``Missing keys: 8``, ``missing keys: ['a', 'b']``, ``MISSING (8 keys, random init):`` and a list below."""
        out: list[tuple[str, list[str], int]] = []
        if not ("key" in line.lower() or "random init" in line) or _CODE_LIKE.search(line):
            return out
        for found in _HAND_MADE.finditer(line[:4000]):
            kind = MISSING if found["missing"] else UNEXPECTED
            rest = found["rest"].strip()
            count = _COUNT.match(rest.lstrip("([{: "))
            quoted = _QUOTED.findall(line[found.start() :]) if "[" in rest or "{" in rest else []
            if quoted:
                out.append((kind, quoted, len(quoted)))
            elif re.match(r"^[:=\s]*[\[{(]\s*[\]})]", rest) or rest.startswith(("[]", "set()", "None")):
                out.append((kind, [], 0))
            elif count and line.rstrip().endswith((":", "—", "-")):
                self.gathering = Gathering(kind, int(count[1]), offset)
            elif count:
                out.append((kind, [], int(count[1])))
            elif not rest and line.rstrip().endswith(":"):
                self.gathering = Gathering(kind, None, offset)
        return out

    def _tell(self, kind: str, keys: list[str], count: int, offset: int) -> list[Event]:
        if count == 0:
            return []
        names = ", ".join(keys[:4]) + (" ..." if count > 4 else "")
        text = f"{count} {'key' if count == 1 else 'keys'} {_TEXT[kind]}" + (f": {names}" if names else "")
        return [Event(kind, text[:300], None, offset, fields={"count": count, "keys": keys[:MAX_KEYS]})]

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restored(cls, state: dict[str, Any]) -> KeyLists:
        held = state.get("gathering")
        return cls(Gathering(**held) if held else None, dict(state.get("report", {})), state.get("reported", 0))


def _each_layer(name: str) -> list[str]:
    """Transformers 5 writes the same key of several layers in one row: ``layer.{0, 2}.w`` or ``layer.{0...11}.w``."""
    braces = _BRACES.search(name)
    if not braces:
        return [name]
    if braces[2]:
        numbers = list(range(int(braces[2]), min(int(braces[3]), int(braces[2]) + MAX_KEYS) + 1))
    else:
        numbers = [int(part) for part in braces[1].split(",")[:MAX_KEYS] if part.strip().isdigit()]
    return [f"{name[: braces.start()]}{number}{name[braces.end() :]}" for number in numbers]
