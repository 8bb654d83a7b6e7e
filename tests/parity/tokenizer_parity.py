"""Compares `rlhf tokenizer encode` and `decode` with Hugging Face tokenizers, on all the text of the shared data and on
random strings of code points. Run by hand; prints one line per tokenizer and text, and what differs.

usage: python tokenizer_parity.py RLHF_BINARY SHARED_DATA FOLDER... [--random N] [--seed S]
needs: pip install tokenizers==0.23.3; FOLDERs hold a tokenizer.json each. Added are the two of the shared data, and
GPT-2's vocabulary behind the normalizer, pre- and post-processor of Llama 3 and of Qwen 2.
"""
import argparse
import gzip
import io
import json
import pathlib
import random
import shutil
import subprocess
import tarfile
import tempfile
import unicodedata

from tokenizers import Tokenizer


def texts_of_json(value) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for item in items for text in texts_of_json(item)]


def members_of_archive(data: bytes, name: str) -> list[tuple[str, str]]:
    found = []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            if not member.isfile():
                continue
            content = archive.extractfile(member).read()
            if member.name.endswith((".tar.gz", ".tgz")):
                found += members_of_archive(content, f"{name}/{member.name}")
            else:
                found.append((f"{name}/{member.name}", content.decode("utf-8", "replace")))
    return found


def shared_texts(folder: pathlib.Path) -> dict[str, list[str]]:
    texts = {}
    for path in sorted(folder.glob("*.gz")):
        if path.name.endswith(".tar.gz"):
            texts[path.name] = [line for _, text in members_of_archive(path.read_bytes(), path.name)
                                for line in text.splitlines(keepends=True)]
        elif path.name.endswith(".jsonl.gz"):
            with gzip.open(path, "rt") as lines:
                texts[path.name] = [text for line in lines for text in texts_of_json(json.loads(line))]
        elif path.name.endswith(".txt.gz"):
            with gzip.open(path, "rt") as file:
                text = file.read()
            texts[path.name] = [text] + text.splitlines(keepends=True)
    texts["README.md"] = [(folder / "README.md").read_text()]
    return texts


def random_texts(count: int, seed: int, tokenizer: Tokenizer) -> list[str]:
    """Strings of code points assigned in Unicode 14 (the tables of Python 3.11), from all planes and from the corners."""
    assert unicodedata.unidata_version == "14.0.0"
    rng = random.Random(seed)
    assigned = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    common = [c for c in assigned if ord(c) < 0x3000]
    marks = [c for c in assigned if unicodedata.category(c).startswith("M")]
    composable = [c for c in assigned if unicodedata.normalize("NFD", c) != c]
    digits = [c for c in assigned if unicodedata.category(c).startswith("N")]
    spaces = [c for c in assigned if c.isspace() or c in "\u180e\u200b\u2060\ufeff"] + [" ", "\n", "\r\n", "\t", "  "]
    contractions = ["'s", "'S", "'ſ", "'t", "'RE", "'rE", "'ve", "'m", "'LL", "'lL", "'d", "'D", "'", "’s", "'K", "''"]
    emoji = ["👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "☃️", "😀", "\U0001f600\u200d", "🏴\U000e0067\U000e0062\U000e007f"]
    jamo = [chr(c) for c in range(0x1100, 0x1200)] + [chr(rng.randrange(0xAC00, 0xD7A4)) for _ in range(300)]
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    added += [token[:-1] for token in added if len(token) > 1]
    letters = [chr(c) for c in range(0x20, 0x7F)]
    pools = [(assigned, 4), (common, 4), (marks, 3), (composable, 3), (digits, 2), (spaces, 4), (contractions, 2),
             (emoji, 1), (jamo, 1), (added or letters, 1), (letters, 6)]
    weights = [weight for _, weight in pools]

    def one() -> str:
        made = "".join(rng.choice(pool) for pool, _ in rng.choices(pools, weights, k=rng.randint(1, 30)))
        return unicodedata.normalize("NFD", made) if rng.random() < 0.2 else made

    return [one() for _ in range(count)]


def in_style(style: str, gpt2: dict) -> dict:
    """The tokenizer.json of GPT-2's merges in the style of another family."""
    words = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
             r"|\s*[\r\n]+|\s+(?!\S)|\s+")
    specials = {"llama3": ["<|begin_of_text|>", "<|start_header_id|>", "<|eot_id|>"], "qwen2": ["<|im_start|>", "<|im_end|>"]}[style]
    first = len(gpt2["model"]["vocab"])
    made = json.loads(json.dumps(gpt2))
    made["added_tokens"] += [{"id": first + i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
                              "normalized": False, "special": True} for i, token in enumerate(specials)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    pattern = words if style == "llama3" else words.replace(r"\p{N}{1,3}", r"\p{N}")
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    made["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, byte_level]}
    made["normalizer"] = {"type": "NFC"} if style == "qwen2" else None
    made["post_processor"] = byte_level
    if style == "llama3":
        bos = specials[0]
        made["model"]["ignore_merges"] = True
        piece, pair = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
        begin = {"SpecialToken": {"id": bos, "type_id": 0}}
        template = {"type": "TemplateProcessing", "single": [begin, piece], "pair": [begin, piece, pair],
                    "special_tokens": {bos: {"id": bos, "ids": [first], "tokens": [bos]}}}
        made["post_processor"] = {"type": "Sequence", "processors": [byte_level, template]}
    return made


def run(binary: str, command: str, folder: pathlib.Path, lines: list) -> list:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([binary, "tokenizer", command, "--model", str(folder), "--jsonl"], input=text.encode(),
                          stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode().rstrip("\n").split("\n")]


def compare(binary: str, folder: pathlib.Path, name: str, texts: list[str], tokenizer: Tokenizer) -> int:
    expected = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    found = run(binary, "encode", folder, texts)
    wrong = [i for i in range(len(texts)) if expected[i] != found[i]]
    plain = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    decoded = run(binary, "decode", folder, found)
    back = tokenizer.decode_batch(plain, skip_special_tokens=False)
    misread = [i for i in range(len(texts)) if back[i] != decoded[i]]
    print(f"{folder.name:14} {name:40} {len(texts):7} texts {sum(map(len, expected)):9} ids "
          f"{len(wrong):5} encoded differently {len(misread):5} decoded differently", flush=True)
    for i in wrong[:3]:
        print("   text    ", ascii(texts[i])[:300], "\n   expected", expected[i][:40], "\n   found   ", found[i][:40])
    for i in misread[:3]:
        print("   ids     ", plain[i][:40], "\n   expected", ascii(back[i])[:200], "\n   found   ", ascii(decoded[i])[:200])
    return len(wrong) + len(misread)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    parser.add_argument("--random", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    texts = shared_texts(options.data)
    different = 0
    with tempfile.TemporaryDirectory() as scratch:
        folders = list(options.folders)
        for packed in sorted(options.data.glob("*_tokenizer.json.gz")):
            folder = pathlib.Path(scratch) / packed.name.split("_tokenizer")[0]
            folder.mkdir()
            with gzip.open(packed) as source, open(folder / "tokenizer.json", "wb") as target:
                shutil.copyfileobj(source, target)
            folders.append(folder)
        gpt2 = json.loads((pathlib.Path(scratch) / "gpt2" / "tokenizer.json").read_text())
        for style in ("llama3", "qwen2"):
            folder = pathlib.Path(scratch) / f"{style}_style"
            folder.mkdir()
            (folder / "tokenizer.json").write_text(json.dumps(in_style(style, gpt2)))
            folders.append(folder)
        for folder in folders:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            for name, some in texts.items():
                different += compare(options.binary, folder, name, some, tokenizer)
            some = random_texts(options.random, options.seed, tokenizer)
            different += compare(options.binary, folder, "random strings", some, tokenizer)
    print("all equal" if different == 0 else f"{different} differ")
    return 1 if different else 0


if __name__ == "__main__":
    raise SystemExit(main())
