"""A secret out of a file, and whether others on the machine can read it too."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_BYTES = 65_536


def read_secret(path: str) -> tuple[str, str | None]:
    """The file's text without surrounding space, and a warning where group or others may read it. ``~`` is the home. Raises OSError.

    A named pipe or a device is refused (OSError): opening one could wait for ever.
    """
    place = Path(path).expanduser()
    with open(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(22, "no regular file", str(place))
        text = file.read(MAX_BYTES).decode("utf-8", "replace").strip()
    if not text:
        raise OSError(22, "the file is empty", str(place))
    if facts.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return text, f"{place} holds a secret and others can read it: chmod 600 {place}"
    return text, None
