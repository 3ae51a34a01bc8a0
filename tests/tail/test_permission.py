import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tail.following import Following, append

NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of somebody without rights, who the test is for a while, all threads with it (root reads everything)."""
    with tempfile.TemporaryDirectory() as made:
        if os.geteuid() != 0:
            yield Path(made)
            return
        os.chown(made, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(made)
        finally:
            os.seteuid(0)
            os.setegid(0)


def test_a_permission_lost_and_regained_makes_two_lines_and_no_gap(place: Path) -> None:
    log, other = place / "train.out", place / "other.out"
    log.write_bytes(b"step 1\n")
    log.chmod(0)
    other.write_bytes(b"x\n")
    with Following(log, other) as following:
        failing = following.until_told("failing", log)
        assert failing.text.startswith("permission denied")
        following.until_read(other, b"x\n")
        for _ in range(10):
            following.take(0.02)
        log.chmod(0o600)
        following.until_read(log, b"step 1\n")
        assert ["failing", "recovered", "found"] == following.kinds(log)
        append(log, b"step 2\n")
        following.until_read(log, b"step 1\nstep 2\n")


def test_a_directory_that_may_not_be_read_makes_two_lines(place: Path) -> None:
    folder = place / "logs"
    folder.mkdir()
    (folder / "a.out").write_bytes(b"1\n")
    folder.chmod(0)
    with Following(folder / "*.out") as following:
        following.until_told("failing", folder)
        assert () == following.tailer.waiting()
        folder.chmod(0o700)
        following.until_read(folder / "a.out", b"1\n")
        assert ["failing", "recovered"] == following.kinds(folder)


def test_a_directory_in_the_place_of_a_log_is_one_line(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\n")
    with Following(tmp_path / "*.out") as following:
        following.until_read(log, b"step 1\n")
        log.unlink()
        log.mkdir()
        following.until(lambda: len(following.kinds(log)) > 1)
        for _ in range(10):
            following.take(0.02)
        assert following.kinds(log) in (["found", "failing"], ["found", "gone"])
        log.rmdir()
        log.write_bytes(b"step 1, again\n")
        following.until_read(log, b"step 1, again\n")


@pytest.mark.parametrize("made", ["fifo", "socket"])
def test_what_is_no_regular_file_is_reported_and_never_waited_on(tmp_path: Path, made: str) -> None:
    log = tmp_path / "train.out"
    if made == "fifo":
        os.mkfifo(log)
    else:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(log))
    with Following(log) as following:
        following.until_told("failing", log)
        following.until(following.tailer.caught_up)
    if made == "socket":
        server.close()
