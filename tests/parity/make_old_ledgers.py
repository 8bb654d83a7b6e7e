"""Writes tests/fixtures/ledgers/N.sql: rows that a program of schema version N kept, of every table that version brought.

A ledger of version 3 is the schema of version 1 with 1.sql, brought to version 2, with 2.sql, brought to version 3, with
3.sql. Once written the files stay as they are: old ledgers do not change. Run from the root: python3 tests/parity/make_old_ledgers.py
"""
import hashlib
import json
import pathlib
import struct

FOLDER = pathlib.Path("tests/fixtures/ledgers")


def digest(text):
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).digest()


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def insert(table, *rows, **more):
    """Each row and `more` together by column."""
    lines = []
    for row in rows:
        row = row | more
        columns = ", ".join(f'"{name}"' for name in row)
        lines.append(f"INSERT INTO {table}({columns}) VALUES ({', '.join(map(literal, row.values()))});")
    return "\n".join(lines) + "\n"


def norm(text):
    return digest(" ".join(text.lower().split()))  # the texts here are ASCII


def split(hash_of_norm):
    percent = struct.unpack(">I", hash_of_norm[:4])[0] % 100
    return "train" if percent < 90 else "valid" if percent < 95 else "test"


def prompt(number, text=None, messages=None):
    shown = text if messages is None else "\n".join(message["content"] for message in messages)
    held = None if messages is None else json.dumps(messages, separators=(",", ":"))
    return {"id": number, "canon_sha256": digest("text\n" + text if messages is None else "messages\n" + held), "norm_sha256": norm(shown),
            "text": text, "messages_json": held, "split": split(norm(shown)), "source": "set", "source_id": str(number), "import_id": 1}


def response(number, of_prompt, text, **more):
    return {"id": number, "prompt_id": of_prompt, "text": text, "text_sha256": digest(text), "created_ms": 5} | more


def version_1():
    sql = insert("imports", {"id": 1, "path": "old.jsonl", "sha256": "ab" * 32, "format": "kwise", "tool_version": "0.1.0", "license": "mit",
                             "imported": 3, "started_ms": 1, "finished_ms": 2})
    sql += insert("models", {"id": 1, "model_hash": "11" * 32, "name": "sft", "stage": "sft"}, {"id": 2, "model_hash": "22" * 32, "name": "rm", "stage": "reward"},
                  {"id": 3, "model_hash": None, "name": "gpt", "stage": None}, created_ms=3)
    sql += insert("model_parents", {"model_id": 2, "role": "initial", "parent_id": 1})
    sql += insert("prompts", prompt(1, "Which film?"), prompt(2, messages=[{"role": "user", "content": "Say it's so"}]), prompt(3, "WHICH  film?"))
    settings = [0.7, 0, 1.0, 0.0, 1.0, 64, "rlhf 0.1.0"]
    sql += insert("sampling", {"id": 1, "sha256": digest(json.dumps(settings, separators=(",", ":"))), "temperature": 0.7, "top_k": 0, "top_p": 1.0, "min_p": 0.0,
                               "repetition_penalty": 1.0, "max_new_tokens": 64, "engine": "rlhf 0.1.0"})
    drawn = {"model_id": 1, "sampling_id": 1, "seed": 7, "token_ids": struct.pack("<2i", 4, 5)}
    sql += insert("responses", response(1, 1, "This one", finish_reason="stop", sample_index=0, **drawn), response(2, 1, "That one", finish_reason="length", sample_index=2, **drawn),
                  response(3, 1, "None", model_id=3, import_id=1), response(4, 2, "So"), response(5, 2, "No"))
    shown = digest("prompt_completion\n0\n" .encode() + digest("text\nWhich film?") + b"Mine")
    sql += insert("annotators", {"id": 1, "handle": "ann", "kind": "human"}, {"id": 2, "handle": "bob", "kind": "human"}, created_ms=4)
    sql += insert("demonstrations", {"id": 1, "canon_sha256": digest(shown.hex()), "form": "prompt_completion", "prompt_id": 1, "completion": "Mine",
                                     "split": split(norm("Which film?")), "source": "set", "annotator_id": 1, "import_id": 1})
    sql += insert("campaigns", {"id": 1, "name": "round 1", "guidelines": "Be kind.", "guidelines_sha256": digest("Be kind.").hex(), "k": 2, "overlap": 2, "created_ms": 6})
    sql += insert("tasks", {"id": 1, "campaign_id": 1, "prompt_id": 1, "items_sha256": digest("1 2 "), "status": "closed", "reason": "sampled", "created_ms": 7})
    sql += insert("task_items", {"task_id": 1, "response_id": 1}, {"task_id": 1, "response_id": 2})
    sql += "UPDATE clock SET tick = 5;\n"
    answered = {"prompt_id": 1, "task_id": 1, "started_ms": 8, "touched_ms": 9}
    sql += insert("annotations",
                  {"id": 1, "import_key": digest("imported"), "prompt_id": 2, "annotator_id": 2, "import_id": 1, "status": "submitted", "margin": 0.5, "submitted_ms": 8, "submitted_tick": 1},
                  {"id": 2, "annotator_id": 1, "status": "superseded", "submitted_ms": 9, "submitted_tick": 2, "superseded_tick": 3, **answered},
                  {"id": 3, "annotator_id": 1, "status": "submitted", "note": "clear", "submitted_ms": 9, "submitted_tick": 4, "supersedes": 2, **answered},
                  {"id": 4, "annotator_id": 2, "status": "submitted", "confidence": 0.5, "submitted_ms": 9, "submitted_tick": 5, **answered},
                  {"id": 5, "annotator_id": 2, "status": "abandoned", **answered},
                  {"id": 6, "import_key": digest("rated"), "prompt_id": 3, "import_id": 1, "status": "skipped"})
    places = [(1, 4, 1), (1, 5, 2), (2, 2, 1), (2, 1, 2), (3, 1, 1), (3, 2, 2), (4, 1, 1), (4, 2, 1), (5, 1, None), (5, 2, None)]
    sql += insert("ranks", *({"annotation_id": a, "response_id": r, "position": r % 2, "rank": rank} for a, r, rank in places))
    sql += insert("ratings", {"annotation_id": 1, "response_id": 4, "aspect": "helpful", "value": 3.5, "lowest": 1.0, "highest": 5.0})
    sql += insert("runs", {"id": 1, "uid": "run", "stage": "reward", "output_dir": "runs/reward", "config_json": "{}", "versions_json": "{}", "data_hash": "d", "started_ms": 1})
    sql += insert("run_models", {"run_id": 1, "role": "output", "model_id": 2})
    sql += insert("run_data", {"run_id": 1, "kind": "rankings", "split": "train", "filter_json": "{}", "through_tick": 5, "through_row": 0, "records": 2, "sha256": "ef" * 32})
    return sql + version_1_curves()


def version_1_curves():
    sql = insert("metric_names", {"id": 1, "name": "loss"})
    sql += insert("metrics", {"run_id": 1, "name_id": 1, "step": 1, "value": 0.25}, {"run_id": 1, "name_id": 1, "step": 2, "value": None})
    sql += insert("samples", {"run_id": 1, "step": 1, "prompt": "p", "response": "r", "score": 1.5})
    sql += insert("trajectories", {"id": 1, "run_id": 1, "step": 1, "iteration": 1, "prompt_slot": 0, "sample_index": 0, "prompt_index": 0, "prompt_id": 1,
                                   "prompt_text": "Which film?", "response_text": "This one", "tokens": 1, "finish_reason": "stop", "score": 0.5, "policy_version": 1})
    floats = struct.pack("<f", 0.5)
    return sql + insert("trajectory_tokens", {"trajectory_id": 1, "prompt_ids": struct.pack("<2i", 1, 2), "response_ids": struct.pack("<i", 3)}
                        | {name: floats for name in ("sampling_logprobs", "policy_logprobs", "reference_logprobs", "rewards", "values", "advantages")})


OF_VERSION = {
    1: version_1,
    2: lambda: insert("draws", {"prompt_id": 2, "model_id": 1, "sampling_id": 1, "seed": 9, "samples": 4}),
    3: lambda: insert("run_data", {"run_id": 1, "role": "eval", "kind": "rankings", "ledger": None, "split": "valid", "filter_json": "{}", "through_tick": 5,
                                   "through_row": 0, "records": 3, "sha256": "cd" * 32}),
    4: lambda: insert("annotator_links", {"token_sha256": digest("token"), "campaign_id": 1, "annotator_id": 1, "created_ms": 1, "expires_ms": 2}),
}

if __name__ == "__main__":
    for version, rows in OF_VERSION.items():
        (FOLDER / f"{version}.sql").write_text(rows())
