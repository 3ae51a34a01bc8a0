"""The live table: ``render`` is pure, ``LiveTable`` shows it.

Columns that do not fit are dropped from the right and nothing wraps. Colour says only what a word beside it says too; rich obeys
``NO_COLOR`` and a terminal that has none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.text import Text

from monitor.display import cells
from monitor.display.notices import Notices, noticed
from monitor.snapshot import RunView, Snapshot
from rules.alert import Transition

GAP = "   "
_LOOSE, _TIGHT = (3, 10), (2, 6)
"""Cells between two columns, and cells of a progress bar, where there is room and where there is not."""
MAX_NEWS = 12
MAX_NOTICES = 3
_ROOM_FOR_NOTICES = 12
_HEAD = 100
"""Cells that the head may take where the table below is narrower."""
REFRESHES_PER_S = 4
Clock = Callable[[float], time.struct_time]
_ALWAYS = 2
"""Columns that stay however narrow the terminal is: the run and its state."""


@dataclass(frozen=True, slots=True)
class Row:
    """One run's cells; ``span`` replaces all those from the fourth on where the run has shown no number."""

    cells: tuple[Text, ...]
    span: Text | None = None


TITLES = ("RUN", "STATE", "STEP", "VAL LOSS", "TRAIN", "NEXT MILESTONE", "ALERTS")
_SPAN_FROM, _SPAN_TO = 3, 6


def render(
    snapshot: Snapshot, width: int, height: int | None = None, *, clock: Clock = time.localtime, fit: bool = False,
    notices: Sequence[str] = (),
) -> Group:  # fmt: skip
    """The whole screen in ``width`` cells and at most ``height`` lines; ``clock`` turns Unix seconds into wall time.

    ``fit``: the head is no wider than what stands below it. ``notices``: the last of them stand below all.
    """
    news = snapshot.news[:MAX_NEWS]
    runs = list(snapshot.runs)
    hidden = 0
    notices = notices[-MAX_NOTICES:] if height is None or height > _ROOM_FOR_NOTICES else ()
    if height is not None:
        room = max(1, height - 4 - len(notices) - bool(notices))
        if len(runs) > room - min(len(news), 4):
            runs, hidden = _most_urgent(runs, max(1, room - min(len(news), 4) - 1))
        news = news[: max(0, room - len(runs) - bool(hidden) - 1)]
    lines = [Text() if fit else _header(snapshot, width, clock), Text(), *_table(runs, width, snapshot.time_s)]
    if hidden:
        lines.append(Text(f"and {hidden} more, all calmer", style="dim"))
    if not snapshot.runs:
        lines.append(Text("no log yet" if snapshot.ready else "reading the logs", style="dim"))
    if news:
        lines += [Text(), *event_lines(news, clock)]
    if notices:
        lines += [Text(), *(Text(cells.safe(line), style="dim") for line in notices)]
    if fit:
        lines[0] = _header(snapshot, min(width, max(_HEAD, *(cell_len(line.plain) for line in lines))), clock)
    for line in lines:
        line.truncate(width, overflow="ellipsis")
        line.no_wrap = True
        line.overflow = "crop"
    return Group(*lines)


def event_lines(news: Sequence[Transition], clock: Clock = time.localtime) -> list[Text]:
    """Transitions as lines, their columns aligned among themselves."""
    run_width = max((cell_len(cells.safe(told.run, 24)) for told in news), default=0)
    rule_width = max((cell_len(cells.safe(told.rule, 40)) for told in news), default=0)
    return [_event_line(told, clock, run_width, rule_width) for told in news]


def _event_line(told: Transition, clock: Clock, run_width: int, rule_width: int) -> Text:
    severity = told.severity if told.state == "firing" else ""
    color = cells.COLORS.get(told.state if told.state != "firing" else told.severity, "")
    line = Text(f"{time.strftime('%H:%M:%S', clock(told.time_s or 0.0))}  {_fit(cells.safe(told.run, 24), run_width)}  ")
    line.append(f"{told.state:<8}  {severity:<8}", style=color)
    line.append(f"  {_fit(cells.safe(told.rule, 40), rule_width)}  {cells.safe(told.message)}")
    return line


def _header(snapshot: Snapshot, width: int, clock: Clock) -> Text:
    runs = len(snapshot.runs)
    parts = [f"loss-watch {snapshot.version}", f"{runs} run{'' if runs == 1 else 's'}", cells.safe(snapshot.rules_label, 60)]
    if snapshot.address:
        parts.append(cells.safe(snapshot.address, 80))
    now = time.strftime("%H:%M:%S", clock(snapshot.time_s))
    while len(parts) > 1 and cell_len(GAP.join(parts)) + len(GAP) + len(now) > width:
        parts.pop()
    told = GAP.join(parts)
    line = Text(told.ljust(max(len(told), width - len(now))) + (now if len(told) + len(now) < width else ""))
    line.stylize("bold", 0, len("loss-watch"))
    return line


def _most_urgent(runs: list[RunView], room: int) -> tuple[list[RunView], int]:
    """The ``room`` runs that want attention first, in their own order, and how many are left out."""

    def urgency(run: RunView) -> tuple[int, bool]:
        firing = [cells.SEVERITY_RANK.get(alert.severity, 0) for alert in run.alerts if alert.state == "firing" and not alert.silenced]
        return -max(firing, default=-1), run.ended_s is not None

    chosen = {id(run) for run in sorted(runs, key=urgency)[:room]}
    return [run for run in runs if id(run) in chosen], max(0, len(runs) - room)


def _table(runs: Sequence[RunView], width: int, now_s: float) -> list[Text]:
    if not runs:
        return []
    for gap, bar_width in (_LOOSE, _TIGHT):
        rows = _rows(runs, now_s, bar_width)
        widths = [max(cell_len(TITLES[i]), *(cell_len(row.cells[i].plain) for row in rows)) for i in range(len(TITLES))]
        if sum(widths) + gap * (len(widths) - 1) <= width:
            break
    while len(widths) > _ALWAYS and sum(widths) + gap * (len(widths) - 1) > width:
        widths.pop()
    header = Text((" " * gap).join(_fit(title, wide) for title, wide in zip(TITLES, widths, strict=False)).rstrip(), style="dim")
    return [header, *(_line(row, widths, gap) for row in rows)]


def _rows(runs: Sequence[RunView], now_s: float, bar_width: int) -> list[Row]:
    steps = _aligned([cells.progress(run, bar_width) for run in runs])
    losses = _aligned([_loss(run) for run in runs], left_first=True)
    milestones = _aligned([cells.next_milestone(run, now_s) for run in runs], left_first=True)
    return [
        Row(
            (cells.run_name(run), cells.state(run, now_s), steps[i], losses[i], _train(run), milestones[i], cells.alerts(run)),
            span=None if run.metrics else cells.instead_of_numbers(run, now_s),
        )
        for i, run in enumerate(runs)
    ]


def _loss(run: RunView) -> tuple[str, str, Text]:
    metric = run.metrics.get("val_loss")
    return ("" if metric is None else cells.number(metric.last)), cells.curve(metric), cells.against(run)


def _train(run: RunView) -> Text:
    metric = run.metrics.get("train_loss")
    return Text() if metric is None else Text(f"{cells.number(metric.last)} {cells.direction(metric)}".rstrip())


def _aligned(parts: Sequence[Sequence[Text | str]], *, left_first: bool = False) -> list[Text]:
    """Each row's parts as one cell, the parts under one another: the first to the right (or left), the others to the left."""
    widths = [max(cell_len(_plain(row[i])) for row in parts) for i in range(len(parts[0]))]
    made = []
    for row in parts:
        line = Text()
        for i, part in enumerate(row):
            pad = " " * (widths[i] - cell_len(_plain(part)))
            if i and widths[i]:
                line.append(" " if not left_first and i == 1 else "  ")
            line.append(pad if i == 0 and not left_first else "")
            line.append_text(Text(part) if isinstance(part, str) else part)
            line.append("" if i == 0 and not left_first else pad)
        line.rstrip()
        made.append(line)
    return made


def _line(row: Row, widths: Sequence[int], gap: int) -> Text:
    line = Text()
    for i, width in enumerate(widths):
        if row.span is not None and _SPAN_FROM <= i < _SPAN_TO:
            if i == _SPAN_FROM:
                end = min(_SPAN_TO, len(widths))
                line.append_text(_text_fit(row.span, sum(widths[i:end]) + gap * (end - i - 1)))
                line.append(" " * gap)
            continue
        line.append_text(_text_fit(row.cells[i], width))
        line.append(" " * gap)
    line.rstrip()
    return line


def _plain(part: Text | str) -> str:
    return part if isinstance(part, str) else part.plain


def _fit(text: str, width: int) -> str:
    return set_cell_size(text, width) if width else text


def _text_fit(text: Text, width: int) -> Text:
    fitted = text.copy()
    fitted.truncate(width, overflow="ellipsis", pad=True)
    return fitted


class LiveTable:
    """The table on an alternate screen, redrawn four times a second until the block ends; then its last state stays in the terminal."""

    def __init__(self, snapshot: Callable[[], Snapshot], console: Console | None = None) -> None:
        self._snapshot = snapshot
        self._console = console or Console()
        self._live = Live(
            self, console=self._console, screen=True, refresh_per_second=REFRESHES_PER_S, vertical_overflow="crop",
            redirect_stderr=False,
        )  # fmt: skip
        self._notices = Notices()
        self._noticed = ExitStack()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.height
        yield render(self._snapshot(), options.max_width, height, notices=self._notices.lines())

    def __enter__(self) -> LiveTable:
        self._notices = self._noticed.enter_context(noticed())
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()
        self._console.print(render(self._snapshot(), self._console.width), crop=True)
        self._noticed.close()


def print_table(snapshot: Snapshot, piped_width: int = 200) -> None:
    """The table once, on stdout, as wide as the terminal; ``piped_width`` cells where stdout is none."""
    piped = not Console().is_terminal
    width = piped_width if piped else Console().width
    Console(highlight=False, width=width).print(render(snapshot, width, fit=piped))
