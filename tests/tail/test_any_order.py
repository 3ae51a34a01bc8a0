"""Random things happen to a log between random looks; what was handed over must equal what stands in the file."""

import itertools
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monitor.tail.follow import Follower
from monitor.tail.news import Chunk, FileNews, Position

LINES = st.integers(1, 60)


class OneFile(RuleBasedStateMachine):
    """``delivered`` is what a reader knows by the chunks alone; each line ever written is unique."""

    local = True

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "train.out"
        self.delivered = b""
        self.offset = 0
        self.now = 0.0
        self.serial = itertools.count()
        self.kinds: list[str] = []
        self.follower = self.new_follower(None)

    def new_follower(self, resume: Position | None) -> Follower:
        return Follower(str(self.path), resume, local=self.local, look_bytes=257)

    def lines(self, count: int) -> bytes:
        return b"".join(b"step %d loss 1.5\n" % next(self.serial) for _ in range(count))

    def teardown(self) -> None:
        self.follower.close()
        self.folder.cleanup()

    @rule(count=LINES)
    def append(self, count: int) -> None:
        with self.path.open("ab") as file:
            file.write(self.lines(count))

    @rule(count=LINES, cut=st.integers(1, 15))
    def append_half_a_line(self, count: int, cut: int) -> None:
        with self.path.open("ab") as file:
            file.write(self.lines(count)[:-cut])

    @precondition(lambda self: self.path.exists())
    @rule(share=st.floats(0, 1))
    def truncate(self, share: float) -> None:
        with self.path.open("r+b") as file:
            file.truncate(int(share * self.path.stat().st_size))

    @rule(count=LINES)
    def rewrite_in_place(self, count: int) -> None:
        self.path.write_bytes(self.lines(count))

    @rule(count=LINES)
    def replace(self, count: int) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_bytes(self.lines(count))
        beside.rename(self.path)

    @rule(count=LINES)
    def migrate(self, count: int) -> None:
        """The same content and more under another inode."""
        if self.path.exists():
            beside = self.path.with_suffix(".new")
            beside.write_bytes(self.path.read_bytes() + self.lines(count))
            beside.rename(self.path)

    @precondition(lambda self: self.path.exists())
    @rule()
    def delete(self) -> None:
        self.path.unlink()

    @rule(hold=st.booleans())
    def look_once(self, hold: bool) -> None:
        self.look(hold)

    @rule()
    def restart(self) -> None:
        """The daemon ends and goes on from the position that it saved, by way of JSON."""
        self.follower.close()
        self.follower = self.new_follower(Position.from_json(self.follower.position.as_json()))
        self.kinds.clear()

    @rule(hold=st.booleans())
    def look_until_nothing_is_left(self, hold: bool) -> None:
        while self.look(hold):
            pass
        if self.path.exists():
            assert self.path.read_bytes() == self.delivered
            assert 0 == self.follower.lag_bytes

    @invariant()
    def position_is_where_the_delivered_bytes_end(self) -> None:
        assert self.offset == self.follower.position.offset == len(self.delivered)

    def look(self, hold: bool) -> bool:
        self.now += 0.25
        look = self.follower.look(self.now, hold=hold)
        for item in look.news:
            if isinstance(item, FileNews):
                self.kinds.append(item.kind)
                continue
            self.take(item)
        told = [kind for kind in self.kinds if kind in ("found", "gone")]
        assert all(one != two for one, two in itertools.pairwise(told))
        assert "failing" not in self.kinds
        assert "binary" not in self.kinds
        return look.more

    def take(self, chunk: Chunk) -> None:
        if chunk.reset:
            self.delivered, self.offset = b"", 0
        assert self.offset == chunk.start
        self.delivered += chunk.data
        self.offset = chunk.position.offset


class OneFileFarAway(OneFile):
    """As on a network file system: opened anew at each look, never held."""

    local = False


TestOneFile = OneFile.TestCase
TestOneFileFarAway = OneFileFarAway.TestCase
for case in (TestOneFile, TestOneFileFarAway):
    case.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
