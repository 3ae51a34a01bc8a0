"""LightGBM's `log_evaluation` lines: `[10]<tab>training's l2: 0.9<tab>valid_1's l2: 1.1`, every tenth round.

At the end the best round is printed once more, after later ones: `[153]` below `[170]` is no restart.
loss-watch should say: nothing is wrong.
"""

import lightgbm

from toy import Truth, regression

STEM = "lightgbm_20480002"


def main():
    truth = Truth(f"{STEM}.out", "lightgbm", "step", also=[f"{STEM}.err"])
    truth.total_steps = 300
    (x, y), (vx, vy) = regression(2000, noise=1.0, seed=1), regression(500, noise=1.0, seed=2)
    train = lightgbm.Dataset(x.numpy(), y.numpy().ravel())
    valid = lightgbm.Dataset(vx.numpy(), vy.numpy().ravel(), reference=train)
    seen = {}
    lightgbm.train(
        {"objective": "l2", "learning_rate": 0.1, "num_threads": 1, "seed": 0, "num_leaves": 15}, train, 300,
        valid_sets=[train, valid], valid_names=["training", "valid_1"],
        callbacks=[lightgbm.early_stopping(20), lightgbm.log_evaluation(10), lightgbm.record_evaluation(seen)],
    )
    for name, metric in (("training", "train"), ("valid_1", "val")):
        for step, value in enumerate(seen[name]["l2"], 1):
            if step % 10 == 0:
                truth.add(metric, step, value, "{:.6g}", f"{name}'s l2")
    values = seen["valid_1"]["l2"]
    best = values.index(min(values))
    truth.event("early_stopping", step=len(values), best=[best + 1, float(f"{values[best]:.6g}")])
    truth.write(f"{STEM}.truth.yaml")


if __name__ == "__main__":
    main()
