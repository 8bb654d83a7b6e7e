"""Loads every model that our code saved with transformers and compares it with the fixture it came from.

usage: RLHF_SAVE_MODELS=/tmp/saved build/release/bin/model_test "[.save]"
       python tests/parity/check_saved_models.py /tmp/saved tests/fixtures/model      (transformers 5.23)

Language models must give the fixture's log-probabilities, classifiers its scores, also in a padded batch; loading must
report no missing, unexpected or mismatched key.
"""
import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification


def load(model_class, folder):
    # Eager: the other attention of transformers 4 leaves out GPT-2's scale_attn_by_inverse_layer_idx.
    model, report = model_class.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    wrong = {kind: keys for kind, keys in report.items() if keys}
    assert not wrong, f"{folder}: {wrong}"
    return model.eval()


def logprob_gap(model, expected):
    gap = 0.0
    for ids, want in zip(expected["token_ids"], expected["logprobs"]):
        logp = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].float(), -1)
        for t in range(1, len(ids)):
            gap = max(gap, abs(logp[t - 1, ids[t]].item() - want[t - 1]))
    return gap


def score_gap(model, expected):
    longest = max(map(len, expected["token_ids"]))
    pad = model.config.pad_token_id
    batch = torch.tensor([ids + [pad] * (longest - len(ids)) for ids in expected["token_ids"]])
    scores = model(input_ids=batch, attention_mask=(batch != pad).long()).logits[:, 0]
    return (scores - torch.tensor(expected["scores"])).abs().max().item()


@torch.no_grad()
def main():
    saved, fixtures = map(pathlib.Path, sys.argv[1:])
    folders = sorted(folder for folder in saved.iterdir() if folder.is_dir())
    assert folders, f"{saved} holds no model"
    for folder in folders:
        if folder.name.endswith("_reward"):
            model = load(AutoModelForSequenceClassification, folder)
            assert model.config.num_labels == 1 and model.score.weight.shape[0] == 1
            print(f"{folder.name}: loads as {type(model).__name__}")
            continue
        expected = json.loads((fixtures / folder.name.removesuffix("_sharded_again") / "expected.json").read_text())
        if folder.name.endswith("_classifier"):
            gap = score_gap(load(AutoModelForSequenceClassification, folder), expected)
        else:
            gap = logprob_gap(load(AutoModelForCausalLM, folder), expected)
        print(f"{folder.name}: {gap:.1e}")
        assert gap < 3e-5, folder


if __name__ == "__main__":
    main()
