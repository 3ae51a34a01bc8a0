"""A small training that fails at step 40 in the way that its argument names; every traceback is real.

    python train.py runtime | torch_memory | numpy_memory | assertion | module | file | div_zero | disk | segfault |
                    device | cuda | unpicklable

loss-watch should say: the run crashed, with the class that the truth file names.
"""

import resource
import sys

import torch

from toy import Truth, regression

ACCEPT = {"device": ["device_mismatch", "runtime_error"], "cuda": ["assertion", "cuda_runtime"]}
CLASSES = {
    "runtime": "runtime_error", "torch_memory": "ram_oom", "numpy_memory": "ram_oom", "assertion": "assertion",
    "module": "missing_module", "file": "file_not_found", "div_zero": "div_zero", "disk": "disk_full",
    "segfault": "segfault", "device": "device_mismatch", "cuda": "assertion", "unpicklable": "traceback",
}


def fail(kind, model, x):
    if kind == "runtime":
        model(x[:, :8])
    elif kind == "torch_memory":
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        torch.zeros(4096, 4096, 256)
    elif kind == "numpy_memory":
        import numpy

        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        numpy.zeros((4096, 4096, 256), dtype=numpy.float64)
    elif kind == "assertion":
        assert x.shape[1] == 12, f"expected 12 channels, got {x.shape[1]}"
    elif kind == "module":
        import flash_attention_of_tomorrow  # noqa: F401
    elif kind == "file":
        torch.load("ckpt/step_311.ckpt")
    elif kind == "div_zero":
        return len(x) // (len(x) - 4000)
    elif kind == "disk":
        with open("/dev/full", "wb") as full:
            full.write(b"0" * 100_000)
    elif kind == "segfault":
        import ctypes
        import faulthandler

        faulthandler.enable()
        ctypes.string_at(0)
    elif kind == "device":
        model.to("meta")(x[:4])
    elif kind == "cuda":
        model.cuda()
    elif kind == "unpicklable":
        torch.save({"model": model.state_dict(), "schedule": lambda step: 0.1}, "last.pt")


def main(kind):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    stem = f"crash_{kind}_{20440001 + list(CLASSES).index(kind)}"
    truth = Truth(f"{stem}.out", "generic", also=[f"{stem}.err"])
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.GELU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    x, y = regression(4000, seed=1)
    for step in range(1, 101):
        rows = torch.randint(0, len(x), (32,))
        loss = torch.nn.functional.mse_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            print(f"step {step}/100 loss={loss.item():.4f}", flush=True)
            truth.add("train", step, loss.item(), "{:.4f}", "loss")
        if step == 40:
            truth.total_steps = 100
            truth.event("crash", **{"class": CLASSES[kind]}, accept=ACCEPT.get(kind, [CLASSES[kind]]), after_step=step)
            truth.write(f"{stem}.truth.yaml")
            fail(kind, model, x)


if __name__ == "__main__":
    main(sys.argv[1])
