"""The JSON of many runs, made anew only for those that changed: an open page asks every two seconds, and most runs stand still.

The loop keeps a run's view until something happens to it, so the same object means the same text.
"""

from __future__ import annotations

import json
from typing import Any

from monitor.serve import documents
from monitor.snapshot import RunView, Snapshot


def encode(document: Any) -> bytes:
    """Compact UTF-8 JSON; lone surrogates of a file name become ``?``."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


class RunBodies:
    """``/api/v1/runs`` as bytes. Used by one thread, the server's."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[RunView, bytes]] = {}

    def of(self, snapshot: Snapshot, *, can_silence: bool) -> bytes:
        kept: dict[str, tuple[RunView, bytes]] = {}
        for view in snapshot.runs:
            known = self._kept.get(view.run)
            kept[view.run] = known if known is not None and known[0] is view else (view, encode(documents.run(view)))
        self._kept = kept
        head = encode(documents.runs(snapshot, can_silence=can_silence))
        return head[:-1] + b',"runs":[' + b",".join(body for _, body in kept.values()) + b"]}"
