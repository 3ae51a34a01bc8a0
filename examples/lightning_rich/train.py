"""Five more shapes of Lightning output.

    python train.py rich     # RichProgressBar, Lightning's default where rich is installed: not on a terminal it
                             # prints the bar once, at the end, wrapped at 80 columns; steps are on stderr only
    python train.py pty      # the same on a pseudo-terminal of 120 columns: every frame, with cursor movements
    python train.py accum    # tqdm, four batches to one optimizer step, two validation sets: the bar counts
                             # batches, "global step" counts optimizer steps; EarlyStopping ends it
    python train.py epochs   # tqdm, stdout and stderr in one file, validation once an epoch, train_loss_step and
                             # train_loss_epoch; no checkpoint message, so the only step is the bar's batch
    python train.py narrow   # as accum, on a pseudo-terminal of 80 columns: tqdm cuts its text there, in mid-name

loss-watch should say: nothing is wrong in any of them.
"""

import sys

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

from toy import Truth, regression

BAR = "{:.3g}"
PARTIAL = {"pty": ["train"], "narrow": ["train", "val", "val_1"]}


class Module(L.LightningModule):
    def __init__(self, lr, epoch_mean=False):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.GELU(), torch.nn.Linear(64, 1))
        self.lr, self.epoch_mean = lr, epoch_mean

    def training_step(self, batch, _):
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True, on_step=True, on_epoch=self.epoch_mean)
        return loss

    def validation_step(self, batch, _, dataloader_idx=0):
        self.log("val_loss", torch.nn.functional.mse_loss(self.net(batch[0]), batch[1]), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


class Recorder(L.Callback):
    """What is printed differs: rich on a file shows its last frame only, and has three decimals, not three digits."""

    def __init__(self, truth, kind):
        self.truth, self.kind = truth, kind
        self.bar = "{:.3f}" if kind in ("rich", "pty") else BAR

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if trainer.global_step and (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            key = "train_loss_step" if module.epoch_mean else "train_loss"
            if self.kind != "rich" or trainer.global_step == 400:
                self.truth.add("train", trainer.global_step, trainer.progress_bar_metrics[key], self.bar, key)

    def on_validation_end(self, trainer, module):
        if trainer.sanity_checking:
            return
        for key, value in trainer.callback_metrics.items():
            if key.startswith("val_loss"):
                step, first = trainer.global_step, not key.endswith("_1")
                if self.kind == "epochs" or not first:
                    self.truth.add("val" if first else "val_1", step, value, BAR, key)
                else:
                    shown = None if self.kind == "rich" and step < 400 else self.bar
                    self.truth.add_checkpointed("val", step, float(value), key, coarse=shown)

    def on_train_epoch_end(self, trainer, module):
        if module.epoch_mean:
            value = trainer.callback_metrics["train_loss_epoch"]
            self.truth.add("train_epoch", trainer.global_step, value, BAR, "train_loss_epoch")


def main(kind):
    torch.set_num_threads(1)
    L.seed_everything(1)
    train = DataLoader(TensorDataset(*regression(3200, seed=1)), 32, shuffle=True)
    val = [DataLoader(TensorDataset(*regression(256, seed=2)), 64), DataLoader(TensorDataset(*regression(256, noise=1, seed=3)), 64)]
    stem = {"rich": "slurm-20411873", "accum": "slurm-20411874", "epochs": "slurm-20411875", "pty": "slurm-20411876", "narrow": "slurm-20411878"}[kind]
    also = [] if kind in ("epochs", "pty", "narrow") else [f"{stem}.err"]
    truth = Truth(f"{stem}.out", "lightning", also=also, partial=PARTIAL.get(kind, []))
    many = kind in ("accum", "narrow")
    callbacks = [Recorder(truth, kind)]
    monitor = "val_loss/dataloader_idx_0" if many else "val_loss"
    extra = {"max_epochs": 2 if kind == "pty" else 4, "enable_checkpointing": kind != "epochs"}
    if kind != "epochs":
        callbacks.append(ModelCheckpoint("ckpt", "{epoch}-{step}", monitor, verbose=True))
    if many:
        callbacks.append(EarlyStopping(monitor, patience=2, verbose=True))
        extra |= {"max_epochs": 12, "accumulate_grad_batches": 4, "val_check_interval": 50}
    else:
        val = val[0]
    if kind in ("rich", "pty"):
        extra |= {"val_check_interval": 50}
    trainer = L.Trainer(logger=False, accelerator="cpu", callbacks=callbacks, **extra)
    trainer.fit(Module(3e-3 if not many else 2e-2, epoch_mean=kind == "epochs"), train, val)
    truth.total_steps = trainer.global_step
    if many:
        truth.event("early_stopping", step=trainer.global_step)
    truth.write(f"{stem}.truth.yaml")


if __name__ == "__main__":
    main(sys.argv[1])
