"""Checks `rlhf import` and `rlhf export` on a real GGUF file against transformers, tokenizers and llama.cpp.

usage: check_gguf.py RLHF FILE.gguf HF_FOLDER [TEXT.gz...]

RLHF is build/release/bin/rlhf; HF_FOLDER holds the same model as transformers dequantised it, with its tokenizer; TEXTs
are what the tokenizers are compared on. Needs torch, transformers, safetensors, and llama-cpp-python.
"""
import gzip
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import torch
from llama_cpp import GGML_TYPE_F32, Llama
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = ["The capital of France is", "Once upon a time, there was a", "def fibonacci(n):", "Question: What is 12 + 30? Answer:",
           "<|im_start|>user\nName three colours.<|im_end|>\n<|im_start|>assistant\n", "It was 1969, and naïve Zoë said:"]
TEXTS = ["The first time I saw the sea I was seven years old, and I did not know that water could be so loud.",
         "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
         "In 1969, 3 people flew 384,400 km; two of them walked on the moon. " * 8,
         "Größe, naïve, Ελληνικά, 日本語, 😀👍🏽: not every word is English.",
         "<|im_start|>user\nWhat is gravity?<|im_end|>\n<|im_start|>assistant\nGravity is what pulls masses together.<|im_end|>\n"]
NEW_TOKENS = 32


def run(*arguments: object) -> None:
    subprocess.run([str(argument) for argument in arguments], check=True, stdout=subprocess.DEVNULL)


def run_lines(lines: list[dict], *arguments: object) -> list[dict]:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([str(argument) for argument in arguments], input=text.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def compare_tensors(ours: pathlib.Path, theirs: pathlib.Path) -> None:
    mine, reference = load_file(ours / "model.safetensors"), load_file(theirs / "model.safetensors")
    assert mine.keys() == reference.keys(), mine.keys() ^ reference.keys()
    worst = max(float((mine[name] - reference[name].float()).abs().max()) for name in mine)
    largest = max(float(tensor.abs().max()) for tensor in reference.values())
    print(f"tensors: {len(mine)} equal names and shapes, largest difference {worst:.3g} (largest value {largest:.3g})")
    assert worst <= 1e-6 * largest


def compare_tokenizers(ours: pathlib.Path, theirs: pathlib.Path, texts: list[str]) -> None:
    mine, reference = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (ours, theirs))
    lines = [line for path in texts for line in gzip.open(path, "rt", encoding="utf-8", errors="replace")]
    different = sum(a.ids != b.ids for a, b in zip(mine.encode_batch(lines), reference.encode_batch(lines), strict=True))
    print(f"tokenizer.json: {len(lines)} lines, {different} differ; vocabularies equal: {mine.get_vocab() == reference.get_vocab()}")
    assert different == 0
    a, b = AutoTokenizer.from_pretrained(ours), AutoTokenizer.from_pretrained(theirs)
    messages = [{"role": "user", "content": "Hi"}]
    assert a.apply_chat_template(messages, tokenize=False) == b.apply_chat_template(messages, tokenize=False)
    assert a.special_tokens_map == b.special_tokens_map, (a.special_tokens_map, b.special_tokens_map)


@torch.no_grad()
def compare_logprobs(rlhf: pathlib.Path, ours: pathlib.Path, theirs: pathlib.Path) -> None:
    found = run_lines([{"text": text} for text in TEXTS], rlhf, "logprobs", "--model", ours, "--dtype", "float32")
    for folder in (ours, theirs):
        tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        worst, count = 0.0, 0
        for text, line in zip(TEXTS, found, strict=True):
            ids = tokenizer(text)["input_ids"]
            assert line["token_ids"] == ids and line["logprobs"][0] is None, text
            expected = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0], -1)
            wanted = expected[torch.arange(len(ids) - 1), torch.tensor(ids[1:])]
            worst = max(worst, float((wanted - torch.tensor(line["logprobs"][1:])).abs().max()))
            count += len(ids) - 1
        print(f"log-probabilities: {count} tokens of {len(TEXTS)} texts, largest difference from transformers on "
              f"{'our' if folder == ours else 'their'} folder {worst:.2g}")
        assert worst <= 1e-4


def greedy_ours(rlhf: pathlib.Path, folder: pathlib.Path) -> list[list[int]]:
    lines = run_lines([{"prompt": prompt} for prompt in PROMPTS], rlhf, "generate", "--model", folder, "--dtype", "float32",
                      "--temperature", 0, "--max_new_tokens", NEW_TOKENS)
    return [line["response_token_ids"] for line in lines]


def greedy_transformers(folder: pathlib.Path) -> list[list[int]]:
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    answers = []
    for prompt in PROMPTS:
        inputs = tokenizer(prompt, return_tensors="pt")
        output = model.generate(**inputs, do_sample=False, max_new_tokens=NEW_TOKENS)
        answers.append(output[0, inputs["input_ids"].shape[1]:].tolist())
    return answers


def greedy_llama_cpp(path: pathlib.Path) -> list[list[int]]:
    model = Llama(str(path), n_ctx=256, verbose=False, seed=0, type_k=GGML_TYPE_F32, type_v=GGML_TYPE_F32)
    answers = []
    for prompt in PROMPTS:
        answer, ids = [], model.tokenize(prompt.encode(), add_bos=False, special=True)
        for token in model.generate(ids, temp=0.0, repeat_penalty=1.0):
            answer.append(token)
            if token == model.token_eos() or len(answer) == NEW_TOKENS:
                break
        answers.append(answer)
    return answers


def compare_greedy(rlhf: pathlib.Path, source: object, dtype: str, expected: list[list[int]], work: pathlib.Path) -> None:
    """llama.cpp on what we export must say what we say on it. With q8_0 it rounds activations too, so texts may part."""
    path, back = work / "exported.gguf", work / "back"
    run(rlhf, "export", source, path, "--dtype", dtype)
    if dtype != "f32":
        run(rlhf, "import", path, back)
        expected = greedy_ours(rlhf, back)
        shutil.rmtree(back)
    answers = greedy_llama_cpp(path)
    same = sum(a == b for a, b in zip(answers, expected, strict=True))
    print(f"llama.cpp on {dtype} from {pathlib.Path(str(source)).name}, {path.stat().st_size} bytes: {same} of {len(PROMPTS)} greedy "
          "texts equal ours", flush=True)
    path.unlink()
    assert dtype == "q8_0" or same == len(PROMPTS), json.dumps([answers, expected])


def main() -> None:
    rlhf, gguf, reference = (pathlib.Path(path) for path in sys.argv[1:4])
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        run(rlhf, "import", gguf, work / "imported")
        compare_tensors(work / "imported", reference)
        compare_tokenizers(work / "imported", reference, sys.argv[4:])
        compare_logprobs(rlhf, work / "imported", reference)
        expected = greedy_ours(rlhf, work / "imported")
        theirs = greedy_transformers(work / "imported")
        print(f"transformers: {sum(a == b for a, b in zip(theirs, expected, strict=True))} of {len(PROMPTS)} greedy texts equal ours")
        for source in (work / "imported", reference, gguf):
            compare_greedy(rlhf, source, "f32", expected, work)
        for dtype in ("f16", "bf16", "q8_0"):
            compare_greedy(rlhf, work / "imported", dtype, expected, work)


if __name__ == "__main__":
    main()
