"""Writes tiny random models of every family and option, with transformers' log-probabilities, for the tests of model/.

usage: python tests/parity/make_model_fixtures.py tests/fixtures/model      (transformers 5.23)

Each folder is a Hugging Face folder plus expected.json: token ids of a few sequences, the float32 log-probability of
each token given those before (from position 1), and for classifiers the score at the last token of each sequence.
Weights are drawn wide, so that every part moves the result.
"""
import json
import pathlib
import shutil
import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

SMALL = dict(vocab_size=61, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
             max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.3)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)
GPT2 = dict(vocab_size=61, n_embd=16, n_layer=2, n_head=4, n_positions=64, bos_token_id=1, eos_token_id=2,
            pad_token_id=0, initializer_range=0.3)
MODELS = {
    "llama_tied": ("llama", dict(SMALL, tie_word_embeddings=True)),
    "llama_grouped_own_head_size": ("llama", dict(SMALL, num_key_value_heads=2, head_dim=6)),
    "llama_biases_llama3_rope": ("llama", dict(SMALL, attention_bias=True, mlp_bias=True, rope_parameters=LLAMA3)),
    "llama_linear_rope": ("llama", dict(SMALL, num_key_value_heads=1, rope_parameters=dict(
        rope_type="linear", rope_theta=5000.0, factor=3.0))),
    "llama_gelu": ("llama", dict(SMALL, hidden_act="gelu_pytorch_tanh")),
    "qwen2": ("qwen2", dict(SMALL, num_key_value_heads=2, tie_word_embeddings=True)),
    "qwen3": ("qwen3", dict(SMALL, num_key_value_heads=2, head_dim=8)),
    "gpt2": ("gpt2", GPT2),
    "gpt2_scaled_untied": ("gpt2", dict(GPT2, n_inner=20, scale_attn_by_inverse_layer_idx=True,
                                        tie_word_embeddings=False, activation_function="gelu")),
    "gpt_neox": ("gpt_neox", dict(SMALL, num_attention_heads=2)),
    "gpt_neox_sequential": ("gpt_neox", dict(SMALL, use_parallel_residual=False, attention_bias=False,
                                             rope_parameters=dict(rope_type="default", rope_theta=10000.0,
                                                                  partial_rotary_factor=1.0))),
}
CLASSIFIERS = ["llama_tied", "qwen3", "gpt2", "gpt_neox"]
LENGTHS = [1, 17, 40, 3]


def randomise(model, generator):
    """Norms and biases too: fresh ones are 1 and 0 and would hide a mistake."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1:
                weight.add_(0.2 * torch.randn(weight.shape, generator=generator))


def expected_logprobs(model, sequences):
    result = []
    for ids in sequences:
        logits = model(input_ids=torch.tensor([ids])).logits[0].float()
        logp = torch.log_softmax(logits, -1)
        result.append([logp[t - 1, ids[t]].item() for t in range(1, len(ids))])
    return result


def expected_scores(model, sequences):
    return [model(input_ids=torch.tensor([ids])).logits[0, 0].item() for ids in sequences]


def make(root, name, model_class, tag):
    model_type, options = MODELS[name]
    torch.manual_seed(len(name))
    generator = torch.Generator().manual_seed(7)
    extra = dict(num_labels=1) if tag else {}
    model = model_class.from_config(AutoConfig.for_model(model_type, **options, **extra)).eval()
    randomise(model, generator)
    vocab = options["vocab_size"]
    sequences = [torch.randint(3, vocab, (n,), generator=generator).tolist() for n in LENGTHS]
    folder = root / (name + tag)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    with torch.no_grad():
        expected = dict(token_ids=sequences)
        if tag:
            expected["scores"] = expected_scores(model, sequences)
        else:
            expected["logprobs"] = expected_logprobs(model, sequences)
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")


def main():
    root = pathlib.Path(sys.argv[1])
    for name in MODELS:
        make(root, name, AutoModelForCausalLM, "")
    for name in CLASSIFIERS:
        make(root, name, AutoModelForSequenceClassification, "_classifier")
    rewrite_old_spellings(root)


def rewrite_old_spellings(root):
    """Files as they are found on the hub: rope as transformers 4 wrote it, GPT-2 without prefix and with buffers,
    a model in two shards."""
    from safetensors.torch import load_file, save_file

    def copy(source, target):
        shutil.rmtree(root / target, ignore_errors=True)
        shutil.copytree(root / source, root / target)
        config = json.loads((root / target / "config.json").read_text())
        return root / target, config

    folder, config = copy("llama_biases_llama3_rope", "llama_old_rope_sharded")
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    weights = load_file(folder / "model.safetensors")
    names, weight_map = sorted(weights), {}
    for i in range(2):
        shard = f"model-0000{i + 1}-of-00002.safetensors"
        part = {n: weights[n] for n in names[i::2]}
        weight_map |= {n: shard for n in part}
        save_file(part, folder / shard, {"format": "pt"})
    index = dict(metadata=dict(total_size=sum(w.nbytes for w in weights.values())), weight_map=weight_map)
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()

    folder, config = copy("gpt2", "gpt2_bare_with_buffers")
    weights = load_file(folder / "model.safetensors")
    bare = {n.removeprefix("transformer."): w for n, w in weights.items()}
    for layer in range(2):
        bare[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 8, 8).tril()
        bare[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(bare, folder / "model.safetensors", {"format": "pt"})

    folder, config = copy("gpt_neox", "gpt_neox_old")
    rope = config.pop("rope_parameters")
    config["rotary_emb_base"], config["rotary_pct"] = rope["rope_theta"], rope["partial_rotary_factor"]
    (folder / "config.json").write_text(json.dumps(config, indent=2))


if __name__ == "__main__":
    main()
