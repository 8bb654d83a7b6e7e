"""Writes small tokenizers in the style of each family, and Hugging Face tokenizers' ids for a set of texts.

usage: python make_tokenizer_fixtures.py REPOSITORY_ROOT      needs: pip install tokenizers==0.23.3

The tokenizers are trained on text that this script makes up; tests/fixtures/text/<style>.json holds the
tokenizer.json, texts.json the texts, <style>.ids.json the ids; train_corpus.txt and trained.json are a text and what BpeTrainer learns from it.
"""
import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
SYLLABLES = "ba be bi bo ra re ri ro sta ste sti sto ing er tion ous ly an the un ' re".split()
FOREIGN = ["größe", "naïve", "Ελληνικά", "Привет", "שלום", "नमस्ते", "日本語", "한국어", "ไทย", "😀👍🏽", "e\u0301", "ﬁ"]


def corpus(seed: int, lines: int) -> list[str]:
    rng = random.Random(seed)

    def word() -> str:
        made = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 4)))
        return made.capitalize() if rng.random() < 0.2 else made

    def line() -> str:
        parts = []
        for _ in range(rng.randint(3, 15)):
            roll = rng.random()
            if roll < 0.1:
                parts.append(str(rng.randint(0, 10 ** rng.randint(1, 6))))
            elif roll < 0.2:
                parts.append(rng.choice(FOREIGN))
            elif roll < 0.3:
                parts.append(word() + rng.choice(["'s", "'LL", "'re", ",", ".", "!?", "...", "\n", "\r\n", "  "]))
            else:
                parts.append(word())
        return " ".join(parts)

    return [line() for _ in range(lines)]


def build(style: str, vocab_size: int = 700) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=style == "llama3"))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>"]
    if style == "gpt2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    elif style == "llama3":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), byte_level])
    elif style == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"), byte_level])
    elif style == "smollm":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    elif style == "neox":
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    elif style == "roberta":  # GPT-2 with a space put before each piece
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    elif style == "regex":  # a pattern of no known family, for the regex engine
        pattern = r"\p{Han}+|[\p{L}\p{M}]+|\p{N}{1,2}|\s+|[^\s\p{L}\p{M}\p{N}]+"
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split("\n", "merged_with_previous"), pre_tokenizers.Digits(False),
             pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level])
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus(1, 2000), trainer)
    if style == "llama3":
        tokenizer.add_special_tokens([AddedToken(f"<|{name}|>") for name in ("begin_of_text", "eot_id")])
        bos = tokenizer.token_to_id("<|begin_of_text|>")
        around = processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A $B",
                                               special_tokens=[("<|begin_of_text|>", bos)])
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), around])
    elif style == "qwen2":
        tokenizer.add_special_tokens([AddedToken("<|im_start|>"), AddedToken("<|im_end|>")])
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    elif style == "neox":
        tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in range(12, 1, -1)])
        tokenizer.add_tokens([AddedToken("e\u0302\u0300te", normalized=True)])
    elif style == "smollm":
        tokenizer.add_tokens([
            AddedToken("WORD", single_word=True, normalized=False), AddedToken("<L>", lstrip=True, normalized=False),
            AddedToken("<R>", rstrip=True, normalized=False), AddedToken("<B>", lstrip=True, rstrip=True),
            AddedToken("<R>x", normalized=False), AddedToken("\t", normalized=False)])
    return tokenizer


def texts() -> list[str]:
    made = corpus(2, 60)
    made += ["", " ", "  ", "\n", "\r\n\r\n", " \n \n x", "\t\tx", "a  b   c", "don't DON'T he'Ll we'RE I'ſ it'S'", "1234567 ١٢٣ ½²",
             "\u180e\u200b\u00a0\u3000x\u2003y\u0085z", "e\u0301 \u1100\u1161\u11a8 \u0344 \u0958 \uac00\u11a8 q\u0307\u0323",
             "<|im_start|>user\nhi<|im_end|>", "<|endoftext|><|endoftext|> x", "aWORD WORD, WORDs éWORD (WORD) _WORD",
             "x  <L>  y  <R>  z  <B>  <B> <R>x\t<R> \t <L>", "\u1ec1te e\u0302\u0300te \u00ea\u0300te", "a\u0000b\u0007",
             "👩‍👩‍👧‍👦 🇩🇪 ☃️", "\U0001d7d8\U0001f130\U0010ffff\ufeff", "x" * 300, "ab" * 200, " " * 100, "的中文字符日本語テキスト",
             "'s 't're 've'm'll'd 'S", "!!!\n\n\nabc", "foo(bar)->baz[0] += 'x';", "a\u0323\u0307 \u1e9b\u0323 \u0f73\u0f71"]
    rng = random.Random(3)
    assigned = [c for c in range(0x20, 0x3000) if chr(c).isprintable()]
    return made + ["".join(chr(rng.choice(assigned)) for _ in range(20)) for _ in range(40)]


def main() -> None:
    folder = pathlib.Path(sys.argv[1]) / "tests/fixtures/text"
    folder.mkdir(parents=True, exist_ok=True)
    cases = texts()
    (folder / "texts.json").write_text(json.dumps(cases, indent=0) + "\n")
    for style in ("gpt2", "llama3", "qwen2", "smollm", "neox", "roberta", "regex"):
        tokenizer = build(style)
        (folder / f"{style}.json").write_text(tokenizer.to_str() + "\n")
        plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in cases]
        expected = {"ids": [tokenizer.encode(text).ids for text in cases], "plain_ids": plain,
                    "decoded": [tokenizer.decode(ids, skip_special_tokens=False) for ids in plain]}
        (folder / f"{style}.ids.json").write_text(json.dumps(expected) + "\n")
    lines = corpus(4, 150)
    (folder / "train_corpus.txt").write_text("".join(line.replace("\r", "") + "\n" for line in lines))
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trained.decoder = decoders.ByteLevel()
    trained.train([str(folder / "train_corpus.txt")],
                  trainers.BpeTrainer(vocab_size=600, min_frequency=2, special_tokens=["<|pad|>", "the"],
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    (folder / "trained.json").write_text(trained.to_str() + "\n")


if __name__ == "__main__":
    main()
