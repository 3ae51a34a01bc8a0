"""A program run with the event: off unless it is configured. No shell, a bounded time, nothing of a log in its arguments.

The facts stand in the environment (``LOSSWATCH_RUN``, ``LOSSWATCH_RULE``, ``LOSSWATCH_STATE`` ...) and as JSON on stdin. The one thing that
may stand in an argument is ``{job_id}``, and only digits ever do. A process killed between running the program and noting it runs it
once more: ``LOSSWATCH_ID`` is then the same.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from monitor.libraries import environment
from monitor.notify.channel import Channel, ChannelBase, ChannelSpec, DeliveryError, Memory
from monitor.notify.notification import Notification, worst
from monitor.notify.process import run_bounded
from monitor.notify.text import clean
from monitor.notify.wording import headline, ordered
from rules.fields import Duration
from rules.jsonable import jsonable

JOB_ID = re.compile(r"[0-9]{1,18}(?:_[0-9]{1,9})?")
EX_TEMPFAIL = 75
"""sysexits.h: the one exit code after which the program is run again."""
FIRST = ("rule", "kind", "state", "step", "value", "message")
"""What variables hold of the first event; all of them are on stdin."""
_PLACE = "{job_id}"


def _argv(value: Any) -> Any:
    return tuple(shlex.split(value)) if isinstance(value, str) else value


def _whole(value: tuple[str, ...]) -> tuple[str, ...]:
    if value and (not value[0] or "{" in value[0]):
        raise ValueError("the program's name stands first and is fixed")
    if any("\0" in part for part in value):
        raise ValueError("an argument cannot hold a NUL")
    return value


class Spec(ChannelSpec):
    """A program of your own."""

    kind: ClassVar[str] = "command"
    shorthand: ClassVar[str] = "run"
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("run",),)
    coalesces: ClassVar[bool] = False

    run: Annotated[tuple[str, ...], BeforeValidator(_argv), AfterValidator(_whole)] = Field(
        (), description="the program and its arguments, without a shell: [scancel, '{job_id}']"
    )
    on: tuple[Literal["firing", "resolved", "met", "ended"], ...] = Field(("firing",), description="the events it is run for")
    timeout: Duration = Field(30.0, description="after this time it and its children are killed")

    def build(self, name: str) -> Channel:
        return Command(argv=self.run, on=frozenset(self.on), timeout_s=self.timeout, **self.common(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(ChannelBase):
    kind: ClassVar[str] = "command"
    argv: tuple[str, ...]
    on: frozenset[str] = frozenset({"firing"})
    timeout_s: float = 30.0

    def payload(self, told: Notification) -> tuple[tuple[str, ...], dict[str, str], bytes]:
        """Arguments, variables, stdin. Raises DeliveryError where ``{job_id}`` is asked for and the run is no job."""
        job = told.run if JOB_ID.fullmatch(told.run) else ""
        if not job and any(_PLACE in part for part in self.argv):
            raise DeliveryError(f"{clean(told.run, 60)} is no job, so there is no job_id", permanent=True)
        first = ordered(told.transitions)[0].as_json() if told.transitions else {}
        facts = {
            "ID": told.id, "EVENT": told.kind, "RUN": told.run, "JOB_ID": job, "SEVERITY": told.severity, "HEADLINE": headline(told),
            "PAGE_URL": told.context.page_url, **{key.upper(): first.get(key) for key in FIRST},
        }  # fmt: skip
        variables = {f"LOSSWATCH_{key}": "" if value is None else str(value).replace("\0", "") for key, value in facts.items()}
        body = json.dumps(jsonable(told.as_json()), ensure_ascii=False, allow_nan=False).encode()
        return tuple(part.replace(_PLACE, job) for part in self.argv), variables, body

    def send(self, told: Notification, memory: Memory) -> str:
        if told.kind == "test" and any(_PLACE in part for part in self.argv):
            return self._found()
        wanted = self._wanted(told)
        if wanted is None:
            return "not an event that it is run for"
        argv, variables, body = self.payload(wanted)
        ended = run_bounded(argv, {**_environment(), **variables}, body, self.timeout_s)
        if ended.code != 0:
            raise DeliveryError(f"{argv[0]} {ended.how}: {clean(ended.said, 200) or 'no word'}", permanent=ended.code != EX_TEMPFAIL)
        return f"{argv[0]} {ended.how}"

    def _found(self) -> str:
        """For a test of a program that would act on a job."""
        place = shutil.which(self.argv[0])
        if place is None:
            raise DeliveryError(f"{self.argv[0]} is not found", permanent=True)
        return f"{place} is there; it was not run, since a test has no job_id"

    def _wanted(self, told: Notification) -> Notification | None:
        if told.kind == "test" or (told.kind == "ended" and "ended" in self.on):
            return told
        kept = tuple(t for t in told.transitions if t.state in self.on)
        return replace(told, transitions=kept, severity=worst(kept)) if kept else None


def _environment() -> Mapping[str, str]:
    """Ours without our own settings, which hold the secrets of other channels."""
    return {name: value for name, value in environment().items() if not name.startswith("LOSSWATCH_")}
