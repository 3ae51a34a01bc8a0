"""Two real fine-tunings grow while you watch: `make demo`.

Replays logs of lightning_finetune/ into growing files, their training time compressed to SECONDS, and runs loss-watch on them as a
user would: the table, the alerts as they fire, the address of the page. What Slack would be sent goes to a receiver on this machine
and is shown. Your own configuration and channels are not used. Ends by itself, or by Ctrl-C.

    python examples/demo.py [SECONDS]
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "lightning_finetune"
JOBS = ("topoflow_full_finetune_13503904", "topoflow_full_finetune_13504112")
"""The one on its path, and one whose learning rate is too small."""
LINGER_S = 6.0
"""How long the finished table stays."""


class Slack(BaseHTTPRequestHandler):
    """Answers as an incoming webhook does and keeps the messages' text."""

    messages: list[str] = []  # noqa: RUF012 - one receiver a process
    aloud = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.messages.append(unescape(body["text"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")
        if self.aloud:
            print(f"   Slack <- {self.messages[-1]}", flush=True)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal belongs to loss-watch."""


def pieces(log: bytes) -> Iterator[bytes]:
    """The log as the training wrote it: a bar's refresh or a line at a time."""
    return iter(re.findall(rb"[^\r\n]*[\r\n]|[^\r\n]+\Z", log))


def replay(source: Path, target: Path, seconds: float, stop: threading.Event) -> None:
    """Append ``source`` to ``target`` evenly over ``seconds``."""
    log = source.read_bytes()
    begun, written = time.monotonic(), 0
    with target.open("ab", buffering=0) as out:
        for piece in pieces(log):
            if stop.wait(max(0.0, begun + seconds * written / len(log) - time.monotonic())):
                return
            out.write(piece)
            written += len(piece)


def command() -> list[str]:
    beside = Path(sys.executable).with_name("loss-watch")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "monitor"]


def main(seconds: float) -> int:
    folder = Path("demo").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "logs").mkdir(parents=True)
    for job in JOBS:
        (folder / "logs" / f"{job}.out").touch()
    shutil.copy(SOURCE / "rules.yaml", folder / "milestones.yaml")

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Slack)
    Slack.aloud = not sys.stdout.isatty()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOSSWATCH_")}
    environment |= {
        "LOSSWATCH_SLACK_WEBHOOK_URL": f"http://127.0.0.1:{receiver.server_port}/services/demo",
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
    }
    arguments = ["demo/logs/*.out", "--rules", "demo/milestones.yaml"]
    print(f"$ loss-watch '{arguments[0]}' {' '.join(arguments[1:])}      ({seconds:.0f} s, Ctrl-C ends it)", flush=True)
    watch = subprocess.Popen([*command(), *arguments], env=environment)

    stop = threading.Event()
    feeders = [
        threading.Thread(target=replay, args=(SOURCE / f"{job}.out", folder / "logs" / f"{job}.out", seconds, stop)) for job in JOBS
    ]
    try:
        for feeder in feeders:
            feeder.start()
        deadline = time.monotonic() + seconds + LINGER_S
        while watch.poll() is None and time.monotonic() < deadline:
            stop.wait(0.1)
        watch.send_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        pass  # the terminal has told loss-watch as well
    finally:
        stop.set()
        code = watch.wait(timeout=10)
        receiver.shutdown()
    shown = [] if Slack.aloud else Slack.messages
    count = len(Slack.messages)
    print(f"\nSlack was sent {count} message{'s' if count != 1 else ''}" + (":" if shown else ""))
    for message in shown:
        print(f"   {message}")
    print("The files are in demo/: try  .venv/bin/loss-watch check demo/logs/*.out --rules demo/milestones.yaml")
    return code


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 40.0))
