"""SLURM's own words in a log: slurmstepd, srun, the kernel's or the shell's ``Killed``.

The line is often glued to an unfinished one (``train:  41%slurmstepd-n2: error: *** JOB 12 ON n2 CANCELLED AT ...``), so it is
searched for, not matched at the start.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from monitor.events.finding import AFTER, CAUSE, EXIT, MAX_LINE, SLURM, Finding
from monitor.events.sought import Late

_CANCELLED = Late(
    r"\*\*\* (?P<what>JOB|STEP) [\d.+_]+(?: STEPD TERMINATED)? ON (?P<node>[\w.-]{1,80}) (?:CANCELLED )?AT [\dT:-]{10,30}"
    r"(?: DUE TO (?P<why>[A-Z][A-Z ]+))?"
)
_OOM = Late(
    r"Detected \d+ oom[-_]kill event|exceeded memory limit|Exceeded (?:job|step) memory limit|oom-kill event\(s\)|Out Of Memory\b"
)
_TASK = Late(r"srun: error: (?P<node>[\w.-]{1,80}): tasks? (?P<tasks>\d+)?[\d,-]*: (?P<how>.{1,120})")
_STEPD = Late(r"slurmstepd-(?P<node>[\w.-]{1,80}): error: ")
_NODE_FAIL = Late(
    r"srun: error: Node failure on (?P<node>[\w.-]{1,80})|srun: error: .{0,80}node failure|Job launch failed due to node failure"
    r"|srun: error: Nodes? (?P<slow>[\w.,\[\]-]{1,80}) (?:is|are) still not ready"
)
_KILLED = Late(r"^(?:[^\s:]{0,200}: line \d+: +\d+ )?Killed(?: {2,}\S.*| *)$|[^\w ]Killed$")
_EXIT = Late(r"Exited with exit code (\d+)")
_LAUNCH = Late(
    r"(?:srun|sbatch): error: (?:Unable to (?:create step|allocate|confirm)|.{0,80}[Ii]nvalid|.{0,40}launch failed|Task launch)"
)
_SUBMITIT = Late(r"submitit .{0,60}Job (?:has|is about to be) (?P<why>timed out|timed-out|preempted)")

_WHY = {
    "TIME LIMIT": "time_limit",
    "PREEMPTION": "preempted",
    "NODE FAILURE": "node_fail",
    "NODE FAIL": "node_fail",
    "JOB REQUEUE": "requeue",
    "OUT OF MEMORY": "oom_killer",
    "OOM": "oom_killer",
}
_EXIT_CLASSES = {
    130: "cancelled",
    143: "cancelled",
    137: "oom_killer",
    139: "segfault",
    135: "segfault",
    136: "div_zero",
    134: "runtime_error",
}
_HOW = (
    ("Out Of Memory", "oom_killer", CAUSE),
    ("Segmentation fault", "segfault", CAUSE),
    ("Bus error", "segfault", CAUSE),
    ("Floating point exception", "div_zero", CAUSE),
    ("Killed", "oom_killer", AFTER),
    ("Terminated", "cancelled", AFTER),
    ("Aborted", "runtime_error", EXIT),
)


class Word(NamedTuple):
    """``finding``: what may have ended the run; ``ends``: how the whole job ended; ``requeue``: it goes back to the queue."""

    finding: Finding | None
    ends: str | None = None
    node: str | None = None
    requeue: bool = False


def slurm_word(line: str, offset: int, step: float | None) -> Word | None:
    """What SLURM, the kernel or the shell says in ``line``, None where it is not theirs."""
    stepd = _STEPD.search(line)
    node = stepd["node"] if stepd else None
    cancelled = _CANCELLED.search(line)
    if cancelled:
        return _cancelled(cancelled, offset, step)
    if "srun:" in line or "sbatch:" in line:
        return _srun(line, offset, step)
    if "slurmstepd" in line and _OOM.search(line):
        return Word(Finding("oom_killer", CAUSE, _from(line, "slurmstepd"), None, node, offset, step))
    if _KILLED.search(line):
        return Word(Finding("oom_killer", AFTER, line.strip()[-MAX_LINE:], None, node, offset, step))
    submitit = _SUBMITIT.search(line)
    if submitit:
        crash = "preempted" if submitit["why"] == "preempted" else "time_limit"
        return Word(Finding(crash, AFTER, submitit[0][:MAX_LINE], None, node, offset, step))
    return None


def _cancelled(found: re.Match[str], offset: int, step: float | None) -> Word:
    why = (found["why"] or "").strip()
    crash = next((name for words, name in _WHY.items() if why.startswith(words)), "cancelled")
    node = found["node"]
    if crash == "requeue":
        return Word(None, None, node, requeue=True)
    whole = found["what"] == "JOB"
    # A step is also cancelled because one of its tasks failed: then another line tells why.
    tier = SLURM if whole or crash != "cancelled" else AFTER
    return Word(Finding(crash, tier, found[0].rstrip() + " ***", None, node, offset, step), crash if whole else None, node)


def _srun(line: str, offset: int, step: float | None) -> Word | None:
    failed = _NODE_FAIL.search(line)
    if failed:
        return Word(Finding("node_fail", SLURM, _from(line, "srun:"), None, failed["node"], offset, step))
    task = _TASK.search(line)
    if not task:
        if _LAUNCH.search(line):
            return Word(Finding("runtime_error", EXIT, _from(line, "srun:"), None, None, offset, step))
        return None
    crash, tier = "runtime_error", EXIT
    code = _EXIT.search(task["how"])
    if code:
        if code[1] == "0":
            return None
        crash = _EXIT_CLASSES.get(int(code[1][:4]), crash)
        tier = EXIT if crash == "runtime_error" else AFTER
    else:
        crash, tier = next(((name, level) for word, name, level in _HOW if word in task["how"]), (crash, tier))
    rank = int(task["tasks"][:7]) if task["tasks"] else None
    return Word(Finding(crash, tier, task[0][:MAX_LINE], rank, task["node"], offset, step))


def _from(line: str, word: str) -> str:
    at = line.find(word)
    return line[max(0, at) :].strip()[:MAX_LINE]
