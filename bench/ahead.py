"""The forecast on real curves: standing at 30 and 50 % of a run, looking 1.25, 1.5 and 2 times as far."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np

from rules.forecast import forecast, probability


def real_curves(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for told in (False, True):
        errors: dict[float, list[float]] = defaultdict(list)
        naive: dict[float, list[float]] = defaultdict(list)
        by_recipe: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
        brier, point, refused = [], [], 0
        for row in rows:
            steps, values = np.array(row["steps"], float), np.array(row["val_loss"])
            recipe = "/".join(row["path"].split("/")[1:3])
            for share in (0.3, 0.5):
                n = int((steps <= steps[-1] * share).sum())
                for ratio in (1.25, 1.5, 2.0):
                    at = steps[n - 1] * ratio
                    truth = float(np.interp(at, steps, values))
                    made = forecast(steps[:n], values[:n], at, total_steps=steps[-1] if told else None)
                    if made is None:
                        refused += 1
                        continue
                    error = abs(math.log(made.value / truth))
                    errors[ratio].append(error)
                    by_recipe[recipe].append((ratio, error, made.low <= truth <= made.high))
                    naive[ratio].append(abs(math.log(line_in_log_log(steps[:n], values[:n], at) / truth)))
                    for offset in (-0.02, -0.01, -0.005, 0.005, 0.01, 0.02):
                        limit = truth * (1 + offset)
                        brier.append((probability(made, lambda v, limit=limit: v < limit) - (truth < limit)) ** 2)
                        point.append(((made.value < limit) - (truth < limit)) ** 2)
        inside = [hit for found in by_recipe.values() for _, _, hit in found]
        known = "known" if told else "unknown"
        print(f"forecast on {len(rows)} real curves of {len(by_recipe)} recipes, total steps {known}; refused: {refused}")
        for ratio in errors:
            each = np.mean([np.mean([e for r, e, _ in found if r == ratio]) for found in by_recipe.values()])
            print(
                f"    {ratio:4} times as far: mean error of log loss {np.mean(errors[ratio]):.2%}, by recipe {each:.2%}; "
                f"a line in log-log {np.mean(naive[ratio]):.2%}"
            )
        each = np.mean([np.mean([hit for _, _, hit in found]) for found in by_recipe.values()])
        print(f"    80 % interval holds {np.mean(inside):.1%} of the truths, by recipe {each:.1%}")
        print(f"    Brier {np.mean(brier):.3f}; base rate 0.250; point forecast {np.mean(point):.3f}")


def line_in_log_log(steps: np.ndarray, values: np.ndarray, at: float) -> float:
    """The yardstick: a straight line through the last octave (three points at least)."""
    keep = steps > 0
    x, y = np.log(steps[keep]), np.log(values[keep])
    n = max(3, int((steps[keep] >= steps[-1] / 2).sum()))
    return float(np.exp(np.polyval(np.polyfit(x[-n:], y[-n:], 1), math.log(at))))
