"""The page's files: our own and the chart library's, read once, each with its tag and a compressed copy.

The charts are drawn by dygraphs (MIT), which arrives in the PyPI package of the same name: see docs/decisions/0004-page-charts.md.
That package is not by dygraphs' author, so its script is served only if it is, byte for byte, the one that was examined.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).with_name("static")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
CHARTS = "dygraphs.js"
CHARTS_SHA256 = "f70b8be65997bb88bc75ac0b2a5d576a7163d5bc7f366c07bdf770ed30b7658d"
"""dygraph-combined.js 1.1.1: the file of the npm package, and a newline."""
_NO_CHARTS = b'// The chart library is missing or not the one that was examined: pip install "dygraphs==0.0.14"\n'


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: ``tag`` is its HTTP entity tag."""

    body: bytes
    compressed: bytes
    content_type: str
    tag: str


def assets() -> dict[str, Asset]:
    """Every file of the page by name; ``index.html`` is the page itself."""
    found = {path.name: _asset(path.read_bytes(), path.suffix) for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}
    found[CHARTS] = _asset(chart_script() or _NO_CHARTS, ".js")
    return found


def chart_script() -> bytes | None:
    """The chart library; None where it is not installed or is another file than the one examined."""
    spec = importlib.util.find_spec("dygraphs")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / "assets" / "dygraph-combined.js"
        if file.is_file() and hashlib.sha256(body := file.read_bytes()).hexdigest() == CHARTS_SHA256:
            return body
    return None


def _asset(body: bytes, suffix: str) -> Asset:
    return Asset(body, gzip.compress(body, 6, mtime=0), _TYPES[suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
