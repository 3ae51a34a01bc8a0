"""The classes of crash: a fixed list, each with its meaning and what to try. ``docs/crash-classes.md`` prints this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CrashClass:
    """``meaning`` in one line; ``advice`` is what to try, the likeliest first."""

    meaning: str
    advice: tuple[str, ...]


CLASSES: dict[str, CrashClass] = {
    "cuda_oom": CrashClass(
        "the memory of a GPU was full",
        (
            "halve the batch per GPU and double gradient accumulation",
            "activation checkpointing, or a sharded optimizer (ZeRO, FSDP)",
            "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True when much is reserved but unallocated",
            "if it came in a later step: a longer sample, or validation keeping its graph (torch.no_grad)",
        ),
    ),
    "cuda_runtime": CrashClass(
        "the GPU, its driver or a kernel failed",
        (
            "run once with CUDA_LAUNCH_BLOCKING=1: the line that is shown is then the right one",
            "device-side assert: a label or token id is outside its range",
            "if it follows one node, exclude that node and report it",
        ),
    ),
    "device_mismatch": CrashClass(
        "tensors of one operation lie on different devices",
        (
            "the traceback's last line of your own code creates a tensor without device=",
            "register constants with register_buffer so that .to() moves them",
        ),
    ),
    "nccl": CrashClass(
        "ranks lost each other: a collective timed out or a connection broke",
        (
            "look for another rank's own error first: a time-out is mostly the consequence",
            "NCCL_DEBUG=INFO and TORCH_NCCL_TRACE_BUFFER_SIZE=20000 name the collective and the rank",
            "check the network interface (NCCL_SOCKET_IFNAME) and the nodes that two failures share",
        ),
    ),
    "ram_oom": CrashClass(
        "an allocation in host memory failed inside the program",
        (
            "ask for more memory a task (--mem, --mem-per-gpu)",
            "fewer DataLoader workers, a smaller prefetch_factor",
            "in a container: a larger /dev/shm",
        ),
    ),
    "oom_killer": CrashClass(
        "the kernel or SLURM killed a process that used more memory than it was given",
        (
            "sacct -j JOB -o JobID,MaxRSS,ReqMem shows how much it took",
            "ask for more memory, or fewer DataLoader workers",
            "memory that grows each epoch: tensors kept in a list (use .item() or .detach())",
        ),
    ),
    "nan_loss": CrashClass(
        "the loss or a gradient was NaN and the program stopped itself",
        (
            "lower the learning rate or lengthen the warm-up, clip gradients",
            "bf16 instead of fp16",
            "look at the batch: torch.autograd.set_detect_anomaly(True) from the last checkpoint",
        ),
    ),
    "segfault": CrashClass(
        "a process touched memory that was not its own",
        ("python -X faulthandler shows the Python line", "extensions built against another version of torch or CUDA are the usual cause"),
    ),
    "missing_module": CrashClass(
        "a Python module could not be imported",
        ("activate the environment inside the job script", "pip list in the job, not on the login node"),
    ),
    "file_not_found": CrashClass(
        "a file was not there",
        ("relative paths start at the job's directory, not the script's", "the compute node may not mount that file system"),
    ),
    "permission": CrashClass(
        "a file or device may not be used",
        ("ls -l on the compute node, and the quota's group", "a cache directory of another user: set HF_HOME, TORCH_HOME, XDG_CACHE_HOME"),
    ),
    "assertion": CrashClass("a check in the program failed", ("the traceback's last line is the check; print what it compares",)),
    "div_zero": CrashClass(
        "a division by zero", ("an empty data set or loader: its length is 0 on some rank", "drop_last with fewer samples than one batch")
    ),
    "disk_full": CrashClass(
        "no space, or the quota is used up",
        ("df -h, df -i and quota on the node", "keep fewer checkpoints; a half-written one must be removed"),
    ),
    "time_limit": CrashClass(
        "SLURM ended the job at its time limit",
        ("resume from the last checkpoint", "--signal=B:USR1@300 to save before the end", "ask for more time"),
    ),
    "preempted": CrashClass(
        "SLURM took the nodes for another job", ("resume from the last checkpoint", "--requeue, and saving on SIGTERM")
    ),
    "node_fail": CrashClass("a node of the job failed", ("resume from the last checkpoint", "exclude the node (--exclude) and report it")),
    "cancelled": CrashClass("somebody cancelled the job or interrupted the program", ("nothing, if it was you",)),
    "runtime_error": CrashClass(
        "the program raised a RuntimeError or ended with an error", ("the one line and the last frame of your own code say where",)
    ),
    "traceback": CrashClass("the program raised an exception", ("the one line and the last frame of your own code say where",)),
}
