"""What the examples share: small synthetic data and the writer of the truth files.

Every `train.py` here records what it printed, by its own count and not by reading its log again, and
writes that as `<log>.truth.yaml`. Values are as printed, so rounded as in the log.
"""

import json
import math
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")


class Truth:
    """Collects (step, value) pairs and events and writes them beside the log."""

    def __init__(self, log, format_hint, unit="step", **extra):
        self.doc = {"log": log, "format_hint": format_hint, "unit": unit, **extra}
        self.series = {}
        self.events = []
        self.total_steps = None

    def add(self, metric, step, value, fmt="{:.4f}", name=None):
        """Record one printed value; `metric` is val or train or any other canonical name."""
        entry = self.series.setdefault(metric, {"name": name or metric, "points": []})
        entry["points"].append([step, _number(fmt.format(value))])

    def add_checkpointed(self, metric, step, value, name, fine="{:.5f}", coarse="{:.3g}"):
        """Lightning's ModelCheckpoint prints five decimals, of a new best value only; the bar prints three digits."""
        seen = self.series.get(metric, {"points": []})["points"]
        best = all(value < point[1] for point in seen)
        if best or coarse:
            self.add(metric, step, value, fine if best else coarse, name)

    def event(self, kind, **facts):
        self.events.append({"kind": kind, **facts})

    def write(self, path):
        lines = [f"{key}: {_flow(value)}" for key, value in self.doc.items()]
        lines.append(f"total_steps: {_flow(self.total_steps)}")
        for metric, entry in self.series.items():
            points = entry["points"]
            finite = [p for p in points if not (isinstance(p[1], float) and math.isnan(p[1]))]
            lines += [f"{metric}:", f"  name: {entry['name']}", f"  n: {len({str(p[0]) for p in points})}"]
            lines += [f"  first: {_flow(points[0])}", f"  last: {_flow(points[-1])}"]
            lines.append(f"  min: {_flow(min(finite, key=lambda p: p[1])) if finite else 'null'}")
            lines.append(f"  points: {_flow(points)}")
        if not self.events:
            lines.append("events: []")
        else:
            lines += ["events:"] + [f"  - {_flow(event)}" for event in self.events]
        with open(path, "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")


def _number(text):
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _flow(value):
    """JSON is YAML, but for NaN and the infinities."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("-Infinity", "-.inf").replace("Infinity", ".inf").replace("NaN", ".nan")


def regression(n, width=16, noise=0.5, seed=0):
    """y = a small random network of x, plus noise: mean squared error can fall to noise**2."""
    import torch

    g = torch.Generator().manual_seed(1234)
    w1, w2 = torch.randn(width, 32, generator=g) / width**0.5, torch.randn(32, 1, generator=g) / 32**0.5
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, width, generator=g)
    y = 3 * torch.tanh(x @ w1) @ w2 + noise * torch.randn(n, 1, generator=g)
    return x, y
