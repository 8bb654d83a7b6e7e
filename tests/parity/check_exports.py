"""Exports every format that is written with the real program and loads what comes out with the tools it is for.

usage: check_exports.py RLHF [DATA]      (pip install datasets trl argilla label-studio-sdk alpaca-eval)

DATA is the folder of the shared test data; with it real Anthropic HH dialogues and Open-Assistant trees go through as well.
Checked: `datasets` loads each file (.jsonl, .jsonl.gz, and .csv where cells can hold it) with the rows and values that were
written; TRL's own type checks, conversions and the preprocessing of its SFT, reward, DPO and KTO trainers take them and keep
every row; Argilla's SDK parses records, and what it writes, nested and flat, imports as already present; Label Studio's SDK
validates tasks and annotations against a ranker; AlpacaEval counts the same wins and draws. A tool that is not installed is
named and passed over.
"""
import gzip
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import datasets

datasets.disable_progress_bars()

ODD = ['plain', 'a "quote", a comma;\r\nand a line', "separators \u2028 \u2029 \u0085 and \x1f", "\U0001f600 é 日本語",
       "<|endoftext|>\ttab"]
FLAT = ["trl-language-modeling", "trl-prompt-only", "trl-prompt-completion", "trl-preference", "trl-preference-implicit",
        "trl-unpaired", "kwise-columns", "alpaca"]


def chat(text):
    return [{"role": "user", "content": text}]


def texts():
    """Records of every kind with plain prompts."""
    for i, odd in enumerate(ODD):
        yield "demonstrations", {"text": f"{odd} {i}"}
        yield "completions", {"prompt": f"{odd} {i}", "completion": f" answer {odd}"}
        yield "prompts", {"prompt": f"Continue {odd} {i}", "id": f"p{i}"}
        yield "rankings", {"prompt": f"Rank {odd} {i}", "responses": [
            {"text": f" first {odd}", "model": "x", "ratings": {"overall": 9, "helpfulness": 5}},
            {"text": f" second {odd}", "model": "y", "ratings": {"overall": 7.5}},
            {"text": " third", "model": "z", "ratings": {"overall": 7.5}}],
            "ranks": [1, 2, 2], "id": f"r{i}", "annotator": "ann", "source": "made"}
        yield "pairs", {"prompt": f"Choose {odd} {i}", "chosen": f" good {odd}", "rejected": f" bad {odd}", "id": f"c{i}",
                        "annotator": "bob", "confidence": 3, "margin": 0.5}
        yield "labels", {"prompt": f"Label {odd} {i}", "completion": f" {odd}", "label": i % 2 == 0}
        yield "posts", {"info": {"id": f"t{i}", "post": odd, "title": "T", "subreddit": "s"}, "choice": i % 2,
                        "summaries": [{"text": f" a {odd}", "policy": "x"}, {"text": " b", "policy": "y"}], "worker": "w"}
        yield "axes", {"info": {"id": f"t{i}", "article": odd}, "worker": "w",
                       "summary": {"text": f"s {odd}", "policy": "x", "axes": {"overall": 6, "coverage": 5}}}


def chats():
    """The same with conversations."""
    for kind, record in texts():
        if kind in ("posts", "axes"):
            continue
        answer = lambda text: [{"role": "assistant", "content": text}]
        record = dict(record)
        if "text" in record:
            record = {"messages": chat("Say it") + answer(record["text"])}
        else:
            record["prompt"] = chat(record["prompt"])
            for field in ("completion", "chosen", "rejected"):
                if field in record:
                    record[field] = answer(record[field])
        yield kind, record


class Ledger:
    def __init__(self, program, folder, name):
        self.program, self.folder, self.db = program, folder, folder / f"{name}.db"

    def run(self, *arguments):
        result = subprocess.run([self.program, "data", *map(str, arguments)], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1])

    def add(self, records):
        files = {}
        for kind, record in records:
            files.setdefault(kind, []).append(record)
        for kind, lines in files.items():
            path = self.folder / f"{self.db.stem}-{kind}.jsonl"
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
            counts = self.add_file(path)
            assert counts["imported"] == len(lines) and counts["rejected"] == 0, (kind, counts)

    def add_file(self, path):
        return self.run("import", "--db", self.db, path)

    def export(self, format, extension=".jsonl"):
        path = self.folder / f"{self.db.stem}-{format}{extension}"
        counts = self.run("export", "--db", self.db, "--format", format, "--output", path)
        return path, counts


def written_formats(program):
    text = subprocess.run([program, "data", "export", "--help"], capture_output=True, text=True).stdout
    return re.findall(r"^ +([a-z-]+): ", text, re.MULTILINE)


def lines_of(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file.read().split("\n") if line]


def load(kind, path, folder):
    return datasets.load_dataset(kind, data_files=str(path), cache_dir=str(folder / "cache"))["train"]


def without_absent(value):
    """What `datasets` adds to make rows alike: keys that other rows have, as None."""
    if isinstance(value, dict):
        return {key: without_absent(entry) for key, entry in value.items() if entry is not None}
    return [without_absent(entry) for entry in value] if isinstance(value, list) else value


def check_datasets(ledger, format):
    rows = 0
    for extension in (".jsonl", ".jsonl.gz"):
        path, counts = ledger.export(format, extension)
        expected = lines_of(path)
        assert counts["lines"] == len(expected)
        if not expected:
            return 0
        loaded = load("json", path, ledger.folder)
        assert [without_absent(row) for row in loaded] == [without_absent(row) for row in expected], format
        rows = len(expected)
    if format in FLAT:
        path, counts = ledger.export(format, ".csv")
        if counts["lines"]:
            loaded = load("csv", path, ledger.folder)
            flat = [row for row in expected if not any(isinstance(value, list) for value in row.values())]
            assert len(loaded) == len(flat) == counts["lines"], (format, len(loaded), counts)
            for row, line in zip(loaded, flat):
                # pandas reads numbers as numbers and an empty cell as None; text must be equal to the byte.
                line = {name: value for name, value in line.items() if value != ""}
                assert without_absent(row) == line, (format, row, line)
    return rows


def check_trl(ledger, is_chat, tokenizer_json):
    from trl import data_utils
    take = lambda format: load("json", ledger.export(format)[0], ledger.folder)
    for format in [name for name in FLAT if name.startswith("trl-")]:
        for row in take(format):
            row = without_absent(row)
            if "text" in row or "messages" in row or format != "trl-language-modeling":
                assert data_utils.is_conversational(row) == (is_chat or "messages" in row), (format, row)
    explicit, implicit = take("trl-preference"), take("trl-preference-implicit")
    same = 0
    for whole, parts in zip(implicit, explicit):
        found = data_utils.maybe_extract_prompt(dict(whole))
        if is_chat:
            assert all(found[name] == parts[name] for name in ("prompt", "chosen", "rejected")), (found, parts)
        else:  # the border may stand later where both answers begin alike; the texts are the same
            assert found["prompt"] + found["chosen"] == parts["prompt"] + parts["chosen"]
            assert found["prompt"] + found["rejected"] == parts["prompt"] + parts["rejected"]
        same += found["prompt"] == parts["prompt"]
    unpaired = data_utils.unpair_preference_dataset(explicit)
    key = lambda row: json.dumps([row["prompt"], row["completion"], row["label"]])
    ours = {key(row) for row in take("trl-unpaired")}
    assert {key(row) for row in unpaired} <= ours
    if is_chat:
        for row in take("sharegpt"):
            messages = data_utils.maybe_convert_to_chatml(without_absent(row))["messages"]
            assert data_utils.is_conversational({"messages": messages})
    print(f"  trl data_utils: types of all rows; {same} of {len(explicit)} prompts extracted where we put them; "
          f"{len(unpaired)} unpaired rows are ours")
    check_trainers(take, is_chat, tokenizer_json, ledger.folder)


def tiny_tokenizer(tokenizer_json):
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizer_json), eos_token="<|endoftext|>",
                                        pad_token="<|endoftext|>")
    tokenizer.chat_template = ("{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
                               "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}")
    return tokenizer


def check_trainers(take, is_chat, tokenizer_json, folder):
    if tokenizer_json is None:
        print("  trl trainers: passed over, they need the tokenizer in DATA")
        return
    import torch
    import trl
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PrinterCallback
    from trl.experimental.kto import KTOConfig, KTOTrainer
    tokenizer = tiny_tokenizer(tokenizer_json)
    size = dict(vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
                pad_token_id=tokenizer.pad_token_id, bos_token_id=None, eos_token_id=tokenizer.eos_token_id)
    model = lambda: LlamaForCausalLM(LlamaConfig(**size))
    scorer = lambda: LlamaForSequenceClassification(LlamaConfig(num_labels=1, **size))
    common = dict(output_dir=str(folder / "run"), use_cpu=True, bf16=False, max_steps=1, report_to=[], max_length=1024,
                  save_strategy="no", disable_tqdm=True, per_device_train_batch_size=2, gradient_checkpointing=False)
    column = "messages" if is_chat else "text"
    modelling = take("trl-language-modeling")
    modelling = modelling.filter(lambda row: row.get(column) is not None).select_columns([column])
    plain = lambda format, names: take(format).select_columns(names)
    pair = ["prompt", "chosen", "rejected"]
    runs = [("SFTTrainer", trl.SFTTrainer, trl.SFTConfig, model, modelling),
            ("SFTTrainer", trl.SFTTrainer, trl.SFTConfig, model, plain("trl-prompt-completion", ["prompt", "completion"])),
            ("RewardTrainer", trl.RewardTrainer, trl.RewardConfig, scorer, plain("trl-preference", pair)),
            ("RewardTrainer", trl.RewardTrainer, trl.RewardConfig, scorer, plain("trl-preference-implicit", pair[1:])),
            ("DPOTrainer", trl.DPOTrainer, trl.DPOConfig, model, plain("trl-preference", pair)),
            ("KTOTrainer", KTOTrainer, KTOConfig, model, plain("trl-unpaired", ["prompt", "completion", "label"]))]
    for name, trainer_class, config, make, data in runs:
        reference = {"ref_model": make()} if name in ("DPOTrainer", "KTOTrainer") else {}
        trainer = trainer_class(model=make(), args=config(**common), train_dataset=data, processing_class=tokenizer,
                                **reference)
        trainer.remove_callback(PrinterCallback)
        assert len(trainer.train_dataset) == len(data), (name, len(trainer.train_dataset), len(data))
        loss = trainer.train().training_loss
        assert loss == loss, name
        print(f"  trl {name}: {len(data)} rows of {data.column_names} prepared, one step, loss {loss:.3f}")


def check_argilla(ledger):
    import warnings
    import argilla
    from argilla._models import UserResponseModel
    from argilla.records._io import GenericIO, JsonIO
    warnings.simplefilter("error", UserWarning)
    path, _ = ledger.export("argilla")
    lines = lines_of(path)
    records = [argilla.Record.from_dict(line) for line in lines]
    for record, line in zip(records, lines):
        assert record.fields.to_dict() == line["fields"]
        for response in record.responses:
            UserResponseModel(values={response.question_name: {"value": response.value}}, status=response.status,
                              user_id=response.user_id)
    print(f"  argilla {argilla.__version__}: {len(records)} records parsed")
    with_ids = [record for record, line in zip(records, lines) if "id" in line]
    if not with_ids:
        return
    nested = ledger.folder / f"{ledger.db.stem}-sdk.json"
    JsonIO.to_json(with_ids, nested)
    flat = ledger.folder / f"{ledger.db.stem}-sdk-flat.jsonl"
    flat.write_text("".join(json.dumps(row) + "\n" for row in GenericIO.to_list(with_ids, flatten=True)))
    again = Ledger(ledger.program, ledger.folder, f"{ledger.db.stem}-argilla")
    assert again.add_file(path)["imported"] == len(lines)
    for written in (nested, flat):
        counts = again.add_file(written)
        assert counts["format"] == "argilla" and counts["already_present"] == len(with_ids), (written, counts)
    print(f"  argilla: the {len(with_ids)} with an id import as already present from what the SDK writes, nested and flat")


LABEL_CONFIG = """<View><Text name="prompt" value="$prompt"/><List name="items" value="$items" title="Responses"/>
<Ranker name="rank" toName="items"/></View>"""


def check_label_studio(ledger):
    from label_studio_sdk.label_interface import LabelInterface
    from label_studio_sdk import __version__ as version
    interface = LabelInterface(LABEL_CONFIG)
    interface.validate()
    tasks = lines_of(ledger.export("label-studio")[0])
    for task in tasks:
        assert interface.validate_task({"data": task["data"]}), task
        for annotation in task["annotations"]:
            errors = interface._validate_object(annotation, return_errors=True)
            assert not errors and interface.validate_annotation(annotation), errors
    print(f"  label-studio-sdk {version}: {len(tasks)} tasks and their annotations valid for a Ranker over a List")


def check_alpaca_eval(ledger):
    import pandas
    from alpaca_eval.metrics import pairwise_to_winrate
    path, _ = ledger.export("alpaca-eval")
    if not lines_of(path):
        return
    table = pandas.read_json(path, lines=True)
    result = pairwise_to_winrate(table["preference"])
    ties = sum(line["preference"] in (0, 1.5) for line in lines_of(path))
    seconds = sum(line["preference"] > 1.5 for line in lines_of(path))
    assert (result["n_draws"], result["n_wins"], result["n_total"]) == (ties, seconds, len(table)), result
    print(f"  alpaca_eval: {result['n_total']} annotations, {result['n_wins']} wins, {result['n_draws']} draws as written")


def installed(module):
    if importlib.util.find_spec(module):
        return True
    print(f"  {module}: not installed, passed over")
    return False


def main(program, data=None):
    formats = written_formats(program)
    data = pathlib.Path(data) if data else None
    tokenizer = data and gzip.open(data / "gpt2_tokenizer.json.gz", "rt", encoding="utf-8").read()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ledgers = []
        for label, records in (("texts", texts()), ("chats", chats())):
            ledgers.append(Ledger(program, folder, label))
            ledgers[-1].add(records)
        for label, file in (("real-hh", "hh_harmless_1800.jsonl.gz"), ("real-oasst", "oasst_en_100_tree.jsonl.gz")):
            if data and (data / file).exists():
                ledgers.append(Ledger(program, folder, label))
                ledgers[-1].add_file(data / file)
        seen = set()
        for ledger in ledgers:
            print(f"{ledger.db.stem}:")
            rows = {format: check_datasets(ledger, format) for format in formats}
            seen |= {format for format, count in rows.items() if count}
            print(f"  datasets {datasets.__version__}: " + ", ".join(f"{format} {count}" for format, count in rows.items()))
            if ledger.db.stem in ("texts", "chats") and installed("trl"):
                check_trl(ledger, ledger.db.stem == "chats", tokenizer)
            for module, check in (("argilla", check_argilla), ("label_studio_sdk", check_label_studio),
                                  ("alpaca_eval", check_alpaca_eval)):
                if installed(module):
                    check(ledger)
        assert seen == set(formats), f"never written: {set(formats) - seen}"
        print(f"all {len(formats)} formats that are written were loaded")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
