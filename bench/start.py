"""What the start of a command takes: CPU time (user and system), wall time, modules loaded, and calls that look for or open a file.

    python bench/start.py [--rounds 9]

The log has one line. Beside it: an interpreter that does nothing, numpy alone, and mtail. Medians of interleaved rounds, in
milliseconds; the files are in the page cache. On a login node, where the home directory is on a network, each of the calls in the last
column asks a server. That column needs strace.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ASKED = (
    ["--version"], ["--help"], ["check", "--help"], ["scan", "--summary", "--json", "LOG"], ["scan", "--json", "LOG"],
    ["check", "--json", "LOG"], ["watch", "--once", "--no-serve", "--json", "--state", "STATE", "LOG"], ["status", "--state", "STATE"],
    ["formats", "list"], ["alerts"],
)  # fmt: skip


def command() -> list[str]:
    beside = Path(sys.executable).with_name("loss-watch")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "monitor"]


def commands(folder: Path) -> dict[str, list[str]]:
    log, state = folder / "train.log", folder / "state.db"
    log.write_text("step 1 | train_loss 2.0\n")
    named = {"LOG": str(log), "STATE": str(state)}
    found = {"python -c pass": [sys.executable, "-c", "pass"], "python -c 'import numpy'": [sys.executable, "-c", "import numpy"]}
    if shutil.which("mtail"):
        found["mtail --version"] = ["mtail", "--version"]
    for words in ASKED:
        found[f"loss-watch {' '.join(words)}"] = [*command(), *(named.get(word, word) for word in words)]
    return found


def times_s(words: list[str], folder: Path) -> tuple[float, float]:
    """CPU and wall time of a whole process."""
    start = time.perf_counter()
    with subprocess.Popen(words, cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, time.perf_counter() - start


def modules(words: list[str], folder: Path) -> str:
    """How many modules a Python process loads."""
    if words[0] == "mtail":
        return "-"
    env = {**environment(folder), "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return str(done.stderr.count("import time:") - 1)


def file_calls(words: list[str], folder: Path) -> str:
    """How many system calls name a file."""
    if not shutil.which("strace"):
        return "-"
    traced = ["strace", "-f", "-qq", "-e", "trace=%file", "-o", str(folder / "trace"), *words]
    subprocess.run(traced, cwd=folder, env=environment(folder), capture_output=True, check=False)
    return str(sum(b'""' not in call for call in (folder / "trace").read_bytes().splitlines()))


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = commands(folder)
        taken: dict[str, list[tuple[float, float]]] = {shown: [] for shown in asked}
        for _ in range(options.rounds):
            for shown, words in asked.items():
                taken[shown].append(times_s(words, folder))
        print(f"{'':<64} {'CPU ms':>7} {'wall ms':>8} {'modules':>8} {'file calls':>11}")
        for shown, words in asked.items():
            cpu, wall = (statistics.median(column) * 1000 for column in zip(*taken[shown], strict=True))
            print(f"{shown:<64} {cpu:7.0f} {wall:8.0f} {modules(words, folder):>8} {file_calls(words, folder):>11}", flush=True)


if __name__ == "__main__":
    main()
