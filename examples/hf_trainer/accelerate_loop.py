"""A plain loop with Accelerate: `accelerator.print`, a tqdm bar with `set_postfix`, gradient accumulation.

loss-watch should say: eval_loss falls every epoch; nothing is wrong.
"""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.utils.data import DataLoader, TensorDataset
from tqdm.auto import tqdm

from toy import Truth, regression

STEM = "accelerate_20415010"


def main():
    torch.set_num_threads(1)
    set_seed(0)
    truth = Truth(f"{STEM}.out", "generic", also=[f"{STEM}.err"])
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.GELU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    train = DataLoader(TensorDataset(*regression(1600, seed=1)), 32, shuffle=True)
    val = DataLoader(TensorDataset(*regression(512, seed=2)), 128)
    model, optimizer, train, val = accelerator.prepare(model, optimizer, train, val)
    epochs, step = 5, 0
    bar = tqdm(range(epochs * len(train) // 2), disable=not accelerator.is_local_main_process)
    for epoch in range(epochs):
        model.train()
        for x, y in train:
            with accelerator.accumulate(model):
                loss = torch.nn.functional.mse_loss(model(x), y)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
            if accelerator.sync_gradients:
                step += 1
                bar.update(1)
                bar.set_postfix(loss=loss.item())
                if step % 5 == 0:
                    accelerator.print(f"step {step}: loss {loss.item():.4f}")
                    truth.add("train", step, loss.item(), "{:.4f}", "loss")
        model.eval()
        with torch.no_grad():
            losses = [accelerator.gather_for_metrics(torch.nn.functional.mse_loss(model(x), y).repeat(len(x))) for x, y in val]
        eval_loss = torch.cat(losses).mean().item()
        accelerator.print(f"epoch {epoch}: eval_loss: {eval_loss:.6f} (completed steps: {step})")
        truth.add("val", step, eval_loss, "{:.6f}", "eval_loss")
    truth.total_steps = step
    truth.write(f"{STEM}.truth.yaml")


if __name__ == "__main__":
    main()
