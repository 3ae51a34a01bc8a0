"""Bytes of one log file to observations, events and progress: the fold that everything else builds on.

A parser owns no file, clock or thread. However the bytes are cut, and whether they come at once or as the file grows, the
items are the same. Its state is bounded and JSON-able; it holds no log text but names of metrics.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from monitor.parse import general
from monitor.parse.catalogue import Catalogue
from monitor.parse.fold import Fold
from monitor.parse.foldstate import fold_of, state_of
from monitor.parse.format import Format
from monitor.parse.gate import LOSS_LITERALS, MIN_LITERAL, PLACE_LITERALS, literals_of, presence_of
from monitor.parse.heading import LITERALS as HEADINGS
from monitor.parse.label import label_end
from monitor.parse.lightning import NAME as LIGHTNING
from monitor.parse.lightning import LightningReader
from monitor.parse.lightningrun import BarRun, run_of
from monitor.parse.lightningtext import may_matter
from monitor.parse.lines import LineBuffer, plain
from monitor.parse.names import METRIC_WORDS, words
from monitor.parse.numbers import cut
from monitor.parse.own import ours
from monitor.parse.reading import NOTHING
from monitor.parse.recogniser import Recogniser
from monitor.parse.source import Sort, SourceListing, may_be_source
from monitor.parse.tables import Table
from rules.observation import Item, Observation

SETTLED = 64
"""Items after which a file has shown what it is."""
SURE = 200
"""Items after which no other format is looked for, and only lines with the literals of what was found are read."""
LONG_LINE_BYTES = 1024
_RANK = re.compile(
    rb"^(?:\s*\[?(?:rank|default) ?\d+\]?:\s?|\(\w[\w.]*(?:\(\w+\))? pid=\d+(?:, ip=[\d.]+)?\)\s?|"
    rb"\[\d+,\d+\]\s?<std\w+>:|\s*\d{1,5}: (?=\D))", re.I
)
"""Who wrote a line: torchrun, Ray, mpirun --tag-output, srun --label (the blank after its colon, and no more). Other labels: ``label``."""


_BEGINS_RANK = frozenset(bytes((one,)) for one in b"0123456789 \t\n\r\v\f[(rRdD")


def rank_end(line: bytes) -> int:
    """At which byte of a plain line that ends which says who wrote it."""
    wrapped = _RANK.match(line) if line[:1] in _BEGINS_RANK else None
    return wrapped.end() if wrapped else 0


class Wanted(Protocol):
    """A compiled pattern of ``re`` or ``re2`` over bytes, or whatever searches like one."""

    def search(self, string: bytes) -> Any: ...


class LogParser:
    """One log file's fold: ``feed`` it bytes, take items.

    ``format`` is the name of the format it settled on, ``general`` where only the general reader found anything, None before.
    ``lines`` and ``cut_lines`` count lines, and those over 1 MiB that were cut; ``own_lines`` those that loss-watch itself wrote,
    which say nothing. ``offset`` counts the bytes taken.
    """

    def __init__(self, catalogue: Catalogue, *, forced: str | None = None) -> None:
        self.catalogue = catalogue
        self.forced = forced
        self.format: str | None = None
        self.line_sink: Callable[[bytes, int], None] | None = None
        self.wanted: Wanted | None = None
        self.noted: Callable[[int], None] | None = None
        """Told where each line starts that may give an item, before it is read."""
        self.own_lines = 0
        self._buffer = LineBuffer()
        self.fold = Fold()
        self.lightning: LightningReader | None = None
        self._bar_run: BarRun | None = None
        self.recogniser = Recogniser(catalogue, self._activated, forced=forced)
        self._started = False
        self.count = 0
        self._leans = False
        self._gate_words: list[str] | None = None
        self.gate: Wanted | None = None
        self.listing = SourceListing()
        self._hints: dict[str, int] = {}
        self._repeated = False
        self.table = Table()
        if forced is not None and forced != general.GENERAL:
            self.recogniser.take_up(catalogue.named(forced))
            self._begin(catalogue.named(forced))

    @property
    def lines(self) -> int:
        return self._buffer.lines

    @property
    def cut_lines(self) -> int:
        return self._buffer.cut_lines

    @property
    def offset(self) -> int:
        return self._buffer.offset

    def feed(self, data: bytes) -> list[Item]:
        """The items that the next bytes of the file complete, in the order of the log."""
        items: list[Item] = []
        for segment, offset, bar in self._buffer.feed(data):
            if segment:
                self._segment(segment, offset, items, bar=bar)
        return items

    def flush(self) -> list[Item]:
        """The end of the file: what the unfinished last line and a bar's last state hold. For commands that read once."""
        items: list[Item] = []
        rest = self._buffer.take_rest()
        if rest is not None:
            self._segment(rest[0], rest[1], items, bar=False)
        items += self.fold.flush()
        if self.lightning is not None:
            items += self.lightning.flush()
        return items

    @property
    def bar_only(self) -> frozenset[str]:
        """Losses that only a progress bar has shown here, for want of a line that tells them."""
        return frozenset(self.fold.bars.only)

    def learn(self, other: LogParser) -> None:
        """Take over what another file of the same run has told of steps that this file does not show."""
        if other.lightning is not None:
            self._hints = {f"of {epoch}": step for epoch, step in other.lightning.ends.items() if epoch.isdigit()}

    def _segment(self, segment: bytes, offset: int, items: list[Item], *, bar: bool) -> None:
        line = plain(segment)
        if ours(line):
            self.own_lines += 1
            return
        if self.line_sink is not None and not bar and (self.wanted is None or self.wanted.search(line)):
            self.line_sink(line, offset)
        line = line[rank_end(line) :]
        if self.gate is not None and self.gate.search(line) is None:
            return
        if self.noted is not None:
            self.noted(offset)
        if self.lightning is not None and may_matter(line):
            if self.follow_bar(line, offset, items):
                return
            start = 0 if line[:1] == b" " else label_end(line)
            told = self.lightning.take(line[start:].decode("utf-8", "replace"), offset)
            self.fold.own(told, LIGHTNING, self.lightning.loss_name)
            items += told
            self._bar_run = run_of(line, self.lightning) if self.recogniser.active and not self.listing.begun else None
        if self.count < SETTLED and (self.listing.begun or may_be_source(line)) and self.listing.see(line[label_end(line) :]):
            return
        if self.passes_by_hint(line):
            self._repeated = self._announces_repetition(line)
            return
        if not self._tabular(line, offset, items):
            self._plain_line(line, offset, items)

    def follow_bar(self, line: bytes, offset: int, items: list[Item]) -> bool:
        """Take a bar's next state where it says nothing but new training values; False where the line is anything else."""
        return self._bar_run is not None and self._bar_run.take(line, offset, items)

    def _plain_line(self, line: bytes, offset: int, items: list[Item]) -> None:
        skeleton, numbers = cut(line)
        if self._repeated or (not numbers and not self.recogniser.begins_section(line)):
            self._repeated = self._announces_repetition(line)
            return
        reading = self.recogniser.read(skeleton, line, offset, items)
        if not self.recogniser.active:
            self.recogniser.remember(skeleton, numbers, offset, reading)
        if reading is NOTHING:
            self._repeated = self._announces_repetition(line)
        else:
            made = self.fold.take(reading, numbers, offset, (reading.kind or zlib.crc32(skeleton)) if reading.weak else 0)
            if made:
                items += made
                self._started = self._started or any(isinstance(one, Observation) for one in made)
                self.count += len(made)
                self._leans = self._leans or (reading.step is None and bool(reading.values))
                if self._gate_words is None and self.count >= SURE:
                    self.gate_literals()
                if self.format is None:
                    self.format = general.GENERAL

    def _announces_repetition(self, line: bytes) -> bool:
        """Whether the next line tells an old value again."""
        return self.recogniser.repeats is not None and self.recogniser.repeats.search(line) is not None

    def settled(self) -> bool:
        """Whether the file has shown what it is, and what a line means depends on the line and the place that was reached."""
        return self.count >= SURE and self.lightning is None and not self.table.columns and self.gate_literals() is not None

    def gate_literals(self) -> list[str]:
        """Literals of which a line must contain one to mean anything from here on; empty while that is not known."""
        if self._gate_words is None and self.count >= SURE and self.lightning is None and not self.table.columns:
            found = literals_of(self.recogniser.active) if self.recogniser.active else self._general_words()
            self._gate_words = sorted(found)
            self.recogniser.close()
            self.gate = presence_of(found) if found else None
        return self._gate_words or []

    @property
    def gate_is_wordy(self) -> bool:
        """Whether the digits of a line have no part in passing the gate."""
        return not any(one.isdigit() for word in self._gate_words or () for one in word)

    def _general_words(self) -> frozenset[str]:
        places = PLACE_LITERALS if self._leans else ()
        names = (*self.fold.said, *(name.partition(":")[2] for name in self.fold.bound.values()))
        said = {word for name in names for word in words(name) if word in METRIC_WORDS and len(word) >= MIN_LITERAL}
        places = (*places, *HEADINGS) if self.fold.parted else places
        return frozenset((*LOSS_LITERALS, *places, *said, *(word.upper() for word in said), *(word[1:] for word in said if len(word) > 3)))

    def hand_over(self) -> tuple[bytes, int]:
        """The unfinished end of what was fed and where it starts, for a reader that goes on line by line with ``line``."""
        return self._buffer.hand_over()

    def take_over(self, offset: int) -> None:
        """Go on with ``feed`` at ``offset``, the start of a line."""
        lines, cut_lines = self._buffer.lines, self._buffer.cut_lines
        self._buffer = LineBuffer(offset)
        self._buffer.lines, self._buffer.cut_lines = lines, cut_lines

    def line(self, line: bytes, offset: int, items: list[Item]) -> None:
        """Take one complete line; its items are added to ``items``."""
        self._segment(line, offset, items, bar=False)

    @property
    def between_lines(self) -> bool:
        """Whether no line is being skipped to its end."""
        return not self._buffer.skipping

    def generation(self) -> object:
        """What changes whenever a line may mean something else than a line of its kind did before."""
        told = (self.count >= SETTLED, self._gate_words is None)
        return len(self.recogniser.active), told, tuple(self.table.columns), tuple(self.fold.bound.items()), self.fold.bar_broken

    @property
    def listens(self) -> bool:
        """Whether a listing of source is still looked for."""
        return self.count < SETTLED

    def follows(self) -> bool:
        """Whether what a line means depends on the line and the place that was reached, so that many can be read at once."""
        return self.settled() or (self.in_table() and self.lightning is None and self.gate is None)

    def in_table(self) -> bool:
        """Whether lines are rows under a line of column names."""
        return bool(self.table.columns) and not self.recogniser.active

    def idle(self) -> bool:
        """Whether a line that says nothing leaves the parser as it is: neither in a source listing nor in a table's block."""
        listed = self.listens and bool(self.listing.weight or self.listing.quoted)
        return not listed and (bool(self.recogniser.active) or not self.table.in_block)

    def between_blocks(self) -> bool:
        """Whether the blocks of a table that begin here can be read at once: where they count is known, and nothing else is under way."""
        listed = self.listens and self.listing.begun
        known = bool(self.fold.said) and self.format not in (None, general.GENERAL) and self.gate is None
        return known and not (listed or self.waits() or self.table.open or self.recogniser.active)

    def pass_over(self, sort: Sort) -> bool:
        """Pass over a line that says nothing but where it stands in a listing; False where it must be taken all the same."""
        if self.waits() or (self.table.in_block and not self.recogniser.active):
            return False
        if self.listens:
            self.listing.move(sort)
        return True

    def waits(self) -> bool:
        """Whether something that was read waits for the next line."""
        return bool(self.fold.waiting or self.fold.bars.now or self._repeated)

    def passes_by_hint(self, line: bytes) -> bool:
        """Whether a line behind its rank can say nothing, where no gate has told and it may be of no table.

        A long one is asked again: to cut it takes longer.
        """
        in_table = self.table.open and not self.recogniser.active
        return (self.gate is None or len(line) > LONG_LINE_BYTES) and not in_table and not self.recogniser.may_say(line)

    def minds_no_silence(self) -> bool:
        """Whether lines that say nothing change nothing for what waits."""
        return self.settled() and self.idle() and not self._repeated

    def row_start(self, line: bytes) -> int:
        start = label_end(line)
        if start and self.table.fits(line) and not self.table.fits(line[start:]):
            start = 0  # a column of times is no label
        return start

    def _tabular(self, line: bytes, offset: int, items: list[Item]) -> bool:
        """Whether the line is a table's row, whose items are then taken. Only where no format has been recognised."""
        if self.recogniser.active or (self.gate is not None and not self.table.columns):
            return False
        return self._table_line(line[self.row_start(line) :], offset, items)

    def row(self, line: bytes, sort: Sort, offset: int, items: list[Item], *, silent: bool) -> None:
        """Take a line of a table's block that stands bare, whose sort is known; ``silent``: by itself it says nothing."""
        if self.count < SETTLED and self.listing.move(sort):
            return
        if not self._table_line(line, offset, items) and not silent:
            self._plain_line(line, offset, items)

    def _table_line(self, line: bytes, offset: int, items: list[Item]) -> bool:
        found = self.table.see(line)
        if found is None:
            return False
        if not self.fold.said:
            self.fold.place.forget()
        made = self.fold.take(found[0], found[1], offset, found[0].kind)
        items += made
        if made:
            self._started = self._started or any(isinstance(one, Observation) for one in made)
            if self.format in (None, general.GENERAL):
                self.format = "table"
        return True

    def _activated(self, one: Format, line: bytes, offset: int, items: list[Item]) -> None:
        """A format was recognised in ``line``: what was read before in the general way counts no more, the early lines are read again."""
        bars = self.fold if one.reader == "lightning" and self.lightning is None and self.fold.bars.trains else None
        self._begin(one)
        if bars is not None and self.lightning is not None:
            items += bars.end_bars()
            self._started = True
            self.lightning.stand(bars.place, {seen.name: seen.at for seen in items if isinstance(seen, Observation)})
        if one.reader == "lightning" and self.lightning is not None:
            items += self.lightning.take(line[label_end(line) :].decode("utf-8", "replace"), offset)
        for reading, numbers, at in self.recogniser.again(one):
            items += self.fold.take(reading, numbers, at)

    def _begin(self, one: Format) -> None:
        if not self._started:
            seen, self.fold = self.fold.place, Fold()
            self.fold.place.total_steps = seen.total_steps
        if self.format in (None, general.GENERAL, "table"):
            self.format = one.name
        if one.reader == "lightning" and self.lightning is None:
            self.lightning = LightningReader(ends=dict(self._hints))

    def state(self) -> dict[str, Any]:
        """The fold as JSON-able values, under 64 KiB. ``resume_offset`` is where ``feed`` must go on after ``restore``."""
        return {
            "resume_offset": self._buffer.segment_start, "line_start": self._buffer.line_start, "lines": self.lines,
            "cut_lines": self.cut_lines, "skipping": self._buffer.skipping, "forced": self.forced, "format": self.format,
            "active": [one.name for one in self.recogniser.active], "fold": state_of(self.fold), "started": self._started,
            "table": self.table.state(), "repeated": self._repeated,
            "count": self.count, "leans": self._leans, "gate": self._gate_words,
            "listing": [self.listing.weight, self.listing.quoted],
            "early": [[s.decode("latin-1"), [n.decode("latin-1") for n in numbers], at] for s, numbers, at in self.recogniser.early],
            "lightning": None if self.lightning is None else self.lightning.state(),
        }  # fmt: skip

    @classmethod
    def restore(cls, catalogue: Catalogue, state: dict[str, Any]) -> LogParser:
        """The parser that ``state`` came from, at ``state["resume_offset"]``. A format that is gone is done without."""
        parser = cls(catalogue)
        parser.forced, parser.format = state["forced"], state["format"]
        parser.recogniser.forced = state["forced"]
        parser._buffer = LineBuffer(state["resume_offset"], state["line_start"], skipping=state["skipping"])
        parser._buffer.lines, parser._buffer.cut_lines = state["lines"], state["cut_lines"]
        known = catalogue.names
        parser.recogniser.go_on([catalogue.named(name) for name in state["active"] if name in known], closed=state["gate"] is not None)
        parser.fold = fold_of(state["fold"])
        parser._started, parser._repeated = state["started"], state["repeated"]
        parser.count, parser.listing = state["count"], SourceListing(*state["listing"])
        parser._leans, parser._gate_words = state["leans"], state["gate"]
        parser.gate = presence_of(parser._gate_words) if parser._gate_words else None
        parser.table = Table.restore(state["table"])
        parser.recogniser.early = [(s.encode("latin-1"), [n.encode("latin-1") for n in numbers], at) for s, numbers, at in state["early"]]
        if state["lightning"] is not None:
            parser.lightning = LightningReader.restore(state["lightning"])
        return parser
