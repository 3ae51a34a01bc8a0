"""The HTTP application: ``/metrics``, health, and the typed JSON API over the snapshot. Reads only.

The only importer of fastapi. Answers are built as plain dictionaries and not validated a second time on their way out; the
models of ``wire.py`` describe them in ``/api/openapi.json``, and the tests hold every answer to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import PlainTextResponse

from monitor import __version__
from monitor.serve import documents, page, wire
from monitor.serve.bodies import RunBodies, encode
from monitor.serve.metrics import Metrics
from monitor.serve.silences import Silences
from monitor.snapshot import MetricView, RunView, Snapshot


class Json(Response):
    """A document, or its JSON; never cached, since the next moment knows better."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200) -> None:
        super().__init__(content, status_code, {"Cache-Control": "no-store"})

    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else encode(content)


def application(snapshot: Callable[[], Snapshot], silences: Silences | None = None) -> FastAPI:
    """The application over ``snapshot()``, which is asked once a request. The API browser of fastapi is off: it loads from a CDN.

    Without ``silences`` nothing can be silenced from here, and the page offers none.
    """
    app = FastAPI(
        title="loss-watch", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json",
        description="What loss-watch knows about the training runs that it follows.",
    )  # fmt: skip
    _add_probes(app, snapshot)
    _add_metrics(app, snapshot)
    _add_runs(app, snapshot, can_silence=silences is not None)
    _add_lists(app, snapshot)
    if silences is not None:
        _add_silences(app, snapshot, silences)
    _add_page(app)
    return app


def _add_probes(app: FastAPI, snapshot: Callable[[], Snapshot]) -> None:
    @app.get("/-/healthy", include_in_schema=False)
    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", response_class=PlainTextResponse, tags=["health"])
    async def healthz() -> PlainTextResponse:
        """The process is alive."""
        return PlainTextResponse("ok\n")

    @app.get("/-/ready", include_in_schema=False)
    @app.head("/readyz", include_in_schema=False)
    @app.get("/readyz", response_class=PlainTextResponse, tags=["health"])
    async def readyz() -> PlainTextResponse:
        """Every file that stood there at the start was read to its end; 503 until then."""
        if snapshot().ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("reading the logs for the first time\n", 503)


def _add_metrics(app: FastAPI, snapshot: Callable[[], Snapshot]) -> None:
    metrics = Metrics(snapshot)

    @app.get("/metrics", response_class=PlainTextResponse, tags=["metrics"])
    async def scrape(request: Request) -> Response:
        """Prometheus text, or OpenMetrics where ``Accept`` asks for it."""
        body, content_type = metrics.scrape(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})


def _add_runs(app: FastAPI, snapshot: Callable[[], Snapshot], *, can_silence: bool) -> None:
    bodies = RunBodies()

    @app.get("/api/v1/runs", response_model=wire.Runs, tags=["runs"])
    async def runs() -> Response:
        """Every run that is watched, in the order in which they were found."""
        return Json(bodies.of(snapshot(), can_silence=can_silence))

    # The longer paths first: a run's name may hold a slash.
    @app.get("/api/v1/runs/{run:path}/series", response_model=wire.Series, tags=["runs"])
    async def series(
        run: str,
        metric: Annotated[str, Query(description="as the run lists it")] = "val_loss",
        max_points: Annotated[int | None, Query(ge=4, le=100_000, description="about this many an attempt, extremes kept")] = None,
        since_step: Annotated[float | None, Query(description="only points at or after this step")] = None,
    ) -> Response:
        """One metric of one run as columns, attempt by attempt."""
        view = _run(snapshot(), run)
        return Json(documents.series(view, _metric(view, metric), max_points=max_points, since_step=since_step))

    @app.get("/api/v1/runs/{run:path}/baseline", response_model=wire.BaselineCurve, tags=["runs"])
    async def baseline(run: str, metric: str = "val_loss", max_points: Annotated[int | None, Query(ge=4, le=100_000)] = None) -> Response:
        """The curve that a run is held against, where the rules file names another run as its baseline."""
        curve = documents.baseline_curve(_run(snapshot(), run), metric, max_points)
        if curve is None:
            raise HTTPException(404, f"run {run[:200]} is held against no curve of `{metric[:200]}`")
        return Json(curve)

    @app.get("/api/v1/runs/{run:path}", response_model=wire.RunDetail, tags=["runs"])
    async def one_run(run: str) -> Response:
        """One run with its events."""
        return Json(documents.run_detail(_run(snapshot(), run)))


def _add_lists(app: FastAPI, snapshot: Callable[[], Snapshot]) -> None:
    @app.get("/api/v1/alerts", response_model=wire.Alerts, tags=["alerts"])
    async def alerts(run: str | None = None, state: str | None = None) -> Response:
        """The alerts of every run, or of one run or one state (``pending``, ``firing``, ``resolved``)."""
        return Json(documents.alerts(snapshot(), run=run, state=state))

    @app.get("/api/v1/news", response_model=wire.News, tags=["alerts"])
    async def news() -> Response:
        """What was told of late: milestones met, alerts that fired and resolved."""
        return Json(documents.news(snapshot()))


def _add_silences(app: FastAPI, snapshot: Callable[[], Snapshot], silences: Silences) -> None:
    @app.get("/api/v1/silences", response_model=wire.Silences, tags=["silences"])
    async def listed() -> Response:
        """The silences that hold now."""
        return Json(documents.silences(silences.all()))

    @app.post("/api/v1/silences", response_model=wire.Silence, status_code=201, tags=["silences"])
    async def add(asked: wire.NewSilence) -> Response:
        """Silence a run, or one of its rules, until a step (``step 200``), for a time (``2h``), or until its ``end``."""
        _run(snapshot(), asked.run)
        try:
            made = silences.add(asked.run, asked.rule, asked.until)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return Json(documents.silence(made), 201)

    @app.delete("/api/v1/silences/{silence_id}", status_code=204, tags=["silences"])
    async def remove(silence_id: str) -> Response:
        """Let a silence end now."""
        if not silences.remove(silence_id):
            raise HTTPException(404, f"no silence `{silence_id[:80]}`")
        return Response(status_code=204)


def _add_page(app: FastAPI) -> None:
    files = page.assets()

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    @app.get("/static/{name}", include_in_schema=False)
    async def file(request: Request, name: str = "index.html") -> Response:
        """The page and its parts, revalidated by tag at each visit so that an update is seen at once."""
        asset = files.get(name)
        if asset is None:
            raise HTTPException(404, "no such file")
        headers = {"ETag": asset.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == asset.tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.compressed, headers={**headers, "Content-Encoding": "gzip", "Content-Type": asset.content_type})
        return Response(asset.body, headers={**headers, "Content-Type": asset.content_type})


def _run(snapshot: Snapshot, name: str) -> RunView:
    for view in snapshot.runs:
        if view.run == name:
            return view
    raise HTTPException(404, f"no run `{name[:200]}`; /api/v1/runs lists them")


def _metric(view: RunView, name: str) -> MetricView:
    if name in view.metrics:
        return view.metrics[name]
    known = ", ".join(list(view.metrics)[:20]) or "none yet"
    raise HTTPException(404, f"run {view.run} has no metric `{name[:200]}`; it has {known}")
