from pathlib import Path

from monitor.tail.follow import Follower
from monitor.tail.news import Chunk
from tail.following import Following, append


def test_nuls_at_the_end_are_held_back_until_they_are_text(tmp_path: Path) -> None:
    """What an NFS client shows of a page that another host wrote and that it has not read yet."""
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\n" + bytes(7))
    with Following(log) as following:
        following.until_read(log, b"step 1\n")
        for _ in range(5):
            following.take(0.02)
        assert b"step 1\n" == following.content[str(log)]
        with log.open("r+b") as file:
            file.seek(7)
            file.write(b"step 2\n")
        following.until_read(log, b"step 1\nstep 2\n")
        assert [] == following.resets


def test_nuls_that_stay_are_handed_over_when_text_follows_them(tmp_path: Path) -> None:
    """A log emptied while its writer goes on at the old place begins with a hole."""
    log = tmp_path / "train.out"
    log.write_bytes(bytes(100))
    with Following(log) as following:
        following.until_told("found", log)
        following.take()
        append(log, b"step 9\n")
        following.until_read(log, bytes(100) + b"step 9\n")


def test_a_hole_larger_than_one_read_is_passed(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    with log.open("wb") as file:
        file.seek(3 << 20)
        file.write(b"step 1\n")
    with Following(log) as following:
        following.until_read(log, bytes(3 << 20) + b"step 1\n")


def test_nuls_are_not_read_again_for_ever(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\n" + bytes(1000))
    follower = Follower(str(log))
    assert [b"step 1\n"] == [news.data for news in follower.look(0.0).news if isinstance(news, Chunk)]
    assert 1000 == follower.lag_bytes
    for now in (1.0, 10.0, 100.0, 101.0):
        assert [] == follower.look(now).news
    assert b"step 2\n" != b""
    with log.open("r+b") as file:
        file.seek(7)
        file.write(b"step 2\n")
    assert [b"step 2\n"] == [news.data for news in follower.look(102.0).news if isinstance(news, Chunk)]
