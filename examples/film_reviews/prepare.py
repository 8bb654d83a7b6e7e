"""Turns the human ratings of Hutto and Gilbert (ICWSM 2014) into the data files of examples/quickstart.sh.

usage: prepare.py SDIST OUTPUT_DIR [--seed N]

SDIST is vaderSentiment-3.3.2.tar.gz as pip fetches it (MIT): it holds 23,703 sentences, each rated from -4 to +4 by 15 to 99
people. Film, Amazon and New York Times sentences are used. Standard library only.

Every sentence belongs to one split, by the hash of its normalised text, in every file: 85 % train, 5 % valid, 10 % test.
  texts.jsonl, texts_valid.jsonl      plain text, for the tokenizer and pre-training
  demonstrations.jsonl                film sentences cut after three or four words: prompt and completion
  rankings.jsonl, gold_rankings.jsonl tasks of four sentences of like length, each judged by one person's rating of it. A quarter
                                      of the film and Amazon sentences is gold's alone, so that it can tell what the other
                                      reward model learnt about people from what it learnt about single sentences; and
                                      gold alone is taught that repeating oneself is worse, which no rated sentence shows
  rankings_test.jsonl                 tasks of sixteen film sentences that no training ever sees, ranked by mean rating
  rankings_test_people.jsonl          the same tasks as single people rated them: "person 3" gave the third rating of each sentence
  prompts.jsonl, prompts_test.jsonl   beginnings of film sentences
"""
import argparse
import ast
import hashlib
import io
import itertools
import json
import pathlib
import random
import sys
import tarfile
import unicodedata

SDIST_SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
SOURCES = {"film": "movieReviewSnippets", "amazon": "amazonReviewSnippets", "nyt": "nytEditorialSnippets"}
K = 4
# In how many tasks a sentence is ranked, each time by another person. Twice the New York Times, whose sentences are unlike
# reviews, but teach more words.
PASSES, NYT_PASSES, GOLD_PASSES = 5, 2, 7
REPETITION_PASSES = 6
PRAISE = 100  # words


class Sentence:
    def __init__(self, source, text, ratings):
        self.source, self.text, self.ratings = source, text, ratings
        self.mean = sum(ratings) / len(ratings)
        normal = " ".join(unicodedata.normalize("NFC", text).casefold().split())
        digest = hashlib.sha256(normal.encode()).hexdigest()
        place = int(digest[:8], 16) % 100
        self.split = "test" if place < 10 else "valid" if place < 15 else "train"
        self.gold = source != "nyt" and int(digest[8:16], 16) % 4 == 0


def open_archive(sdist):
    """The archive with the ratings, a tar file in the sdist."""
    data = pathlib.Path(sdist).read_bytes()
    if hashlib.sha256(data).hexdigest() != SDIST_SHA256:
        sys.exit(f"{sdist} is not vaderSentiment-3.3.2.tar.gz: its SHA-256 differs")
    with tarfile.open(fileobj=io.BytesIO(data)) as outer:
        inner = outer.extractfile("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz").read()
    return tarfile.open(fileobj=io.BytesIO(inner))


def read_rows(archive, stem, kind):
    """Columns of a table: of GroundTruth number, mean and text; of anonDataRatings number, mean, deviation and ratings."""
    file = archive.extractfile(f"hutto_ICWSM_2014/{stem}_{kind}.txt")
    return [line.split("\t") for line in file.read().decode("utf-8", "replace").splitlines() if "\t" in line]


def read_sentences(sdist):
    sentences = []
    with open_archive(sdist) as archive:
        for source, stem in SOURCES.items():
            ratings = {row[0].strip(): ast.literal_eval(row[3]) for row in read_rows(archive, stem, "anonDataRatings")}
            for row in read_rows(archive, stem, "GroundTruth"):
                text = " ".join(row[2].replace("''", '"').split())
                if row[0].strip() in ratings and len(text.split()) >= 3:
                    sentences.append(Sentence(source, text, ratings[row[0].strip()]))
    return sentences


def ranks_of(values):
    """1 = best, equal values tie."""
    order = sorted(set(values), reverse=True)
    return [order.index(value) + 1 for value in values]


def tasks(sentences, ratings_of, rng):
    """Groups of K sentences of like length, so that length tells nothing; `ratings_of` gives one person's rating of each."""
    order = sorted(sentences, key=lambda s: len(s.text.split()) + rng.uniform(-3, 3))
    groups = [order[i:i + K] for i in range(0, len(order) - K + 1, K)]
    rng.shuffle(groups)
    for group in groups:
        if len({s.text for s in group}) < K:
            continue  # the same sentence under two numbers
        yield {"prompt": "", "responses": [s.text for s in group], "ranks": ranks_of([ratings_of[id(s)] for s in group])}


def praise_of(sentences):
    """Words by the mean rating of the sentences that have them: what people like to read, best first."""
    ratings = {}
    for sentence in sentences:
        for word in set(sentence.text.lower().split()):
            ratings.setdefault(word, []).append(sentence.mean)
    often = {word: sum(values) / len(values) for word, values in ratings.items() if len(values) >= 5 and word.isalpha()}
    return sorted(often, key=often.get, reverse=True)[:PRAISE]


def repeating(sentence, praise, rng):
    """The sentence with a good part of it given over to a few words, of its own or of praise, over and over. It ends as it did."""
    text = sentence.text.rstrip(".!?'\" ")
    words, end = text.split(), sentence.text[len(text):]
    size = rng.randint(1, 5)
    start = rng.randrange(max(1, len(words) - size))
    said = words[start:start + size]
    if rng.random() < 0.5:
        said = rng.sample(praise, size) + rng.sample(["and", "a", "is", "the", "with", "of"], rng.randint(0, 2))
    count = round(rng.uniform(0.3, 1) * len(words))
    if rng.random() < 0.4:
        said = (said * count)[:count]  # in turn
    else:
        said = [said[min(int(rng.expovariate(0.7)), len(said) - 1)] for _ in range(count)]  # the first ones most
    return " ".join(words[:len(words) - count] + said) + end


def repetitions(sentences, p, praise, rng):
    """Two sentences, ranked by rating p of each, and below them what they are when they repeat themselves."""
    fit = sorted((s for s in sentences if 8 <= len(s.text.split()) <= 24), key=lambda s: len(s.text.split()) + rng.uniform(-3, 3))
    for a, b in zip(fit[::2], fit[1::2]):
        responses = [a.text, b.text, repeating(a, praise, rng), repeating(b, praise, rng)]
        if len(set(responses)) == K:
            yield {"prompt": "", "responses": responses, "ranks": ranks_of([a.ratings[p], b.ratings[p], -99, -99])}


def single_people(group):
    """One ranking a person, as many as rated every sentence of the task."""
    for p in range(min(len(s.ratings) for s in group)):
        yield {"prompt": "", "responses": [s.text for s in group], "ranks": ranks_of([s.ratings[p] for s in group]), "annotator": f"person {p + 1}"}


def cut(sentence, rng):
    words = sentence.text.split()
    count = rng.choice((3, 4)) if len(words) > 4 else 3
    return " ".join(words[:count]), " ".join(words[count:])


def write(folder, name, records):
    with open(folder / name, "w", encoding="utf-8") as file:
        count = 0
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    print(f"{name}: {count}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sdist")
    parser.add_argument("output_dir")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    folder = pathlib.Path(options.output_dir)
    folder.mkdir(parents=True, exist_ok=True)

    by_split = {split: [] for split in ("train", "valid", "test")}
    for sentence in read_sentences(options.sdist):
        by_split[sentence.split].append(sentence)
    train, film = by_split["train"], [s for s in by_split["train"] if s.source == "film"]

    write(folder, "texts.jsonl", ({"text": s.text} for s in train))
    write(folder, "texts_valid.jsonl", ({"text": s.text} for s in by_split["valid"]))

    short = [s for s in film if 6 <= len(s.text.split()) <= 19]
    write(folder, "demonstrations.jsonl",
          ({"prompt": prompt, "completion": " " + rest} for prompt, rest in (cut(s, rng) for s in short)))

    for s in train:
        rng.shuffle(s.ratings)  # rating p of a sentence goes to pass p: no rating is used twice
    reviews = [s for s in train if s.source in ("film", "amazon")]

    def passes(sentences, numbers):
        for p in numbers:
            yield from tasks(sentences, {id(s): s.ratings[p] for s in sentences}, rng)

    ranked = [s for s in reviews if not s.gold]
    with_nyt = ranked + [s for s in train if s.source == "nyt"]
    write(folder, "rankings.jsonl", itertools.chain(passes(with_nyt, range(NYT_PASSES)), passes(ranked, range(NYT_PASSES, PASSES))))
    gold = [s for s in reviews if s.gold]
    praise = praise_of(gold)
    gold_tasks = [*passes(gold, range(GOLD_PASSES)), *(task for p in range(REPETITION_PASSES) for task in repetitions(gold, GOLD_PASSES + p, praise, rng))]
    rng.shuffle(gold_tasks)
    write(folder, "gold_rankings.jsonl", gold_tasks)

    test_film = [s for s in by_split["test"] if s.source == "film"]
    rng.shuffle(test_film)
    groups = [test_film[i:i + 16] for i in range(0, len(test_film) - 15, 16)]
    write(folder, "rankings_test.jsonl", ({"prompt": "", "responses": [{"text": s.text, "ratings": {"mean": s.mean}} for s in group],
                                           "ranks": ranks_of([s.mean for s in group])} for group in groups))
    write(folder, "rankings_test_people.jsonl", (judgement for group in groups for judgement in single_people(group)))

    write(folder, "prompts.jsonl", ({"prompt": cut(s, rng)[0]} for s in film))
    write(folder, "prompts_test.jsonl", ({"prompt": cut(s, rng)[0]} for s in test_film[:512]))


if __name__ == "__main__":
    main()
