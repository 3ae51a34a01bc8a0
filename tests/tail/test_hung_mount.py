"""A real network file system (sshfs over a local sftp server), and what happens when its server stops to answer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import needs

from monitor.tail.mounts import MountTable
from monitor.tail.remote import RemoteLane
from tail.following import Following, append, read_once

SFTP = Path("/usr/lib/openssh/sftp-server")
OPTIONS = "dir_cache=no,attr_timeout=0,entry_timeout=0"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Share:
    """``server`` is the directory as the other host sees it, ``client`` the same as it is mounted here."""

    server: Path
    client: Path
    sftp_pid: int = 0

    def mount(self) -> None:
        script, pid = self.server.with_name("sftp.sh"), self.server.with_name("pid")
        script.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec {SFTP}\n")
        script.chmod(0o755)
        subprocess.run(["sshfs", "-o", f"ssh_command={script},{OPTIONS}", f"x:{self.server}", self.client], check=True, timeout=20)
        self.sftp_pid = int(pid.read_text())

    def hang(self, at_most_s: float) -> None:
        """Stops the server, and before that sees to it that it goes on: not even SIGKILL ends who waits for it."""
        subprocess.Popen(["sh", "-c", f"sleep {at_most_s}; kill -CONT {self.sftp_pid}"], start_new_session=True)
        os.kill(self.sftp_pid, signal.SIGSTOP)

    def break_off(self) -> None:
        """Kills the client of the mount: from now on every call gives ENOTCONN."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"sshfs") and os.fsencode(self.client) in words:
                    os.kill(int(process.name), signal.SIGKILL)

    def answer(self) -> None:
        os.kill(self.sftp_pid, signal.SIGCONT)


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Share]:
    needs("sshfs", "fusermount3", str(SFTP))
    if not os.access("/dev/fuse", os.W_OK):
        pytest.skip("/dev/fuse is not there")
    share = Share(tmp_path / "server", tmp_path / "client")
    share.server.mkdir()
    share.client.mkdir()
    share.mount()
    yield share
    with suppress(ProcessLookupError):
        share.answer()
    subprocess.run(["fusermount3", "-u", "-z", share.client], check=False, timeout=20)


def test_what_another_host_writes_is_seen_by_polling_though_nothing_is_announced(share: Share) -> None:
    log = share.client / "train.out"
    (share.server / "train.out").write_bytes(b"step 1\n")
    assert "fuse.sshfs" == MountTable.read().of(str(log)).kind
    with Following(share.client / "*.out", notify=True) as following:
        following.until_read(log, b"step 1\n")
        append(share.server / "train.out", b"step 2\n")
        following.until_read(log, b"step 1\nstep 2\n")
        (share.server / "next.out").write_bytes(b"step 1\n")
        following.until_read(share.client / "next.out", b"step 1\n")
        assert [] == following.resets


def test_truncation_replacement_and_deletion_are_seen_on_a_network_file_system(share: Share) -> None:
    log, there = share.client / "train.out", share.server / "train.out"
    there.write_bytes(b"step 1\nstep 2\n")
    with Following(log) as following:
        following.until_read(log, b"step 1\nstep 2\n")
        there.write_bytes(b"again\n")
        following.until_read(log, b"again\n")
        beside = share.server / "beside"
        beside.write_bytes(b"a third file, longer than the second\n")
        beside.rename(there)
        following.until_read(log, b"a third file, longer than the second\n")
        there.unlink()
        following.until_told("gone", log)


def test_a_new_mount_with_other_inodes_is_the_same_file(share: Share) -> None:
    log = share.client / "train.out"
    (share.server / "train.out").write_bytes(b"step 1\n")
    first = read_once([log])
    position = first.positions[str(log)]
    made_up = {str(log): type(position).from_json({**position.as_json(), "inode": 123456, "device": 99})}
    append(share.server / "train.out", b"step 2\n")
    again = read_once([log], made_up)
    assert (b"step 2\n", []) == (again.content[str(log)], again.resets)


def test_a_hung_mount_holds_up_nobody_else_and_is_told_once(share: Share, tmp_path: Path) -> None:
    far, near = share.client / "far.out", tmp_path / "near.out"
    (share.server / "far.out").write_bytes(b"step 1\n")
    near.write_bytes(b"step 1\n")
    (tmp_path / "link.out").symlink_to(far)
    with Following(far, near, tmp_path / "link.out", hang_s=0.5) as following:
        following.until_read(far, b"step 1\n")
        following.until_read(near, b"step 1\n")
        share.hang(at_most_s=8.0)
        failing = following.until_told("failing", share.client)
        assert (str(far),) == failing.paths
        slowest_s, lines = 0.0, near.read_bytes()
        for number in range(20):
            lines += b"step %d\n" % number
            append(near, b"step %d\n" % number)
            asked_s = time.monotonic()
            following.take(0.02)
            slowest_s = max(slowest_s, time.monotonic() - asked_s)
        following.until_read(near, lines)
        assert slowest_s < 0.5
        assert ["failing"] == following.kinds(share.client)
        (share.server / "far.out").write_bytes(b"step 1\nstep 2\n")
        share.answer()
        following.until_told("recovered", share.client)
        following.until_read(far, b"step 1\nstep 2\n")


def test_a_mount_that_hangs_from_the_start_does_not_keep_the_rest_from_being_caught_up(share: Share, tmp_path: Path) -> None:
    near = tmp_path / "near.out"
    near.write_bytes(b"step 1\n")
    share.hang(at_most_s=8.0)
    with Following(share.client / "*.out", near, hang_s=0.5) as following:
        following.until_read(near, b"step 1\n")
        following.until(following.tailer.caught_up)
        assert (str(share.client / "*.out"),) == following.until_told("failing", share.client).paths


def test_a_process_that_follows_a_hung_mount_ends_at_once(share: Share) -> None:
    """A thread stuck in the file system would keep the process from ending, whatever signal it gets."""
    (share.server / "far.out").write_bytes(b"step 1\n")
    program = (
        "import sys; from monitor.tail.tailer import Tailer\n"
        "tailer = Tailer(sys.argv[1:], hang_s=0.5, hot_s=0.05); tailer.start()\n"
        "while True:\n"
        "    for news in tailer.wait(1.0):\n"
        "        print(getattr(news, 'kind', 'bytes'), flush=True)\n"
        "        if getattr(news, 'kind', '') == 'failing': tailer.stop(); sys.exit(0)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(share.client / "far.out")], stdout=subprocess.PIPE, cwd=ROOT, text=True)
    assert process.stdout is not None
    while process.stdout.readline() != "bytes\n":
        assert process.poll() is None
    share.hang(at_most_s=10.0)
    while process.stdout.readline() != "failing\n":
        assert process.poll() is None
    told_s = time.monotonic()
    assert 0 == process.wait(8.0)
    assert time.monotonic() - told_s < 2.0
    process.stdout.close()


def test_a_reader_that_is_killed_is_started_again_and_goes_on(share: Share) -> None:
    log = share.client / "train.out"
    (share.server / "train.out").write_bytes(b"step 1\n")
    with Following(log) as following:
        following.until_read(log, b"step 1\n")
        lane = following.tailer._lanes[str(share.client)]
        assert isinstance(lane, RemoteLane)
        assert lane._process is not None
        lane._process.kill()
        append(share.server / "train.out", b"step 2\n")
        following.until_read(log, b"step 1\nstep 2\n")
        assert [] == following.resets
        assert ["failing", "recovered"] == following.kinds(share.client)


def test_a_mount_that_breaks_is_told_once_and_taken_up_again_when_it_is_mounted_anew(share: Share) -> None:
    log = share.client / "train.out"
    (share.server / "train.out").write_bytes(b"step 1\n")
    with Following(log) as following:
        following.until_read(log, b"step 1\n")
        share.break_off()
        following.until(lambda: any(news.kind == "failing" for news in following.news))
        for _ in range(10):
            following.take(0.02)
        told = [(news.path, news.kind) for news in following.news]
        assert len(told) == len(set(told))
        subprocess.run(["fusermount3", "-u", "-z", share.client], check=False, timeout=20)
        share.mount()
        append(share.server / "train.out", b"step 2\n")
        following.until_read(log, b"step 1\nstep 2\n")
        assert [] == following.resets
