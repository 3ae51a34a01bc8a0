"""Texts of the user's own in place of ours: jinja2 in its sandbox, over plain facts, into plain text that the channel then escapes.

A template sees numbers and bounded strings only, no object of ours. Its output is cleaned and bounded like any other text. One that
fails while a message is made costs the template, never the message: ours is sent instead, and the failure stands in its notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from monitor.notify import wording
from monitor.notify.notification import Notification
from monitor.notify.text import clean
from rules.jsonable import short, step_number
from rules.units import human_duration

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_OUTPUT = 20_000
MAX_LINES = 40


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"short": short, "duration": human_duration, "step": step_number}
    return made


def _compiles(source: str) -> str:
    from jinja2 import TemplateSyntaxError

    try:
        _environment().parse(source)
    except TemplateSyntaxError as wrong:
        raise ValueError(f"no jinja2 template: line {wrong.lineno}: {wrong.message}") from None
    return source


Source = Annotated[str, Field(max_length=10_000), AfterValidator(_compiles)]


class TemplateSpec(BaseModel):
    """The texts that may be replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Source | None = Field(None, description="the one line: subject, headline")
    body: Source | None = Field(None, description="all that stands below it, lines of plain text")

    def build(self) -> Template:
        return Template(self.title, self.body)


@dataclass(frozen=True, slots=True)
class Template:
    title: str | None = None
    body: str | None = None

    def apply(self, told: Notification) -> Notification:
        """``told`` with its texts replaced; as it was, with a note, where the template fails."""
        from jinja2 import TemplateError

        try:
            seen = facts(told)
            title = clean(_render(self.title, seen), wording.MAX_HEADLINE) if self.title else ""
            body = tuple(clean(line) for line in _render(self.body, seen).splitlines()[:MAX_LINES]) if self.body else None
        except (TemplateError, ValueError, TypeError, ArithmeticError, LookupError, OverflowError, RecursionError, MemoryError) as failed:
            return replace(told, notes=(*told.notes, clean(f"the template of this channel failed: {failed}", 200)))
        return replace(told, title=title, body=body)


def facts(told: Notification) -> Mapping[str, Any]:
    """What a template may use; docs/notify/templates.md lists it."""
    return {
        **{key: value for key, value in told.as_json().items() if key not in ("title", "body")},
        "headline": wording.headline(told), "lead": wording.lead(told), "gist": wording.gist(told, whole=True),
        "curve": wording.curve(told), "place": wording.place(told), "further": wording.further(told),
    }  # fmt: skip


def _render(source: str | None, seen: Mapping[str, Any]) -> str:
    """At most MAX_OUTPUT characters: generated piece by piece, so that a loop over much costs no more than that."""
    made, size = [], 0
    for piece in _environment().from_string(source or "").generate(**seen):
        made.append(piece)
        size += len(piece)
        if size > MAX_OUTPUT:
            break
    return "".join(made)[:MAX_OUTPUT]
