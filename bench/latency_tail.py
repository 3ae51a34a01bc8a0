"""How soon a line that was flushed to a file is in ``Tailer.wait()``'s result, and what silent files cost.

    python bench/latency_tail.py [--lines 500] [--files 10000] [--seconds 60] [--json]

The writer is another process; each line is the monotonic clock at the moment before its ``write``. ``announced`` is a local file with
notification, ``polled`` the same without. The idle part follows files that were silent for an hour (1 % of them silent for a second)
and reads the CPU time of the process once everything is caught up. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from monitor.tail.news import Chunk
from monitor.tail.tailer import Tailer

WRITER = """
import random, sys, time
with open(sys.argv[1], "ab", buffering=0) as log:
    for _ in range(int(sys.argv[2])):
        time.sleep(random.uniform(0.01, 0.06))
        log.write(b"%d\\n" % time.monotonic_ns())
"""


def latencies_ms(lines: int, *, notify: bool) -> list[float]:
    """Milliseconds from write to hand-over of each line, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "train.out"
        log.touch()
        tailer = Tailer([str(log)], notify=notify)
        tailer.start()
        while not tailer.caught_up():
            tailer.wait(0.1)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(log), str(lines)])
        took: list[float] = []
        while len(took) < lines:
            for item in tailer.wait(5.0):
                now_ns = time.monotonic_ns()
                if isinstance(item, Chunk):
                    took.extend((now_ns - int(line)) / 1e6 for line in item.data.split())
        writer.wait()
        tailer.stop()
    return sorted(took)


def idle(files: int, seconds: float) -> dict[str, float]:
    """Share of one core, time to catch up (s) and memory (MB) for ``files`` files in 100 directories of which nothing new comes."""
    with tempfile.TemporaryDirectory() as folder:
        now = time.time()
        for number in range(files):
            log = Path(folder) / f"d{number % 100}" / f"train_{100_000 + number}.out"
            log.parent.mkdir(exist_ok=True)
            log.write_bytes(b"step %d loss 1.5\n" % number)
            silent_s = 1.0 if number % 100 == 0 else 3600.0
            os.utime(log, (now - silent_s, now - silent_s))
        tailer = Tailer([os.path.join(folder, "*", "*.out")])
        started_s = time.monotonic()
        tailer.start()
        while not tailer.caught_up():
            tailer.wait(0.1)
        caught_up_s = time.monotonic() - started_s
        settle_until_s = time.monotonic() + 35.0
        while time.monotonic() < settle_until_s:
            tailer.wait(1.0)
        before_s, until_s = time.process_time(), time.monotonic() + seconds
        while time.monotonic() < until_s:
            # Now and then a hot file is written, as a training does.
            with contextlib.suppress(IndexError), open(sorted(Path(folder, "d0").iterdir())[0], "ab") as log_file:
                log_file.write(b"step\n")
            tailer.wait(1.0)
            time.sleep(0.5)
        share = (time.process_time() - before_s) / seconds
        tailer.stop()
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"files": files, "core_share": share, "caught_up_s": caught_up_s, "rss_mb": rss_mb}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    result: dict[str, object] = {}
    for name, notify in (("announced", True), ("polled", False)):
        took = latencies_ms(wanted.lines, notify=notify)
        result[name] = {"p50_ms": statistics.median(took), "p99_ms": took[int(len(took) * 0.99) - 1], "max_ms": took[-1]}
        if not wanted.json:
            print(f"{name:10s} p50 {result[name]['p50_ms']:7.2f} ms   p99 {result[name]['p99_ms']:7.2f} ms   max {took[-1]:7.2f} ms")  # type: ignore[index]
    if wanted.files:
        result["idle"] = cost = idle(wanted.files, wanted.seconds)
        if not wanted.json:
            print(
                f"{cost['files']} silent files: {cost['core_share']:.2%} of a core, caught up in {cost['caught_up_s']:.2f} s, "
                f"{cost['rss_mb']:.0f} MB"
            )
    if wanted.json:
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
