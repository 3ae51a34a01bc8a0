"""A tiny randomly initialised GPT-2 with the Transformers Trainer, an evaluation every 20 steps.

    python train.py bar      # the default: tqdm bar on stderr, dicts on stdout
    python train.py nobar    # disable_tqdm=True: PrinterCallback prints the dicts alone
    python train.py one      # as the first, with stdout and stderr in one file

Run with Transformers 4 and with 5: version 5 prints numbers as strings (`{'loss': '3.47'}`).
The dicts hold the epoch only; the step is on the bar (120 steps, 40 an epoch).
loss-watch should say: eval_loss falls all the way; nothing is wrong.
"""

import sys

import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

from toy import Truth

VOCAB = 64


def sentences(n, seed):
    """Sequences in which each token mostly decides the next."""
    g = torch.Generator().manual_seed(99)
    follow = torch.randint(0, VOCAB, (VOCAB,), generator=g)
    g = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(n):
        row = [int(torch.randint(0, VOCAB, (1,), generator=g))]
        for _ in range(31):
            chance = float(torch.rand(1, generator=g))
            row.append(int(follow[row[-1]]) if chance < 0.8 else int(torch.randint(0, VOCAB, (1,), generator=g)))
        rows.append({"input_ids": torch.tensor(row), "labels": torch.tensor(row)})
    return rows


class Recorder(TrainerCallback):
    def __init__(self, truth):
        self.truth, self.v5 = truth, transformers.__version__.startswith("5")

    def on_log(self, args, state, control, logs, **kwargs):
        fmt = "{:.4g}" if self.v5 else "{!r}"
        if "loss" in logs:
            self.truth.add("train", state.global_step, logs["loss"], fmt, "loss")
            self.truth.add("train_by_epoch", float(f"{state.epoch:.4g}"), logs["loss"], fmt, "loss")
        if "eval_loss" in logs:
            self.truth.add("val", state.global_step, logs["eval_loss"], fmt, "eval_loss")
            self.truth.add("val_by_epoch", float(f"{state.epoch:.4g}"), logs["eval_loss"], fmt, "eval_loss")
        if "train_loss" in logs:
            self.truth.event("final_mean", step=state.global_step, train_loss=logs["train_loss"])


def main(kind):
    torch.set_num_threads(1)
    transformers.set_seed(0)
    stem = f"hf{transformers.__version__.split('.')[0]}_{kind}"
    stem += "_20415" + transformers.__version__[0] + {"bar": "01", "nobar": "02", "one": "03"}[kind]
    truth = Truth(f"{stem}.out", "huggingface", also=[] if kind == "one" else [f"{stem}.err"], transformers=transformers.__version__)
    args = TrainingArguments(
        "ckpt", max_steps=120, per_device_train_batch_size=16, learning_rate=5e-3, logging_steps=10, eval_steps=20,
        eval_strategy="steps", save_strategy="no", disable_tqdm=kind == "nobar", report_to=[], use_cpu=True, seed=0,
        dataloader_pin_memory=False,
    )
    config = GPT2Config(vocab_size=VOCAB, n_positions=32, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
    trainer = Trainer(
        GPT2LMHeadModel(config), args, train_dataset=sentences(640, 1), eval_dataset=sentences(128, 2),
        callbacks=[Recorder(truth)],
    )
    trainer.train()
    truth.total_steps = trainer.state.global_step
    truth.write(f"{stem}.truth.yaml")


if __name__ == "__main__":
    main(sys.argv[1])
