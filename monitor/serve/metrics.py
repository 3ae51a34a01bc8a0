"""``/metrics``: the snapshot's families and the process's own, in the format that the scraper asks for.

The only importer of prometheus_client: it negotiates the format, measures the process, and takes the snapshot as a custom
Collector wherever a registry is wanted (Pushgateway). Fresh at each scrape, so the series of a run that is gone are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric, Sample
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from monitor.serve import exposition
from monitor.serve.families import GRACE_S, families
from monitor.snapshot import Snapshot


class Metrics:
    """Answers scrapes out of ``snapshot()``. ``grace_s``: how long an ended run's series stay."""

    def __init__(self, snapshot: Callable[[], Snapshot], *, grace_s: float = GRACE_S) -> None:
        self._families = partial(families, grace_s=grace_s, since_s=snapshot().time_s)
        self._snapshot = snapshot
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    def scrape(self, accept: str = "") -> tuple[bytes, str]:
        """The body and its content type for an ``Accept`` header (OpenMetrics or the text format)."""
        encode, content_type = choose_encoder(accept)
        process = encode(self._process)
        if content_type.startswith("application/openmetrics-text"):
            return exposition.openmetrics(self._families(self._snapshot())).encode() + process, content_type
        return exposition.text(self._families(self._snapshot())).encode() + process, content_type


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
