"""A target file for Prometheus's ``file_sd_configs``: a watcher inside a job announces where it can be scraped, and takes it back.

Prometheus reads a folder, say ``files: [/shared/losswatch/*.json]``; each watcher writes one file of its own there, atomically.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit


def announce(folder: Path, url: str, labels: Mapping[str, str] | None = None) -> Path:
    """Write the target file for a watcher at ``url`` and return its path.

    Raises OSError; ValueError for an address that no other machine reaches (a Unix socket, loopback).
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or host in {"", "127.0.0.1", "::1", "localhost"}:
        raise ValueError(f"{url} cannot be scraped from another machine; listen at :PORT or HOST:PORT to be announced")
    target = f"[{host}]:{parts.port}" if ":" in host else f"{host}:{parts.port}"
    told = {**(labels or {})}
    if parts.scheme == "https":
        told["__scheme__"] = "https"
    file = folder / f"losswatch-{re.sub(r'[^A-Za-z0-9.-]', '_', host)}-{parts.port}.json"
    beside = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "w") as out:
            json.dump([{"targets": [target], "labels": told}], out)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    return file


def withdraw(file: Path) -> None:
    """Take the announcement back. A file that is gone is no error."""
    file.unlink(missing_ok=True)
