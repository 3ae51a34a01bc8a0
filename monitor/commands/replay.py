"""``replay``: the alerts that these rules would have raised on these finished logs, in the order of the log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from monitor.commands.check import baseline_document, judged
from monitor.commands.inputs import USAGE, report_problems, say, say_json, the_formats, the_rules
from monitor.eventline import event_line
from monitor.ink import wants_color
from monitor.oneshot import read_runs
from monitor.views import EXIT_CODES, worst_verdict


def replay(paths: Sequence[str], rules: Path | None, *, json: bool, formats: Sequence[Path], forced: str | None = None) -> int:
    """The exit code of the verdict at the end of the logs."""
    book, engine = the_rules(rules)
    reading = read_runs(paths, engine, the_formats(formats, forced), forced=forced)
    failed = report_problems(reading.problems)
    color = wants_color()
    for told in reading.transitions:
        if json:
            say_json(told.as_json())
        else:
            say(event_line(told, color))
    views = judged(reading, engine, baseline_document(book.baseline), time.time())
    if not views:
        return USAGE if failed else EXIT_CODES["no_data"]
    if not reading.transitions and not json:
        say("no rule would have fired")
    return EXIT_CODES[worst_verdict(view.verdict for view in views)]
