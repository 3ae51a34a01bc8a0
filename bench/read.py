"""How fast `loss-watch scan --summary` reads, beside mtail, grep and a plain Python loop, in one interleaved run.

    python bench/read.py [--mb 256] [--real-mb 256] [--rounds 3] [--logs FOLDER] [--only dense,sparse,real] [--without-hyperscan]

dense: a metric on every line; sparse: on one line of a hundred; real: the logs of a folder, each repeated, all of them together as
large, in one command. Every tool is a whole process, reading train and validation loss; loss-watch finds the format by itself. Medians
of the rounds; MB is 10^6 bytes. Files lie in the page cache. Run it on a quiet machine: the ratios are what counts.

mtail's program on dense and sparse reads ``train_loss`` and ``val_loss``. On real it is real.mtail, one pattern a format, which reads what
the folder's MANIFEST.yaml counts; what it matches is compared with that first, and a difference is printed. (mtail reads no further in a
log whose text holds U+FFFD.) "mtail, two names": the small program on the real logs, of which it matches almost nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MTAIL = """gauge train_loss
gauge val_loss
/train_loss[ =:]+(?P<v>[0-9.]+)/ {
  train_loss = $v
}
/val_loss[ =:]+(?P<v>[0-9.]+)/ {
  val_loss = $v
}
"""
NAIVE = """import re, sys
pattern = re.compile(rb"step (\\d+).*?(train_loss|val_loss) ([0-9.]+)")
for name in sys.argv[1:]:
    seen = {}
    with open(name, "rb") as file:
        for line in file:
            found = pattern.search(line)
            if found:
                seen[found[2]] = (int(found[1]), float(found[3]))
"""
REAL_MTAIL = ROOT / "bench" / "real.mtail"
GOALS = {"dense": 8, "sparse": 5, "real": 10}
"""Times mtail; with hyperscan sparse 10 and real 20."""


def dense(path: Path, size: int) -> None:
    chance = random.Random(1)
    with path.open("w") as file:
        written = step = 0
        while written < size:
            step += 1
            name = "val_loss" if step % 50 == 0 else "train_loss"
            written += file.write(f"step {step}/4000000 | {name} {2 + chance.random():.4f} | lr 3.0e-04 | {chance.random() * 100:.2f} ms\n")


def sparse(path: Path, size: int) -> None:
    chance = random.Random(2)
    with path.open("w") as file:
        written = at = 0
        while written < size:
            at += 1
            if at % 100 == 0:
                name = "val_loss" if at % 2000 == 0 else "train_loss"
                line = f"step {at // 100}/4000000 | {name} {2 + chance.random():.4f} | lr 3.0e-04 | {chance.random() * 100:.2f} ms\n"
            else:
                clock = f"17:{at % 60:02d}:{at % 59:02d}"
                line = f"2026-11-23 {clock} INFO loader worker {at % 16}: batch {at} in {chance.random() * 10:.3f} s\n"
            written += file.write(line)


def real(folder: Path, size: int, logs: Path) -> list[Path]:
    """The logs of a folder, each repeated, so that together they are ``size`` bytes."""
    sources = [path for path in sorted(logs.iterdir()) if path.suffix not in (".md", ".yaml") and path.stat().st_size]
    made = []
    for path in sources:
        data = path.read_bytes()
        data = data if data.endswith(b"\n") else data + b"\n"
        target = folder / path.name
        with target.open("wb") as file:
            while file.tell() < size // len(sources):
                file.write(data)
        made.append(target)
    return made


def matches(logs: Path, programs: Path) -> list[str]:
    """Where mtail's counters differ from the lines that MANIFEST.yaml counts: one sentence a log."""
    import yaml

    said = []
    for entry in yaml.safe_load((logs / "MANIFEST.yaml").read_text())["files"]:
        log = logs / entry["name"]
        if entry.get("set") != "shared" or not log.exists():
            continue
        command = ["mtail", "--one_shot", "--one_shot_format", "prometheus", "--progs", str(programs), "--logs", str(log)]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        got = {"train": 0, "val": 0}
        for kind, count in re.findall(r'^matched\{.*kind="(\w+)".*\} (\d+)', told, re.M):
            for one in ("train", "val") if kind == "both" else (kind,):
                got[one] = got.get(one, 0) + int(count)
        # The manifest takes MLPerf's accuracy for the validation where no loss is printed.
        got["val"] = got["val"] or got.get("eval_accuracy", 0)
        wanted = {one: (entry.get(one) or {}).get("lines", 0) for one in ("train", "val")}
        if any(got[one] != wanted[one] for one in wanted):
            said.append(f"mtail, {entry['name']}: {got['train']} and {got['val']} lines of {wanted['train']} and {wanted['val']}")
    return said


def seconds(command: list[str], *, env: dict[str, str] | None = None, quiet_s: float = 120.0) -> float:
    """Wall time of a whole process whose output goes to a file (grep stops early where it sees /dev/null). Raises TimeoutExpired."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})}, timeout=quiet_s, check=False)
        return time.perf_counter() - start


def mtail(program: Path, folder: Path, files: list[str]) -> list[str]:
    """mtail in one-shot mode with one program."""
    programs = folder / program.stem
    programs.mkdir(exist_ok=True)
    shutil.copy(program, programs)
    logs = [part for name in files for part in ("--logs", name)]
    return ["mtail", "--one_shot", "--one_shot_format", "prometheus", "--progs", str(programs), *logs]


def commands(kind: str, files: list[str], folder: Path) -> dict[str, list[str]]:
    beside = Path(sys.executable).with_name("loss-watch")
    ours = [str(beside)] if beside.exists() else [sys.executable, "-m", "monitor"]
    found = {"loss-watch": [*ours, "scan", "--summary", "--json", *files]}
    if shutil.which("mtail"):
        small = folder / "loss.mtail"
        small.write_text(MTAIL)
        found["mtail"] = mtail(REAL_MTAIL if kind == "real" else small, folder, files)
        if kind == "real":
            found["mtail, two names"] = mtail(small, folder, files)
    found["grep -c val_loss"] = ["grep", "-c", "val_loss", *files]
    naive = folder / "naive.py"
    naive.write_text(NAIVE)
    found["python loop"] = [sys.executable, str(naive), *files]
    return found


def row(kind: str, files: list[str], folder: Path, rounds: int, path: str) -> dict[str, float]:
    size = sum(os.path.getsize(name) for name in files) / 1e6
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, command in commands(kind, files, folder).items():
            times.setdefault(name, []).append(seconds(command, env={"LC_ALL": "C", "PYTHONPATH": path}))
    speed = {name: size / statistics.median(found) for name, found in times.items()}
    shown = "   ".join(f"{name} {value:.0f}" for name, value in speed.items())
    ratios = [f"{speed['loss-watch'] / speed[name]:.1f} times {name}" for name in speed if name.startswith("mtail")]
    against = speed["loss-watch"] / speed["grep -c val_loss"]
    print(f"{kind:<7} MB/s   {shown}   = {', '.join(ratios)} (goal {GOALS[kind]}), {against:.2f} of grep", flush=True)
    return speed


def start(folder: Path, rounds: int, path: str) -> None:
    """What loss-watch needs for a log of one line: that much of each time below is no reading."""
    log = folder / "start.log"
    log.write_text("step 1 | train_loss 2.0\n")
    command = commands("dense", [str(log)], folder)["loss-watch"]
    taken = statistics.median(seconds(command, env={"LC_ALL": "C", "PYTHONPATH": path}) for _ in range(rounds))
    print(f"start   s      loss-watch {taken:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--logs", type=Path, default=ROOT.parent / "shared" / "logs")
    parser.add_argument("--only", default="dense,sparse,real")
    parser.add_argument("--real-mb", type=int, default=256)
    parser.add_argument("--without-hyperscan", action="store_true")
    options = parser.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path_of_modules = str(ROOT)
        if options.without_hyperscan:
            (folder / "none").mkdir()
            (folder / "none" / "hyperscan.py").write_text("raise ImportError\n")
            path_of_modules = f"{folder / 'none'}:{ROOT}"
        start(folder, options.rounds, path_of_modules)
        for kind in options.only.split(","):
            if kind == "real" and not options.logs.is_dir():
                print(f"real: no folder {options.logs}")
                continue
            path = folder / f"{kind}.log"
            size = (options.real_mb if kind == "real" else options.mb) * 1_000_000
            files = [str(one) for one in real(folder, size, options.logs)] if kind == "real" else [str(path)]
            if kind == "real" and shutil.which("mtail") and (options.logs / "MANIFEST.yaml").exists():
                (folder / "real").mkdir(exist_ok=True)
                shutil.copy(REAL_MTAIL, folder / "real")
                print("\n".join(matches(options.logs, folder / "real")), flush=True)
            if kind != "real":
                (dense if kind == "dense" else sparse)(path, size)
            result[kind] = row(kind, files, folder, options.rounds, path_of_modules)
            for one in files:
                os.unlink(one)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
