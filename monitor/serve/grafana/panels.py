"""Grafana's panels as plain dictionaries, in the schema of Grafana 11 (checked against the types of npm ``@grafana/schema``)."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
Steps = list[tuple[float | None, str]]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
GREEN, AMBER, RED, GREY, BLUE = "green", "orange", "red", "#8e8e8e", "blue"
STATES = ((0, "pending", GREY), (1, "met", GREEN), (2, "missed", AMBER), (3, "worry", RED), (4, "no data", "purple"))


def query(expr: str, legend: str = "", *, ref: str = "A", instant: bool = False, table: bool = False) -> Json:
    """One query of a panel; ``table`` gives labels as columns."""
    return {
        "refId": ref, "datasource": DATASOURCE, "editorMode": "code", "expr": expr, "legendFormat": legend or "__auto",
        "instant": instant, "range": not instant, "format": "table" if table else "time_series",
    }  # fmt: skip


def panel(kind: str, title: str, description: str, at: tuple[int, int, int, int], targets: list[Json], **more: Any) -> Json:
    """``at`` is x, y, width (of 24), height."""
    x, y, width, height = at
    return {
        "type": kind, "title": title, "description": description, "datasource": DATASOURCE, "targets": targets,
        "gridPos": {"x": x, "y": y, "w": width, "h": height}, "fieldConfig": {"defaults": {}, "overrides": []}, "options": {}, **more,
    }  # fmt: skip


def stat(title: str, description: str, x: int, expr: str, *, unit: str = "none", steps: Steps | None = None) -> Json:
    """One number, coloured by ``steps`` (from this value on, this colour)."""
    thresholds = {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps or [(None, "text")]]}
    return panel(
        "stat", title, description, (x, 0, 4, 4), [query(expr, instant=True)],
        fieldConfig={"defaults": {"unit": unit, "thresholds": thresholds, "color": {"mode": "thresholds"}}, "overrides": []},
        options={"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value", "graphMode": "none",
                 "justifyMode": "auto", "textMode": "value", "orientation": "auto"},
    )  # fmt: skip


def curves(title: str, description: str, at: tuple[int, int, int, int], targets: list[Json], *, unit: str = "none",
           overrides: list[Json] | None = None, log: bool = False) -> Json:  # fmt: skip
    """Series over time."""
    custom: Json = {
        "drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "auto", "pointSize": 4, "spanNulls": True,
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
    }  # fmt: skip
    return panel(
        "timeseries", title, description, at, targets,
        fieldConfig={"defaults": {"unit": unit, "custom": custom}, "overrides": overrides or []},
        options={"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull"]},
                 "tooltip": {"mode": "multi", "sort": "desc"}},
    )  # fmt: skip


def by_step(title: str, description: str, at: tuple[int, int, int, int], metric: str) -> Json:
    """A metric over the run's own step: both numbers of a scrape are joined by time and run, then split into one frame a run."""
    select = f'{{run=~"$run", metric="{metric}"}}'
    return panel(
        "xychart", title, description, at,
        [query(f"max by (run) (losswatch_metric_step{select})", ref="step", table=True),
         query(f"max by (run) (losswatch_metric_value{select})", ref="value", table=True)],
        transformations=[
            {"id": "merge", "options": {}},
            organize(["Time"], {"Value #step": "step", "Value #value": metric}, ["run", "Value #step", "Value #value"]),
            {"id": "partitionByValues", "options": {"fields": ["run"], "keepFields": False, "naming": {"asLabels": False}}},
        ],
        fieldConfig={"defaults": {"custom": {"show": "points+lines", "lineWidth": 1, "pointSize": {"fixed": 4}}}, "overrides": []},
        options={"mapping": "auto", "series": [{"x": {"matcher": {"id": "byName", "options": "step"}}}],
                 "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                 "tooltip": {"mode": "single", "sort": "none"}},
    )  # fmt: skip


def table(title: str, description: str, at: tuple[int, int, int, int], columns: list[tuple[str, str, str]], *, key: tuple[str, ...],
          overrides: list[Json] | None = None) -> Json:  # fmt: skip
    """Instant values side by side, one row for each ``key``; ``columns`` are query, heading and expression, grouped by the key."""
    names = {f"Value #{ref}": heading for ref, heading, _ in columns}
    return panel(
        "table", title, description, at, [query(expr, ref=ref, instant=True, table=True) for ref, _, expr in columns],
        transformations=[{"id": "merge", "options": {}}, organize(["Time"], names, [*key, *names])],
        fieldConfig={"defaults": {"custom": {"align": "auto", "filterable": True}}, "overrides": overrides or []},
        options={"showHeader": True, "cellHeight": "sm"},
    )  # fmt: skip


def organize(hidden: list[str], names: Json, order: list[str]) -> Json:
    """Columns left out, renamed and put in order."""
    places = {name: i for i, name in enumerate(order)}
    return {"id": "organize", "options": {"excludeByName": dict.fromkeys(hidden, True), "renameByName": names, "indexByName": places}}


def override(column: str, **properties: Any) -> Json:
    """Properties of one column or series; ``custom_x`` is ``custom.x``."""
    return {
        "matcher": {"id": "byName", "options": column},
        "properties": [{"id": name.replace("custom_", "custom."), "value": value} for name, value in properties.items()],
    }


def dashed(pattern: str, color: str) -> Json:
    """Series whose name matches ``pattern`` as a dashed line."""
    return {
        "matcher": {"id": "byRegexp", "options": pattern},
        "properties": [
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
            {"id": "color", "value": {"mode": "fixed", "fixedColor": color}},
            {"id": "custom.showPoints", "value": "never"},
        ],
    }


def state_words() -> list[Json]:
    """The codes of a milestone's state as words and colours."""
    return [{"type": "value", "options": {str(code): {"text": text, "color": color, "index": code} for code, text, color in STATES}}]
