"""A real SLURM cluster on loopback, for the tests that submit jobs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from conftest import needs
from endtoend.watching import until

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol")
PORTS = 6
"""Controller, two nodes, and the database at the end of the block."""
FIRST_JOB = 13503904
"""Job ids as a cluster of some age has them: a number of one or two digits in a file name is no job id to loss-watch."""
FINISHED = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED"})


@dataclass(frozen=True)
class Cluster:
    """``environment`` picks it for every SLURM command."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.folder / "etc" / "slurm.conf")}

    def ask(self, *command: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, cwd=cwd, capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def begin_at(self, first_job: int) -> None:
        """Number the jobs from here on."""
        with (self.folder / "etc" / "slurm.conf").open("a") as settings:
            settings.write(f"FirstJobId={first_job}\n")
        self.ask("scontrol", "reconfigure")

    def submit(self, script: Path, *options: str) -> str:
        """The id of the job."""
        return self.ask("sbatch", "--parsable", *options, str(script), cwd=script.parent).strip()

    def state(self, job: str) -> str:
        """Such as RUNNING or COMPLETED."""
        return self.ask("scontrol", "--oneliner", "show", "job", job).partition("JobState=")[2].split()[0]

    def wait_for_end(self, job: str, timeout_s: float = 60.0) -> str:
        return str(until(lambda: state if (state := self.state(job)) in FINISHED else "", f"job {job} ends", timeout_s))


@contextmanager
def cluster(script: Path, *, accounting: bool = False) -> Iterator[Cluster]:
    """A running cluster made by ``script`` (cluster.sh), taken down at the end. Skips where SLURM is not installed."""
    needs(*PROGRAMS, *(("slurmdbd", "mariadbd") if accounting else ()))
    # A short path outside pytest's folder: munge's socket must fit 108 bytes and its parents must not be writable by others.
    folder = Path(tempfile.mkdtemp(prefix="lw-slurm-"))
    made = Cluster(folder / "c")
    settings = {**os.environ, "LW_SLURM_PORT": str(_free_block())}
    try:
        up = subprocess.run(
            ["bash", str(script), "up", str(made.folder), *(["db"] if accounting else [])],
            env=settings, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert up.returncode == 0, f"{up.stdout}\n{up.stderr}"
        made.begin_at(FIRST_JOB)
        yield made
    finally:
        subprocess.run(["bash", str(script), "down", str(made.folder)], capture_output=True, timeout=60, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _free_block() -> int:
    """The first of ``PORTS`` consecutive free ports below the range that the kernel hands out."""
    for first in range(20_000 + os.getpid() % 5_000, 31_000, PORTS):
        with ExitStack() as held:
            try:
                for port in range(first, first + PORTS):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no block of free ports")
