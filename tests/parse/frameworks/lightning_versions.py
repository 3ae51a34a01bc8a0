"""What wrote lightning-1.*.log, lightning-endless, -epoch-mean and -left-standing beside this: six batches an epoch, two of validation.

    python lightning_versions.py base|sets|endless|six|checkpoint|mean|left >LOG 2>&1

It runs with pytorch-lightning 1.5.10, 1.7.7 and 1.9.5 (torch 1.13.1, Python 3.10) and with lightning 2.6.6. Lines with paths
(warnings) were taken out.
"""

import sys

import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

try:
    import lightning as pl
    from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
except ImportError:
    import pytorch_lightning as pl
    from pytorch_lightning.callbacks import ModelCheckpoint, TQDMProgressBar

KIND = sys.argv[1]


class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))

    def training_step(self, batch, _):
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True, on_step=KIND != "mean", on_epoch=KIND == "mean")
        return loss

    def validation_step(self, batch, _, dataloader_idx=0):
        self.log("val_loss", torch.nn.functional.mse_loss(self.net(batch[0]), batch[1]), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=3e-3)


def data(n, seed):
    slope = torch.randn(16, 1, generator=torch.Generator().manual_seed(0))
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 16, generator=g)
    return TensorDataset(x, torch.tanh(x @ slope) + 0.3 * torch.randn(n, 1, generator=g))


class Endless(IterableDataset):
    def __iter__(self):
        return (data(80, 1)[at] for at in range(80))


pl.seed_everything(1)
val = [DataLoader(data(32, 2 + at), 16) for at in range(2 if KIND == "sets" else 1)]
callbacks = [TQDMProgressBar(refresh_rate=1, **({"leave": True} if KIND == "left" else {}))]
if KIND == "checkpoint":
    callbacks.append(ModelCheckpoint("ckpt", "{epoch}-{step}", "val_loss", verbose=True))
trainer = pl.Trainer(
    max_epochs=2, accelerator="cpu", callbacks=callbacks, enable_checkpointing=KIND == "checkpoint",
    val_check_interval=1 / 6 if KIND == "six" else 1.0,
)  # fmt: skip
trainer.fit(Module(), DataLoader(Endless() if KIND == "endless" else data(96, 1), 16), val)
