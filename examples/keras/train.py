"""Keras 3 on the torch backend.

    python train.py 1    # verbose=1: a progress bar, backspaces or carriage returns, many lines to one epoch
    python train.py 2    # verbose=2: one line an epoch, below "Epoch 3/8"

The epoch is on the line before the numbers. loss-watch should say: nothing is wrong.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
os.environ["KERAS_HOME"] = "keras_home"

import keras
import torch

from toy import Truth, regression


class Recorder(keras.callbacks.Callback):
    def __init__(self, truth):
        super().__init__()
        self.truth = truth

    def on_epoch_end(self, epoch, logs=None):
        self.truth.add("train", epoch + 1, logs["loss"], "{:.4f}", "loss")
        self.truth.add("val", epoch + 1, logs["val_loss"], "{:.4f}", "val_loss")
        self.truth.add("val_mae", epoch + 1, logs["val_mae"], "{:.4f}", "val_mae")


def main(verbose):
    torch.set_num_threads(1)
    keras.utils.set_random_seed(0)
    stem = f"keras_verbose{verbose}_{20470000 + verbose}"
    truth = Truth(f"{stem}.out", "keras", "epoch", also=[f"{stem}.err"])
    truth.total_steps = 8
    model = keras.Sequential([keras.layers.Input((16,)), keras.layers.Dense(64, "gelu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.AdamW(3e-3), "mse", metrics=["mae"])
    (x, y), (vx, vy) = regression(1600, seed=1), regression(320, seed=2)
    best = keras.callbacks.ModelCheckpoint("best.keras", save_best_only=True, verbose=1)
    model.fit(
        x.numpy(), y.numpy(), batch_size=32, epochs=8, verbose=verbose,
        validation_data=(vx.numpy(), vy.numpy()), callbacks=[Recorder(truth), best],
    )
    truth.write(f"{stem}.truth.yaml")


if __name__ == "__main__":
    main(int(sys.argv[1]))
