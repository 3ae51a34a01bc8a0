"""Four ranks that all print the same line, as happens when nobody thought of `if rank == 0`.

    torchrun --nproc_per_node 4 --tee 3 --log-dir ranks ranks.py

torchrun puts `[default2]:` before each line of local rank 2. loss-watch should count each value once.
"""

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from toy import Truth, regression

STEM = "ranks_20460006"


def main():
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    truth = Truth(f"{STEM}.out", "generic")
    truth.total_steps = 100
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.GELU(), torch.nn.Linear(64, 1))
    model = DistributedDataParallel(net)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    (x, y), (vx, vy) = regression(1000, seed=10 + rank), regression(500, seed=2)
    for step in range(1, 101):
        rows = torch.randint(0, len(x), (32,))
        loss = torch.nn.functional.mse_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            mean = loss.detach().clone()
            dist.all_reduce(mean)
            with torch.no_grad():
                val = torch.nn.functional.mse_loss(net(vx), vy).item()
            print(f"step {step}/100 train_loss {mean.item() / 4:.4f} val_loss {val:.4f}", flush=True)
            truth.add("train", step, mean.item() / 4, "{:.4f}", "train_loss")
            truth.add("val", step, val, "{:.4f}", "val_loss")
    if rank == 0:
        truth.write(f"{STEM}.truth.yaml")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
