"""The JSON API's documents as pydantic models: what ``/api/openapi.json`` describes, and what the tests hold every answer to.

Numbers that JSON has not are the strings ``NaN``, ``Infinity``, ``-Infinity``. Times are Unix seconds, steps the log's own axis.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Number = float | Literal["NaN", "Infinity", "-Infinity"]
State = Literal["waiting", "starting", "training", "silent", "ended", "crashed", "failed"]


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Metric(Document):
    name: str = Field(description="the metric's name in the log")
    last: Number
    last_step: float
    best: Number | None
    best_step: float | None
    count: int = Field(description="points of the present attempt")


class Observed(Document):
    step: float
    value: Number


class Forecast(Document):
    value: Number
    low: Number = Field(description="lower end of an 80 % interval")
    high: Number
    probability: float = Field(description="chance that the milestone is met, 0 to 1")
    eta_s: float | None = Field(description="when the milestone's step will be reached, Unix seconds")


class Milestone(Document):
    id: str
    metric: str
    axis: Literal["step", "epoch"]
    step: float
    expect: str
    worry: str | None = Field(description="the condition that makes a missed milestone critical")
    threshold: Number
    status: Literal["pending", "met", "missed", "worry", "no_data"]
    observed: Observed | None
    reached_step: float | None = Field(description="where a missed milestone's condition held later, on its axis")
    forecast: Forecast | None


class Alert(Document):
    run: str
    rule: str
    kind: str
    severity: Literal["info", "warning", "critical"]
    state: str
    step: float | None
    value: Number | None
    message: str
    since_s: float | None
    resolves_when: str
    silenced: bool


class Event(Document):
    kind: str
    text: str
    step: float | None
    time_s: float | None
    fields: dict[str, Any]


class Baseline(BaseModel):
    """What the run is held against: numbers, or the curves of another run."""

    model_config = ConfigDict(extra="allow")
    values: dict[str, Number] = Field(default_factory=dict)
    step: float | None = None
    label: str = "baseline"
    curves: list[str] = Field(description="metrics whose curve `/api/v1/runs/{run}/baseline` has")


class Trend(Document):
    metric: str
    values: list[Number] = Field(description="the whole curve in at most 32 values, oldest first")


class Run(Document):
    """One run as the list shows it."""

    run: str
    state: State
    verdict: str
    attempt: int
    step: float | None
    epoch: float | None
    total_steps: float | None
    format: str | None
    paths: list[str]
    facts: dict[str, Any]
    baseline: Baseline | None
    started_s: float | None
    last_line_s: float | None
    last_step_s: float | None
    ended_s: float | None
    lag_bytes: int
    metrics: dict[str, Metric]
    milestones: list[Milestone]
    alerts: list[Alert]
    trend: Trend | None


class Runs(Document):
    schema_version: Literal[1]
    time_s: float
    version: str
    rules: str
    ready: bool
    can_silence: bool
    runs: list[Run]


class RunDetail(Run):
    """One run with what its log said beside numbers."""

    schema_version: Literal[1]
    events: list[Event]


class Attempt(Document):
    """Parallel columns of one attempt; ``times`` are Unix seconds or null."""

    attempt: int
    steps: list[float]
    values: list[Number]
    times: list[float | None]


class Series(Document):
    schema_version: Literal[1]
    run: str
    metric: str
    name: str
    points: int = Field(description="points before any thinning")
    attempts: list[Attempt]


class BaselineCurve(Document):
    """The curve of the run that the rules file names as baseline."""

    schema_version: Literal[1]
    label: str
    metric: str
    steps: list[float]
    values: list[Number]


class Alerts(Document):
    schema_version: Literal[1]
    time_s: float
    alerts: list[Alert]


class Told(Document):
    time_s: float
    run: str
    attempt: int
    rule: str
    kind: str
    severity: str
    state: str
    step: float | None
    value: Number | None
    message: str


class News(Document):
    schema_version: Literal[1]
    time_s: float
    news: list[Told] = Field(description="latest first, at most 200")


class NewSilence(Document):
    run: str = Field(max_length=300)
    rule: str | None = Field(None, max_length=120, description="all rules of the run where it is null")
    until: str = Field(max_length=40, description="`step 200`, `2h` or `end`", examples=["2h"])


class Silence(Document):
    id: str
    run: str
    rule: str | None
    until: str = Field(description="how long it still holds: `for 1 h 59 more`, `until step 200`, `until the run ends`")
    created_s: float


class Silences(Document):
    schema_version: Literal[1]
    silences: list[Silence]
