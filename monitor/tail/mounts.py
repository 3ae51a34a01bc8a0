"""Which file system a path is on, told by the mount table alone: asking a hung mount about itself would hang too."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
LOCAL_KINDS = frozenset({
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs", "reiserfs", "rootfs", "squashfs", "tmpfs",
    "vfat", "xfs", "zfs",
})  # fmt: skip
"""Kinds on which the kernel tells of every write, because no other host can write (inotify(7), "Limitations and caveats").

All others (nfs, lustre, gpfs, beegfs, ceph, cifs, 9p, afs, autofs, fuse.* and whatever is not known) are polled only."""
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system: where it is and its kind as the kernel names it."""

    point: str
    kind: str

    @property
    def local(self) -> bool:
        """Whether writes are announced here and a look cannot hang on another machine."""
        return self.kind in LOCAL_KINDS

    def __str__(self) -> str:
        return f"{self.point} ({self.kind})"


ROOT = Mount("/", "rootfs")


class MountTable:
    """The mounts of this machine, looked up by path without touching any of them."""

    def __init__(self, mounts: dict[str, Mount]) -> None:
        self._by_point = mounts

    @classmethod
    def parse(cls, mountinfo: str) -> MountTable:
        """From the text of ``/proc/self/mountinfo`` (proc(5)). A later mount on the same point hides the earlier; odd lines are skipped."""
        found: dict[str, Mount] = {}
        for line in mountinfo.splitlines():
            before, dash, after = line.partition(" - ")
            fields, kinds = before.split(" "), after.split(" ")
            if dash and len(fields) >= 6 and kinds[0]:
                point = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
                found[point] = Mount(point, kinds[0])
        return cls(found)

    @classmethod
    def read(cls) -> MountTable:
        """The table as it is now; where there is none (no Linux), everything is taken for one local file system."""
        try:
            return cls.parse(MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape"))
        except OSError:
            return cls({})

    def of(self, path: str) -> Mount:
        """The mount that the absolute ``path`` lies on, by its name alone (no symbolic link is followed)."""
        here = path
        while True:
            mount = self._by_point.get(here)
            if mount is not None:
                return mount
            above = os.path.dirname(here)
            if above == here:
                return ROOT
            here = above
