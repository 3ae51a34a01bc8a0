"""One small regression, printed in the ways that people print it.

    python train.py epochs     # "Epoch 3/20: train loss 0.5123, val loss 0.4876": epochs only
    python train.py keyvalue   # "2026-... INFO step=50 split=val loss=0.4821": logging, key=value, on stderr
    python train.py jsonl      # one JSON object a line, NaN-safe, train and validation on lines of their own
    python train.py resume     # stops at step 120, starts again from its checkpoint of step 100, in the same file

loss-watch should say: nothing is wrong; `resume` is one run with two attempts.
"""

import json
import logging
import sys

import torch

from toy import Truth, regression

STEMS = {"epochs": "plain_epochs_20460001", "keyvalue": "plain_keyvalue_20460002", "jsonl": "metrics", "resume": "plain_resume_20460004"}
UNIT = {"epochs": "epoch"}


def show(kind, truth, step, train, val, steps):
    """Print one validation in the form that is asked for, and note what was printed."""
    if kind == "epochs":
        print(f"Epoch {step}/{steps}: train loss {train:.4f}, val loss {val:.4f}")
        names = ("train loss", "val loss")
    elif kind == "keyvalue":
        logging.info("step=%d split=train loss=%.4f lr=3.0e-03", step, train)
        logging.info("step=%d split=val loss=%.4f ppl=%.2f", step, val, 2.718281828**val)
        names = ("loss", "loss")
    elif kind == "jsonl":
        print(json.dumps({"step": step, "train_loss": round(train, 6), "lr": 3e-3}))
        print(json.dumps({"step": step, "val_loss": round(val, 6), "val_mae": round(val**0.5 * 0.8, 6)}))
        names = ("train_loss", "val_loss")
    else:
        print(f"[{step:>6d}/{steps}] loss: {train:.5f}  val_loss: {val:.5f}", flush=True)
        names = ("loss", "val_loss")
    fmt = {"jsonl": "{:.6f}", "resume": "{:.5f}"}.get(kind, "{:.4f}")
    truth.add("train", step, train, fmt, names[0])
    truth.add("val", step, val, fmt, names[1])


def train(kind, truth, begin, end, checkpoint=None):
    torch.manual_seed(begin)
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.GELU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    if checkpoint:
        model.load_state_dict(checkpoint)
    (x, y), (vx, vy) = regression(4000, seed=1), regression(500, seed=2)
    every, total = (1, 20) if kind == "epochs" else (10, 200)
    for step in range(begin + 1, end + 1):
        losses = []
        for _ in range(20 if kind == "epochs" else 1):
            rows = torch.randint(0, len(x), (64,))
            loss = torch.nn.functional.mse_loss(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if step % every == 0:
            val = torch.nn.functional.mse_loss(model(vx), vy).item()
            show(kind, truth, step, sum(losses) / len(losses), val, total)
        if step == 100:
            checkpoint = {name: value.clone() for name, value in model.state_dict().items()}
    return checkpoint


def main(kind):
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    log = {"jsonl": "metrics.jsonl", "keyvalue": STEMS[kind] + ".err"}.get(kind, STEMS[kind] + ".out")
    truth = Truth(log, {"keyvalue": "key-value", "jsonl": "jsonl"}.get(kind, "generic"), UNIT.get(kind, "step"))
    truth.total_steps = 20 if kind == "epochs" else 200
    if kind == "resume":
        print("Training from scratch")
        checkpoint = train(kind, truth, 0, 120)
        print("Resuming from checkpoint step_100.pt")
        train(kind, truth, 100, 200, checkpoint)
        truth.event("attempt", number=2, first_step=110)
    else:
        train(kind, truth, 0, truth.total_steps)
    truth.write(f"{STEMS[kind]}.truth.yaml")


if __name__ == "__main__":
    main(sys.argv[1])
