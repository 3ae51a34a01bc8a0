"""What is told: one notification about one run at one moment. Pure values, with a JSON round trip for the outbox.

A notification is finished when it is made: its texts are bounded, scrubbed of secrets and free of control characters, so that a
channel has only its own escaping to do. It never knows who will read it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from monitor.notify.text import MAX_LINE, clean
from rules.alert import Transition
from rules.jsonable import jsonable
from rules.verdict import Severity

Kind = Literal["transitions", "catch_up", "digest", "ended", "test", "summary"]
KINDS: tuple[str, ...] = get_args(Kind)

MAX_EXCERPT_LINES = 12
MAX_VALUES = 60
MAX_NOTES = 40


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a reader wants to know beside the event. Empty where nobody knows it.

    ``values`` are the last of ``metric`` in the order of the log, for the sparkline. ``resolves_when`` is by rule id.
    ``baseline`` and ``forecast`` are finished phrases ("3.0 times baseline 0.3557", "step 200 < 0.6 is 21 % likely").
    """

    job_name: str = ""
    user: str = ""
    nodes: int | None = None
    gpus: int | None = None
    state: str = ""
    step: float | None = None
    total_steps: float | None = None
    elapsed_s: float | None = None
    metric: str = "val_loss"
    values: tuple[float, ...] = ()
    train_loss: float | None = None
    baseline: str = ""
    forecast: str = ""
    next_milestone: str = ""
    resolves_when: Mapping[str, str] = field(default_factory=dict)
    standing: tuple[str, ...] = ()
    excerpt: tuple[str, ...] = ()
    page_url: str = ""
    silence_url: str = ""

    def bounded(self) -> RunContext:
        """Every text cleaned and cut, every list at its limit."""
        return replace(
            self,
            job_name=clean(self.job_name, 120), user=clean(self.user, 60), state=clean(self.state, 60), metric=clean(self.metric, 80),
            baseline=clean(self.baseline), forecast=clean(self.forecast), next_milestone=clean(self.next_milestone),
            values=tuple(self.values[-MAX_VALUES:]), excerpt=tuple(clean(line) for line in self.excerpt[-MAX_EXCERPT_LINES:]),
            resolves_when={clean(rule, 80): clean(text) for rule, text in list(self.resolves_when.items())[:50]},
            standing=tuple(clean(rule, 80) for rule in self.standing[:50]),
            page_url=clean(self.page_url, 500, scrubbed=False), silence_url=clean(self.silence_url, 500, scrubbed=False),
        )  # fmt: skip


NO_CONTEXT = RunContext()


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing to tell. ``id`` is stable: the same facts told again have the same one, and receivers may drop a repeat by it.

    ``notes`` are further lines in the order in which they are shown: a digest's or a summary's rows, what an end left pending.
    ``covers`` are the ids of the notifications that a summary stands for.
    """

    id: str
    run: str
    kind: Kind
    severity: str
    time_s: float
    transitions: tuple[Transition, ...] = ()
    context: RunContext = NO_CONTEXT
    notes: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    title: str = ""
    """In place of our headline, where a template says so."""
    body: tuple[str, ...] | None = None
    """In place of all else."""

    def as_json(self) -> dict[str, Any]:
        """JSON-able; NaN and infinities are strings."""
        told = jsonable(asdict(self))
        for row, transition in zip(told["transitions"], self.transitions, strict=True):
            row["time_s"] = jsonable(transition.time_s)
        return dict(told)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Notification:
        """The notification that ``as_json`` gave. Raises KeyError, TypeError or ValueError on anything else."""
        context = dict(told["context"])
        for name in ("excerpt", "standing"):
            context[name] = tuple(context[name])
        context["values"] = tuple(float(v) for v in context["values"])
        for name in ("step", "total_steps", "elapsed_s", "train_loss"):
            context[name] = _number(context[name])
        transitions = tuple(
            Transition(**{**row, "step": _number(row["step"]), "value": _number(row["value"]), "time_s": _number(row.get("time_s"))})
            for row in told["transitions"]
        )
        if told["kind"] not in KINDS:
            raise ValueError(f"unknown kind {told['kind']!r}")
        return cls(
            id=str(told["id"]), run=str(told["run"]), kind=told["kind"], severity=Severity(told["severity"]).value,
            time_s=float(told["time_s"]), transitions=transitions, context=RunContext(**context),
            notes=tuple(told["notes"]), covers=tuple(told["covers"]),
        )  # fmt: skip


def notification(
    run: str,
    kind: Kind,
    time_s: float,
    transitions: tuple[Transition, ...] = (),
    *,
    context: RunContext = NO_CONTEXT,
    notes: tuple[str, ...] = (),
    severity: str | None = None,
    key: str = "",
) -> Notification:
    """A finished notification: bounded, scrubbed, with its id.

    The id follows from the run, the kind, the time and what happened (rule, state, attempt, step); ``key`` is for what else tells one
    from another. The time belongs to it: a rule that fires, resolves and fires again at the same step is told twice.
    ``severity`` is the worst of the transitions where it is not given.
    """
    told = tuple(replace(t, message=clean(t.message), run=clean(t.run, 120), rule=clean(t.rule, 80)) for t in transitions)
    facts = [run, kind, repr(float(time_s)), key, *(f"{t.attempt}/{t.rule}/{t.state}/{t.severity}/{t.step}" for t in transitions)]
    return Notification(
        id=hashlib.sha256("\x00".join(facts).encode("utf-8", "replace")).hexdigest()[:24],
        run=clean(run, 120), kind=kind, severity=severity or worst(told), time_s=time_s, transitions=told,
        context=context.bounded(), notes=tuple(clean(note, MAX_LINE) for note in notes[:MAX_NOTES]),
    )  # fmt: skip


def worst(transitions: tuple[Transition, ...]) -> str:
    """The highest severity among ``transitions``, ``info`` without any."""
    return max((Severity(t.severity) for t in transitions), key=lambda s: s.rank, default=Severity.INFO).value


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
