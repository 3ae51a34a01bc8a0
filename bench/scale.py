"""How many runs one watcher follows: loss-watch beside mtail, on the same files, in one run.

    python bench/scale.py [--runs 1000] [--seconds 30]

Each run is a log of 400 lines that is there at the start; then every log gets a line every ten seconds, all of them in turn. Printed
for each program: seconds from start until all that was there is judged (mtail begins at the end of a file), then the share of one core
and the memory while they grow. mtail only counts lines and keeps the last loss; loss-watch parses, judges (preset default), commits to
its state file and serves.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PROGRAM = """
counter lines_seen
gauge val_loss by log
/val_loss = (?P<value>\\d+\\.\\d+)/ {
  val_loss[getfilename()] = $value
  lines_seen++
}
"""
TICKS = os.sysconf("SC_CLK_TCK")


def line(step: int) -> str:
    return f"Step {step}: train_loss = {2 + 3 / (1 + step):.3f}, val_loss = {1 + 2 / (1 + step):.3f}\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scraped(url: str, name: str) -> float:
    """The sum of a metric's samples; 0 while nobody answers."""
    with suppress(OSError):
        text = urllib.request.urlopen(url, timeout=10).read().decode()
        return sum(float(row.rsplit(" ", 1)[1]) for row in text.splitlines() if row.startswith(name))
    return 0.0


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("VmRSS")) / 1024


def measure(
    name: str, argv: list[str], counted: Callable[[], float], logs: list[Path], expected: int, seconds: float, folder: Path
) -> None:
    started = time.monotonic()
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
    try:
        while counted() < expected:
            if time.monotonic() - started > 120 or process.poll() is not None:
                raise SystemExit(f"{name}: counted {counted():g} of {expected}; see {log.name}")
            time.sleep(0.1)
        caught_up = time.monotonic() - started
        before, begun = cpu_s(process.pid), time.monotonic()
        pause = 10.0 / len(logs)
        step, i = 401, 0
        while time.monotonic() - begun < seconds:
            with logs[i].open("a") as out:
                out.write(line(step))
            i = (i + 1) % len(logs)
            step += i == 0
            time.sleep(pause)
        share = (cpu_s(process.pid) - before) / (time.monotonic() - begun)
        asked = time.monotonic()
        counted()
        read = f"all read {caught_up:6.1f} s" if expected else "reads what is new"
        print(f"{name:<12} {read:<18}   growing {share:6.1%} of a core   {rss_mb(process.pid):6.0f} MB   "
              f"one scrape {1000 * (time.monotonic() - asked):5.0f} ms")  # fmt: skip
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for name in ("loss-watch", "mtail"):
            folder = Path(place) / name
            (folder / "logs").mkdir(parents=True)
            logs = [folder / "logs" / f"train_{10_000_000 + i}.out" for i in range(options.runs)]
            text = "".join(line(step) for step in range(1, 401))
            for log in logs:
                log.write_text(text)
            port, expected = free_port(), 400 * options.runs
            url = f"http://127.0.0.1:{port}/metrics"
            if name == "loss-watch":
                command = shutil.which("loss-watch", path=os.path.dirname(sys.executable)) or "loss-watch"
                argv = [command, "watch", str(folder / "logs" / "*.out"), "--state", str(folder / "s.sqlite3")]
                argv += ["--listen", f"127.0.0.1:{port}"]
                counted = lambda url=url: scraped(url, "losswatch_lines_total")  # noqa: E731
            else:
                (folder / "loss.mtail").write_text(PROGRAM)
                argv = ["mtail", "-progs", str(folder / "loss.mtail"), "-logs", str(folder / "logs" / "*.out"), "-address", "127.0.0.1",
                        "-port", str(port), "-one_shot=false", "-poll_interval", "250ms", "-poll_log_interval", "250ms"]  # fmt: skip
                counted = lambda url=url: scraped(url, "lines_seen")  # noqa: E731
            measure(name, argv, counted, logs, expected if name == "loss-watch" else 0, options.seconds, folder)


if __name__ == "__main__":
    main()
