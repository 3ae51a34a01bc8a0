"""The commands of two words: ``rules lint``, ``formats test``, ``notify test`` and their like. One function a command, no logic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.options import Forced, Formats, Json, Rules
from monitor.usage import App

rules_app = App(
    help="Check a rules file, print its JSON Schema, list the presets.",
    short_help="check a rules file; its JSON Schema; the presets",
)  # fmt: skip
formats_app = App(
    help="The log formats that are known, and which one a log is.",
    short_help="the log formats that are known; which one a log is",
)  # fmt: skip
notify_app = App(help="The channels that alerts go to.", short_help="try the channels that alerts go to")


@notify_app.command("test")
def notify_test(rules: Rules = None, json: Json = False) -> None:
    """Send one test message through every configured channel and say what happened.

    Example: LOSSWATCH_SLACK_WEBHOOK_URL=... loss-watch notify test
    """
    from monitor.commands.channels import try_all

    raise typer.Exit(try_all(rules, json=json))


@formats_app.command("list")
def formats_list(formats: Formats = [], json: Json = False) -> None:  # noqa: B006
    """The log formats that are known.

    Example: loss-watch formats list
    """
    from monitor.commands.formats import list_all

    raise typer.Exit(list_all(formats, json=json))


@formats_app.command("show")
def formats_show(name: Annotated[str, typer.Argument(metavar="NAME")], formats: Formats = []) -> None:  # noqa: B006
    """Print a format's file: a start for your own.

    Example: loss-watch formats show nanogpt
    """
    from monitor.commands.formats import show

    raise typer.Exit(show(name, formats))


@formats_app.command("test")
def formats_test(
    log: Annotated[str, typer.Argument(metavar="LOG")], formats: Formats = [], forced: Forced = None, json: Json = False,  # noqa: B006
) -> None:  # fmt: skip
    """Which format a log is, and why.

    Example: loss-watch formats test logs/train_13503904.out
    """
    from monitor.commands.formats import test

    raise typer.Exit(test(log, formats, forced, json=json))


@rules_app.command("lint")
def rules_lint(file: Annotated[Path, typer.Argument(metavar="FILE")], json: Json = False) -> None:
    """Check a rules file and run the cases in it.

    Example: loss-watch rules lint milestones.yaml
    """
    from monitor.commands.rulesfile import lint

    raise typer.Exit(lint(file, json=json))


@rules_app.command("schema")
def rules_schema() -> None:
    """Print the JSON Schema of a rules file.

    Example: loss-watch rules schema > rules.schema.json
    """
    from monitor.commands.rulesfile import schema

    raise typer.Exit(schema())


@rules_app.command("presets")
def rules_presets(name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None) -> None:
    """List the presets that ship, or print one.

    Example: loss-watch rules presets finetune
    """
    from monitor.commands.rulesfile import presets

    raise typer.Exit(presets(name))
