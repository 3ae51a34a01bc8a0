"""The same with Lightning: its bar shows `train_loss=nan.0` and `inf.0`, and EarlyStopping stops on NaN.

loss-watch should say: critical, the loss is not finite.
"""

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

from toy import Truth, regression

STEM = "slurm-20430003"


class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))

    def training_step(self, batch, _):
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", torch.nn.functional.mse_loss(self.net(batch[0]), batch[1]), prog_bar=True)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.01)
        rise = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.15 ** max(0, step - 30))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rise, "interval": "step"}}


class Recorder(L.Callback):
    def __init__(self, truth):
        self.truth = truth

    def on_train_batch_end(self, trainer, *_):
        self.truth.add("train", trainer.global_step, trainer.progress_bar_metrics["train_loss"], "{:.3g}", "train_loss")

    def on_validation_end(self, trainer, module):
        if not trainer.sanity_checking:
            value = trainer.callback_metrics["val_loss"]
            self.truth.add_checkpointed("val", trainer.global_step, float(value), "val_loss")
            if not torch.isfinite(value):
                self.truth.event("not_finite", step=trainer.global_step, metric="val_loss")


def main():
    torch.set_num_threads(1)
    L.seed_everything(1)
    truth = Truth(f"{STEM}.out", "lightning", also=[f"{STEM}.err"])
    train = DataLoader(TensorDataset(*regression(3200, seed=1)), 32, shuffle=True)
    val = DataLoader(TensorDataset(*regression(256, seed=2)), 128)
    callbacks = [Recorder(truth), ModelCheckpoint("ckpt", monitor="val_loss", verbose=True), EarlyStopping("val_loss", patience=9, verbose=True)]
    trainer = L.Trainer(max_epochs=2, val_check_interval=25, logger=False, accelerator="cpu", callbacks=callbacks)
    trainer.fit(Module(), train, val)
    truth.total_steps = trainer.global_step
    truth.write(f"{STEM}.truth.yaml")


if __name__ == "__main__":
    main()
