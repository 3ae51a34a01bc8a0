"""``report``: the run's diagnostic document, as HTML or Markdown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor import __version__
from monitor.checkpoint import CheckpointError, Comparison, compare, read_checkpoint
from monitor.commands.check import baseline_document, judged
from monitor.commands.inputs import USAGE, fail, report_problems, say, the_formats, the_rules, warn
from monitor.commands.status import earlier_runs, known_run
from monitor.oneshot import read_runs
from monitor.report import Inputs, as_html, as_markdown
from monitor.report import report as document_of


@dataclass(frozen=True)
class ReportOptions:
    """``output`` ends in .html or .md, which decides the form; without it Markdown goes to stdout."""

    rules: Path | None = None
    output: Path | None = None
    checkpoint: str | None = None
    model: str | None = None
    expect: tuple[str, ...] = ()
    formats: tuple[Path, ...] = ()
    state: Path | None = None


def report(targets: Sequence[str], options: ReportOptions) -> int:
    """0 with the document written, 2 where the run or a file cannot be read."""
    if options.output is not None and options.output.suffix not in (".html", ".htm", ".md", ".markdown"):
        fail(f"{options.output}: a report is written as .html or .md")
    comparison = _comparison(options)
    paths, known_rules = list(targets), None
    if len(targets) == 1:
        paths, known_rules = known_run(targets[0], options.state)
    book, engine = the_rules(options.rules or known_rules)
    reading = read_runs(paths, engine, the_formats(options.formats), before=earlier_runs(options.state).give)
    failed = report_problems(reading.problems)
    views = judged(reading, engine, baseline_document(book.baseline), time.time())
    if not views:
        if not failed:
            warn("no run to report on")
        return USAGE
    if len(views) > 1:
        fail(f"a report is about one run, and these are {len(views)}: {', '.join(view.run for view in views[:6])}")
    document = document_of(Inputs(views[0], time.time(), comparison, book.label, __version__))
    markdown = options.output is None or options.output.suffix in (".md", ".markdown")
    text = as_markdown(document) if markdown else as_html(document)
    if options.output is None:
        say(text.rstrip())
        return 0
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as wrong:
        fail(f"{options.output}: {wrong.strerror}")
    warn(f"{options.output} written")
    return 0


def _comparison(options: ReportOptions) -> Comparison | None:
    if options.checkpoint is None and options.model is None:
        return None
    if options.checkpoint is None or options.model is None:
        fail("--checkpoint and --model go together")
    try:
        return compare(read_checkpoint(options.checkpoint), read_checkpoint(options.model), options.expect)
    except (CheckpointError, OSError) as wrong:
        fail(wrong)
