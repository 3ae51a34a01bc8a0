"""Which run a file belongs to, told by its name alone.

A run is one job: the number that ends the file's stem (`slurm-13503904.out`, `train_13503904_7.err`). Files of the ranks of one
job are one run, and so are `.out` and `.err`. Without a number it is the stem. Two runs never share a name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

STDIN_RUN = "stdin"
MOST_NAME_CHARS = 120
SURE_ID_DIGITS = 5
"""A job id this long names the same job wherever its files stand; a shorter number may be a seed or a counter in each directory."""
_RANK = re.compile(r"(?:^|[._-])(?:(?:local|global|world)[._-]?)?rank[._-]?\d+$", re.I)
_JOB_AND_RANK = re.compile(r"((?:^|\D)\d{3,})\.\d{1,5}$")
_ARRAY_TASK = re.compile(r"(?<![\d.])(\d{3,})_(\d+)$")
_JOB = re.compile(r"(?<!\d)(?<!\d\.)(\d{3,})$")
_NO_TASK = re.compile(r"(?<=\d)_4294967294$")
"""What %a gives outside of an array (SLURM's NO_VAL)."""
_STREAM_DIRECTORY = re.compile(r"^(?:std)?(?:out|err)(?:put|or)?s?$", re.I)
_UNPRINTABLE = re.compile(r"[^\w.+@=,:~ -]")


def name_runs(paths: Sequence[str], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """The run of each path. Who comes first keeps the plain name, a later namesake gets its directory before it.

    ``known`` are names that were given before (path -> run): they stay, whatever is added.
    """
    named: dict[str, str] = {}
    taken: dict[str, tuple[str, ...]] = {}
    for old, given in (known or {}).items():
        taken.setdefault(given, _key(old))
    by_key = {key: run for run, key in taken.items()}
    for path in dict.fromkeys(paths):
        key = _key(path)
        run = (known or {}).get(path) or by_key.get(key)
        if run is None:
            run = next(name for name in _names(path, key, taken) if taken.get(name, key) == key)
            taken[run] = key
            by_key[key] = run
        named[path] = run
    return named


def slurm_job_id(run: str) -> str | None:
    """The id as SLURM writes it (`13503904`, `13503904_7`, no zeros in front), or None where the run is not named by one."""
    found = re.fullmatch(r"0*(\d{3,})(?:_(\d+))?", run)
    if not found or not int(found[1]):
        return None
    return str(int(found[1])) + (f"_{int(found[2])}" if found[2] else "")


def job_name(path: str) -> str | None:
    """What stands before the job id in the name of a file; None without an id, and for the name that SLURM gives where nobody named it."""
    stem = _rankless(_split(os.path.basename(path))[0])
    job = _job(stem)
    name = stem[: -len(job)].rstrip("._-") if job and stem.endswith(job) else ""
    return name if any(letter.isalpha() for letter in name) and name not in ("slurm", "job") else None


def _key(path: str) -> tuple[str, ...]:
    """What two files of one run have in common and no other file has."""
    if path == "-":
        return ("-",)
    directory, name = os.path.split(path)
    stem, suffix = _split(name)
    job = _job(_rankless(stem))
    if job and len(job.partition("_")[0]) >= SURE_ID_DIGITS:
        return ("job", job)
    above, last = os.path.split(directory)
    if _STREAM_DIRECTORY.match(last):
        directory = above
    if job:
        return ("job", directory, job)
    stem = _rankless(stem)
    return ("stem", directory, stem, "" if suffix in (".out", ".err") else suffix)


def _names(path: str, key: tuple[str, ...], taken: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Names for a run, best first: the ending tells apart what stands in one directory, else the directory does."""
    if path == "-":
        return [STDIN_RUN]
    directory, name = os.path.split(os.path.abspath(path))
    stem, suffix = _split(name)
    plain = _rankless(stem)
    above = [part for part in directory.split("/") if part and not _STREAM_DIRECTORY.match(part)][::-1]
    own = _job(plain) or plain or (above[0] if above else "run")
    names, longer = [own], own
    beside = key[0] == "stem" and taken.get(_printable(own), ("",) * 4)[1:3] == key[1:3]
    if beside and suffix:
        names.append(own + suffix)
    for part in above:
        longer = f"{part}-{longer}"
        names.append(longer)
    names.extend(f"{own[: MOST_NAME_CHARS - 8]}~{number}" for number in range(2, len(taken) + 3))
    return [_printable(name) for name in names]


def _printable(name: str) -> str:
    return _UNPRINTABLE.sub("_", name)[-MOST_NAME_CHARS:]


def _split(name: str) -> tuple[str, str]:
    """Stem and suffix; `.gz` is no part of either, and an ending with a number in it (`job.o123456`, `x.13503904`) is no suffix."""
    if name.endswith(".gz"):
        name = name[:-3]
    stem, suffix = os.path.splitext(name)
    return (name, "") if any(letter.isdigit() for letter in suffix) and suffix[-1].isdigit() else (stem, suffix)


def _rankless(stem: str) -> str:
    """The stem without what tells the ranks of one job apart: `x_rank3`, `x.rank0`, `job_123.7`; and a task of no array."""
    without = _NO_TASK.sub("", _RANK.sub("", stem))
    found = _JOB_AND_RANK.search(without)
    return without[: found.end(1)] if found else without


def _job(stem: str) -> str | None:
    task = _ARRAY_TASK.search(stem)
    if task and len(task[2]) <= len(task[1]):
        return task[0]
    job = _JOB.search(stem)
    return job[1] if job else None
