"""Exports every tiny model of the fixtures with a tokenizer and loads what comes out with transformers.

usage: check_exported_folders.py RLHF tests/fixtures      (transformers 5.23; 4.57 must agree too)

Loading must report no missing, unexpected or mismatched key; language models must give the fixture's log-probabilities,
classifiers its scores, also in a padded batch; AutoTokenizer must give the ids of the tokenizer.json that went in and
render its chat template; config.json must hold the spellings of transformers 4 and 5.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import torch
import transformers
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from check_saved_models import load, logprob_gap, score_gap

STYLES = {"llama": "smollm", "qwen2": "qwen2", "qwen3": "qwen2", "gpt2": "gpt2", "gpt_neox": "neox"}
TEMPLATE = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '<|endoftext|>' }}{% endfor %}"
MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def add_tokenizer(folder: pathlib.Path, fixtures: pathlib.Path, style: str) -> None:
    shutil.copy(fixtures / "text" / f"{style}.json", folder / "tokenizer.json")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(TEMPLATE)


def check_tokenizer(folder: pathlib.Path, fixtures: pathlib.Path, style: str) -> int:
    texts = json.loads((fixtures / "text" / "texts.json").read_text())
    source, saved = Tokenizer.from_file(str(fixtures / "text" / f"{style}.json")), AutoTokenizer.from_pretrained(folder)
    for text in texts:
        assert saved(text)["input_ids"] == source.encode(text).ids, (folder, text)
    rendered = saved.apply_chat_template(MESSAGES, tokenize=False)
    assert rendered == "user: Hi<|endoftext|>assistant: Hello<|endoftext|>", rendered
    assert saved.eos_token == saved.pad_token == "<|endoftext|>"
    return len(texts)


def check_config(folder: pathlib.Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert config["dtype"] == config["torch_dtype"] == "float32"
    if config["model_type"] == "gpt2":
        return
    theta = "rotary_emb_base" if config["model_type"] == "gpt_neox" else "rope_theta"
    assert config[theta] == config["rope_parameters"]["rope_theta"], config
    assert config["rope_parameters"]["rope_type"] == (config["rope_scaling"] or {"rope_type": "default"})["rope_type"]


@torch.no_grad()
def main() -> None:
    rlhf, fixtures = sys.argv[1], pathlib.Path(sys.argv[2])
    transformers.utils.logging.disable_progress_bar()
    print("transformers", transformers.__version__)
    with tempfile.TemporaryDirectory() as scratch:
        for source in sorted((fixtures / "model").iterdir()):
            if not (source / "config.json").exists():
                continue
            style = STYLES[json.loads((source / "config.json").read_text())["model_type"]]
            before, after = pathlib.Path(scratch) / "before" / source.name, pathlib.Path(scratch) / "after" / source.name
            shutil.copytree(source, before)
            add_tokenizer(before, fixtures, style)
            subprocess.run([rlhf, "export", before, after], check=True, stdout=subprocess.DEVNULL)
            expected = json.loads((source / "expected.json").read_text())
            check_config(after)
            texts = check_tokenizer(after, fixtures, style)
            if source.name.endswith("_classifier"):
                gap = score_gap(load(AutoModelForSequenceClassification, after), expected)
            else:
                gap = logprob_gap(load(AutoModelForCausalLM, after), expected)
            print(f"{source.name:28} largest difference {gap:.1e}; {texts} texts give the same ids ({style})")
            assert gap < 3e-5, source


if __name__ == "__main__":
    main()
