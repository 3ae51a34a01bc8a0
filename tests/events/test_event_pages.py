"""The pages list every kind and every class, as the code does."""

from __future__ import annotations

from pathlib import Path

from monitor.events import CLASSES, KINDS, noise_literals

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_event_kind_has_its_line():
    page = (DOCS / "events.md").read_text("utf-8")
    assert [] == [kind for kind, (meaning, _) in KINDS.items() if f"| `{kind}` | {meaning} |" not in page]
    assert [] == [literal for literal in noise_literals() if f"- `{literal.decode().strip()}`" not in page]


def test_every_crash_class_has_its_line():
    page = (DOCS / "crash-classes.md").read_text("utf-8")
    assert [] == [name for name, known in CLASSES.items() if f"| `{name}` | {known.meaning} | {'; '.join(known.advice)} |" not in page]
