"""The demonstration that the README opens with, in a few seconds instead of forty."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

from endtoend.watching import environment


def test_the_demonstration_shows_the_alert_and_the_page_and_ends_by_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py"), "4"], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True,
        timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    assert re.search(r"13504112 +firing +critical +step-100 +val_loss 1\.59 at step 100, expected < 0\.9", done.stdout)
    assert re.search(r"13503904 +met +step-311", done.stdout)
    assert "Slack <- 13504112" in done.stdout
    assert re.search(r"http://127\.0\.0\.1:\d+", done.stderr)
