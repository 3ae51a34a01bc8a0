"""Stable-Baselines3: PPO on CartPole; a table for every rollout, the step in a row of it.

loss-watch should say: ep_rew_mean rises. There is no validation loss; `train/loss` is PPO's own.
"""

import gymnasium
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from toy import Truth

STEM = "sb3_20490001"


class Recorder(BaseCallback):
    """Notes the rows of each table just before it is printed."""

    def __init__(self, truth):
        super().__init__()
        self.truth = truth

    def _on_training_start(self):
        dump = Logger.dump

        def noted(logger, step=0):
            rows = logger.name_to_value
            for key, metric in (("train/loss", "train"), ("rollout/ep_rew_mean", "ep_rew_mean")):
                if key in rows:
                    self.truth.add(metric, int(rows["time/total_timesteps"]), rows[key], "{:.3g}", key)
            dump(logger, step)

        Logger.dump = noted

    def _on_step(self):
        return True


def main():
    torch.set_num_threads(1)
    truth = Truth(f"{STEM}.out", "stable-baselines3", "step", also=[f"{STEM}.err"])
    truth.total_steps = 20_480
    model = PPO("MlpPolicy", gymnasium.make("CartPole-v1"), verbose=1, seed=0, device="cpu", n_steps=1024, n_epochs=6)
    model.learn(20_000, callback=Recorder(truth))
    truth.write(f"{STEM}.truth.yaml")


if __name__ == "__main__":
    main()
