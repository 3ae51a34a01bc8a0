"""Trainings whose learning rate is far too high, so that the loss leaves for infinity and becomes NaN.

    python train.py           # a plain loop: `step 40 | train_loss 1.2345 | val_loss 1.2345`
    python train.py slow      # it learns first; a rising learning rate makes it diverge after step 100; no NaN

loss-watch should say: critical. The loss is not finite (first), it diverges (both).
"""

import sys

import torch

from toy import Truth, regression


def main(kind):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    stem = {"nan": "train_20430001", "slow": "train_20430002"}[kind]
    truth = Truth(f"{stem}.out", "generic", also=[f"{stem}.err"])
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    (x, y), (vx, vy) = regression(4000, seed=1), regression(500, seed=2)
    loss_of = torch.nn.functional.mse_loss
    for step in range(1, 201):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (1.2 if kind == "nan" else 1.04) ** max(0, step - 60)
        rows = torch.randint(0, len(x), (32,))
        loss = loss_of(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        if kind == "slow":
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 10 == 0:
            val = loss_of(model(vx), vy).item()
            print(f"step {step} | train_loss {loss.item():.4f} | val_loss {val:.4f} | lr {group['lr']:.3g}", flush=True)
            truth.add("train", step, loss.item(), "{:.4f}", "train_loss")
            truth.add("val", step, val, "{:.4f}", "val_loss")
            if not torch.isfinite(torch.tensor(val)) and not truth.events:
                truth.event("not_finite", step=step, metric="val_loss")
    truth.total_steps = step
    if kind == "slow":
        truth.event("divergence", metric="val_loss")
    truth.write(f"{stem}.truth.yaml")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["nan"]))
