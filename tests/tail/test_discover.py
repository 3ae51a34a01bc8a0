import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.tail.discover import TailError, expand, looks_expanded
from monitor.tail.mounts import MountTable
from monitor.tail.whole import WholeFile, read_whole


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for name in ("x_10.out", "x_2.out", "x_2.err", "notes.txt", ".hidden.out", "deep/a.log", "deep/er/b.log", "odd/run[1].out"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "files"),
    [
        (["x_2.out"], ["x_2.out"]),
        (["."], ["x_2.err", "x_2.out", "x_10.out"]),
        (["*.out"], ["x_2.out", "x_10.out"]),
        (["x_[0-9].*", "x_2.out", "./x_2.out"], ["x_2.err", "x_2.out"]),
        (["**/*.log"], ["deep/a.log", "deep/er/b.log"]),
        (["deep/**"], ["deep/a.log", "deep/er/b.log"]),
        (["*/a.log", "deep"], ["deep/a.log"]),
        (["odd/run[1].out"], ["odd/run[1].out"]),
        ([".*.out"], [".hidden.out"]),
        (["deep/../x_2.out"], ["x_2.out"]),
        (["-", "x_2.out"], ["-", "x_2.out"]),
    ],
)
def test_a_path_is_a_file_a_directory_or_a_pattern(logs: Path, paths: list[str], files: list[str]) -> None:
    found = expand(paths, directory=str(logs))
    assert (tuple(files), ()) == (found.files, found.problems)


@pytest.mark.parametrize(
    ("path", "problem"),
    [("missing.out", "no such file"), ("*.nothing", "no file matches"), ("odd/none", "no such file"), ("x_2.out/y", "no such file")],
)
def test_a_path_that_gives_nothing_is_one_clear_line(logs: Path, path: str, problem: str) -> None:
    (wrong,) = expand([path], directory=str(logs)).problems
    assert str(wrong).startswith(f"{path}: {problem}")
    assert "\n" not in str(wrong)


def test_a_directory_without_logs_says_what_it_looked_for(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (wrong,) = expand(["empty"], directory=str(tmp_path)).problems
    assert "no log in this directory (*.out, *.err, *.log)" == wrong.problem


def test_absolute_paths_stay_absolute(logs: Path) -> None:
    assert (str(logs / "x_2.out"), str(logs / "x_10.out")) == expand([str(logs / "*.out")]).files


@pytest.mark.parametrize(
    ("paths", "hint"),
    [
        (["logs/a.out", "logs/b.out"], "'logs/*.out'"),
        (["a.log", "b.log", "c.err"], "'*.log'"),
        (["logs/a.out"], None),
        (["logs/*.out"], None),
        (["logs/a.out", "logs/a.err"], None),
        (["-", "job:123", "job:124"], None),
    ],
)
def test_a_pattern_that_the_shell_expanded_is_noticed(paths: list[str], hint: str | None) -> None:
    said = looks_expanded(paths)
    assert (hint is None) == (said is None)
    assert hint is None or hint in (said or "")


CONTENT = st.binary(max_size=3000).map(lambda data: b"text " + data.translate(None, bytes(range(32)) + b"\x7f"))


@given(CONTENT, st.integers(1, 700), st.booleans())
def test_a_file_is_read_whole_however_it_is_cut(tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int, packed: bool) -> None:
    log = tmp_path_factory.getbasetemp() / "whole.out"
    log.write_bytes(gzip.compress(content) if packed else content)
    assert content == b"".join(read_whole(str(log), read_bytes=cut))


def test_what_cannot_be_read_whole_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(os.urandom(5000))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(20_000).hex().encode())[:9000])
    said = {}
    for name in ("missing", ".", "model.bin", "cut.gz"):
        with pytest.raises(TailError) as wrong:
            list(read_whole(str(tmp_path / name)))
        said[name] = wrong.value.problem
    damaged = "the gzip file is damaged or cut off"
    assert {"missing": "no such file", ".": "is a directory", "model.bin": "is no log: binary", "cut.gz": damaged} == said


def test_progress_is_told_in_bytes_on_disk(tmp_path: Path) -> None:
    log = tmp_path / "a.out"
    log.write_bytes(b"x" * 100_000)
    with WholeFile(str(log)) as file:
        assert 100_000 == file.size_bytes
        while file.readinto(memoryview(bytearray(1000))):
            pass
        assert 100_000 == file.read_bytes


MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
42 27 0:39 / /nfs/my\\040home rw,nosuid - nfs4 server:/x rw
43 42 0:40 / /nfs/my\\040home/scratch rw shared:1 master:2 - lustre mds@tcp:/y rw
44 27 0:41 / /data rw - fuse.sshfs x:/ rw
45 27 0:42 / /data rw - tmpfs tmpfs rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind", "local"),
    [
        ("/home/a.out", "ext4", True),
        ("/", "ext4", True),
        ("/nfs/my home/a.out", "nfs4", False),
        ("/nfs/my home", "nfs4", False),
        ("/nfs/my homestead", "ext4", True),
        ("/nfs/my home/scratch/b/c.out", "lustre", False),
        ("/data/x", "tmpfs", True),
    ],
)
def test_a_mount_is_told_by_the_path_alone(path: str, kind: str, local: bool) -> None:
    mount = MountTable.parse(MOUNTS).of(path)
    assert (kind, local) == (mount.kind, mount.local)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "lustre", "gpfs", "beegfs", "ceph", "cifs", "9p", "afs", "autofs", "fuse.x", "unheard"])
def test_what_is_not_surely_local_is_polled(kind: str) -> None:
    assert not MountTable.parse(f"27 1 254:0 / /x rw - {kind} y rw").of("/x/a.out").local
