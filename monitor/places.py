"""Where a user's files lie, by the XDG base directory specification. Imports nothing slow: every command asks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def config_directory(environ: Mapping[str, str] | None = None) -> Path:
    """``$XDG_CONFIG_HOME/loss-watch``, below ``~/.config`` where that is not set or relative."""
    base = Path((os.environ if environ is None else environ).get("XDG_CONFIG_HOME") or "")
    return (base if base.is_absolute() else Path.home() / ".config") / "loss-watch"
