from pathlib import Path

from monitor.tail.discover import expand
from tail.following import Following, append


def test_a_file_under_two_names_is_followed_once_under_the_one_that_is_no_link(tmp_path: Path) -> None:
    log, link = tmp_path / "slurm-123.out", tmp_path / "latest.out"
    log.write_bytes(b"1\n")
    link.symlink_to(log.name)
    with Following(tmp_path / "*.out") as following:
        following.until(following.tailer.caught_up)
        append(log, b"2\n")
        following.until_read(log, b"1\n2\n")
        assert {str(log)} == set(following.content)
    assert (str(log),) == expand([str(tmp_path / "*.out"), str(log)]).files


def test_a_link_that_is_moved_to_the_next_job_begins_anew(tmp_path: Path) -> None:
    first, second, link = tmp_path / "1.txt", tmp_path / "2.txt", tmp_path / "latest.out"
    first.write_bytes(b"first job\n")
    second.write_bytes(b"second job\n")
    link.symlink_to(first)
    with Following(link) as following:
        following.until_read(link, b"first job\n")
        link.unlink()
        link.symlink_to(second)
        following.until_read(link, b"second job\n")


def test_a_dangling_link_is_waited_for(tmp_path: Path) -> None:
    target, link = tmp_path / "later.txt", tmp_path / "latest.out"
    link.symlink_to(target)
    with Following(link) as following:
        following.until(following.tailer.caught_up)
        target.write_bytes(b"now\n")
        following.until_read(link, b"now\n")


def test_a_link_that_leads_back_to_itself_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.out").symlink_to(tmp_path / "b.out")
    (tmp_path / "b.out").symlink_to(tmp_path / "a.out")
    with Following(tmp_path / "a.out") as following:
        assert "leads back to itself" in following.until_told("failing", tmp_path / "a.out").text


def test_directories_behind_links_are_walked_with_their_own_dots(tmp_path: Path) -> None:
    (tmp_path / "real" / "logs").mkdir(parents=True)
    (tmp_path / "real" / "logs" / "a.out").write_bytes(b"a\n")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "link").symlink_to("../real/./logs/../logs")
    log = tmp_path / "x" / "link" / "a.out"
    assert (str(log),) == expand([str(tmp_path / "x" / "*" / "*.out")]).files
    with Following(log) as following:
        following.until_read(log, b"a\n")
