"""Writes the generated parts of docs/rules.md and docs/rules/*.md: the table of kinds and each kind's table of parameters.

They come from the same models as `loss-watch rules schema`; a test compares them (tests/rules/test_docs.py). Run: make docs
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rules.conditions import kinds  # noqa: E402
from rules.kind import RuleSpec  # noqa: E402
from rules.units import Hold, human_duration  # noqa: E402

BEGIN, END = "<!-- generated: make docs -->", "<!-- end -->"
COMMON = ("name", "severity", "for", "keep", "repeat")


def pages() -> dict[Path, str]:
    """Every page as it must be."""
    found = {ROOT / "docs" / "rules.md": table_of_kinds()}
    found |= {ROOT / "docs" / "rules" / f"{kind}.md": table_of_parameters(spec) for kind, spec in kinds().items()}
    return {path: filled(path.read_text(), table) for path, table in found.items()}


def filled(text: str, table: str) -> str:
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n{table}\n{END}", text, flags=re.S)


def table_of_kinds() -> str:
    rows = [
        f"| [`{kind}`](rules/{kind}.md) | {spec.default_severity.value} | {(spec.__doc__ or '').strip().splitlines()[0]} |"
        for kind, spec in kinds().items()
    ]
    return "\n".join(["| kind | severity | fires when |", "|---|---|---|", *rows])


def table_of_parameters(spec: type[RuleSpec]) -> str:
    rows = ["| parameter | default | |", "|---|---|---|"]
    own = [name for name in spec.model_fields if name not in RuleSpec.model_fields]
    changed = [name for name in RuleSpec.model_fields if spec.model_fields[name].default != RuleSpec.model_fields[name].default]
    for name in (*own, *changed):
        info = spec.model_fields[name]
        rows.append(f"| `{info.alias or name}` | {shown(name, info)} | {(info.description or '').replace('|', '/')} |")
    return "\n".join([*rows, "", f"And those of every rule: {', '.join(f'`{name}`' for name in COMMON)} ([rules.md](../rules.md))."])


def shown(name: str, info: Any) -> str:
    value = info.default
    if info.is_required():
        return "required"
    if value is None or value == ():
        return ""
    if isinstance(value, Hold):
        return f"`{value}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" for part in value)
    if isinstance(value, float) and value >= 60 and name in ("after", "floor", "ceiling", "quiet", "within", "margin", "limit"):
        return f"`{human_duration(value).replace(' min', 'm').replace(' h 00', 'h')}`"
    return f"`{value:g}`" if isinstance(value, (int, float)) else f"`{value}`"


def main() -> None:
    for path, text in pages().items():
        if path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"{path.relative_to(ROOT)} written\n")


if __name__ == "__main__":
    main()
