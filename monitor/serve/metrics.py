"""``/metrics``: the snapshot's families and the process's own, in the format that the scraper asks for.

The only importer of prometheus_client: it negotiates the format, measures the process, and takes the snapshot as a custom
Collector wherever a registry is wanted (Pushgateway). Fresh at each scrape, so the series of a run that is gone are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric, Sample
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from monitor.serve import exposition
from monitor.serve.families import GRACE_S, Family, families, of_runs, of_watcher, shown
from monitor.snapshot import RunView, Snapshot


class RunLines:
    """The sample lines of runs, written anew only for those whose view is another object than before. Used by one thread."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[RunView, tuple[str, ...]]] = {}

    def of(self, runs: list[RunView]) -> Iterator[tuple[Family, str]]:
        """Each family of ``of_runs`` (without rows) and the lines of all ``runs``."""
        kept: dict[str, tuple[RunView, tuple[str, ...]]] = {}
        for view in runs:
            known = self._kept.get(view.run)
            if known is None or known[0] is not view:
                known = (view, tuple(map(exposition.lines, of_runs([view]))))
            kept[view.run] = known
        self._kept = kept
        columns = zip(*(texts for _, texts in kept.values()), strict=True)
        yield from zip(of_runs([]), map("".join, columns), strict=bool(kept))


class Metrics:
    """Answers scrapes out of ``snapshot()``. ``grace_s``: how long an ended run's series stay."""

    def __init__(self, snapshot: Callable[[], Snapshot], *, grace_s: float = GRACE_S) -> None:
        self._snapshot = snapshot
        self._shown = partial(shown, grace_s=grace_s, since_s=snapshot().time_s)
        self._lines = RunLines()
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    def scrape(self, accept: str = "") -> tuple[bytes, str]:
        """The body and its content type for an ``Accept`` header (OpenMetrics or the text format)."""
        encode, content_type = choose_encoder(accept)
        snapshot = self._snapshot()
        is_openmetrics = content_type.startswith("application/openmetrics-text")
        header = exposition.openmetrics_header if is_openmetrics else exposition.header
        found = [*self._lines.of(self._shown(snapshot)), *((family, exposition.lines(family)) for family in of_watcher(snapshot))]
        body = "".join(header(family) + text for family, text in found if text)
        return body.encode() + encode(self._process), content_type


class SnapshotCollector(Collector):
    """The same families for a prometheus_client registry."""

    def __init__(self, snapshot: Callable[[], Snapshot], *, grace_s: float = GRACE_S) -> None:
        self._snapshot = snapshot
        self._families = partial(families, grace_s=grace_s, since_s=snapshot().time_s)

    def collect(self) -> Iterable[Metric]:
        for family in self._families(self._snapshot()):
            name = family.name.removesuffix("_total") if family.kind == "counter" else family.name
            name = name.removesuffix("_info") if family.kind == "info" else name
            metric = Metric(name, family.help, family.kind)
            metric.samples = [Sample(family.name, dict(zip(family.labels, labels, strict=True)), value) for labels, value in family.rows]
            yield metric
