"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="file, directory, quoted glob, or - for stdin", show_default=False)]
Rules = Annotated[Path | None, typer.Option("-r", "--rules", metavar="FILE", help="rules file (default: preset `default`)")]
Json = Annotated[bool, typer.Option("--json", help="machine-readable, stable")]
Formats = Annotated[list[Path], typer.Option("--formats", metavar="FILE", help="a log format of your own (may be repeated)")]
Forced = Annotated[str | None, typer.Option("--format", metavar="NAME", help="read the logs as this format; `formats list` names them")]
State = Annotated[Path | None, typer.Option("--state", metavar="PATH", help="state file (default: below $XDG_STATE_HOME/loss-watch)")]
