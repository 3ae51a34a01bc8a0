"""Four ranks with gloo, started by torchrun; one of them fails and takes the others along.

    torchrun --nproc_per_node 4 ddp.py raise      # rank 2 raises at step 30; the others lose their peer
    torchrun --nproc_per_node 4 ddp.py hang       # rank 1 stops taking part; the others time out after 10 s
    torchrun --nproc_per_node 4 ddp.py kill       # rank 3 is killed (SIGKILL), as by the kernel when memory is short

loss-watch should say: the run crashed, on the rank that was first, and not on those that followed.
"""

import datetime
import os
import signal
import sys
import time

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from toy import Truth, regression

STEMS = {"raise": "ddp_20450001", "hang": "ddp_20450002", "kill": "ddp_20450003"}
FIRST = {"raise": (2, "runtime_error"), "hang": (None, "runtime_error"), "kill": (3, "oom_killer")}


def fail(kind, rank):
    if kind == "raise" and rank == 2:
        raise RuntimeError("shape '[32, 16]' is invalid for input of size 480 (shard 2 of 4 is short)")
    if kind == "hang" and rank == 1:
        time.sleep(40)
        sys.exit(0)
    if kind == "kill" and rank == 3:
        os.kill(os.getpid(), signal.SIGKILL)


def main(kind):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=10))
    rank = dist.get_rank()
    truth = Truth(f"{STEMS[kind]}.out", "generic", also=[f"{STEMS[kind]}.err"])
    torch.manual_seed(rank)
    net = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.GELU(), torch.nn.Linear(64, 1))
    model = DistributedDataParallel(net)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    x, y = regression(1000, seed=rank)
    for step in range(1, 61):
        rows = torch.randint(0, len(x), (32,))
        loss = torch.nn.functional.mse_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            dist.all_reduce(loss)
            if rank == 0:
                print(f"[rank 0] step {step}: train_loss={loss.item() / 4:.4f}", flush=True)
                truth.add("train", step, loss.item() / 4, "{:.4f}", "train_loss")
        if step == 30:
            if rank == 0:
                first, name = FIRST[kind]
                accept = [name, "cancelled", "runtime_error", "traceback"] if kind == "kill" else [name]
                truth.event("crash", **{"class": name}, accept=accept, rank=first, after_step=step)
                truth.write(f"{STEMS[kind]}.truth.yaml")
            dist.barrier()
            fail(kind, rank)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
