"""Turns the sentences of prepare.py into conversations, the data files of examples/smollm2.sh.

usage: prepare_chat.py SDIST OUTPUT_DIR [--demonstrations N] [--prompts N] [--seed N]

Film sentences are cut after three or four words: the user gives the beginning, the assistant the rest.
  demonstrations.jsonl  what SFT learns, N conversations
  ranked_prompts.jsonl  N prompts whose sampled responses are ranked; no sentence of the demonstrations
  prompts.jsonl         prompts for PPO; none of either
  prompts_test.jsonl    prompts of the test split, which nothing trains on
  vader_lexicon.txt     words as ten people rated them, for simulated raters
"""
import argparse
import io
import pathlib
import random
import tarfile

import prepare

SYSTEM = {"role": "system", "content": "You write film reviews."}


def conversation(beginning, rest=None):
    messages = [SYSTEM, {"role": "user", "content": f"Continue: {beginning}"}]
    return {"messages": messages + ([{"role": "assistant", "content": rest}] if rest else [])}


def extract_lexicon(sdist, path):
    with tarfile.open(fileobj=io.BytesIO(pathlib.Path(sdist).read_bytes())) as archive:
        path.write_bytes(archive.extractfile("vaderSentiment-3.3.2/vaderSentiment/vader_lexicon.txt").read())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sdist")
    parser.add_argument("output_dir")
    parser.add_argument("--demonstrations", type=int, default=640)
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    folder = pathlib.Path(options.output_dir)
    folder.mkdir(parents=True, exist_ok=True)

    film = [s for s in prepare.read_sentences(options.sdist) if s.source == "film"]
    train = [prepare.cut(s, rng) for s in film if s.split == "train" and 6 <= len(s.text.split()) <= 19]
    test = [prepare.cut(s, rng) for s in film if s.split == "test"]
    rng.shuffle(train)
    rng.shuffle(test)
    demonstrations, rest = train[:options.demonstrations], train[options.demonstrations:]
    shown = {beginning for beginning, _ in demonstrations}
    beginnings = list(dict.fromkeys(beginning for beginning, _ in rest if beginning not in shown))

    prepare.write(folder, "demonstrations.jsonl", (conversation(*pair) for pair in demonstrations))
    prepare.write(folder, "ranked_prompts.jsonl", (conversation(b) for b in beginnings[:options.prompts]))
    prepare.write(folder, "prompts.jsonl", (conversation(b) for b in beginnings[options.prompts:]))
    prepare.write(folder, "prompts_test.jsonl", (conversation(b) for b, _ in test))
    extract_lexicon(options.sdist, folder / "vader_lexicon.txt")


if __name__ == "__main__":
    main()
