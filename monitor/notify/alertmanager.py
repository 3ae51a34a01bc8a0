"""Prometheus Alertmanager, API v2: alerts are its kind of thing, so events become alerts that fire until they are resolved.

https://prometheus.io/docs/alerting/latest/alerts_api/: labels are the identity of an alert, so nothing that changes stands in them; what
fires is sent again at a steady pace, each time with an end in the future, and what resolved is sent for five minutes more with an end in
the past. Several servers each get everything (they deduplicate among themselves); one that answers is enough.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from monitor.notify import http
from monitor.notify.broadcast import to_each
from monitor.notify.channel import Channel, ChannelBase, ChannelSpec, Memory, SecretUrl
from monitor.notify.notification import Notification
from monitor.notify.present import Present
from monitor.notify.text import cut
from monitor.notify.wording import headline, plain
from rules.alert import FIRING, MET, Transition
from rules.fields import Duration
from rules.jsonable import jsonable, step_number
from rules.verdict import Severity

RESOLVED_S = 300.0
"""How long a resolved alert is sent again (Alertmanager's default resolve_timeout)."""
MAX_ANNOTATION = 4000
OURS = frozenset({"alertname", "run", "rule", "kind", "severity"})
KEY = ""
"""Under which run the outbox keeps what this channel has told to fire."""


def _urls(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _labels(value: dict[str, str]) -> dict[str, str]:
    wrong = [name for name in value if not name.isidentifier() or not name.isascii() or name in OURS]
    if wrong:
        raise ValueError(f"`{cut(wrong[0], 60)}` cannot be a label here: letters, digits and _, and none of {', '.join(sorted(OURS))}")
    return value


class Spec(ChannelSpec):
    """Alertmanager."""

    kind: ClassVar[str] = "alertmanager"
    shorthand: ClassVar[str] = "url"
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("url",),)

    url: Annotated[tuple[SecretUrl, ...], BeforeValidator(_urls)] = Field((), description="http://alertmanager:9093, several with commas")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="further headers, such as Authorization")
    labels: Annotated[dict[str, str], AfterValidator(_labels)] = Field(
        default_factory=dict, description="further labels of every alert, for routing: {cluster: lumi, team: weather}"
    )
    resend: Duration = Field(60.0, description="how often what fires is sent again")
    keep: Duration = Field(900.0, description="how long Alertmanager keeps an alert firing after the last we sent of it")

    def build(self, name: str) -> Channel:
        urls = tuple(url.get_secret_value().rstrip("/") for url in self.url)
        headers = {header: value.get_secret_value() for header, value in self.headers.items()}
        common = self.common(name, (*urls, *headers.values()))
        return Alertmanager(urls=urls, headers=headers, labels=dict(self.labels), refresh_s=self.resend, keep_s=self.keep, **common)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager(ChannelBase):
    kind: ClassVar[str] = "alertmanager"
    urls: tuple[str, ...] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    keep_s: float = 900.0

    def payload(self, told: Notification) -> list[dict[str, Any]]:
        return self.alerts(told, told.time_s)

    def alerts(self, told: Notification, now: float) -> list[dict[str, Any]]:
        """The alerts as they stand after ``told``, each once; ``now`` (Unix s) is when they are sent, which may be hours later."""
        if told.kind == "test":
            return [self._test(told, now)]
        last: dict[tuple[str, str, str], Transition] = {}
        for transition in told.transitions:
            if transition.state != MET:
                last[transition.run, transition.rule, transition.severity] = transition
        return [self._alert(transition, told, now) for transition in last.values()]

    def send(self, told: Notification, memory: Memory) -> str:
        return self._post(self.alerts(told, time.time()))

    def refresh(self, now_present: Present, memories: dict[str, Memory]) -> str:
        """Send what fires, and what has ceased to since the last time; the memory of it survives a restart."""
        now = time.time()
        if now_present.is_stale(now):
            return "the loop stands still, nothing is re-sent"
        firing = [self._alert(t, run, now) for run in now_present.runs for t in run.transitions if self._takes(run, t)]
        known = memories.setdefault(KEY, {})
        keys = {_key(alert): alert for alert in firing}
        for key in list(known):
            if key in keys:
                continue
            alert = known[key]
            alert.setdefault("endsAt", _moment(now))
            alert.setdefault("gone_s", now)
            if now - alert["gone_s"] > RESOLVED_S:
                del known[key]
        gone = [{name: value for name, value in alert.items() if name != "gone_s"} for key, alert in known.items() if key not in keys]
        said = self._post(firing + gone)
        known.update({key: {"labels": alert["labels"], "annotations": alert["annotations"]} for key, alert in keys.items()})
        return said

    def _takes(self, run: Notification, transition: Transition) -> bool:
        kept = self.route.select(run)
        return kept is not None and transition in kept.transitions

    def _alert(self, transition: Transition, told: Notification, now: float) -> dict[str, Any]:
        made: dict[str, Any] = {
            "labels": self._labels(transition),
            "annotations": _annotations(transition, told),
            "endsAt": _moment(now + self.keep_s if transition.state == FIRING else min(transition.time_s or now, now)),
        }
        if transition.state == FIRING:
            made["startsAt"] = _moment(min(transition.time_s or now, now))
        if told.context.page_url.startswith(("http://", "https://")):
            made["generatorURL"] = told.context.page_url
        return made

    def _labels(self, transition: Transition) -> dict[str, str]:
        name = "LossWatch" + "".join(part.capitalize() for part in transition.kind.split("_"))
        ours = {
            "alertname": name, "run": transition.run, "rule": transition.rule, "kind": transition.kind, "severity": transition.severity,
        }  # fmt: skip
        return {**self.labels, **{label: value for label, value in ours.items() if value}}

    def _test(self, told: Notification, now: float) -> dict[str, Any]:
        labels = {**self.labels, "alertname": "LossWatchTest", "severity": Severity.INFO.value}
        return {"labels": labels, "annotations": {"summary": headline(told)}, "startsAt": _moment(now), "endsAt": _moment(now + 60.0)}

    def _post(self, alerts: Sequence[Mapping[str, Any]]) -> str:
        if not alerts:
            return "nothing to post"

        def post(url: str) -> str:
            where = f"{url}/api/v2/alerts"
            reply = http.request("POST", where, json=jsonable(alerts), headers=self.headers, secrets=self.secrets)
            return http.accept(reply, where, secrets=self.secrets)

        return to_each(self.urls, post)


def _annotations(transition: Transition, told: Notification) -> dict[str, str]:
    """The words, which may change from one sending to the next; numbers that are known."""
    given = {
        "summary": f"{transition.run}: {transition.message}",
        "description": cut("\n".join(plain(told)), MAX_ANNOTATION),
        "step": "" if transition.step is None else str(step_number(transition.step)),
        "value": "" if transition.value is None else f"{transition.value:.6g}",
        "resolves_when": told.context.resolves_when.get(transition.rule, ""),
        "job_name": told.context.job_name,
    }
    return {name: text for name, text in given.items() if text}


def _key(alert: Mapping[str, Any]) -> str:
    return "\x00".join(f"{name}={value}" for name, value in sorted(alert["labels"].items()))


def _moment(time_s: float) -> str:
    """RFC 3339."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
