"""XGBoost's own evaluation lines: `[10]<tab>train-rmse:0.91<tab>valid-rmse:0.98`; early stopping.

loss-watch should say: nothing is wrong (valid-rmse rises a little at the end: that is what stopped it).
"""

import xgboost

from toy import Truth, regression

STEM = "xgboost_20480001"


def main():
    truth = Truth(f"{STEM}.out", "xgboost", "step", also=[f"{STEM}.err"])
    truth.total_steps = 200
    (x, y), (vx, vy) = regression(2000, noise=1.0, seed=1), regression(500, noise=1.0, seed=2)
    train, valid = xgboost.DMatrix(x.numpy(), y.numpy()), xgboost.DMatrix(vx.numpy(), vy.numpy())
    seen = {}
    xgboost.train(
        {"max_depth": 4, "eta": 0.3, "nthread": 1, "seed": 0, "objective": "reg:squarederror"}, train, 200,
        evals=[(train, "train"), (valid, "valid")], evals_result=seen, early_stopping_rounds=10, verbose_eval=1,
    )
    for name, metric in (("train", "train"), ("valid", "val")):
        for step, value in enumerate(seen[name]["rmse"]):
            truth.add(metric, step, value, "{:.5f}", f"{name}-rmse")
    truth.event("early_stopping", step=step)
    truth.write(f"{STEM}.truth.yaml")


if __name__ == "__main__":
    main()
