"""Pictures of the page for docs/page.md, of a watcher on real logs of examples/: ``python scripts/screenshots.py``.

Needs chromium and playwright. Look at what it made before it is committed: that is what it is for.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
LOGS = (
    "lightning_finetune/topoflow_full_finetune_13503904.out",
    "lightning_finetune/topoflow_full_finetune_13503977.out",
    "lightning_finetune/topoflow_full_finetune_13504112.out",
    "diverges/train_20430001.out",
    "diverges/train_20430002.out",
    "crashes/crash_lightning_20440021.out",
    "hf_trainer/hf5_nobar_20415502.out",
    "xgboost/*.out",
)
RULES = """version: 1
baseline: {val_loss: 0.3557, step: 311, label: checkpoint step_311}
milestones:
  - step 50 < 1.5
  - step 100 < 0.9, worry > 1.0
  - step 200 < 0.6
  - step 311 in 0.40..0.45
  - {step: 1000, below: 0.3, severity: info}
"""
RUN = "13503904"
SHOTS = (
    ("page-runs", "/", "light", (1360, 700), "tr[data-run]:nth-child(5)"),
    ("page-run", f"/#/run/{RUN}", "dark", (1360, 1120), ".chart canvas"),
    ("page-compare", f"/#/run/{RUN}?m=val_loss&vs=13504112,13503977&log=1", "light", (1360, 860), ".chart canvas"),
    ("page-phone", f"/#/run/{RUN}", "light", (390, 844), ".chart canvas"),
)


def shoot(browser: Browser, url: str) -> None:
    """Every picture of ``SHOTS``."""
    for name, path, scheme, (width, height), wanted in SHOTS:
        phone = width < 500
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, color_scheme=scheme, is_mobile=phone, has_touch=phone)
        tab = context.new_page()
        tab.goto(url + path)
        tab.wait_for_selector(wanted)
        tab.wait_for_function("document.fonts.ready.then(() => true)")
        tab.screenshot(path=IMAGES / f"{name}.png")
        context.close()


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for pattern in LOGS:
            for log in sorted((ROOT / "examples").glob(pattern)):
                shutil.copyfile(log, folder / log.name)
        (folder / "milestones.yaml").write_text(RULES)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [str(Path(sys.executable).with_name("loss-watch")), "watch", "*.out", "-r", "milestones.yaml", "--state", "state.db"]
        with subprocess.Popen([*command, "--listen", f"127.0.0.1:{port}"], cwd=folder, stdout=subprocess.DEVNULL) as watcher:
            try:
                wait_until_ready(f"http://127.0.0.1:{port}")
                time.sleep(7)  # an error counts as a crash after five seconds of silence
                with sync_playwright() as started:
                    browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                    shoot(browser, f"http://127.0.0.1:{port}")
                    browser.close()
            finally:
                watcher.terminate()


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the watcher did not become ready")


if __name__ == "__main__":
    main()
