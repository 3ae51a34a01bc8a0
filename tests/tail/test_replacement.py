from pathlib import Path

from tail.following import Following, append, read_once, replace_by_rename


def test_a_file_renamed_over_the_old_one_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"attempt 1\n")
    with Following(log) as following:
        following.until_read(log, b"attempt 1\n")
        replace_by_rename(log, b"attempt 2, longer than the first\n")
        following.until_read(log, b"attempt 2, longer than the first\n")
        assert [(str(log), "replaced")] == following.resets


def test_the_last_lines_of_a_log_that_is_rotated_away_are_still_read(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"a\n")
    with Following(log, hot_s=0.05) as following:
        following.until_read(log, b"a\n")
        append(log, b"last words\n")
        log.rename(tmp_path / "train.out.1")
        log.write_bytes(b"fresh\n")
        following.until_read(log, b"fresh\n")
    assert b"a\nlast words\nfresh\n" == b"".join(following.pieces)
    assert [(str(log), "replaced")] == following.resets


def test_a_longer_copy_of_the_same_log_goes_on_where_the_shorter_ended(tmp_path: Path) -> None:
    """What rsync does to a log that it copies again and again; and what `lfs migrate` does to an inode."""
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\n")
    with Following(log) as following:
        following.until_read(log, b"step 1\n")
        replace_by_rename(log, b"step 1\nstep 2\n")
        following.until_read(log, b"step 1\nstep 2\n")
        assert [] == following.resets


def test_a_replacement_while_nobody_looked_is_known_by_its_content(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"old\n")
    before = read_once([log])
    replace_by_rename(log, b"a new one\n")
    after = read_once([log], before.positions)
    assert [(str(log), "replaced")] == after.resets
    assert b"a new one\n" == after.content[str(log)]
