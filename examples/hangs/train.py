"""A training that waits for ever after step 60, for a batch that nobody will put on its queue.

    timeout -s KILL 15 python train.py

faulthandler dumps the stack after ten seconds without a step; the job goes on hanging until it is killed.
loss-watch should say: stalled, when it watches this live; `check` cannot know.
"""

import faulthandler
import queue
import time

import torch

from toy import Truth, regression

STEM = "hang_20465001"


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    truth = Truth(f"{STEM}.out", "generic", also=[f"{STEM}.err"])
    truth.total_steps = 200
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.GELU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    (x, y), batches = regression(2000, seed=1), queue.Queue()
    for rows in torch.randint(0, 2000, (60, 32)):
        batches.put(rows)
    for step in range(1, 201):
        faulthandler.dump_traceback_later(10)
        rows = batches.get()
        loss = torch.nn.functional.mse_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} step={step}/200 train_loss={loss.item():.4f}", flush=True)
            truth.add("train", step, loss.item(), "{:.4f}", "train_loss")
        if step == 60:
            truth.event("hang", after_step=step)
            truth.write(f"{STEM}.truth.yaml")


if __name__ == "__main__":
    main()
