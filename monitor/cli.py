"""The command line: one function a command, no logic. Everything slow is imported by the command that needs it."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from monitor import __version__
from monitor.ending import leave, output_failed
from monitor.groups import formats_app, notify_app, rules_app
from monitor.libraries import keep_libraries_quiet
from monitor.options import Forced, Formats, Json, Paths, Rules, State
from monitor.usage import App

app = App(
    name="loss-watch", add_completion=True,
    help="Follow training logs, judge the loss against milestones by step, alert, and be scraped.\n\n"
    "Example: loss-watch 'logs/*.out' --rules milestones.yaml  (the same as: loss-watch watch ...)\n\n"
    "Exit codes of check, replay and watch --once: 0 on track, 1 an alert stands, 2 usage or configuration, 3 crashed or failed, "
    "4 no observation or stalled.",
)  # fmt: skip
app.add_typer(rules_app, name="rules")
app.add_typer(formats_app, name="formats")
app.add_typer(notify_app, name="notify")


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"loss-watch {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="print the version and leave", callback=_tell_version, is_eager=True)] = False,
) -> None:
    pass


@app.command(short_help="follow logs, judge, alert, serve metrics and the page")
def watch(
    paths: Paths, rules: Rules = None,
    once: Annotated[bool, typer.Option(
        "--once", help="read what is new since last time, judge, send, leave (for cron); what is not there yet is left to the next call",
    )] = False,
    json: Json = False, state: State = None,
    listen: Annotated[str | None, typer.Option("--listen", metavar="HOST:PORT", help="default 127.0.0.1:10311, or unix:PATH")] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="no metrics and no page")] = False,
    token_file: Annotated[Path | None, typer.Option("--token-file", metavar="FILE", help="ask for this token on every request")] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", metavar="FILE", help="serve HTTPS with this certificate (PEM)")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="and this key")] = None,
    page_url: Annotated[str | None, typer.Option("--page-url", metavar="URL", help="how messages link to the page")] = None,
    textfile: Annotated[Path | None, typer.Option("--textfile", metavar="DIR", help="metrics as a file for node_exporter")] = None,
    pushgateway: Annotated[str | None, typer.Option("--pushgateway", metavar="URL", help="metrics for a Prometheus Pushgateway")] = None,
    file_sd: Annotated[Path | None, typer.Option("--file-sd", metavar="DIR", help="leave a target file for Prometheus's file_sd")] = None,
    shard: Annotated[str | None, typer.Option("--shard", metavar="K/N", help="follow every N-th run only")] = None,
    formats: Formats = [], forced: Forced = None,  # noqa: B006 (typer reads it once)
) -> None:  # fmt: skip
    """Follow logs, judge, alert, serve metrics and the page (the default command).

    Example: loss-watch 'logs/*.out' --rules milestones.yaml
    """
    from monitor.commands.publish import PublishOptions
    from monitor.commands.watch import WatchOptions
    from monitor.commands.watch import watch as run
    from monitor.tail.shard import Shard

    try:
        share = Shard.parse(shard) if shard is not None else None
    except ValueError as wrong:
        typer.echo(f"loss-watch: --shard: {wrong}", err=True)
        raise typer.Exit(2) from None
    options = WatchOptions(
        rules, once, json, state, listen, tuple(formats), forced, not no_serve, token_file, tls_cert, tls_key, page_url,
        PublishOptions(textfile, pushgateway, file_sd), share,
    )  # fmt: skip
    raise typer.Exit(run(paths, options))


@app.command(short_help="print every observation, or a digest of each run")
def scan(
    paths: Paths, json: Json = False,
    summary: Annotated[bool, typer.Option("--summary", help="a digest of each run instead of every observation")] = False,
    formats: Formats = [], forced: Forced = None,  # noqa: B006
) -> None:  # fmt: skip
    """Print every observation read from the logs; with --summary a digest of each run.

    Example: loss-watch scan logs/train_13503904.out --summary
    """
    if summary:
        from monitor.commands.summary import summary as digest

        raise typer.Exit(digest(paths, json=json, formats=formats, forced=forced))
    from monitor.commands.scan import scan as run

    raise typer.Exit(run(paths, json=json, formats=formats, forced=forced))


@app.command(short_help="judge once, print the verdict, exit with its code")
def check(paths: Paths, rules: Rules = None, json: Json = False, formats: Formats = [], forced: Forced = None) -> None:  # noqa: B006
    """Judge once from the whole log, print the verdict, leave with its code; sends nothing, keeps nothing.

    Example: loss-watch check logs/train_13503904.out -r milestones.yaml

    Exit codes: 0 on track, 1 an alert stands, 2 usage, 3 crashed or failed, 4 no data or stalled.
    """
    from monitor.commands.check import check as run

    raise typer.Exit(run(paths, rules, json=json, formats=formats, forced=forced))


@app.command(short_help="the alerts that these rules would have raised")
def replay(paths: Paths, rules: Rules = None, json: Json = False, formats: Formats = [], forced: Forced = None) -> None:  # noqa: B006
    """The alerts that these rules would have raised on these finished logs, in order.

    Example: loss-watch replay logs/old_*.out -r milestones.yaml
    """
    from monitor.commands.replay import replay as run

    raise typer.Exit(run(paths, rules, json=json, formats=formats, forced=forced))


@app.command(short_help="why a rule fired or did not")
def explain(
    run: Annotated[str, typer.Argument(metavar="RUN-or-PATH")],
    rule: Annotated[str | None, typer.Argument(metavar="[RULE]", help="one rule's id; all of them without")] = None,
    rules: Rules = None, json: Json = False, formats: Formats = [], state: State = None,  # noqa: B006
) -> None:  # fmt: skip
    """Why a rule fired or did not: the numbers that it saw, what would resolve it.

    Example: loss-watch explain logs/train_13503904.out step-100 -r milestones.yaml
    """
    from monitor.commands.explain import explain as show

    raise typer.Exit(show(run, rule, rules, json=json, formats=formats, state=state))


@app.command(short_help="the run's diagnostic document, as HTML or Markdown")
def report(
    run: Annotated[list[str], typer.Argument(metavar="RUN-or-PATH...", help="one run: its name, or its files")],
    rules: Rules = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help=".html or .md (Markdown on stdout without)")] = None,
    checkpoint: Annotated[str | None, typer.Option("--checkpoint", metavar="FILE", help="with --model: what was left at random")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="FILE")] = None,
    expect: Annotated[list[str], typer.Option("--expect", metavar="PATTERN", help="keys that are new on purpose (glob)")] = [],  # noqa: B006
    formats: Formats = [], state: State = None,  # noqa: B006
) -> None:  # fmt: skip
    """The run's diagnostic document: is it normal, why, what to do, when to worry.

    Example: loss-watch report logs/train_13503904.* -r milestones.yaml -o report.html
    """
    from monitor.commands.diagnose import parse_expect
    from monitor.commands.report import ReportOptions
    from monitor.commands.report import report as write

    options = ReportOptions(rules, output, checkpoint, model, parse_expect(expect), tuple(formats), state)
    raise typer.Exit(write(run, options))


@app.command(short_help="what a model takes and misses of a checkpoint")
def diagnose(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help=".safetensors, .ckpt, .pt, .bin, an index, or JSON of shapes")],
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="likewise; without it: what the checkpoint holds")] = None,
    from_model: Annotated[
        str | None, typer.Option("--from-model", metavar="MODULE:FUNCTION", help="build the model with torch; this runs your code")
    ] = None,
    expect: Annotated[list[str], typer.Option("--expect", metavar="PATTERN", help="keys that are new on purpose (glob)")] = [],  # noqa: B006
    key_map: Annotated[Path | None, typer.Option("--key-map", metavar="FILE", help="write the probable renames as JSON")] = None,
    write_renamed: Annotated[
        Path | None, typer.Option("--write-renamed", metavar="FILE", help="write the checkpoint with its keys renamed (safetensors)")
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Which keys of a checkpoint the model takes, misses, ignores; what is randomly initialised, and how much.

    Example: loss-watch diagnose step_311.ckpt model_keys.json --expect '*elevation_alpha' --expect '*H_scale'
    """
    from monitor.commands.diagnose import DiagnoseOptions, parse_expect
    from monitor.commands.diagnose import diagnose as run

    options = DiagnoseOptions(from_model, parse_expect(expect), json, key_map, write_renamed)
    raise typer.Exit(run(checkpoint, model, options))


@app.command(short_help="the runs that a watcher knows, also while it is stopped")
def status(state: State = None, json: Json = False) -> None:
    """The runs that a watcher knows, from its state file; also while it is stopped.

    Example: loss-watch status
    """
    from monitor.commands.status import status as run

    raise typer.Exit(run(state, json=json))


@app.command(short_help="propose a rules file, or a format file, from a log")
def init(
    log: Annotated[str, typer.Argument(metavar="LOG")],
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="write it there (stdout without)")] = None,
    format_file: Annotated[bool, typer.Option("--format-file", help="propose a format file even for a log that is known")] = False,
    formats: Formats = [],  # noqa: B006
) -> None:  # fmt: skip
    """Propose a rules file from a log; for a log that no format knows, a format file.

    Example: loss-watch init logs/train_13503904.out -o milestones.yaml
    """
    from monitor.commands.learn import init as run

    raise typer.Exit(run(log, output=output, format_file=format_file, formats=formats))


@app.command(short_help="milestones learned from finished runs")
def learn(
    logs: Annotated[list[str], typer.Argument(metavar="LOG...")],
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="write it there (stdout without)")] = None,
    metric: Annotated[str | None, typer.Option("--metric", metavar="NAME", help="default: val_loss, else train_loss")] = None,
    formats: Formats = [],  # noqa: B006
) -> None:  # fmt: skip
    """Milestone bands learned from finished runs: their median and spread at a few steps, as a rules file.

    Example: loss-watch learn logs/good_*.out -o milestones.yaml
    """
    from monitor.commands.learn import learn as run

    raise typer.Exit(run(logs, metric=metric, output=output, formats=formats))


@app.command(short_help="do not tell of a run or a rule for a while")
def silence(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="a run's name or a glob of names")] = None,
    rule: Annotated[str | None, typer.Argument(metavar="[RULE]", help="one rule's id; all of them without")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="`step 200`, `2h` or `end`")] = None,
    show_all: Annotated[bool, typer.Option("--list", help="the silences that hold")] = False,
    remove: Annotated[int | None, typer.Option("--remove", metavar="ID", help="end one")] = None,
    state: State = None, json: Json = False,
) -> None:  # fmt: skip
    """Do not tell of a run, or of one of its rules, until a step, a time or its end.

    Example: loss-watch silence 13503904 step-100 --until "step 200"
    """
    from monitor.commands import silence as silences

    if remove is not None:
        raise typer.Exit(silences.remove(remove, state))
    if show_all:
        raise typer.Exit(silences.show(state, json=json))
    if run is None or until is None:
        typer.echo("loss-watch: say which run and how long: loss-watch silence RUN [RULE] --until 2h", err=True)
        raise typer.Exit(2)
    raise typer.Exit(silences.add(run, rule, until, state, json=json))


@app.command(short_help="the history as OpenMetrics or CSV")
def export(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="one run; all of them without")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="a table instead of OpenMetrics")] = False, state: State = None,
) -> None:  # fmt: skip
    """The history as OpenMetrics with timestamps (for promtool tsdb create-blocks-from openmetrics), or as CSV.

    Example: loss-watch export 13503904 --csv > 13503904.csv
    """
    from monitor.commands.export import export as run_export

    raise typer.Exit(run_export(state, run, as_csv=csv))


@app.command(short_help="print the Grafana dashboard")
def dashboard() -> None:
    """Print the Grafana dashboard that ships.

    Example: loss-watch dashboard > losswatch.json
    """
    from monitor.commands.shipped import dashboard as shown

    raise typer.Exit(shown())


@app.command(short_help="print the Prometheus rules")
def alerts() -> None:
    """Print the Prometheus recording and alerting rules that ship.

    Example: loss-watch alerts > losswatch.rules.yaml
    """
    from monitor.commands.shipped import alerts as shown

    raise typer.Exit(shown())


COMPLETION = "_LOSS_WATCH_COMPLETE"
"""Set by the shell's completion (typer names it after the program)."""
NOT_YET = frozenset({"doctor", "service"})
"""Commands that are promised: a file of such a name is not waited for."""


def with_default_command(arguments: list[str]) -> list[str]:
    """``logs/*.out --rules x`` means ``watch logs/*.out --rules x``: where the first word is no command, ``watch`` is."""
    if not arguments or arguments[0] in ("-h", "--help", "--version", "--install-completion", "--show-completion"):
        return arguments
    return arguments if arguments[0] in app.names() else _checked(arguments)


def _checked(arguments: list[str]) -> list[str]:
    """``watch`` before what is no command; refuses a mistyped one, which would else be waited for as a file that is not there yet."""
    first = arguments[0]
    if first == "help":
        return ["--help"]
    if first in NOT_YET:
        typer.echo(f"loss-watch: `{first}` is not part of this version (./{first} is always a file)", err=True)
        raise SystemExit(2)
    if first.isalpha() and not Path(first).exists():
        from difflib import get_close_matches

        near = get_close_matches(first, sorted(app.names()), n=1, cutoff=0.75)
        if near:
            typer.echo(f"loss-watch: no command and no file `{first}`; did you mean `{near[0]}`? (./{first} is always a file)", err=True)
            raise SystemExit(2)
    return ["watch", *arguments]


def main() -> None:
    """The console script ``loss-watch``."""
    from monitor.rulespackage import warn_of_stranger

    warn_of_stranger()
    keep_libraries_quiet()
    gc.set_threshold(100_000, 10, 10)  # a start makes 50,000 objects that stay: looking through them for garbage is 10 ms
    try:
        try:
            run(with_default_command(sys.argv[1:]))
        finally:
            sys.stdout.flush()
    except SystemExit as ended:
        leave(ended)
    except KeyboardInterrupt:
        leave(SystemExit(130))
    except OSError as wrong:
        output_failed(wrong)


def run(arguments: list[str]) -> None:
    """The command that ``arguments`` name, alone; the whole application where they name none, or a shell asks what they may become."""
    alone = app.part(arguments[0]) if arguments and COMPLETION not in os.environ else None
    if alone is None:
        app(arguments, prog_name="loss-watch")
    else:
        alone(arguments[1:], prog_name=f"loss-watch {arguments[0]}")
