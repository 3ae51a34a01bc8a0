"""A character-level language model on the words of its own source, printed in the form of nanoGPT.

    iter 10: loss 3.1416, time 12.34ms, mfu -100.00%
    step 50: train loss 2.3456, val loss 2.4567

loss-watch should say: val loss (of the `step` lines) falls; nothing is wrong.
"""

import time

import torch
from torch.nn import functional as F

from toy import Truth

STEM = "nanogpt_chars_20460005"
BLOCK, DIM = 32, 48


class Model(torch.nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.wte, self.wpe = torch.nn.Embedding(vocab, DIM), torch.nn.Embedding(BLOCK, DIM)
        layer = torch.nn.TransformerEncoderLayer(DIM, 4, 4 * DIM, dropout=0.1, batch_first=True, norm_first=True)
        self.h = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.lm_head = torch.nn.Linear(DIM, vocab)

    def forward(self, x, y):
        mask = torch.nn.Transformer.generate_square_subsequent_mask(BLOCK)
        x = self.h(self.wte(x) + self.wpe.weight, mask=mask, is_causal=True)
        return F.cross_entropy(self.lm_head(x).flatten(0, 1), y.flatten())


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1337)
    truth = Truth(f"{STEM}.out", "nanogpt")
    text = open(torch.nn.modules.activation.__file__, encoding="utf-8").read()  # some prose, some code
    chars = sorted(set(text))
    data = torch.tensor([chars.index(c) for c in text])
    split = int(0.9 * len(data))
    data = {"train": data[:split], "val": data[split:]}
    print(f"vocab size {len(chars)}, train has {split:,} tokens, val has {len(text) - split:,} tokens")

    def batch(name):
        at = torch.randint(len(data[name]) - BLOCK - 1, (16,)).tolist()
        return torch.stack([data[name][i : i + BLOCK] for i in at]), torch.stack([data[name][i + 1 : i + 1 + BLOCK] for i in at])

    model = Model(len(chars))
    print("number of parameters: %.2fM" % (sum(p.numel() for p in model.parameters()) / 1e6,))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    before = time.time()
    for step in range(501):
        if step % 50 == 0:
            model.eval()
            with torch.no_grad():
                losses = {name: sum(model(*batch(name)).item() for _ in range(10)) / 10 for name in data}
            model.train()
            print(f"step {step}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
            truth.add("train_eval", step, losses["train"], "{:.4f}", "train loss")
            truth.add("val", step, losses["val"], "{:.4f}", "val loss")
        loss = model(*batch("train"))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            now = time.time()
            print(f"iter {step}: loss {loss.item():.4f}, time {(now - before) * 1000:.2f}ms, mfu {-100:.2f}%")
            truth.add("train", step, loss.item(), "{:.4f}", "loss")
            before = now
    truth.write(f"{STEM}.truth.yaml")


if __name__ == "__main__":
    main()
