"""Eight watchers with a share each follow every run once, and all files of a run together."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.tail.news import Chunk
from monitor.tail.shard import Shard
from monitor.tail.tailer import Tailer

LOGS = [f"train_{100000 + i}.{suffix}" for i in range(40) for suffix in ("out", "err")]


def test_every_run_falls_into_one_share_with_all_its_files() -> None:
    owners: dict[str, set[int]] = {}
    for log in LOGS:
        takers = [k for k in range(1, 9) if Shard(k, 8).takes(f"/logs/{log}")]
        assert 1 == len(takers)
        owners.setdefault(log[:12], set()).add(takers[0])
    assert all(len(shares) == 1 for shares in owners.values())
    assert 8 == len(set.union(*owners.values()))


@pytest.mark.parametrize("text", ["", "0/8", "9/8", "1", "a/b", "1/0", "-1/2"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 2/8"):
        Shard.parse(text)


def test_two_watchers_with_a_share_each_read_every_file_once(tmp_path: Path) -> None:
    for log in LOGS:
        (tmp_path / log).write_text(f"{log}\n")
    read: list[str] = []
    for k in (1, 2):
        tailer = Tailer([str(tmp_path / "*.out"), str(tmp_path / "*.err")], notify=False, shard=Shard.parse(f"{k}/2"))
        read += [item.path for news in tailer.once() for item in news if isinstance(item, Chunk) and item.data]
    assert sorted(str(tmp_path / log) for log in LOGS) == sorted(read)
