"""Writes ``dashboard.json``: ``python -m monitor.serve.grafana.build``. A test holds the file to this program.

The first row answers "is it all right", the second "what does the curve do", the third "what comes next", the last "is the
watcher itself well".
"""

from __future__ import annotations

import json
from pathlib import Path

from monitor.serve.grafana.panels import (
    AMBER,
    DATASOURCE,
    GREEN,
    RED,
    STATES,
    Json,
    by_step,
    curves,
    dashed,
    override,
    panel,
    query,
    stat,
    state_words,
    table,
)

FILE = Path(__file__).with_name("dashboard.json")
UID = "loss-watch"
RUN = '{run=~"$run"}'
CODES = " + ignoring(state) ".join(f'{code} * losswatch_milestone_state{{run=~"$run", state="{name.replace(" ", "_")}"}}'
                                   for code, name, _ in STATES[1:])  # fmt: skip
"""A milestone's state as one number: the state set's terms weighted by their code; pending is 0."""

NEXT = f'(losswatch_milestone_step{RUN} and on (run, milestone) losswatch_milestone_state{{run=~"$run", state="pending"}} == 1)'
"""The steps of milestones that are still ahead."""
NEXT_ONLY = f"on (run, milestone) bottomk by (run) (1, {NEXT})"


def dashboard() -> Json:
    """The dashboard as Grafana imports it; ``id`` null and a fixed ``uid``, so that an import replaces the former one."""
    panels = [*_glance(), *_curves(), *_ahead(), *_watcher()]
    return {
        "id": None, "uid": UID, "title": "Training runs (loss-watch)", "tags": ["loss-watch", "training"], "editable": True,
        "description": "Training runs that loss-watch follows: losses by time and step, milestones, alerts.",
        "schemaVersion": 39, "version": 1, "graphTooltip": 1, "refresh": "30s", "timezone": "", "weekStart": "",
        "time": {"from": "now-6h", "to": "now"}, "timepicker": {}, "links": [], "fiscalYearStartMonth": 0, "liveNow": False,
        "templating": {"list": _variables()}, "annotations": {"list": _annotations()},
        "panels": [{**made, "id": number} for number, made in enumerate(panels, start=1)],
    }  # fmt: skip


def _variables() -> list[Json]:
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1},
        _label_values("run", "Run", "label_values(losswatch_run_info, run)", many=True),
        _label_values("metric", "Metric", 'label_values(losswatch_metric_value{run=~"$run"}, metric)', many=False),
    ]


def _label_values(name: str, label: str, values: str, *, many: bool) -> Json:
    everything: Json = {"includeAll": many}
    if many:
        everything |= {"allValue": ".+", "current": {"text": "All", "value": "$__all"}}
    return {
        "name": name, "label": label, "type": "query", "datasource": DATASOURCE, "multi": many, "hide": 0,
        "query": {"query": values, "refId": name}, "refresh": 2, "sort": 4, "options": [], **everything,
    }  # fmt: skip


def _annotations() -> list[Json]:
    return [{
        "name": "Alerts", "datasource": DATASOURCE, "enable": True, "iconColor": RED,
        "target": {"refId": "Anno", "expr": f"losswatch_alert_firing{RUN} == 1", "interval": "30s"},
        "titleFormat": "{{run}} {{rule}}", "textFormat": "{{severity}}", "tagKeys": "severity",
    }]  # fmt: skip


def _glance() -> list[Json]:
    alarm: list[tuple[float | None, str]] = [(None, GREEN), (1, RED)]
    return [
        stat("Runs alive", "Runs whose log is followed and that have not ended.", 0, f"sum(losswatch_run_up{RUN})"),
        stat("Critical alerts", "Alerts of severity critical that fire now.", 4,
             'count(losswatch_alert_firing{run=~"$run", severity="critical"}) or vector(0)', steps=alarm),
        stat("Warnings", "Alerts of severity warning that fire now.", 8,
             'count(losswatch_alert_firing{run=~"$run", severity="warning"}) or vector(0)', steps=[(None, GREEN), (1, AMBER)]),
        stat("Longest silence", "Time since the last line of the quietest run that is alive.", 12,
             f"max(time() - (losswatch_last_line_timestamp_seconds{RUN} and on (run) losswatch_run_up == 1))", unit="s",
             steps=[(None, GREEN), (1800, AMBER)]),
        stat("Milestones met", "Milestones that were met, of all runs shown.", 16,
             'sum(losswatch_milestone_state{run=~"$run", state="met"})'),
        stat("Messages not delivered", "Attempts to deliver a message that failed in the last hour.", 20,
             "sum(increase(losswatch_notifications_failed_total[1h])) or vector(0)", steps=alarm),
        _fleet(),
    ]  # fmt: skip


def _fleet() -> Json:
    loss = 'losswatch_metric_value{run=~"$run", metric="val_loss"}'
    columns = [
        ("state", "up", f"max by (run, state, job_name, user) (losswatch_run_info{RUN})"),
        ("step", "step", f"max by (run) (losswatch_step{RUN})"),
        ("share", "done", f"max by (run) (losswatch_step{RUN} / on (run) losswatch_total_steps)"),
        ("loss", "val loss", f"max by (run) ({loss})"),
        ("best", "best", 'min by (run) (losswatch_metric_best{run=~"$run", metric="val_loss"})'),
        ("next", "next milestone", f"min by (run) {NEXT}"),
        ("chance", "chance", f"max by (run) (losswatch_milestone_met_probability{RUN} and {NEXT_ONLY})"),
        ("alerts", "alerts", f"count by (run) (losswatch_alert_firing{RUN})"),
        ("line", "last line", f"1000 * max by (run) (losswatch_last_line_timestamp_seconds{RUN})"),
    ]
    state_colors = {"training": GREEN, "starting": "blue", "silent": AMBER, "crashed": RED, "failed": RED}
    options = {word: {"color": color, "index": i} for i, (word, color) in enumerate(state_colors.items())}
    words = [{"type": "value", "options": options}]
    return table(
        "Runs", "Every run: where it stands and what comes next.", (0, 4, 24, 8), columns, key=("run", "state", "job_name", "user"),
        overrides=[
            override("state", mappings=words, custom_cellOptions={"type": "color-text"}), override("up", custom_hidden=True),
            override("done", unit="percentunit", min=0, max=1, custom_cellOptions={"type": "gauge", "mode": "basic"}),
            override("chance", unit="percentunit", decimals=0), override("last line", unit="dateTimeFromNow"),
        ],
    )  # fmt: skip


def _curves() -> list[Json]:
    asked = f"max by (run) (losswatch_milestone_threshold{RUN} and {NEXT_ONLY})"
    losses = [
        query('max by (run) (losswatch_metric_value{run=~"$run", metric="val_loss"})', "{{run}} val", ref="A"),
        query('max by (run) (losswatch_metric_value{run=~"$run", metric="train_loss"})', "{{run}} train", ref="B"),
        query(asked, "{{run}} asked next", ref="C"),
    ]
    chosen = 'max by (run) (losswatch_metric_value{run=~"$run", metric="$metric"})'
    return [
        curves("Loss by time", "Validation and training loss, and what the next milestone asks for (dashed).", (0, 12, 12, 10), losses,
               overrides=[dashed(".* asked next", AMBER)]),
        by_step("Validation loss by step", "Over the run's own step, so that runs can be compared.", (12, 12, 12, 10), "val_loss"),
        by_step("Training loss by step", "Over the run's own step.", (0, 22, 12, 8), "train_loss"),
        curves("$metric by time", "Any metric of the log.", (12, 22, 12, 8), [query(chosen, "{{run}}")]),
    ]  # fmt: skip


def _ahead() -> list[Json]:
    bounds = [
        query(f'max by (run, milestone) (losswatch_milestone_forecast{{run=~"$run", bound="{bound}"}} and {NEXT_ONLY})',
              f"{{{{run}}}} {{{{milestone}}}} {bound}", ref=bound)
        for bound in ("low", "high", "value")
    ]  # fmt: skip
    threshold = f"max by (run, milestone) (losswatch_milestone_threshold{RUN} and {NEXT_ONLY})"
    asked = query(threshold, "{{run}} {{milestone}} asked", ref="asked")
    band = {
        "matcher": {"id": "byRegexp", "options": ".* (low|high)"},
        "properties": [{"id": "custom.fillOpacity", "value": 15}, {"id": "custom.lineWidth", "value": 0}],
    }
    key = "run, milestone"
    columns = [
        ("state", "state", f"max by ({key}) ({CODES})"), ("step", "step", f"max by ({key}) (losswatch_milestone_step{RUN})"),
        ("asked", "asked", f"max by ({key}) (losswatch_milestone_threshold{RUN})"),
        ("seen", "observed", f"max by ({key}) (losswatch_milestone_observed{RUN})"),
        ("expected", "expected", f'max by ({key}) (losswatch_milestone_forecast{{run=~"$run", bound="value"}})'),
        ("chance", "chance", f"max by ({key}) (losswatch_milestone_met_probability{RUN})"),
        ("eta", "reached", f"1000 * max by ({key}) (losswatch_milestone_eta_timestamp_seconds{RUN})"),
    ]  # fmt: skip
    return [
        table("Milestones", "What was asked at each step, what came, and what is expected.", (0, 30, 12, 9), columns,
              key=("run", "milestone"),
              overrides=[override("state", mappings=state_words(), custom_cellOptions={"type": "color-text"}),
                         override("chance", unit="percentunit", decimals=0), override("reached", unit="dateTimeFromNow")]),
        panel("state-timeline", "Milestone states", "When each milestone was decided.", (12, 30, 12, 9),
              [query(f"max by (run, milestone) ({CODES})", "{{run}} {{milestone}}")],
              fieldConfig={"defaults": {"mappings": state_words(), "custom": {"fillOpacity": 70, "lineWidth": 0}}, "overrides": []},
              options={"showValue": "never", "mergeValues": True, "rowHeight": 0.8, "alignValue": "left",
                       "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                       "tooltip": {"mode": "single", "sort": "none"}}),
        curves("Forecast of the next milestone", "Expected value with its 80 % interval, against what is asked (dashed).", (0, 39, 12, 8),
               [*bounds, asked], overrides=[band, dashed(".* asked", AMBER)]),
        curves("Steps a second", "How fast the runs advance.", (12, 39, 12, 8),
               [query(f"clamp_min(deriv(losswatch_step{RUN}[$__rate_interval]), 0)", "{{run}}")], unit="short"),
    ]  # fmt: skip


def _watcher() -> list[Json]:
    return [
        panel("table", "Alerts that fire", "Each alert that stands now.", (0, 47, 8, 8),
              [query(f"max by (run, rule, severity) (losswatch_alert_firing{RUN})", instant=True, table=True)],
              transformations=[{"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True}, "renameByName": {},
                                                              "indexByName": {"run": 0, "rule": 1, "severity": 2}}}],
              options={"showHeader": True, "cellHeight": "sm"}),
        curves("Log read", "Bytes of log read a second, and bytes that wait.", (8, 47, 8, 8),
               [query("rate(losswatch_bytes_total[$__rate_interval])", "read by {{instance}}", ref="A"),
                query(f"max by (run) (losswatch_tail_lag_bytes{RUN})", "{{run}} waiting", ref="B")],
               unit="bytes"),
        curves("Messages", "Messages delivered and refused, by channel.", (16, 47, 8, 8),
               [query("increase(losswatch_notifications_total[$__rate_interval])", "{{channel}} delivered", ref="A"),
                query("increase(losswatch_notifications_failed_total[$__rate_interval])", "{{channel}} refused", ref="B")], unit="short"),
    ]  # fmt: skip


def as_text() -> str:
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(as_text())
