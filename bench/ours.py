"""Our commands on the work to be timed. Each function returns (rate, peak memory in GB)."""
import json
import os
import re
import shutil
import subprocess

from measured import measure
from workload import Texts, write_jsonl

WARM_UP = 1  # logged steps that do not count, as for the peers


class Ours:
    def __init__(self, rlhf, model, scratch, threads):
        self.rlhf, self.model, self.scratch, self.threads = rlhf, model, scratch, threads

    def generate(self, dtype, batch, prompt, new):
        texts = Texts()
        prompts = write_jsonl(self.scratch / "prompts.jsonl", ({"prompt": texts.draw(prompt)} for _ in range(batch)))
        done = measure([self.rlhf, "generate", "--model", self.model, "--input", prompts, "--output", self.scratch / "responses.jsonl",
                        "--max_new_tokens", new, "--temperature", 1, "--batch_size", batch, "--dtype", dtype, "--threads", self.threads])
        lengths = {len(json.loads(line)["response_token_ids"]) for line in open(self.scratch / "responses.jsonl")}
        assert lengths == {new}, f"responses of {lengths} tokens, not {new}"
        return float(re.search(r"([\d.]+) tokens/s", done.errors)[1]), done.peak_memory_gb

    def logged_steps(self, stage, dtype, dataset, flags, steps):
        """(the metrics of each step, the warm-up first, peak memory in GB)."""
        run = self.scratch / stage
        shutil.rmtree(run, ignore_errors=True)
        done = measure([self.rlhf, stage, "--model", self.model, "--dataset", dataset, "--output_dir", run, "--max_steps", steps + WARM_UP,
                        "--logging_steps", 1, "--save_steps", 0, "--dtype", dtype, "--threads", self.threads, *flags])
        rows = [json.loads(line) for line in open(run / "metrics.jsonl")]
        rows = [row for row in rows if "tokens_per_second" in row]
        assert len(rows) == steps + WARM_UP, f"{len(rows)} steps logged, not {steps + WARM_UP}"
        shutil.rmtree(run)
        return rows, done.peak_memory_gb

    def train(self, stage, dtype, dataset, flags, steps, units):
        """Units a second from the end of the warm-up to the end of the last step, all between steps included; `units` of those rows."""
        rows, memory = self.logged_steps(stage, dtype, dataset, flags, steps)
        rows = rows[WARM_UP - 1:]
        return units(rows) / (rows[-1]["time"] - rows[0]["time"]), memory

    def sft(self, dtype, texts, batch, longest, steps=4):
        """Tokens a second; a text longer than `longest` tokens loses its end."""
        dataset = write_jsonl(self.scratch / "sft.jsonl", ({"text": text} for text in texts))
        return self.train("sft", dtype, dataset, ["--per_device_train_batch_size", batch, "--max_length", longest], steps,
                          lambda rows: rows[-1]["num_tokens"] - rows[0]["num_tokens"])

    def sft_of_length(self, dtype, batch, length, steps=4):
        """The same for random texts of `length` tokens, the end-of-sequence token included."""
        texts = Texts()
        return self.sft(dtype, [texts.draw(length - 1) for _ in range(batch * (steps + WARM_UP))], batch, length, steps)

    def reward(self, dtype, pairs, length, steps=4):
        """Pairs a second, both responses of `length` tokens with the prompt."""
        texts, prompt = Texts(), 32
        rows = ({"prompt": texts.draw(prompt), "chosen": texts.draw(length - prompt - 1), "rejected": texts.draw(length - prompt - 1)}
                for _ in range(pairs * (steps + WARM_UP)))
        dataset = write_jsonl(self.scratch / "reward.jsonl", rows)
        return self.train("reward", dtype, dataset, ["--per_device_train_batch_size", pairs, "--max_length", length, "--normalizer_samples", 2], steps,
                          lambda rows: pairs * steps)

    def ppo(self, dtype, prompts, prompt, new, epochs, steps=1):
        """Iterations a second, trajectories recorded."""
        return self.train("ppo", dtype, *self.ppo_work(prompts, prompt, new, epochs, steps), steps, lambda rows: steps)

    def ppo_iteration(self, dtype, prompts, prompt, new, epochs):
        """The metrics of one iteration."""
        return self.logged_steps("ppo", dtype, *self.ppo_work(prompts, prompt, new, epochs, 1), 1)[0][-1]

    def ppo_work(self, prompts, prompt, new, epochs, steps, generation_threads=None):
        """The data set and the flags."""
        texts = Texts()
        dataset = write_jsonl(self.scratch / "ppo.jsonl", ({"prompt": texts.draw(prompt)} for _ in range(prompts * (steps + WARM_UP))))
        return dataset, ["--reward_model", self.reward_model(), "--rollout_batch_size", prompts, "--response_length", new, "--num_ppo_epochs", epochs,
                         "--num_mini_batches", 1, "--per_device_train_batch_size", prompts,
                         "--generation_threads", generation_threads or self.threads]

    def rollouts(self, dtype, workers, prompts, prompt, new, steps=2):
        """Response tokens a second of rollouts that `workers` processes of one thread compute, from publishing the policy to the last trajectory."""
        run = self.scratch / "workers"
        shutil.rmtree(run, ignore_errors=True)
        dataset, flags = self.ppo_work(prompts, prompt, new, 1, steps, generation_threads=1)
        learner = subprocess.Popen([str(word) for word in (
            self.rlhf, "ppo", "--model", self.model, "--dataset", dataset, "--output_dir", run, "--max_steps", steps + WARM_UP, "--logging_steps", 1,
            "--save_steps", 0, "--dtype", dtype, "--threads", self.threads, "--listen", "127.0.0.1:0", "--rollout_unit_size", max(1, prompts // 4),
            *flags)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        crew = []
        try:
            said = learner.stdout.readline()
            assert said, learner.stderr.read()[-3000:]
            address = json.loads(said)["listening"]
            crew = [subprocess.Popen([self.rlhf, "rollout", "--learner", f"grpc://{address}"], env=os.environ | {"OMP_NUM_THREADS": "1"},
                                     stderr=subprocess.DEVNULL) for _ in range(workers)]
            errors = learner.communicate()[1]
            assert learner.returncode == 0, errors[-3000:]
        finally:
            for process in (learner, *crew):
                if process.poll() is None:
                    process.terminate()
                process.wait()
        rows = [row for row in map(json.loads, open(run / "metrics.jsonl")) if "timing/generation" in row][WARM_UP:]
        assert len(rows) == steps, f"{len(rows)} steps logged, not {steps}"
        shutil.rmtree(run)
        return steps * prompts * new / sum(row["timing/generation"] for row in rows)

    def reward_model(self):
        """A scalar head that one step on one pair made."""
        run = self.scratch / "head"
        if not run.exists():
            texts = Texts(1)
            pair = write_jsonl(self.scratch / "pair.jsonl", [{"prompt": texts.draw(8), "chosen": texts.draw(8), "rejected": texts.draw(8)}] * 2)
            measure([self.rlhf, "reward", "--model", self.model, "--dataset", pair, "--output_dir", run, "--max_steps", 1, "--dtype", "float32"])
        return run / "final"
