"""Makes tests/fixtures/ppo/{trl,openrlhf}.json: PPO's arithmetic as two other toolkits' own code does it.

    python tests/parity/make_ppo_golden.py --openrlhf CHECKOUT      (trl 1.9.2, transformers 5.23, torch 2.11)

TRL computes inside PPOTrainer.train(), so its trainer is run on a tiny float64 model and what its loop holds in its
local variables is read out by a tracer at four lines. OpenRLHF (commit 3c3be62) has functions; they are imported from
a checkout with its heavy dependencies stubbed, and called. What is written is packed: no padding, one list per tensor.
"""
import argparse
import importlib.metadata
import json
import linecache
import os
import pathlib
import subprocess
import sys
import tempfile
import types
from unittest import mock

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "ppo"
PAD, BOS, EOS, VOCAB = 0, 1, 2, 12


def numbers(tensor):
    return tensor.detach().to(torch.float64).tolist()


def pack(padded, lengths):
    return [x for row, n in zip(numbers(padded), lengths) for x in row[:n]]


# ---------------------------------------------------------------------------------------------------------------- TRL


class TrainTracer:
    """Copies local variables of PPOTrainer.train when it is about to run lines that contain given text."""

    def __init__(self, code, handlers):
        self.code, self.handlers = code, handlers

    def __call__(self, frame, event, _):
        return self.line if frame.f_code is self.code else None

    def line(self, frame, event, _):
        if event == "line":
            text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
            for start, handler in self.handlers.items():
                if text.startswith(start):
                    handler(frame.f_locals)
        return self.line


def tiny_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": PAD, "<bos>": BOS, "<eos>": EOS, **{f"w{i}": i for i in range(3, VOCAB)}}
    inner = Tokenizer(models.WordLevel(words, unk_token="w3"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>")
    tokenizer.padding_side = "left"
    return tokenizer


def tiny_model(cls, seed):
    from transformers import LlamaConfig

    torch.manual_seed(seed)
    config = LlamaConfig(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=32, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS, num_labels=1,
        initializer_range=0.4)
    return cls(config).double()


def trl_case(name, seed, **options):
    from datasets import Dataset
    from transformers import LlamaForCausalLM, LlamaForSequenceClassification
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    batch, slots = 8, 6
    policy, reference = tiny_model(LlamaForCausalLM, 1), tiny_model(LlamaForCausalLM, 1)
    with torch.no_grad():
        torch.manual_seed(5)
        for weight in reference.parameters():
            weight.add_(0.06 * torch.randn_like(weight))
    def never_pad_often_end(_, __, logits):
        logits = logits.index_fill(-1, torch.tensor([PAD, BOS]), -1e9)
        return logits.index_add(-1, torch.tensor([EOS]), torch.full_like(logits[..., :1], 0.5))

    for model in (policy, reference):
        model.lm_head.register_forward_hook(never_pad_often_end)
    prompts = [[3 + (i * 5 + j) % (VOCAB - 3) for j in range(3)] for i in range(batch)]
    config = PPOConfig(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=batch // 2, gradient_accumulation_steps=2,
        num_mini_batches=2, num_ppo_epochs=2, learning_rate=3e-2, total_episodes=batch, response_length=slots, stop_token="eos",
        temperature=1.0, num_sample_generations=0, report_to=[], save_strategy="no", use_cpu=True, bf16=False,
        gradient_checkpointing=False, disable_tqdm=True, seed=seed, local_rollout_forward_batch_size=batch, **options)
    trainer = PPOTrainer(args=config, processing_class=tiny_tokenizer(), model=policy, ref_model=reference,
        reward_model=tiny_model(LlamaForSequenceClassification, 3), value_model=tiny_model(LlamaForSequenceClassification, 4),
        train_dataset=Dataset.from_dict({"input_ids": prompts}), eval_dataset=Dataset.from_dict({"input_ids": prompts}))

    case = {"name": name, "kl_coef": config.kl_coef, "kl_estimator": config.kl_estimator,
        "missing_eos_penalty": config.missing_eos_penalty, "gamma": config.gamma, "lambda": config.lam,
        "cliprange": config.cliprange, "cliprange_value": config.cliprange_value, "vf_coef": config.vf_coef, "updates": []}

    def before_penalty(held):
        case["scores"] = numbers(held["scores"])

    def before_whitening(held):
        case["_raw"] = held["advantages"].clone()

    def before_epochs(held):
        if "lengths" in case:
            return
        tokens = (~held["padding_mask"]).sum(1).tolist()
        value_slots = (~held["padding_mask_p1"]).sum(1).tolist()
        case.update(lengths=tokens, value_slots=value_slots, width=held["responses"].shape[1],
            finished=held["contain_eos_token"].tolist(), logprobs=pack(held["logprobs"], tokens),
            reference_logprobs=pack(held["ref_logprobs"], tokens), values=pack(held["values"], value_slots),
            effective_scores=numbers(held["scores"]), kl=pack(held["kl"], tokens), rewards=pack(held["rewards"], value_slots),
            raw_advantages=pack(case.pop("_raw"), tokens), advantages=pack(held["advantages"], tokens),
            returns=pack(held["returns"], value_slots), kl_sum=numbers(held["kl"].sum(1)))

    def before_backward(held):
        chosen = held["micro_batch_inds"]
        tokens = (~held["padding_mask"][chosen]).sum(1).tolist()
        value_slots = (~held["padding_mask_p1"][chosen]).sum(1).tolist()
        by_logprob, by_value = torch.autograd.grad(held["loss"], [held["new_logprobs"], held["vpred"]], retain_graph=True)
        case["updates"].append({"chosen": [int(i) for i in chosen], "new_logprobs": pack(held["new_logprobs"], tokens),
            "new_values": pack(held["vpred"], value_slots), "policy_loss": held["pg_loss"].item(), "value_loss": held["vf_loss"].item(),
            "loss": held["loss"].item(), "logprob_gradient": pack(by_logprob, tokens), "value_gradient": pack(by_value, value_slots),
            "value_clip_fraction": held["vf_clipfrac"].item()})

    def after_statistics(held):
        # TRL's approxkl divides by padded slots too, where the difference is 0; the sum is what can be compared.
        case["updates"][-1].update(clip_fraction=held["pg_clipfrac"].item(),
            half_log_ratio_sq=held["approxkl"].item() * held["logprobs_diff"].numel())

    trace = TrainTracer(PPOTrainer.train.__code__, {"contain_eos_token = ": before_penalty, "returns = advantages": before_whitening,
        "for ppo_epoch_idx in": before_epochs, "accelerator.backward(": before_backward, "approxkl_stats[": after_statistics})
    sys.settrace(trace)
    try:
        trainer.train()
    finally:
        sys.settrace(None)
    print(name, "lengths", case["lengths"], "finished", case["finished"], "clipped", [u["clip_fraction"] for u in case["updates"]],
        "value clipped", [u["value_clip_fraction"] for u in case["updates"]], file=sys.stderr)
    # A case must hold an end in the middle, one in the last slot and a missing one, or it proves little.
    width = case["width"]
    kinds = {(n < width, f) for n, f in zip(case["lengths"], case["finished"])}
    complete = kinds == {(True, True), (False, True), (False, False)}
    clipped = all(max(u[which] for u in case["updates"]) > 0 for which in ("clip_fraction", "value_clip_fraction"))
    return case if complete and clipped else trl_case(name, seed + 1, **options)


# ----------------------------------------------------------------------------------------------------------- OpenRLHF


def import_openrlhf(checkout):
    """Its modules without the packages' __init__ files, which import Ray, vLLM and DeepSpeed."""
    for name in ("openrlhf", "openrlhf.models", "openrlhf.trainer", "openrlhf.trainer.ppo_utils", "openrlhf.trainer.ray", "openrlhf.utils"):
        package = types.ModuleType(name)
        package.__path__ = [str(checkout / name.replace(".", "/"))]
        sys.modules[name] = package
    for name in ("ray", "deepspeed", "vllm", "openrlhf.trainer.ray.launcher", "openrlhf.utils.utils"):
        sys.modules[name] = mock.MagicMock()
    import openrlhf.models.loss as loss
    import openrlhf.models.utils as utils
    import openrlhf.trainer.ppo_utils.experience_maker as maker
    import openrlhf.trainer.ppo_utils.kl_controller as controller

    return utils, loss, maker, controller


def openrlhf_case(checkout):
    utils, loss, maker, controller = import_openrlhf(checkout)
    from openrlhf.trainer.ppo_utils.experience import Experience

    beta, gamma, lam, eps, eps_value = 0.2, 1.0, 1.0, 0.2, 0.5
    generator = torch.Generator().manual_seed(11)
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    lengths, width = [5, 2, 6, 1], 6
    mask = torch.arange(width)[None, :] < torch.tensor(lengths)[:, None]
    logprobs, reference = -draw(4, width).abs(), -draw(4, width).abs()
    reference[0, 1] = -15.0  # beyond the clamp of +-10
    values = draw(4, width) * mask
    scores = torch.tensor([1.25, -0.5, 14.0, 0.75])  # one beyond the clip of +-10
    kl = utils.compute_approx_kl(logprobs, reference, "k1") * mask
    namespace = types.SimpleNamespace
    arguments = namespace(rollout=namespace(n_samples_per_prompt=1), reward=namespace(clip_range=(-10, 10), overlong_buffer_len=None,
        stop_properly_penalty_coef=None), algo=namespace(advantage=namespace(estimator="gae", gamma=gamma, lambd=lam, no_std_norm=False)))
    fake = mock.MagicMock(strategy=namespace(args=arguments), advantage_estimator="gae", kl_ctl=namespace(value=beta))
    fake.get_advantages_and_returns = types.MethodType(maker.RemoteExperienceMaker.get_advantages_and_returns, fake)
    experience = Experience(rewards=scores, kl=kl, action_mask=mask, values=values, index=list(range(4)), info={})
    raw = {}
    plain = fake.get_advantages_and_returns
    fake.get_advantages_and_returns = lambda *a: raw.setdefault("advantages", plain(*a)[0]) is None or plain(*a)
    maker.RemoteExperienceMaker.compute_advantages_and_returns(fake, [experience])

    new_logprobs = (logprobs + 0.3 * draw(4, width)).requires_grad_()
    with torch.no_grad():
        new_logprobs[2, 3] = logprobs[2, 3] + 25.0  # beyond the clamp of +-20
    new_values = (values + 0.6 * draw(4, width)).requires_grad_()
    count = float(mask.sum())
    policy_loss, clip_fraction, *_ = loss.PolicyLoss(eps, eps)(new_logprobs, logprobs, experience.advantages, action_mask=mask,
        batch_num_tokens=count)
    value_loss = loss.ValueLoss(eps_value)(new_values, values, experience.returns, action_mask=mask, batch_num_tokens=count)
    steer = controller.AdaptiveKLController(beta, 0.3, 10000)
    betas = []
    for current in (0.1, 0.33, 0.9):
        steer.update(current, 64)
        betas.append(float(steer.value))
    commit = subprocess.run(["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {"made_by": "OpenRLHF's own functions", "commit": commit or "3c3be6234e0cb353e76bb8019947db9dfe99fca7",
        "kl_coef": beta, "gamma": gamma, "lambda": lam, "cliprange": eps, "cliprange_value": eps_value, "lengths": lengths,
        "scores": numbers(scores), "logprobs": pack(logprobs, lengths), "reference_logprobs": pack(reference, lengths),
        "values": pack(values, lengths), "kl": pack(kl, lengths), "raw_advantages": pack(raw["advantages"], lengths),
        "advantages": pack(experience.advantages, lengths), "returns": pack(experience.returns, lengths),
        "new_logprobs": pack(new_logprobs, lengths), "new_values": pack(new_values, lengths), "policy_loss": policy_loss.item(),
        "value_loss": value_loss.item(), "clip_fraction": clip_fraction.item(),
        "logprob_gradient": pack(torch.autograd.grad(policy_loss, new_logprobs)[0], lengths),
        "value_gradient": pack(torch.autograd.grad(value_loss, new_values)[0], lengths),
        "controller": {"target": 0.3, "horizon": 10000, "episodes": 64, "kl": [0.1, 0.33, 0.9], "beta": betas}}


def write(name, content):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(json.dumps(content) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--openrlhf", type=pathlib.Path, help="a checkout of OpenRLHF; its fixture is left as it is without one")
    options = parser.parse_args()
    versions = {name: importlib.metadata.version(name) for name in ("trl", "transformers", "torch")}
    np.random.seed(0)
    cases = [trl_case("k1, missing EOS penalty", 3, kl_coef=0.3, missing_eos_penalty=1.0),
        trl_case("k3, gamma 0.9", 7, kl_coef=0.2, kl_estimator="k3", gamma=0.9, lam=0.8)]
    write("trl.json", {"made_by": "TRL's own trainer, traced", "versions": versions, "cases": cases})
    if options.openrlhf:
        write("openrlhf.json", openrlhf_case(options.openrlhf))


if __name__ == "__main__":
    main()
