"""The channels that the settings name, with every mistake at its place; ``notify test`` tries each of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from monitor.commands.inputs import fail, say, say_json, the_rules, warn
from monitor.config import Settings, SettingsProblem, settings, user_config_path
from monitor.mistake import ConfigError, ConfigErrors
from monitor.store import default_state_path
from monitor.yamlfile import Document, load_yaml
from rules.problem import Problem
from rules.spec import Rulebook


def the_channels(book: Rulebook, rules: Path | None) -> Settings:
    """What holds for this call; exits with every mistake, warns of what is only unwise."""
    try:
        user = _user_config()
        files = {"config.yaml": user_config_path(), **({"rules": rules} if rules is not None else {})}
        held = settings(environ=os.environ, rules_notify=book.notify, user_config=user.value or {}, files=files)
    except ConfigErrors as wrong:
        fail(wrong)
    except SettingsProblem as wrong:
        fail(_placed(wrong, rules, user))
    for text in held.warnings:
        warn(text)
    return held


def try_all(rules: Path | None, *, json: bool) -> int:
    """``notify test``: 0 where every channel took the message, 1 where one did not, 2 where none is configured."""
    from monitor.outbox import try_channels

    book, _ = the_rules(rules)
    held = the_channels(book, rules)
    if not held.channels:
        fail("no channel is configured; set LOSSWATCH_SLACK_WEBHOOK_URL, or write `notify:` into the rules file")
    worked = True
    for tried in try_channels(held.channels, time.time()):
        worked = worked and tried.worked
        if json:
            say_json({"channel": tried.channel.name, "kind": tried.channel.kind, "ok": tried.worked, "outcome": tried.outcome})
        else:
            say(f"{tried.channel.name:<14} {tried.outcome}")
    return 0 if worked else 1


def state_path(given: Path | None) -> Path:
    """The state file: ``--state``, LOSSWATCH_STATE, the user's ``config.yaml``, else the default. Exits where the last cannot be read."""
    if given is not None or os.environ.get("LOSSWATCH_STATE"):
        return given or default_state_path()
    try:
        told = (_user_config().value or {}).get("state")
    except ConfigErrors as wrong:
        fail(wrong)
    return Path(told) if isinstance(told, str) else default_state_path()


def _user_config() -> Document:
    path = user_config_path()
    if not path.exists():
        return Document(str(path), "", {})
    document = load_yaml(path)
    if document.value is not None and not isinstance(document.value, dict):
        raise ConfigErrors([ConfigError(str(path), 1, 1, "the configuration is a mapping", "write notify: and channels below it")])
    return document


def _placed(wrong: SettingsProblem, rules: Path | None, user: Document) -> str | ConfigErrors:
    """The mistakes at their line and column where they stand in a file, else as they are (environment, command line)."""
    by_source = {"config.yaml": user}
    if rules is not None:
        by_source["rules"] = load_yaml(rules)
    errors, others = [], []
    for problem in wrong.all:
        document = by_source.get(problem.source)
        if document is None:
            others.append(f"{problem}; {problem.advice}" if problem.advice else str(problem))
            continue
        known = problem.loc[:1] == ("notify",) or problem.loc in document.key_marks
        loc = problem.loc if known else ("notify", *problem.loc)
        errors.append(document.error(Problem(loc, problem.message, problem.advice, on_key="unknown" in problem.message)))
    if not errors:
        return "\n".join(others)
    return ConfigErrors(errors) if not others else "\n".join([*others, str(ConfigErrors(errors))])
