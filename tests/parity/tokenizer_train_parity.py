"""Trains tokenizers with `rlhf tokenizer train` and with Hugging Face's BpeTrainer on the same text, and compares
vocabulary, merges and ids; checks that transformers loads the folder. Run by hand.

usage: python tokenizer_train_parity.py RLHF_BINARY TEXT_FILE...     needs: pip install tokenizers transformers
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

SPECIAL = ["<|pad|>", "<|bos|>", "<|endoftext|>", "<|user|>"]


def reference(files: list[str], vocab_size: int, min_frequency: int, digits: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    steps = [pre_tokenizers.Digits(individual_digits=True), byte_level]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps) if digits else byte_level
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, min_frequency=min_frequency, special_tokens=SPECIAL,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train(files, trainer)
    return tokenizer


def main() -> int:
    binary, files = sys.argv[1], sys.argv[2:]
    failures = 0
    for vocab_size, min_frequency, digits in [(300, 2, False), (1000, 2, True), (8451, 2, False), (60000, 3, False)]:
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / "tokenizer"
            command = [binary, "tokenizer", "train", "--files", *files, "--vocab_size", str(vocab_size),
                       "--min_frequency", str(min_frequency), "--special_tokens", "<|user|>", "--output_dir", str(folder)]
            subprocess.run(command + (["--digits"] if digits else []), check=True, stdout=subprocess.DEVNULL)
            ours = json.loads((folder / "tokenizer.json").read_text())
            loaded = Tokenizer.from_file(str(folder / "tokenizer.json"))
            auto = AutoTokenizer.from_pretrained(folder)
            text = "".join(pathlib.Path(file).read_text()[:20000] for file in files)
            theirs = reference(files, vocab_size, min_frequency, digits)
            model = json.loads(theirs.to_str())["model"]
            checks = {
                "vocabulary": ours["model"]["vocab"] == model["vocab"],
                "merges": ours["model"]["merges"] == model["merges"],
                "ids": loaded.encode(text).ids == theirs.encode(text).ids == auto.encode(text),
                "round trip": loaded.decode(loaded.encode(text).ids) == text,
                "roles": (auto.pad_token_id, auto.bos_token_id, auto.eos_token_id) == (0, 1, 2),
                "special": auto.encode("<|user|>") == [3],
            }
            failures += sum(not good for good in checks.values())
            print(f"vocab_size {vocab_size} min_frequency {min_frequency} digits {digits}:",
                  len(ours["model"]["vocab"]), "tokens;", ", ".join(f"{k} {'equal' if v else 'DIFFERENT'}" for k, v in checks.items()))
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
