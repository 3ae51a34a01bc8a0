"""Help pages as people know them: ``loss-watch check [OPTIONS] PATH...``, without the types and braces that typer puts around names."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

_ARGUMENTS = re.compile(r"(?<=\nArguments:\n)(?:  .*\n)+")
_NOISE = re.compile(r" <[a-z\[\]]+>|\s*\[required\]")
_WIDTH = 78
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command whose help names its arguments plainly."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [_plain(piece) for piece in super().collect_usage_pieces(ctx)]

    def get_help(self, ctx: Any) -> str:
        return _ARGUMENTS.sub(lambda found: _arguments(found[0]), super().get_help(ctx))


class App(typer.Typer):
    """A typer application of such commands."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[_Function], _Function]:
        return super().command(name, **{"cls": Command, **settings})


def _plain(piece: str) -> str:
    """``{PATH...}...`` is ``PATH...``, ``[[RULE]]`` is ``[RULE]``; other versions of typer write them so by themselves."""
    piece = piece.replace("......", "...")
    found = re.fullmatch(r"\{(.+?)(?:\.\.\.)?\}(\.\.\.)?", piece) or re.fullmatch(r"\[(\[.+\])\](\.\.\.)?", piece)
    return found[1] + (found[2] or "") if found else piece


def _arguments(block: str) -> str:
    """The list of arguments with their names and what they are, nothing else."""
    rows: list[list[str]] = []
    for line in block.splitlines():
        if line.startswith("   ") and rows:
            rows[-1][1] += " " + line.strip()
        else:
            name, _, told = line.strip().partition("  ")
            rows.append([_NOISE.sub("", name), told.strip()])
    width = max(len(name) for name, _ in rows)
    lines = []
    for name, told in rows:
        lead = f"  {name.ljust(width)}  "
        text = _NOISE.sub("", told).strip()
        lines.append(textwrap.fill(text, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)) if text else lead.rstrip())
    return "\n".join(lines) + "\n"
