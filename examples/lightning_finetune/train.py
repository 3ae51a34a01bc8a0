"""Fine-tune from a checkpoint that does not quite fit, with PyTorch Lightning and its tqdm bar.

    python train.py pretrain           # 300 steps; writes ckpt/pretrained.ckpt
    python train.py finetune           # loads it with strict=False and prints what did not fit
    python train.py finetune --plain   # no bar: one "Step 25: train_loss = ..., val_loss = ..." a validation
    python train.py finetune --slow    # the same with a learning rate that is too small: step 100 is a worry
    python train.py keys               # names and shapes of both models, small and full size, as JSON

loss-watch should say: eight keys are randomly initialised, and val_loss comes down as planned (finetune), a
little late (--plain), far too late (--slow).
"""

import argparse
import json
import sys

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

from toy import Truth
from vit import Forecaster, weather

EVERY = 25
BAR = "{:.3g}"  # the bar rounds to three digits and pads with a nought: 1.98863 is shown as 1.990


class Module(L.LightningModule):
    def __init__(self, stage, lr, **size):
        super().__init__()
        self.model, self.lr = Forecaster(stage, **size), lr

    def loss(self, batch):
        tokens, elevation, target = batch
        return torch.nn.functional.mse_loss(self.model(tokens, elevation), target)

    def training_step(self, batch, _):
        loss = self.loss(batch)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", self.loss(batch), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


class Recorder(L.Callback):
    """Writes down the global step and the value at every validation; prints them when asked."""

    def __init__(self, truth, plain=False):
        self.truth, self.plain = truth, plain

    def on_train_batch_end(self, trainer, *_):
        if not self.plain:
            self.truth.add("train", trainer.global_step, trainer.progress_bar_metrics["train_loss"], BAR)

    def on_validation_end(self, trainer, module):
        if trainer.sanity_checking:
            return
        step, val = trainer.global_step, float(trainer.callback_metrics["val_loss"])
        if not self.plain:
            self.truth.add_checkpointed("val", step, val, "val_loss")
            self.truth.add("val_on_bar", step, val, BAR, "val_loss")
        else:
            train = float(trainer.callback_metrics["train_loss"])
            self.truth.add("val", step, val, "{:.3f}", "val_loss")
            self.truth.add("train", step, train, "{:.3f}", "train_loss")
            print(f"Step {step}: train_loss = {train:.3f}, val_loss = {val:.3f}")


def load(module, path, truth, plain):
    """strict=False takes what fits; what it leaves random or ignores is only said if one prints it."""
    state = torch.load(path, weights_only=True)["state_dict"]
    result = module.load_state_dict(state, strict=False)
    own = module.state_dict()
    print(f"Loaded {len(own) - len(result.missing_keys)}/{len(own)} keys from {path}")
    if plain:
        print(result)
    else:
        print(f"❌ MISSING ({len(result.missing_keys)} keys, random init):")
        for key in result.missing_keys:
            print(f"   - {key}  {tuple(own[key].shape)}")
        print(f"✗ IGNORED from the checkpoint ({len(result.unexpected_keys)} keys):")
        for key in result.unexpected_keys:
            print(f"   - {key}  {tuple(state[key].shape)}")
    truth.event("missing_keys", count=len(result.missing_keys), keys=result.missing_keys)
    truth.event("unexpected_keys", count=len(result.unexpected_keys), keys=result.unexpected_keys)


def write_keys():
    for name, size in {"": {}, "_768": {"dim": 768, "depth": 8, "heads": 12}}.items():
        for stage, kind in {"pretrain": "checkpoint", "finetune": "model"}.items():
            with torch.device("meta"):
                state = Module(stage, 0.0, **size).state_dict()
            keys = {k: {"shape": list(v.shape), "dtype": str(v.dtype).removeprefix("torch.")} for k, v in state.items()}
            with open(f"{kind}_keys{name}.json", "w", encoding="utf-8") as out:
                out.write("{\n" + ",\n".join(f'  "{k}": {json.dumps(v)}' for k, v in keys.items()) + "\n}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["pretrain", "finetune", "keys"])
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--slow", action="store_true")
    args = parser.parse_args()
    if args.stage == "keys":
        return write_keys()
    torch.set_num_threads(1)
    L.seed_everything(42)
    tuning = args.stage == "finetune"
    log = "topoflow_pretrain_13491177"
    if tuning:
        log = "topoflow_full_finetune_" + ("13503977" if args.plain else "13504112" if args.slow else "13503904")
    truth = Truth(f"{log}.out", "step-print" if args.plain else "lightning", also=[f"{log}.err"])
    lr = 1e-3 if not tuning else 1e-4 if args.slow else 2.6e-4 if args.plain else 3.1e-4
    module = Module(args.stage, lr)
    if tuning:
        load(module, "ckpt/pretrained.ckpt", truth, args.plain)
    train = DataLoader(TensorDataset(*weather(300 * 16, seed=2 if tuning else 1)), 16, shuffle=True)
    val = DataLoader(TensorDataset(*weather(256, seed=3)), 64)
    verbose = not args.plain
    callbacks = [
        Recorder(truth, args.plain),
        ModelCheckpoint("ckpt/" + log, "step_{step}", "val_loss", verbose, auto_insert_metric_name=False),
        EarlyStopping("val_loss", patience=6, min_delta=0.001, verbose=verbose),
    ]
    trainer = L.Trainer(
        max_epochs=1 if args.slow or not tuning else 2, val_check_interval=EVERY, callbacks=callbacks, logger=False,
        enable_progress_bar=verbose, accelerator="cpu", gradient_clip_val=1.0,
    )
    trainer.fit(module, train, val)
    if not tuning:
        trainer.save_checkpoint("ckpt/pretrained.ckpt", weights_only=True)
    truth.total_steps = trainer.global_step
    truth.write(f"{log}.truth.yaml")


if __name__ == "__main__":
    sys.exit(main())
