"""Writes tests/fixtures/model/gguf/: small GGUF files of the architectures we read, with the weights that transformers
finds in them, and the blocks of every tensor type as gguf-py encodes and decodes them.

usage: make_gguf_fixtures.py [FOLDER]     (needs gguf, transformers, torch and safetensors)
"""
import json
import pathlib
import sys

import numpy as np
import torch
from gguf import GGMLQuantizationType as Type, GGUFWriter
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
HEADS, KV_HEADS, HIDDEN, INNER, LAYERS = 4, 2, 32, 64, 2
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"


def byte_alphabet() -> list[str]:
    """GPT-2's printable character for each byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(b) if b in kept else chr(next(rest)) for b in range(256)]


def add_tokenizer(writer: GGUFWriter, pre: str) -> int:
    merges = ["h e", "l l", "he ll", "hell o", "Ġ w", "1 2"]
    tokens = SPECIAL + byte_alphabet() + [merge.replace(" ", "") for merge in merges] + ["<tool>", "[PAD266]", "[PAD267]"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * (len(tokens) - 6) + [4, 5, 5])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_eot_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(pre == "llama-bpe")
    writer.add_chat_template(TEMPLATE)
    return len(tokens)


def write_model(path: pathlib.Path, architecture: str, pre: str, matrix_types: list[Type], head_dim: int, tied: bool) -> None:
    """A model of random weights, whose matrices take the types in turn."""
    random = np.random.default_rng(len(architecture) + head_dim)
    writer = GGUFWriter(path, architecture)
    vocab = add_tokenizer(writer, pre)
    writer.add_context_length(64)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(50000.0)
    writer.add_rope_dimension_count(head_dim)
    if head_dim * HEADS != HIDDEN:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)

    count = 0
    def add(name: str, *shape: int) -> None:
        nonlocal count
        values = (0.2 * random.standard_normal(shape)).astype(np.float32)
        kind = Type.F32 if len(shape) == 1 else matrix_types[count % len(matrix_types)]
        count += len(shape) == 2
        writer.add_tensor(name, quantize(values, kind) if kind != Type.F32 else values, raw_dtype=kind)

    q, kv = HEADS * head_dim, KV_HEADS * head_dim
    add("token_embd.weight", vocab, HIDDEN)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        add(block + "attn_norm.weight", HIDDEN)
        for name, rows in [("attn_q", q), ("attn_k", kv), ("attn_v", kv)]:
            add(block + name + ".weight", rows, HIDDEN)
            if architecture == "qwen2":
                add(block + name + ".bias", rows)
        if architecture == "qwen3":
            add(block + "attn_q_norm.weight", head_dim)
            add(block + "attn_k_norm.weight", head_dim)
        add(block + "attn_output.weight", HIDDEN, q)
        add(block + "ffn_norm.weight", HIDDEN)
        add(block + "ffn_gate.weight", INNER, HIDDEN)
        add(block + "ffn_up.weight", INNER, HIDDEN)
        add(block + "ffn_down.weight", HIDDEN, INNER)
    add("output_norm.weight", HIDDEN)
    if not tied:
        add("output.weight", vocab, HIDDEN)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def expected_weights(path: pathlib.Path, head_dim: int) -> dict[str, torch.Tensor]:
    """The first layer and the norm at the end, to keep the fixture small."""
    config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    config.head_dim = head_dim  # transformers takes 128 for qwen3 whatever the file says
    state = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, config=config).state_dict()
    return {name: tensor.float().contiguous().clone() for name, tensor in state.items()
            if ".layers.0." in name or name == "model.norm.weight"}


def blocks() -> list[dict]:
    """Two blocks of each type: bytes, the numbers in them and, where we write the type, the numbers they were made of."""
    random = np.random.default_rng(7)
    values = np.concatenate([random.standard_normal(32), np.zeros(8), random.standard_normal(24) * 1e-6,
                             [0.5, 1.5, 2.5, -0.5, 1e-8, 6e-8, 65504, -65504], random.standard_normal(24) * 100,
                             np.linspace(-127, 127, 32)]).astype(np.float32)
    cases = []
    for kind in [Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q4_1]:
        stored = values.astype(np.float16).view(np.uint8) if kind == Type.F16 else quantize(values, kind).view(np.uint8)
        decoded = dequantize(stored, kind).astype(np.float32) if kind != Type.F32 else values
        cases.append({"type": kind.value, "name": kind.name, "values": [float(v) for v in values],
                      "bytes": stored.tobytes().hex(), "decoded": [float(v) for v in decoded.reshape(-1)]})
    return cases


def main() -> None:
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "fixtures" / "model" / "gguf"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "blocks.json").write_text(json.dumps(blocks()) + "\n")
    every = [Type.Q4_1, Type.Q4_0, Type.Q8_0, Type.F16, Type.BF16, Type.F32]
    for architecture, pre, types, head_dim, tied in [("llama", "smollm", every, 8, True), ("qwen2", "qwen2", [Type.Q8_0], 8, True),
                                                     ("qwen3", "qwen2", [Type.F16, Type.Q4_1], 16, False)]:
        path = folder / f"{architecture}.gguf"
        write_model(path, architecture, pre, types, head_dim, tied)
        save_file(expected_weights(path, head_dim), folder / f"{architecture}.safetensors")


if __name__ == "__main__":
    main()
