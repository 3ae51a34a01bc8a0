"""A Lightning training that fails at its 140th step, stdout and stderr in one file: the traceback follows the bar.

loss-watch should say: the run crashed (runtime error), its last val_loss is that of step 125.
"""

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

from toy import Truth, regression

STEM = "crash_lightning_20440021"


class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.GELU(), torch.nn.Linear(64, 1))

    def training_step(self, batch, _):
        if self.global_step == 139:
            batch[0] = batch[0][:, :12]  # a broken sample
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", torch.nn.functional.mse_loss(self.net(batch[0]), batch[1]), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=3e-3)


class Recorder(L.Callback):
    def __init__(self, truth):
        self.truth = truth

    def on_train_batch_end(self, trainer, *_):
        self.truth.add("train", trainer.global_step, trainer.progress_bar_metrics["train_loss"], "{:.3g}", "train_loss")

    def on_validation_end(self, trainer, module):
        if not trainer.sanity_checking:
            self.truth.add_checkpointed("val", trainer.global_step, float(trainer.callback_metrics["val_loss"]), "val_loss")

    def on_exception(self, trainer, module, exception):
        self.truth.event("crash", **{"class": "runtime_error"}, accept=["runtime_error"], after_step=trainer.global_step)
        self.truth.total_steps = 200
        self.truth.write(f"{STEM}.truth.yaml")


def main():
    torch.set_num_threads(1)
    L.seed_everything(1)
    truth = Truth(f"{STEM}.out", "lightning")
    train = DataLoader(TensorDataset(*regression(3200, seed=1)), 32, shuffle=True)
    val = DataLoader(TensorDataset(*regression(256, seed=2)), 128)
    callbacks = [Recorder(truth), ModelCheckpoint("ckpt", monitor="val_loss", verbose=True)]
    trainer = L.Trainer(max_epochs=2, val_check_interval=25, logger=False, accelerator="cpu", callbacks=callbacks)
    trainer.fit(Module(), train, val)


if __name__ == "__main__":
    main()
