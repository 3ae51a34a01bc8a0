"""What several commands begin with: the rules, the formats, the clear line and exit code 2 where one of them is wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from monitor.ending import quiet_exit
from monitor.mistake import ConfigErrors
from monitor.parse import Catalogue, FormatError
from monitor.places import config_directory
from monitor.tail.discover import TailError
from rules.entries import did_you_mean

if TYPE_CHECKING:
    from rules.engine import Engine
    from rules.spec import Rulebook

USAGE = 2
"""Exit code of a usage or configuration error."""


def fail(message: object, code: int = USAGE) -> NoReturn:
    """Say ``message`` on stderr and leave. Mistakes that have their own place in a file stand there as they are."""
    if isinstance(message, (ConfigErrors, FormatError)):
        print(message, file=sys.stderr)  # noqa: T201
    else:
        warn(f"{message.filename}: {message.strerror}" if isinstance(message, OSError) and message.filename else message)
    raise SystemExit(code)


def say(line: str = "") -> None:
    """A line on stdout, whatever the terminal's encoding makes of it; a reader that went away ends the command quietly."""
    try:
        sys.stdout.write(line + "\n")
    except UnicodeEncodeError:
        sys.stdout.write(line.encode("ascii", "replace").decode() + "\n")
    except BrokenPipeError:
        quiet_exit()


def say_json(document: Any) -> None:
    say(json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(", ", ": ")))


def warn(line: object) -> None:
    print(f"loss-watch: {line}", file=sys.stderr)  # noqa: T201


def the_rules(path: Path | None) -> tuple[Rulebook, Engine]:
    """The rules of ``path``, the preset ``default`` without one; exits with every mistake."""
    from monitor.rulesfile import load_rules
    from rules.engine import Engine

    try:
        book = load_rules(path)
    except ConfigErrors as wrong:
        fail(wrong)
    return book, Engine(book.rules)


def the_formats(extra: Sequence[Path], forced: str | None = None) -> Catalogue:
    """The formats that ship, the user's own, and ``extra``; exits with the mistake, also where none is named ``forced``."""
    own = sorted(config_directory().joinpath("formats").glob("*.yaml"))
    try:
        catalogue = Catalogue.load([*extra, *own])
    except FormatError as wrong:
        fail(wrong)
    except OSError as wrong:
        fail(f"{wrong.filename}: {wrong.strerror}")
    names = ["general", *catalogue.names]
    if forced is not None and forced not in names:
        fail(f"no format `{forced}`; {did_you_mean(forced, names) or '`loss-watch formats list` names them'}")
    return catalogue


def no_jobs_yet(paths: Iterable[str]) -> None:
    """Known weakness: ``job:ID`` needs SLURM's word on a job's files, which is not asked yet. Exits, saying what works."""
    for path in paths:
        if path.startswith("job:"):
            fail(f"{path}: asking SLURM where a job writes is not built yet; name its file, or quote a glob: 'logs/*{path[4:]}*'")


def report_problems(problems: Iterable[TailError]) -> bool:
    """A line on stderr for each file that could not be read; whether there was one."""
    found = False
    for problem in problems:
        warn(problem)
        found = True
    return found
