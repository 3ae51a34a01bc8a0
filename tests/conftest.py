"""What every test may use: where the shared test data lies, and how the command is started."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # how long an example takes says more of the machine's other work than of the code
settings.load_profile("unhurried")

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("LOSSWATCH_SHARED", ROOT / ".." / "shared")).resolve()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real logs and curves; tests that read them skip where it is absent."""
    if not (SHARED / "logs" / "MANIFEST.yaml").exists():
        pytest.skip("the shared test data is absent (set LOSSWATCH_SHARED)")
    return SHARED


@pytest.fixture(scope="session")
def loss_watch() -> list[str]:
    """The command as a user starts it."""
    beside = Path(sys.executable).with_name("loss-watch")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "monitor"]


def needs(*programs: str) -> None:
    """Skip, naming the first program that this machine lacks; CI installs them all and sets LOSSWATCH_NO_SKIP."""
    for program in programs:
        if shutil.which(program) is None:
            message = f"{program} is not installed"
            if os.environ.get("LOSSWATCH_NO_SKIP"):
                pytest.fail(message)
            pytest.skip(message)
