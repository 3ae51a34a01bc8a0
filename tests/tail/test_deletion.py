from pathlib import Path

from tail.following import Following


def test_a_deleted_file_is_told_once_and_taken_up_again_when_it_is_back(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"attempt 1\n")
    with Following(log) as following:
        following.until_read(log, b"attempt 1\n")
        log.unlink()
        following.until_told("gone", log)
        for _ in range(10):
            following.take(0.02)
        assert (str(log),) == following.tailer.waiting()
        log.write_bytes(b"attempt 2\n")
        following.until_read(log, b"attempt 2\n")
        assert ["found", "gone", "found"] == following.kinds(log)
        assert [(str(log), "replaced")] == following.resets


def test_a_file_moved_away_and_back_is_not_read_twice(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\n")
    with Following(log) as following:
        following.until_read(log, b"step 1\n")
        log.rename(tmp_path / "aside")
        following.until_told("gone", log)
        (tmp_path / "aside").rename(log)
        following.until(lambda: following.kinds(log) == ["found", "gone", "found"])
        with log.open("ab") as file:
            file.write(b"step 2\n")
        following.until_read(log, b"step 1\nstep 2\n")
        assert [] == following.resets


def test_a_deleted_directory_is_survived(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = folder / "a.out"
    log.write_bytes(b"1\n")
    with Following(folder / "*.out", notify=True) as following:
        following.until_read(log, b"1\n")
        log.unlink()
        folder.rmdir()
        following.until_told("gone", log)
        folder.mkdir()
        log.write_bytes(b"2\n")
        following.until_read(log, b"2\n")
