"""Writes every rating of Hutto and Gilbert (ICWSM 2014) as a record of `rlhf data import`: 536,520 of 23,703 sentences.

usage: prepare_ratings.py SDIST OUTPUT_DIR     then: rlhf data import --db ledger.db OUTPUT_DIR/*.jsonl.gz
                                                     rlhf data quality --db ledger.db

One file a collection: tweets, film (reviews), amazon (product reviews), nyt (editorials). A record is one person's rating of one
sentence, from -4 to 4, in the format "ratings". Nobody is named in the data, which has the ratings of a sentence as a list. Who stands
at a place of it can be told for film sentences alone: they come in blocks of 30 with lists of one length, and in a block the same place
is the same person (what a rating differs from the sentence's mean by has covariance 0.30 with the next sentence's at the same place, of
a variance of 0.87; with another place's -0.02, and in the other collections 0.00 at the same place too). So the raters of film sentences
have names, "film 12/3" for the third of the twelfth block; ratings of the others name nobody, and each counts as somebody else's.
"""
import argparse
import ast
import gzip
import itertools
import json
import pathlib
import sys

import prepare

STEMS = {"tweets": "tweets"} | prepare.SOURCES
# What the sentences answer: a prompt of the ledger, which keeps a data set's name with it.
PROMPTS = {"tweets": "A tweet:", "film": "A sentence of a film review:", "amazon": "A sentence of a product review:",
           "nyt": "A sentence of an editorial:"}
BLOCK = 30


def number(row):
    return row[0].strip().lstrip("\ufeff")


def blocks(rows):
    """Number of the block and row: rows of one length of list, cut into thirties."""
    block = 0
    for _, same in itertools.groupby(rows, key=lambda row: len(row[1])):
        same = list(same)
        for start in range(0, len(same), BLOCK):
            block += 1
            for row in same[start:start + BLOCK]:
                yield block, row


def records(archive, source):
    texts = {number(row): " ".join(row[2].split()) for row in prepare.read_rows(archive, STEMS[source], "GroundTruth")}
    rows = [(number(row), ast.literal_eval(row[3])) for row in prepare.read_rows(archive, STEMS[source], "anonDataRatings")]
    for block, (name, ratings) in blocks(rows):
        for place, rating in enumerate(ratings, 1):
            record = {"prompt": PROMPTS[source], "completion": texts[name], "ratings": {"sentiment": rating},
                      "id": f"{name}#{place}", "source": f"vader {source}", "license": "MIT"}
            if source == "film":
                record["annotator"] = f"film {block}/{place}"
            yield record


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sdist")
    parser.add_argument("output_dir")
    options = parser.parse_args()
    folder = pathlib.Path(options.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with prepare.open_archive(options.sdist) as archive:
        for source in STEMS:
            count = 0
            with gzip.open(folder / f"{source}.jsonl.gz", "wt", encoding="utf-8", compresslevel=1) as file:
                for record in records(archive, source):
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
                    count += 1
            print(f"{source}.jsonl.gz: {count}", file=sys.stderr)


if __name__ == "__main__":
    main()
