"""What the ledger is filled with: pairs of 30 words on prompts of 20, a small campaign, a model of one layer."""
import json

WORDS = ("the of and to in is that it was for on are with as be at by have from this or had not but what all were when we there can an your which "
         "their said if do will each about how up out them then she many some so these would other into has more her two like him see time could "
         "good bad slow great dull funny fine").split()
RATED = ("good", "bad", "slow", "great", "dull", "funny", "fine")
CAMPAIGN = 500  # prompts of the small campaign, of three responses each


def text(draw, words):
    return " ".join(draw.choices(WORDS, k=words))


def write(path, records):
    with open(path, "w") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")
    return path


def make_pairs(path, count, draw):
    """The last thousand are of another data set."""
    write(path, ({"prompt": text(draw, 20), "chosen": text(draw, 30), "rejected": text(draw, 30), "source": "small" if i >= count - 1000 else "pairs"}
                 for i in range(count)))


def make_campaign(call, rlhf, folder, ledger):
    """The same small campaign in any ledger, ranked by a simulated rater."""
    import random
    draw = random.Random(2)
    sampled = write(folder / "sampled.jsonl", ({"prompt": f"{i} {text(draw, 10)}", "responses": [{"text": text(draw, 10), "model": "sampler"} for _ in range(3)],
                                                "ranks": [1, 2, 3]} for i in range(CAMPAIGN)))
    lexicon = folder / "lexicon.txt"
    lexicon.write_text("".join(f"{word}\t1\t1\t[{', '.join(str(draw.randint(-4, 4)) for _ in range(10))}]\n" for word in RATED))
    call(rlhf, "data", "import", "--db", ledger, sampled)
    call(rlhf, "annotate", "--db", ledger, "--simulate", lexicon, "--raters", 2, "--overlap", 2, "--k", 3, "--campaign", "small")


def make_model(call, rlhf, folder):
    """A folder of a model so small that a run's time is that of its start."""
    texts = write(folder / "texts.jsonl", ({"text": " ".join(WORDS)} for _ in range(50)))
    config = folder / "config.json"
    config.write_text(json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 300, "hidden_size": 16, "intermediate_size": 24,
                                  "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 256,
                                  "rms_norm_eps": 1e-5, "tie_word_embeddings": True}))
    call(rlhf, "tokenizer", "train", "--files", texts, "--vocab_size", 300, "--output_dir", folder / "tokenizer")
    call(rlhf, "pretrain", "--model_config", config, "--tokenizer", folder / "tokenizer", "--dataset", texts, "--block_size", 32, "--max_steps", 1,
         "--output_dir", folder / "pretrained")
    return folder / "pretrained" / "final"
