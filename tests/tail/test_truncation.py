from dataclasses import replace
from pathlib import Path

from tail.following import Following, append, read_once


def test_a_file_cut_to_nothing_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\nstep 2\n")
    with Following(log) as following:
        following.until_read(log, b"step 1\nstep 2\n")
        log.write_bytes(b"")
        following.until_read(log, b"")
        assert [(str(log), "truncated")] == following.resets
        append(log, b"step 1 again\n")
        following.until_read(log, b"step 1 again\n")
        assert [(str(log), "truncated")] == following.resets
        assert ["found"] == following.kinds(log)


def test_a_file_cut_and_grown_past_the_old_place_between_two_looks_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"old\n")
    before = read_once([log])
    log.write_bytes(b"new, and longer than the old\n")
    after = read_once([log], before.positions)
    assert {str(log): b"new, and longer than the old\n"} == after.content
    assert [(str(log), "truncated")] == after.resets


def test_a_rewritten_file_is_known_even_under_the_same_banner(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    banner = b"=" * 5000 + b"\n"
    log.write_bytes(banner + b"step 100 loss 0.5\n")
    before = read_once([log])
    log.write_bytes(banner + b"step 1 loss 2.5\n" * 10)
    after = read_once([log], before.positions)
    assert banner + b"step 1 loss 2.5\n" * 10 == after.content[str(log)]
    assert [(str(log), "truncated")] == after.resets


def test_a_file_cut_to_a_shorter_beginning_is_read_again_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\nstep 2\n")
    with Following(log) as following:
        following.until_read(log, b"step 1\nstep 2\n")
        with log.open("r+b") as file:
            file.truncate(7)
        following.until_read(log, b"step 1\n")
        assert [(str(log), "truncated")] == following.resets


def test_a_rewrite_of_the_same_size_within_one_tick_of_the_clock_is_noticed(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    with Following(log, hot_s=0.001, cold_s=0.01) as following:
        for number in range(100, 150):
            log.write_bytes(b"step %d\n" % number)
            following.until_read(log, b"step %d\n" % number)


def test_a_file_rewritten_while_its_half_line_was_all_that_was_known_begins_anew(tmp_path: Path) -> None:
    """The daemon goes on reading at the start of the unfinished line, which may be the start of the file."""
    log = tmp_path / "train.out"
    log.write_bytes(b"half a li")
    position = read_once([log]).positions[str(log)]
    at_line_start = replace(position, offset=0, tail="", tail_bytes=0)
    log.write_bytes(b"something else\n")
    after = read_once([log], {str(log): at_line_start})
    assert [(str(log), "truncated")] == after.resets
    assert b"something else\n" == after.content[str(log)]


def test_a_rewrite_is_known_though_reading_goes_on_at_an_earlier_place(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    banner = b"=" * 5000 + b"\n"
    log.write_bytes(banner + b"step 100 loss 0.5\nhalf a li")
    position = read_once([log]).positions[str(log)]
    at_line_start = replace(position, offset=position.offset - len(b"half a li"))
    same = read_once([log], {str(log): at_line_start})
    assert ([], b"half a li") == (same.resets, same.content[str(log)])
    log.write_bytes(banner + b"step 1 loss 2.5\n" * 10)
    after = read_once([log], {str(log): at_line_start})
    assert [(str(log), "truncated")] == after.resets
