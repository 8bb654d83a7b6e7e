"""The table of what is measured: our side, its peers, and the ratio we want to the best of them."""
import pathlib
from dataclasses import dataclass, field
from typing import Callable

from workload import DIALOGUES, dialogues

PARAMETERS = 134_515_008  # of SmolLM2-135M, whose tied head and embedding are one


@dataclass
class Work:
    name: str
    unit: str
    goal: float
    ours: Callable  # Ours -> (rate, peak memory in GB)
    dtypes: tuple = ("float32", "bfloat16")  # the faster of these counts
    trl: tuple = ()  # job, dtypes and settings for peers/trl_trainers.py
    llama_cpp: tuple = ()  # kinds and shape for peers/llamacpp.py
    tokens_per_unit: float = 0  # trained, for the share of the ceiling
    share_goals: dict = field(default_factory=dict)  # of the ceiling, by dtype
    memory_goal: float = 0  # of the peer's peak memory
    against: str = ""  # another work, whose rate stands for the peer's
    needs: pathlib.Path = pathlib.Path()  # a file without which it is left out


def generate(batch, prompt, new, goal, dtypes, kinds):
    name = f"generate {batch} x {prompt}+{new}" + ("" if len(dtypes) > 1 else f" {dtypes[0]}")
    return Work(name, "tokens/s", goal, lambda ours, dtype: ours.generate(dtype, batch, prompt, new), dtypes=dtypes,
                llama_cpp=(kinds, (batch, prompt, new)))


BOTH = ("float32", "bfloat16")
KINDS = ("f32", "bf16", "q8_0")
SFT = dict(batch=8, length=256)
REWARD = dict(batch=4, length=256)
PPO = dict(batch=16, prompt=32, new=64, epochs=4, steps=1)


def sft(name, dtypes, goal, memory_goal=0):
    return Work(name, "tokens/s", goal, lambda ours, dtype: ours.sft_of_length(dtype, **SFT), dtypes=dtypes, trl=("sft", dtypes, SFT),
                tokens_per_unit=1, share_goals={"float32": 0.8, "bfloat16": 0.55}, memory_goal=memory_goal)


WORKS = [
    generate(16, 32, 64, 1.3, BOTH, KINDS),
    generate(64, 32, 32, 1.5, BOTH, KINDS),
    generate(1, 32, 64, 1.0, ("bfloat16",), ("bf16",)),
    generate(16, 32, 64, 1.2, ("float32",), ("f32",)),
    sft("SFT 8 x 256", BOTH, 1.5, memory_goal=0.6),
    sft("SFT 8 x 256 float32", ("float32",), 1.25),
    Work("reward 4 pairs x 256", "pairs/s", 1.5, lambda ours, dtype: ours.reward(dtype, 4, 256), trl=("reward", BOTH, REWARD)),
    Work("PPO 16 x 32+64, 4 epochs", "iterations/s", 3.5, lambda ours, dtype: ours.ppo(dtype, 16, 32, 64, 4), trl=("ppo", BOTH, PPO),
         memory_goal=0.6),
    Work("SFT dialogues", "tokens/s", 0.9, lambda ours, dtype: ours.sft(dtype, dialogues(16 * 5), 16, 512), against="SFT 8 x 256",
         needs=DIALOGUES),
]


def flops_per_token():
    """6 a parameter that multiplies: the embedding's look-up does not, its other use as the head does."""
    return 6 * PARAMETERS
