"""CatBoost's lines: `10:<tab>learn: 1.23<tab>test: 1.34<tab>best: 1.34 (10)<tab>total: 8ms<tab>remaining: 72ms`.

loss-watch should say: nothing is wrong. `test` is the validation here, `best` is not a value of its own.
"""

from catboost import CatBoostRegressor, Pool

from toy import Truth, regression

STEM = "catboost_20480003"


def main():
    truth = Truth(f"{STEM}.out", "catboost", "step", also=[f"{STEM}.err"])
    truth.total_steps = 300
    (x, y), (vx, vy) = regression(2000, noise=1.0, seed=1), regression(500, noise=1.0, seed=2)
    model = CatBoostRegressor(iterations=300, learning_rate=0.4, depth=6, thread_count=1, random_seed=0, od_type="Iter", od_wait=20)
    model.fit(Pool(x.numpy(), y.numpy()), eval_set=Pool(vx.numpy(), vy.numpy()), verbose=10)
    seen = model.get_evals_result()
    for name, metric, shown in (("learn", "train", "learn"), ("validation", "val", "test")):
        values = seen[name]["RMSE"]
        for step, value in enumerate(values):
            if step % 10 == 0 or step == 299:
                truth.add(metric, step, value, "{:.7f}", shown)
    truth.event("early_stopping", step=len(values) - 1)
    truth.write(f"{STEM}.truth.yaml")


if __name__ == "__main__":
    main()
