from pathlib import Path

from tail.following import Following, append, read_once


def test_what_is_there_and_what_is_added_arrives_once_and_in_order(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\n")
    with Following(log) as following:
        following.until_read(log, b"step 1\n")
        for number in range(2, 20):
            append(log, b"step %d\n" % number)
            following.take(0.0)
        following.until_read(log, log.read_bytes())
        assert [] == following.resets
        assert ["found"] == following.kinds(log)


def test_half_a_line_is_handed_over_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"loss: 0.")
    with Following(log) as following:
        following.until_read(log, b"loss: 0.")
        append(log, b"25\n")
        following.until_read(log, b"loss: 0.25\n")


def test_a_large_file_comes_in_pieces_of_at_most_a_mebibyte(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    content = b"".join(b"step %d loss 1.25\n" % number for number in range(200_000))
    log.write_bytes(content)
    following = Following(log)
    sizes: list[int] = []
    for items in following.tailer.once():
        sizes.extend(len(item.data) for item in items if hasattr(item, "data"))
    assert len(content) == sum(sizes)
    assert max(sizes) <= 1 << 20


def test_reading_on_from_a_position_hands_over_only_what_is_new(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\n")
    first = read_once([log])
    append(log, b"step 2\n")
    second = read_once([log], first.positions)
    assert b"step 2\n" == second.content[str(log)]
    assert [] == second.resets


def test_a_position_survives_being_written_as_json(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\n")
    position = read_once([log]).positions[str(log)]
    assert position == type(position).from_json({**position.as_json(), "added_later": 1})


def test_a_log_that_nobody_takes_waits_in_the_file_and_not_in_memory(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"x" * (5 << 20))
    with Following(log, queue_bytes=1 << 20) as following:
        following.until(lambda: following.content)
        assert len(following.content[str(log)]) <= 2 << 20
        following.until(lambda: len(following.content[str(log)]) == 5 << 20)
        assert {str(log): 0} == following.tailer.lag_bytes()


def test_the_lag_is_what_was_not_handed_over_yet(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"x" * (3 << 20))
    with Following(log, queue_bytes=1) as following:
        following.until(lambda: following.content)
        assert (3 << 20) - len(following.content[str(log)]) == following.tailer.lag_bytes()[str(log)]


def test_with_announcements_a_line_does_not_wait_for_the_next_poll(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\n")
    with Following(log, notify=True, hot_s=60.0, cold_s=60.0) as following:
        following.until_read(log, b"step 1\n")
        append(log, b"step 2\n")
        following.until_read(log, b"step 1\nstep 2\n")
