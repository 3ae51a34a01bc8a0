import os

from monitor.tail.discover import STDIN
from tail.following import Following


def test_standard_input_is_followed_and_its_end_is_told() -> None:
    reader, writer = os.pipe()
    with Following(STDIN, stdin=reader) as following:
        os.write(writer, b"step 1\n")
        following.until(lambda: following.content.get(STDIN) == b"step 1\n")
        assert following.tailer.caught_up()
        os.write(writer, b"step 2\n")
        os.close(writer)
        following.until_told("gone", STDIN)
        assert b"step 1\nstep 2\n" == following.content[STDIN]
        assert ["found", "gone"] == following.kinds(STDIN)
    os.close(reader)


def test_one_pass_over_standard_input_ends_with_it() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"all\n")
    os.close(writer)
    following = Following(STDIN, stdin=reader)
    data = b"".join(getattr(item, "data", b"") for items in following.tailer.once() for item in items)
    assert b"all\n" == data
    os.close(reader)
