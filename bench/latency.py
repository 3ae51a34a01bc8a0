"""From a flushed line to the receiver: loss-watch beside what a shell does, in one run, line by line in turn.

    python bench/latency.py [--lines 200]

Each line ends a milestone, so loss-watch reads, parses, judges, commits to its state file and posts to a webhook. The peer is
``tail -F | grep --line-buffered | curl`` a line, which judges and remembers nothing. Times are from after ``flush`` to the moment
the receiver has read the request; both write to the same local file system and post to the same receiver.
"""

from __future__ import annotations

import argparse
import http.server
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

WAIT_S = 10.0


class Receiver(http.server.BaseHTTPRequestHandler):
    """Notes when each body arrived, by path."""

    protocol_version = "HTTP/1.1"
    arrived: dict[str, list[tuple[float, str]]] = {}  # noqa: RUF012
    news = threading.Condition()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        now = time.perf_counter()
        with self.news:
            self.arrived.setdefault(self.path, []).append((now, body))
            self.news.notify_all()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def wait_for(path: str, word: str, since: float) -> float:
    """Seconds from ``since`` until a body with ``word`` arrived at ``path``."""
    deadline = time.monotonic() + WAIT_S
    with Receiver.news:
        while True:
            for when, body in Receiver.arrived.get(path, []):
                if word in body:
                    return when - since
            if not Receiver.news.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() > deadline:
                raise TimeoutError(f"{path}: {word} did not arrive within {WAIT_S} s")


def quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=200)
    lines = parser.parse_args().lines
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        measured = run(Path(folder), url, lines)
    print(f"{lines} lines each, milliseconds from flush to receiver")
    for name, times in measured.items():
        shown = "  ".join(f"{label} {quantile(times, q) * 1000:7.1f}" for label, q in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)))
        print(f"{name:<24} {shown}")
    ours, peer = measured.values()
    print(f"ratio p50 {quantile(ours, 0.5) / quantile(peer, 0.5):.2f}  p99 {quantile(ours, 0.99) / quantile(peer, 0.99):.2f}")


def run(folder: Path, url: str, lines: int) -> dict[str, list[float]]:
    log, rules = folder / "train_13503904.out", folder / "rules.yaml"
    log.touch()
    milestones = "".join(f"  - step {i} < 100\n" for i in range(1, lines + 1))
    rules.write_text(f"milestones:\n{milestones}rules: []\nnotify:\n  webhook: {{url: {url}/ours, min_severity: info}}\n")
    command = shutil.which("loss-watch", path=os.path.dirname(sys.executable)) or "loss-watch"
    ours = subprocess.Popen(
        [command, str(log), "--rules", str(rules), "--state", str(folder / "state.sqlite3"), "--no-serve"],
        stdout=subprocess.DEVNULL,
    )
    shell = f"tail -n 0 -F {log} | grep --line-buffered val_loss | while read -r l; do curl -s -d \"$l\" {url}/peer; done"
    peer = subprocess.Popen(["bash", "-c", shell], stderr=subprocess.DEVNULL, start_new_session=True)
    measured: dict[str, list[float]] = {"loss-watch": [], "tail | grep | curl": []}
    try:
        time.sleep(2.0)
        rng = random.Random(1)
        with log.open("a") as out:
            for step in range(1, lines + 1):
                out.write(f"Step {step}: train_loss = 2.0, val_loss = 1.{step:04d}\n")
                out.flush()
                since = time.perf_counter()
                measured["loss-watch"].append(wait_for("/ours", f'step-{step}"', since))
                measured["tail | grep | curl"].append(wait_for("/peer", f"1.{step:04d}", since))
                time.sleep(rng.uniform(0.02, 0.3))
    finally:
        ours.send_signal(signal.SIGTERM)
        os.killpg(peer.pid, signal.SIGTERM)
        ours.wait(5)
    return measured


if __name__ == "__main__":
    main()
