"""``formats list``, ``formats show`` and ``formats test``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monitor.commands.inputs import fail, say, say_json, the_formats
from monitor.parse.facts import identify, list_formats, show_format
from monitor.tail.discover import TailError
from monitor.tail.whole import read_whole
from rules.jsonable import jsonable, short, step_number


def list_all(extra: Sequence[Path], *, json: bool) -> int:
    rows = list_formats(the_formats(extra))
    if json:
        say_json(rows)
        return 0
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        own = "  (yours)" if row["source"] == "user" else ""
        say(f"{row['name'].ljust(width)}  {row['title']}{own}")
    return 0


def show(name: str, extra: Sequence[Path]) -> int:
    say(show_format(the_formats(extra, name), name).rstrip())
    return 0


def test(path: str, extra: Sequence[Path], forced: str | None, *, json: bool) -> int:
    """0 where an observation was read, 4 where none was, 2 where the log cannot be read."""
    try:
        found = identify(the_formats(extra, forced), (bytes(chunk) for chunk in read_whole(path)), forced=forced)
    except TailError as wrong:
        fail(wrong)
    if json:
        say_json(jsonable(found))
    else:
        say(f"{path}: {found['format'] or 'no format'}: {found['reason']}")
        if found["line"] is not None:
            say(f"  line {found['line_number']}: {found['line']}")
        for metric in found["metrics"]:
            own = f" ({metric['name']})" if metric["name"] != metric["metric"] else ""
            pairs = ", ".join(f"{end} {short(metric[end][1])} at {step_number(metric[end][0])}" for end in ("first", "last"))
            say(f"  {metric['metric']}{own}: {metric['count']} times, {pairs}")
        if found["total_steps"] is not None:
            say(f"  total steps: {step_number(found['total_steps'])}")
    return 0 if found["metrics"] else 4
