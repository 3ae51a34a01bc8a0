"""A job that is killed at step 130 and requeued: both lives write into one file (`--open-mode=append`).

    python requeue.py; python requeue.py

The second life goes on from the checkpoint of step 100, so steps 101 to 130 appear twice.
loss-watch should say: one run, two attempts, nothing wrong with the loss.
"""

import os
import pickle
import signal

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

from toy import Truth, regression
from train import Module, Recorder

STEM = "slurm-20411877"
LAST, STATE = "ckpt-requeue/last.ckpt", "truth.pickle"


class Preempted(L.Callback):
    def __init__(self, truth):
        self.truth = truth

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 130:
            self.truth.series["train"]["points"].pop()  # the bar has not shown it yet
            self.truth.event("killed", after_step=130)
            with open(STATE, "wb") as out:
                pickle.dump(self.truth, out)
            os.kill(os.getpid(), signal.SIGKILL)


def main():
    torch.set_num_threads(1)
    L.seed_everything(1)
    train = DataLoader(TensorDataset(*regression(3200, seed=1)), 32, shuffle=True)
    val = DataLoader(TensorDataset(*regression(256, seed=2)), 64)
    again = os.path.exists(LAST)
    truth = Truth(f"{STEM}.out", "lightning")
    if again:
        with open(STATE, "rb") as state:
            truth = pickle.load(state)
        truth.event("attempt", number=2, first_step=101)
    callbacks = [Recorder(truth, "tqdm"), ModelCheckpoint("ckpt-requeue", "best", "val_loss", verbose=True, save_last=True)]
    if not again:
        callbacks.append(Preempted(truth))
    trainer = L.Trainer(max_epochs=3, val_check_interval=50, logger=False, accelerator="cpu", callbacks=callbacks)
    trainer.fit(Module(3e-3), train, val, ckpt_path=LAST if again else None)
    truth.total_steps = trainer.global_step
    truth.write(f"{STEM}.truth.yaml")


if __name__ == "__main__":
    main()
