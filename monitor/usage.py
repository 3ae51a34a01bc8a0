"""Help pages as people know them: ``loss-watch check [OPTIONS] PATH...``, without the types and braces that typer puts around names.

And a start as quick as typer allows: one command is built instead of all, and its words are taken for what they are.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

_ARGUMENTS = re.compile(r"(?<=\nArguments:\n)(?:  .*\n)+")
_NOISE = re.compile(r" <[a-z\[\]]+>|\s*\[required\]")
_WIDTH = 78
_KINDS: dict[Any, Callable[[str], Any]] = {str: str, list[str]: str, Path: Path, list[Path]: Path, bool: bool}
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command whose help names its arguments plainly."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [_taken_as_it_is(param) for param in super().get_params(ctx)]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [_plain(piece) for piece in super().collect_usage_pieces(ctx)]

    def get_help(self, ctx: Any) -> str:
        return _ARGUMENTS.sub(lambda found: _arguments(found[0]), super().get_help(ctx))


class Group(TyperGroup):
    """Commands of two words."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [_taken_as_it_is(param) for param in super().get_params(ctx)]


class App(typer.Typer):
    """A typer application of such commands."""

    def __init__(self, *, add_completion: bool = False, **settings: Any) -> None:
        super().__init__(
            cls=Group, add_completion=add_completion, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]}, **settings,
        )  # fmt: skip

    def command(self, name: str | None = None, **settings: Any) -> Callable[[_Function], _Function]:
        return super().command(name, **{"cls": Command, **settings})

    def names(self) -> list[str]:
        """Its groups and commands."""
        groups = [one.name for one in self.registered_groups if one.name]
        return groups + [_name(one) for one in self.registered_commands]

    def part(self, name: str) -> Callable[..., Any] | None:
        """A group or command of it, to be called by itself, since all of them take 10 ms to build; None where none has that name."""
        for group in self.registered_groups:
            if group.name == name and group.typer_instance is not None:
                return get_group(group.typer_instance)
        for command in self.registered_commands:
            if _name(command) == name:
                alone = App()
                alone.registered_commands.append(command)
                return get_command(alone)
        return None


def _name(command: typer.models.CommandInfo) -> str:
    return command.name or str(getattr(command.callback, "__name__", ""))


class _Words:
    """What the shell hands over for a parameter, as the texts or paths that they are. Whatever is not plain is left to typer."""

    def __init__(self, kind: Callable[[str], Any], typers_own: Callable[[], Any]) -> None:
        self._kind, self._typers_own = kind, typers_own

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        words = value if isinstance(value, (list, tuple)) else [value]
        if self._kind is bool or not all(isinstance(word, str) and (self._kind is str or _may_be_read(word)) for word in words):
            return self._typers_own().coerce(value, param=param, ctx=ctx)
        return [self._kind(word) for word in words] if words is value else self._kind(value)


def _taken_as_it_is(param: Any) -> Any:
    """A parameter that asks no pydantic for what is plain: with typer 0.29 each does, also for its absence: 90 ms of a start."""
    described, own = getattr(param, "type_descriptor", None), getattr(param, "_runtime_param", None)
    kind = _KINDS.get(getattr(described, "annotation", None))
    if kind is None or own is not None or not hasattr(param, "get_runtime_param"):
        return param

    def typers_own() -> Any:
        param._runtime_param = None
        return param.get_runtime_param()

    param._runtime_param = _Words(kind, typers_own)
    return param


def _may_be_read(path: str) -> bool:
    """Whether typer has nothing to say of a path: it is not there, or may be read."""
    return os.access(path, os.R_OK) or not os.path.exists(path)


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
