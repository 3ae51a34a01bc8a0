from pathlib import Path

from tail.following import Following


def test_a_file_that_does_not_exist_yet_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "runs" / "today" / "train.out"
    with Following(log) as following:
        following.until(following.tailer.caught_up)
        following.until(lambda: following.tailer.waiting() == (str(log),))
        log.parent.mkdir(parents=True)
        following.take()
        log.write_bytes(b"step 1\n")
        following.until_read(log, b"step 1\n")
        assert ["found"] == following.kinds(log)
        assert () == following.tailer.waiting()


def test_new_files_are_picked_up_by_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a.out").write_bytes(b"a\n")
    with Following(tmp_path / "*.out") as following:
        following.until_read(tmp_path / "a.out", b"a\n")
        (tmp_path / "b.out").write_bytes(b"b\n")
        (tmp_path / "c.txt").write_bytes(b"not asked for\n")
        following.until_read(tmp_path / "b.out", b"b\n")
        assert {str(tmp_path / "a.out"), str(tmp_path / "b.out")} == set(following.content)


def test_new_files_are_picked_up_in_a_directory_and_below_one(tmp_path: Path) -> None:
    with Following(tmp_path / "flat", tmp_path / "deep" / "**" / "*.log") as following:
        following.until(following.tailer.caught_up)
        (tmp_path / "flat").mkdir()
        (tmp_path / "deep" / "x" / "y").mkdir(parents=True)
        (tmp_path / "flat" / "a.err").write_bytes(b"a\n")
        (tmp_path / "flat" / "a.json").write_bytes(b"{}\n")
        (tmp_path / "deep" / "x" / "y" / "b.log").write_bytes(b"b\n")
        following.until_read(tmp_path / "flat" / "a.err", b"a\n")
        following.until_read(tmp_path / "deep" / "x" / "y" / "b.log", b"b\n")
        assert 2 == len(following.content)


def test_a_new_file_is_announced_where_the_file_system_is_local(tmp_path: Path) -> None:
    with Following(tmp_path / "*.out", notify=True, rediscover_s=60.0) as following:
        following.until(following.tailer.caught_up)
        (tmp_path / "b.out").write_bytes(b"b\n")
        following.until_read(tmp_path / "b.out", b"b\n")


def test_one_pass_ends_though_a_file_is_missing(tmp_path: Path) -> None:
    from tail.following import read_once

    (tmp_path / "a.out").write_bytes(b"a\n")
    following = read_once([tmp_path / "a.out", tmp_path / "missing.out"])
    assert {str(tmp_path / "a.out"): b"a\n"} == following.content
    assert (str(tmp_path / "missing.out"),) == following.tailer.waiting()
