"""The pages of the rule kinds: one a kind, and their generated tables are what the models say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from rules.conditions import kinds

ROOT = Path(__file__).resolve().parents[2]


def _generator() -> object:
    told = importlib.util.spec_from_file_location("docs_rules", ROOT / "scripts" / "docs_rules.py")
    assert told is not None
    assert told.loader is not None
    module = importlib.util.module_from_spec(told)
    told.loader.exec_module(module)
    return module


def test_the_generated_tables_are_up_to_date() -> None:
    stale = [path.name for path, text in _generator().pages().items() if path.read_text() != text]  # type: ignore[attr-defined]
    assert stale == [], "run make docs"


def test_there_is_one_page_a_kind_that_says_how_to_silence_it() -> None:
    pages = {path.stem: path.read_text() for path in (ROOT / "docs" / "rules").glob("*.md")}
    assert set(pages) == set(kinds())
    assert [kind for kind, text in pages.items() if "silence RUN" not in text] == []
